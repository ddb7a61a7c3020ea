"""Claims of colour, size, number and resolution in sentences: taken out, put right, or the sentence dropped with them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from geoglot.text.sentences import NUMBERS, plural

COLOURS = (
    "red green blue yellow orange brown white black grey gray purple pink cyan beige golden khaki emerald silvery turquoise "
    "reddish greenish bluish yellowish brownish whitish blackish greyish grayish colorful colourful multicolored verdant"
).split()
SIZES = "small large big tiny huge little giant enormous vast smaller larger bigger".split()
_SHADE = r"(?:(?:dark|light|deep|pale|bright|bottle|mint|dull)[ -])?"
# nouns that a colour is no claim about, and that stand after a colour as a part of their name
NAMES = re.compile(
    r"\b(?:green ?houses?|green ?land|red sea|black sea|white ?caps?|orange (?:groves?|trees?|orchards?)|brownfields?)\b",
    re.IGNORECASE,
)
_CLOSED = "and or in of on with as by at to is are was from while near".split()  # no noun follows
_AFTER = rf"(?=\s+(?!(?:{'|'.join(_CLOSED)})\b)[a-z])"
_WORDS = "no zero a an one two three four five six seven eight nine ten several some many".split()
_NUMBER = rf"(?P<number>\d+|a few|dozens of|a lot of|lots of|{'|'.join(_WORDS)})"
_METRES = re.compile(
    r"(?P<value>\d+(?:\.\d+)?)(?P<gap>\s*-?)(?P<unit>m|metres?|meters?|cm)"
    r"(?=\s*(?:/ ?px|per pixel|a pixel|resolution|gsd|spatial|ground))",
    re.IGNORECASE,
)
LOOSE = {"a few": (2, 3), "several": (3, 8), "many": (8, 10**9), "some": (2, 10**9), "dozens of": (24, 10**9),
         "a lot of": (8, 10**9), "lots of": (8, 10**9)}  # fmt: skip


def without_colours(text: str) -> str | None:
    """Take colours out where they stand before what they colour ("green trees"); None where they are said otherwise."""
    return _without(text, COLOURS, _SHADE)


def without_sizes(text: str) -> str | None:
    """Take words of size out where they stand before a noun; None where they are said otherwise."""
    return _without(text, SIZES, "(?:very |quite )?")


def _without(text: str, words: list[str], before: str) -> str | None:
    names: list[str] = []

    def hide(found: re.Match[str]) -> str:
        names.append(found[0])
        return f"\0{len(names) - 1}\0"

    plain = NAMES.sub(hide, text)
    one = rf"{before}(?:{'|'.join(words)})"
    # "red and white roofs": a list of them before one noun
    many = re.compile(rf"\b{one}(?:(?:\s*,\s*|\s+and\s+|\s*,\s*and\s+|\s+or\s+|\s+){one})*\b{_AFTER}", re.IGNORECASE)
    plain = many.sub("", plain)
    if re.search(rf"\b(?:{'|'.join(words)})\b", plain, re.IGNORECASE):
        return None
    plain = re.sub(r"\s{2,}", " ", plain).strip()
    plain = re.sub(r"\b([Aa])n?\s+([A-Za-z])", _article, plain)
    plain = re.sub("\0(\\d+)\0", lambda found: names[int(found[1])], plain)
    return plain[0].upper() + plain[1:] if plain and text[:1].isupper() else plain


def _article(found: re.Match[str]) -> str:
    return f"{found[1]}{'n' if found[2].lower() in 'aeio' else ''} {found[2]}"


def rescaled(text: str, factor: float) -> str:
    """Put right the metres a pixel that a text names, for a picture that is ``factor`` times coarser."""
    return _METRES.sub(lambda found: f"{float(found['value']) * factor:g}{found['gap']}{found['unit']}", text)


def recount(text: str, before: Mapping[str, int], after: Mapping[str, int]) -> str | None:
    """Give a sentence that counts as ``after`` where ``text`` counted as ``before`` (numbers of objects by name).

    Named objects that are gone, numbers that did not fit before, and words of number that no longer fit give None, as do
    sentences whose verb would have to change in a way that is not certain.
    """
    for name, old in before.items():
        new = after.get(name, 0)
        noun = re.compile(rf"(?:\b{_NUMBER}\s+)?(?P<noun>\b(?:{re.escape(plural(name))}|{re.escape(name)})\b)", re.IGNORECASE)
        if old == new or not noun.search(text):
            continue
        if new == 0:
            return None
        parts, end = [], 0
        for found in noun.finditer(text):
            changed = _counted(found, name, old, new)
            if changed is None:
                return None
            parts += [text[end : found.start()], changed]
            end = found.end()
        text = _agree("".join([*parts, text[end:]]), name, new)
        if text == "":
            return None
    return text


def _counted(found: re.Match[str], name: str, old: int, new: int) -> str | None:
    number = (found["number"] or "").lower()
    if number in LOOSE:
        low, high = LOOSE[number]
        return found[0] if low <= new <= high else None
    if number == "":  # "ships": more than one
        return found[0] if new > 1 or found["noun"].lower() == name.lower() else None
    said = 1 if number in ("a", "an") else 0 if number == "zero" else int(number) if number.isdigit() else NUMBERS.index(number)
    if said != old:
        return found[0] if number in ("a", "an") else None
    word = str(new) if number.isdigit() or new >= len(NUMBERS) else NUMBERS[new]
    word = word.capitalize() if found[0][0].isupper() else word
    return f"{word} {name if new == 1 else plural(name)}"


def _agree(text: str, name: str, new: int) -> str:
    """Make "there are one ship" into "there is one ship"; "" where a verb after a noun would have to change."""
    if new > 1:
        return text
    text = re.sub(rf"\b([Tt]here) are (?=(?:one|1) {re.escape(name)}\b)", r"\1 is ", text)
    plurals = rf"\b(?:one|1) {re.escape(name)}\b[^.,;]*?\b(?:are|were|have|stand|lie)\b"
    return "" if re.search(plurals, text, re.IGNORECASE) else text
