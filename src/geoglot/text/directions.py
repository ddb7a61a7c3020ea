"""Words of direction in sentences about a picture, rewritten when the picture is turned or mirrored, or the sentence dropped.

A word that may mean something else (a car *left*, *right* angles, the *North* Sea) is left alone where that is certain, and
makes the sentence drop out where it is not: a lost sentence costs less than a wrong one.
"""

from __future__ import annotations

import re

from geoglot.geo.symmetry import Symmetry

Vector = tuple[int, int]  # right, down
UP, DOWN, LEFT, RIGHT = (0, -1), (0, 1), (-1, 0), (1, 0)
COMPASS = {"north": UP, "south": DOWN, "west": LEFT, "east": RIGHT}
SIDES = {"left": LEFT, "right": RIGHT, "top": UP, "bottom": DOWN, "upper": UP, "lower": DOWN}
TURNING = {"clockwise": "counterclockwise", "counterclockwise": "clockwise", "anticlockwise": "clockwise",
           "counter-clockwise": "clockwise", "anti-clockwise": "clockwise"}  # fmt: skip
LINES = {"vertical": "horizontal", "horizontal": "vertical", "vertically": "horizontally", "horizontally": "vertically"}
ENDS = {"leftmost": LEFT, "rightmost": RIGHT, "topmost": UP, "uppermost": UP, "bottommost": DOWN, "lowermost": DOWN}
# of the vertical, with no word for the horizontal: the sentence goes when up and down do not stay what they are
UPRIGHT = r"above|below|upwards?|downwards?|up|down|in front of|behind|beneath|overhead"

NOT_DIRECTIONS = re.compile(
    r"\bright (?:next to|beside|by|near|in the (?:middle|cent(?:er|re))|angles?|triang\w+|away)|\bright-angled?|\bon top of\b|"
    r"\bleft[- ]over\b|\bleft behind\b|\btop view|\b(?:flat|hill|mountain|tree|roof)[- ]?tops?\b|"
    r"\b(?:made|makes?|torn|throws?|throwing|thrown|built|set) up\b|\bup to \d+|"
    r"\blined up\b|\bclose[- ]?up\b|\btop of (?:the )?(?:mountain|hill|building|roof|house|tower|tank)s?\b",
    re.IGNORECASE,
)
_SPOT = r"(?:side|corner|part|half|edge|end|hand|quarter|third|portion|area|region|margin|border|section|bank)s?"
_TALL, _WIDE = "upper|lower|top|bottom", "left|right"
_TWO = rf"(?P<v>{_TALL})(?P<gap>[ -]+)(?P<h>{_WIDE})|(?P<h2>{_WIDE})(?P<gap2>[ -]+)(?P<v2>{_TALL})"
_CLOSED = r"(?=[\s,.;!?]*(?:$|[,.;!?]|and\b|of\b|there\b|is\b|are\b))"  # the noun phrase ends here
_COMPASS = (
    r"(?P<a>north|south|east|west)(?P<join>-?)(?P<b>east|west|north|south)?"
    r"(?P<end>ern|erly|ward|wards|ernmost|bound)?"
)
WORDS = re.compile(
    rf"(?P<two>\b(?:{_TWO})\b)|(?P<phrase>\b(?P<prep>on|at|in) the (?P<one>left|right|top|bottom){_CLOSED})|"
    rf"(?P<spot>\b(?P<side>left|right|top|bottom|upper|lower)(?P<hand>[- ]hand)?(?= {_SPOT}\b))|"
    rf"(?P<compass>\b(?:{_COMPASS})\b)|(?P<ends>\b(?:{'|'.join(ENDS)})\b)|"
    rf"(?P<turning>\b(?:counter-?|anti-?)?clockwise\b)|(?P<lines>\b(?:{'|'.join(LINES)})\b)|"
    r"(?P<clock>\b(?P<hour>1[0-2]|[1-9]) ?o'? ?clock\b)|"
    rf"(?P<upright>\b(?:{UPRIGHT})\b)|(?P<bare>\b(?:{'|'.join(SIDES)})\b)",
    re.IGNORECASE,
)
_OF_A_THING = re.compile(r"\s+of (?!(?:the|this) (?:image|picture|photo|scene|view)\b)", re.IGNORECASE)
_LEAD = re.compile(r"\b(?:the|to|from|far|its|on|towards?|upper|lower|top|bottom|and|or|left|right)[ ,/-]*$", re.IGNORECASE)


class _Unknown(Exception):
    """A word of direction for which there is no certain other one."""


def names_direction(text: str) -> bool:
    """Say whether a text names a direction in the picture, certainly or perhaps."""
    return WORDS.search(NOT_DIRECTIONS.sub(" ", text)) is not None


def rewrite(text: str, symmetry: Symmetry) -> str | None:
    """Give a sentence that is as true of the turned picture as ``text`` is of the picture, None where there is none for certain.

    The compass counts as that of the picture: north is up.
    """
    if symmetry == Symmetry():
        return text
    kept: list[str] = []

    def hide(found: re.Match[str]) -> str:
        kept.append(found[0])
        return f"\0{len(kept) - 1}\0"

    plain = NOT_DIRECTIONS.sub(hide, text)
    try:
        changed = WORDS.sub(lambda found: _word(found, symmetry), plain)
    except _Unknown:
        return None
    return re.sub("\0(\\d+)\0", lambda found: kept[int(found[1])], changed)


