"""Lengths and areas that answers give in words and units, in metres and square metres."""

from __future__ import annotations

import re

from geoglot.text.answers import digits

_SUPER = str.maketrans({"²": "2", "‐": "-", "–": "-", "—": "-", "≈": " ", "~": " "})
LENGTHS = {
    1.0: ("m", "metre", "metres", "meter", "meters"), 1000.0: ("km", "kilometre", "kilometres", "kilometer", "kilometers"),
    0.001: ("mm",), 0.01: ("cm", "centimetre", "centimetres", "centimeter", "centimeters"), 0.3048: ("ft", "foot", "feet"),
    0.9144: ("yd", "yard", "yards"), 1609.344: ("mile", "miles"),
}  # fmt: skip
_OTHER = {1e4: ("ha", "hectare", "hectares"), 4046.8564224: ("acre", "acres")}
_NUMBER = r"(?<![\d.,-])\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\d)|(?<![\d.,-])\d+(?:\.\d+)?(?!\d)"
_UNITS = {word: factor for factor, names in LENGTHS.items() for word in names}
_AREAS = {word: factor for factor, names in _OTHER.items() for word in names}
for _word, _factor in _UNITS.items():
    _AREAS |= dict.fromkeys((f"{_word}2", f"{_word}^2", f"sq {_word}", f"sq. {_word}", f"square {_word}"), _factor**2)
_AREAS |= {"sqm": 1.0, "sqkm": 1e6}


def metres(text: str) -> float | None:
    """The one length that a text says, in metres; a number without a unit is one. None where it says none, several or a range."""
    return _value(text, _UNITS, _AREAS)


def square_metres(text: str) -> float | None:
    """The one area that a text says, in square metres; a number without a unit is one. None as of `metres`."""
    return _value(text, _AREAS, _UNITS)


def _value(text: str, units: dict[str, float], others: dict[str, float]) -> float | None:
    plain = re.sub(r"[a-z]+(?:-[a-z]+)?", lambda word: digits(word[0]), text.translate(_SUPER).lower())
    if re.search(rf"(?:{_NUMBER})\s*[a-z]{{0,2}}\s*(?:-|to|x|×|by)\s*\d", plain):
        return None  # a range, or two sides
    known = "|".join(re.escape(word) for word in sorted({**units, **others}, key=len, reverse=True))
    found = re.findall(rf"({_NUMBER})(?:\s*-?\s*({known})(?![a-z0-9^]))?", plain)
    told = {(float(number.replace(",", "")), unit) for number, unit in found}
    right = {number * units[unit] for number, unit in told if unit in units}
    if not right and not any(unit for _, unit in told):
        right = {number for number, _ in told}
    return right.pop() if len(right) == 1 else None
