"""Sentences from labels, boxes and masks: the grammar that turns annotations into training text.

After the idea of RemoteCLIP (Liu et al. 2023, arXiv 2306.11029: boxes to captions, masks to captions), with our own
grammar. Every function is deterministic and gives all its variants, so that the caller draws among them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

PROMPTS = (
    "a satellite photo of {}.",
    "an aerial image of {}.",
    "{}",
    "a satellite image showing {}.",
    "{} seen from above.",
)
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
MASS = {"water", "vegetation", "bare land", "bare soil", "grass", "sand", "pavement", "sea", "farmland", "forest"}
DIRECTION = re.compile(
    r"\b(left|right|top|bottom|upper|lower|north|south|east|west|northern|southern|eastern|western|vertical\w*|horizontal\w*|"
    r"north\w+|south\w+|east(?:ward|bound|ernmost)\w*|west(?:ward|bound|ernmost)\w*|(?:left|right|top|upper|bottom|lower)most|"
    r"(?:counter-?|anti-?)?clockwise|\d+ ?o'? ?clock|(?:up|down)wards?)\b",
    re.IGNORECASE,
)


def has_direction(text: str) -> bool:
    """Say whether a text names a direction, so that it is wrong for a turned picture."""
    return DIRECTION.search(text) is not None


def plural(noun: str) -> str:
    """Give the plural of the last word of a noun phrase."""
    if noun in MASS or noun.endswith("s"):
        return noun
    if noun.endswith(("ch", "sh", "x")):
        return noun + "es"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + "s"


def article(noun: str) -> str:
    """Put an indefinite article before a countable noun in the singular."""
    if noun in MASS or noun.endswith("s"):
        return noun
    return f"{'an' if noun[0].lower() in 'aeiou' else 'a'} {noun}"


def listing(parts: Sequence[str]) -> str:
    """Join phrases with commas and a last "and"."""
    if len(parts) <= 1:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def prompts(phrases: Iterable[str]) -> list[str]:
    """Put every phrase of a class into every prompt."""
    return [prompt.format(phrase) for phrase in phrases for prompt in PROMPTS]


def quantity(count: int, noun: str) -> list[str]:
    """Say how many there are: exactly up to ten, and in words that people use."""
    if count == 1:
        return [article(noun), f"one {noun}"]
    many = plural(noun)
    words = [f"{NUMBERS[count]} {many}"] if count <= 10 else []
    if count <= 3:
        return [*words, f"a few {many}"]
    return [*words, f"several {many}"] if count <= 8 else [*words, f"many {many}"]


def from_objects(names: Iterable[str]) -> list[str]:
    """Sentences for the kinds of objects that are present, in the order given."""
    known = list(dict.fromkeys(names))
    if not known:
        return []
    whole = listing(known)
    verb = "is" if known[0] in MASS else "are"
    texts = [f"there {verb} {whole} in this image.", f"a satellite photo with {whole}.", whole]
    texts += [f"a satellite photo of {a} and {b}." for a, b in pairwise(known)]
    return texts


def from_counts(names: Iterable[str], near: str | None = None) -> list[str]:
    """Sentences for boxed objects: kinds and how many, ``near`` an optional scene, as in "at an airport"."""
    counts = Counter(names).most_common()
    if not counts:
        return [] if near is None else [f"{near} without any objects of interest.", near]
    exact = listing([quantity(n, name)[0] for name, n in counts])
    loose = listing([quantity(n, name)[-1] for name, n in counts])
    kinds = listing([plural(name) if n > 1 else article(name) for name, n in counts])
    texts = [f"{exact} in a satellite photo.", f"an aerial image with {loose}.", f"{kinds} seen from above.", kinds]
    if near is not None:
        texts += [f"{loose} at {near}.", f"{near} with {kinds}."]
    return list(dict.fromkeys(texts))


def from_cover(cover: Mapping[str, float], floor: float = 0.04) -> list[str]:
    """Sentences for shares of land cover, largest first; shares below ``floor`` are not mentioned."""
    order = sorted((name for name, share in cover.items() if share >= floor), key=lambda name: -cover[name])
    if not order:
        return []
    texts = [f"{listing(order)} seen from above.", f"a satellite photo of {listing(order)}."]
    first = order[0]
    if cover[first] > 0.9:
        texts += [f"only {first}.", f"the whole image is {first}.", first]
    elif cover[first] > 0.5:
        texts += [f"mostly {first}.", f"mostly {first} with some {listing(order[1:])}." if order[1:] else f"{first}."]
    if len(order) > 1:
        texts.append(f"{order[0]} next to {order[1]}.")
    return texts
