"""Short answers in the words that they are compared in: digits, top and bottom, and lists of places in one order."""

from __future__ import annotations

import re

ONES = {
    word: number
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
        "eighteen nineteen".split()
    )
}
TENS = {word: 10 * number for number, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)}
PLACES = {
    "up": "top",
    "upper": "top",
    "above": "top",
    "down": "bottom",
    "lower": "bottom",
    "middle": "center",
    "centre": "center",
}
EDGES = {"top", "bottom", "left", "right", "center"}
LEFT_OUT = {"the", "a", "an", "about", "of", "image", "picture", "in", "at"}
WORD = re.compile(r"[a-z0-9%]+(?:-[a-z0-9]+)*|,")


def normal(answer: str) -> str:
    """An answer in small letters with digits for numbers, top for up and upper, bottom for down and lower.

    Lists of places come apart: "left, center and right" and "left center and right" are "left and center and right", "top left"
    stays one place. "Up and bottom" and "top and bottom" are one answer, and so are "right and left" and "left and right".
    """
    parts: list[list[str]] = [[]]
    for found in WORD.findall(answer.lower()):
        word = digits(PLACES.get(found, found))
        if word in ("and", ","):
            parts.append([])
        elif word not in LEFT_OUT:
            parts[-1].append(word)
    places = [one for part in parts if part for one in _places(part)]
    listed = len(places) > 1 and all(set(one.split()) <= EDGES for one in places)
    return " and ".join(sorted(places) if listed else places)


def _places(part: list[str]) -> list[str]:
    """The places in a part of a list: one corner, or several edges that only lack their commas."""
    corner = len(part) == 2 and part[0] in ("top", "bottom") and part[1] in ("left", "right")
    return list(part) if set(part) <= EDGES and not corner else [" ".join(part)]


def digits(word: str) -> str:
    """A number word up to ninety-nine in digits, other words as they are."""
    if word in ONES:
        return str(ONES[word])
    head, _, rest = word.partition("-")
    if head in TENS and (not rest or rest in ONES):
        return str(TENS[head] + ONES.get(rest, 0))
    return word


def kind_of(question: str) -> str:
    """What a question asks: ``count``, ``place``, ``presence`` (yes or no) or ``other``."""
    text = question.lower().strip()
    if text.startswith(("how many", "count ", "what is the number")):
        return "count"
    if "location" in text or text.startswith("where"):
        return "place"
    return "presence" if text.startswith(("is ", "are ", "does ", "do ", "can ", "has ", "was ")) else "other"
