"""How a capability is asked for in words: plain English, with the marks and forms that a published family was taught."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from geoglot.geo.boxes import Box
from geoglot.text import codec
from geoglot.text.asking import Question
from geoglot.text.instructions import GRAMMARS, tagged
from geoglot.text.sentences import article, plural

SHORT = "Describe this picture in one sentence."
LONG = "Describe this picture in detail."
CHANGE = "What has changed between these pictures?"
_MOST = re.compile(
    r"\b(?:largest|smallest|biggest|longest|nearest|(?:left|right|top|bottom|upper|lower)-?most|first|second|third|last)\b",
    re.IGNORECASE,
)
_THE = re.compile(r"\bthe\b", re.IGNORECASE)
_SEVERAL = re.compile(r"\b(?:all|every|each|any|several|both)\b", re.IGNORECASE)
# requests for a place, where a family was taught another form than a question
PLACES: Mapping[str, str] = {
    "geochat": "Give me the location of <p> {what} </p>",
    "earthdial": "<ref>{what}</ref>",
    "lhrs": "{what}",
}


@dataclass(frozen=True)
class Grammar:
    """The marks of a `family` of `text.instructions`, and a form of requests for a place with {what} in it.

    `every` is a form of requests for all of a kind. `by_boxes` says that the model finds all objects of a kind, so that
    counting them is better than asking for their number; `grounds` that it tells where things are. `syntax` is how it reads
    boxes in a question, None where it does not.
    """

    family: str = "plain"
    places: str = "Where is {what}?"
    every: str = ""
    by_boxes: bool = False
    grounds: bool = False
    syntax: codec.Syntax | None = None

    def ask(self, question: Question) -> str:
        """A question as the model takes it."""
        task = {"caption": "caption", "count": "count"}.get(question.kind, "vqa")
        return tagged(question.text, task, self.family)

    def ground(self, what: str) -> str:
        """A request for the place of a thing, or of all of a kind where there is a form of its own for that."""
        if self.every and not self.single(what):
            kind = _SEVERAL.sub("", what).strip()
            return tagged(self.every.replace("{what}", kind if kind.endswith("s") else plural(kind)), "refer", self.family)
        if self.every and not _THE.search(what):
            what = f"the {what}"
        told = _MOST.search(what) or _THE.search(what) or _SEVERAL.search(what) or " " in what
        plain = what if told else article(what)
        return tagged(self.places.replace("{what}", plain), "refer", self.family)

    def region(self, question: Question, boxes: Sequence[Box], shape: tuple[int, int]) -> str:
        """A question about boxes in pixels of a picture of a shape; those without size are points."""
        assert self.syntax is not None
        said = codec.write(boxes, self.syntax, shape)
        if question.kind == "caption":
            words = f"Describe what lies at {said}."
        else:
            where = "at the point" if all(box.width == 0 for box in boxes) else "in the region"
            words = f"{question.text.rstrip(' ?.!')} {where} {said}?"
        return tagged(words, "region", self.family)

    def dates(self, question: Question) -> str:
        """A question about several dates."""
        described = question.kind == "caption"
        return tagged(CHANGE if described else question.text, "change caption" if described else "change vqa", self.family)

    @staticmethod
    def single(text: str) -> bool:
        """Whether a phrase speaks of one thing ("the largest ship"), not of all of a kind."""
        if _SEVERAL.search(text):
            return False
        plural = re.search(r"\bare\b", text, re.IGNORECASE) or re.search(r"[a-rt-z]s[ ?.!]*$", text, re.IGNORECASE)
        return bool(_MOST.search(text)) or bool(_THE.search(text) and not plural)


def of(chat: Any) -> Grammar:
    """The grammar of a model: its own, that of the family whose boxes it writes, else plain English."""
    own = getattr(chat, "grammar", None)
    if isinstance(own, Grammar):
        return own
    family = str(getattr(chat, "codec", "") or "")
    grounds = bool(getattr(chat, "grounds", family))
    syntax = replace(codec.find(family)[1], **getattr(chat, "means", {})) if family in codec.names() else None
    known = family if family in GRAMMARS else "plain"
    asks = getattr(chat, "asks", {"places": PLACES.get(family, Grammar.places)})
    return Grammar(known, **asks, by_boxes=bool(getattr(chat, "by_boxes", False)), grounds=grounds, syntax=syntax)
