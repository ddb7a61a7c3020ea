"""What a question in plain words asks for: a number, whether something is there, where it is, how long or how large it is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["count", "presence", "where", "length", "width", "area", "relation", "type", "caption", "other"]
# how one thing lies to another, by the words that ask for it
SIDES = {
    "left of": "left", "right of": "right", "above": "above", "below": "below", "north of": "north", "south of": "south",
    "west of": "west", "east of": "east", "near": "near", "next to": "near", "close to": "near", "far from": "far",
    "inside": "inside", "within": "inside",
}  # fmt: skip

_THERE = (
    r"(?:are (?:there|visible|shown|seen|located)|is (?:there|visible|shown)|there are|can (?:be seen|you see|we see)|do you see|"
    r"appear|lie|stand|in|on|at|within|inside|near|do|does)"
)
_ARTICLE = re.compile(r"^(?:any|some|a|an|the|all(?: of)?(?: the)?|each|every|one|at least one)\s+", re.IGNORECASE)
_PLACE = re.compile(
    r"\s+(?:(?:visible|present|shown|seen|located|here|there)\b.*|(?:in|on|at|within|of|from)\s+(?:this|the|that)\s+"
    r"(?:\w+\s+)?(?:image|picture|photo|photograph|scene|tile|view|area|satellite image)\b.*)$",
    re.IGNORECASE,
)
_HOW = (
    r"(?:(?:to|on|at) the )?(?P<how>(?:left|right|north|south|west|east) of|above|below|near|next to|close to|far from|inside|"
    r"within)"
)
_TWO = r"(?P<what>.+?) (?:and|to|with|from) (?P<other>.+)"
_THESE = r"(?P<these>these|those|they|them|the two)(?: .*)?"
_RULES: tuple[tuple[Kind, str], ...] = (
    ("relation", rf"what is the (?:\w+ )?relation(?:ship)? (?:of|between) (?:{_THESE}|{_TWO})"),
    ("relation", rf"how (?:does|do) (?:{_THESE}|(?P<what>.+?) lie (?:relative )?to (?P<other>.+))"),
    ("relation", r"what is the position of (?P<what>.+?) (?:relative|with respect|in relation) to (?P<other>.+)"),
    ("relation", r"where (?:is|are) (?P<what>.+?),? (?:as )?seen from (?P<other>.+)"),
    ("relation", r"how (?P<how>far) (?:is|are) (?P<what>.+?) (?:away )?from (?P<other>.+)"),
    ("relation", rf"how (?P<how>far) apart are (?:{_THESE}|{_TWO})"),
    ("relation", rf"what is the (?P<how>distance) (?:of|between) (?:{_THESE}|{_TWO})"),
    (
        "relation",
        r"(?:is|are) (?!there\b|(?:it|this|that)\b|(?:the|this) (?:image|picture|photo|scene|area)\b)(?P<what>.+?) "
        rf"{_HOW} (?P<other>.+)",
    ),
    (
        "type",
        r"(?:which|what) (?:type|kind|sort|class) of (?P<what>[\w -]+?) (?:is|are) (?:this|it|these|shown|visible|seen|there)"
        r"(?: [^,]*?)?(?P<how>,? (?:and )?(?:why|how (?:can|do) you (?:tell|know)|give (?:your )?reasons?).*)?",
    ),
    ("caption", r"(?:describe|caption)\b.*"),
    ("caption", r"what (?:do you see|does (?:this|the) (?:image|picture|scene) show|is (?:in|shown in) (?:this|the) .*)"),
    (
        "count",
        r"(?:how many|count(?: all)?(?: of)?(?: the)?|what is the number of|give (?:me )?the number of)\s+(?P<what>.+?)"
        rf"(?:\s+{_THERE}\b.*)?",
    ),
    (
        "area",
        r"(?:how (?:large|big)|what (?:is the (?:area|size) of|area (?:does|do|is)))\s*(?:is|are)?\s*(?P<what>.+?)"
        r"(?:\s+(?:cover|covered|take up|in square metres).*)?",
    ),
    ("length", r"(?:how long|what is the length of)\s*(?:is|are)?\s*(?P<what>.+)"),
    ("width", r"(?:how wide|what is the width of)\s*(?:is|are)?\s*(?P<what>.+)"),
    (
        "where",
        r"(?:where (?:is|are)|locate|find|point (?:at|to)|show(?: me)?|(?:give|tell)(?: me)? the (?:location|place|position) of|"
        r"detect|box)\s+(?P<what>.+)",
    ),
    ("presence", r"(?:is|are) there\s+(?P<what>.+)"),
    ("presence", r"(?:does|do) (?:this|the|that) .{0,30}?(?:contain|show|have|include)s?\s+(?P<what>.+)"),
    ("presence", r"(?:can you see|do you see|is it possible to see)\s+(?P<what>.+)"),
    ("presence", r"(?:is|are)\s+(?P<what>.+?)\s+(?:present|visible|shown|to be seen)\b.*"),
)
_COMPILED = [(kind, re.compile(rule, re.IGNORECASE)) for kind, rule in _RULES]
_NUMBERS = {
    "no": 0, "none": 0, "zero": 0, "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7,
    "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12,
}  # fmt: skip


@dataclass(frozen=True)
class Question:
    """A question, its kind, and the words for the thing that it is about ("" where it is about no thing).

    Of a relation `other` is the second thing ("" for both where two that are marked are meant), and `how` the relation that is
    asked for: a value of `SIDES`, "distance", or "". Of a type `how` is "why" where reasons are asked for.
    """

    text: str
    kind: Kind
    what: str = ""
    other: str = ""
    how: str = ""


def read(text: str) -> Question:
    """Read a question; what follows no known form is of the kind "other"."""
    plain = re.sub(r"\s+", " ", text).strip()
    bare = plain.rstrip(" ?.!")
    for kind, rule in _COMPILED:
        if found := rule.fullmatch(bare):
            parts = {name: (text or "").strip() for name, text in found.groupdict().items()}
            return Question(
                plain, kind, thing(parts.get("what", "")), thing(parts.get("other", "")), _how(kind, parts.get("how", ""))
            )
    return Question(plain, "other")


def _how(kind: Kind, words: str) -> str:
    if kind == "type":
        return "why" if words else ""
    plain = words.lower()
    return "distance" if plain in ("far", "distance") else SIDES.get(plain, "")


def thing(words: str) -> str:
    """Words for a thing, without an article before it or the picture that it is in."""
    return _ARTICLE.sub("", _PLACE.sub("", words.strip())).strip(" ?.,")


def number(text: str) -> int | None:
    """The one number that an answer gives, in digits or in words up to twelve; None where it gives none or several."""
    digits = re.findall(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?!\d)|(?<![\d.])\d+(?!\d|\.\d)", text)
    found = {int(one.replace(",", "")) for one in digits}
    if not found:
        words = re.findall(r"[a-z]+", text.lower())
        # an article is a number only where there is no other word for one
        told = {_NUMBERS[word] for word in words if word in _NUMBERS and word not in ("a", "an")}
        found = told or {1 for word in words if word in ("a", "an")}
    return found.pop() if len(found) == 1 else None


def affirmed(text: str) -> bool | None:
    """Whether an answer says yes (True) or no (False); None where it says neither."""
    words = re.findall(r"[a-z']+", text.lower())
    if not words:
        return None
    if words[0] in ("yes", "yeah", "true"):
        return True
    if words[0] in ("no", "none", "false") or words[:2] in (["there", "isn't"], ["there", "aren't"]):
        return False
    if words[:2] in (["there", "is"], ["there", "are"]):
        return words[2:3] not in (["no"], ["not"], ["none"])
    return None