def _word(found: re.Match[str], symmetry: Symmetry) -> str:
    kind = next(name for name in _CHANGES if found[name])
    new = _CHANGES[kind](found, symmetry)
    return new[0].upper() + new[1:] if found[0][0].isupper() else new


def _moved(vector: Vector, symmetry: Symmetry) -> Vector:
    x, y = symmetry.vector(*vector)
    return round(x), round(y)


def _two(found: re.Match[str], symmetry: Symmetry) -> str:
    first = found["v"] is not None
    tall, wide, gap = (found["v"], found["h"], found["gap"]) if first else (found["v2"], found["h2"], found["gap2"])
    x, y = _moved((SIDES[wide.lower()][0], SIDES[tall.lower()][1]), symmetry)
    pair = ("top", "bottom") if tall.lower() in ("top", "bottom") else ("upper", "lower")
    across, down = ("left" if x < 0 else "right"), pair[0 if y < 0 else 1]
    return f"{down}{gap}{across}" if first else f"{across}{gap}{down}"


def _phrase(found: re.Match[str], symmetry: Symmetry) -> str:
    vector = SIDES[found["one"].lower()]
    new = _moved(vector, symmetry)
    if new == vector:
        return found[0]
    if symmetry.turns % 2 and _OF_A_THING.match(found.string, found.end()):
        raise _Unknown  # "on the left of the river" would have to become "above the river"
    word = {LEFT: "left", RIGHT: "right", UP: "top", DOWN: "bottom"}[new]
    prep = found["prep"].lower() if symmetry.turns % 2 == 0 else "on" if new in (LEFT, RIGHT) else "at"
    return f"{prep} the {word}"


def _spot(found: re.Match[str], symmetry: Symmetry) -> str:
    side = found["side"].lower()
    rest = found.string[found.end() :].lower()
    if rest.startswith(" bank"):
        raise _Unknown  # of a river: by its flow or by the picture
    new = _moved(SIDES[side], symmetry)
    if new == SIDES[side]:
        return found[0]
    if symmetry.turns % 2 and (found["hand"] or rest.startswith((" hand", " corner"))):
        raise _Unknown
    names = {LEFT: "left", RIGHT: "right", UP: "top", DOWN: "bottom"}
    if side in ("upper", "lower") or (symmetry.turns % 2 and side in ("left", "right")):
        names |= {UP: "upper", DOWN: "lower"}
    return names[new] + (found["hand"] or "").lower()


def _compass(found: re.Match[str], symmetry: Symmetry) -> str:
    if found[0][0].isupper() and re.search(r"[^\s.!?]\s*$", found.string[: found.start()]):
        raise _Unknown  # a name: the North Sea
    first, second = COMPASS[found["a"].lower()], COMPASS.get((found["b"] or "").lower())
    names = {vector: name for name, vector in COMPASS.items()}
    if second is None:
        return names[_moved(first, symmetry)] + (found["end"] or "").lower()
    if first[1] == 0 or second[0] == 0:
        raise _Unknown  # no word of the compass
    x, y = _moved((second[0], first[1]), symmetry)
    return names[0, y] + found["join"] + names[x, 0] + (found["end"] or "").lower()


def _ends(found: re.Match[str], symmetry: Symmetry) -> str:
    word = found[0].lower()
    new = _moved(ENDS[word], symmetry)
    names = {LEFT: "leftmost", RIGHT: "rightmost", UP: "topmost", DOWN: "bottommost"}
    if word in ("uppermost", "lowermost"):
        names |= {UP: "uppermost", DOWN: "lowermost"}
    return names[new]


def _turning(found: re.Match[str], symmetry: Symmetry) -> str:
    return TURNING[found[0].lower()] if symmetry.mirror else found[0]


def _lines(found: re.Match[str], symmetry: Symmetry) -> str:
    return LINES[found[0].lower()] if symmetry.turns % 2 else found[0]


def _clock(found: re.Match[str], symmetry: Symmetry) -> str:
    hour = int(found["hour"])
    hour = (-hour if symmetry.mirror else hour) - 3 * symmetry.turns
    return f"{(hour - 1) % 12 + 1}{found[0][len(found['hour']) :]}"


def _upright(found: re.Match[str], symmetry: Symmetry) -> str:
    if _moved(UP, symmetry) != UP:
        raise _Unknown
    return found[0]


def _bare(found: re.Match[str], symmetry: Symmetry) -> str:
    word, before, after = found[0].lower(), found.string[: found.start()], found.string[found.end() :]
    if word in ("left", "right") and not (_LEAD.search(before) or re.match(r"\s*(?:and|or|to|of)\b", after, re.IGNORECASE)):
        raise _Unknown  # perhaps a verb: the ship left the port
    new = _moved(SIDES[word], symmetry)
    if new == SIDES[word]:
        return found[0]
    if symmetry.turns % 2:
        raise _Unknown
    return {"left": "right", "right": "left", "top": "bottom", "bottom": "top", "upper": "lower", "lower": "upper"}[word]


_CHANGES = {"two": _two, "phrase": _phrase, "spot": _spot, "compass": _compass, "ends": _ends, "turning": _turning,
            "lines": _lines, "clock": _clock, "upright": _upright, "bare": _bare}  # fmt: skip
