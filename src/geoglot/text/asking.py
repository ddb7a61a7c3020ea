"""What a question in plain words asks for: a number, whether something is there, where it is, how long or how large it is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["count", "presence", "where", "length", "width", "area", "caption", "other"]

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
_RULES: tuple[tuple[Kind, str], ...] = (
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
    """A question, its kind, and the words for the thing that it is about ("" where it is about no thing)."""

    text: str
    kind: Kind
    what: str = ""


def read(text: str) -> Question:
    """Read a question; what follows no known form is of the kind "other"."""
    plain = re.sub(r"\s+", " ", text).strip()
    bare = plain.rstrip(" ?.!")
    for kind, rule in _COMPILED:
        if found := rule.fullmatch(bare):
            what = (found.groupdict().get("what") or "").strip()
            return Question(plain, kind, thing(what))
    return Question(plain, "other")


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
