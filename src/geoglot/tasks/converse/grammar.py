"""How a capability is asked for in words: plain English, or the forms that a published family was taught.

Forms of published families are those of `text`'s codec table (Kuckreja et al. 2024 for GeoChat, Muhtar et al. 2024 for LHRS-Bot,
Pang et al. 2024 for VHM, Irvin et al. 2024 for TEOChat, Soni et al. 2025 for EarthDial).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from geoglot.text.asking import Question
from geoglot.text.sentences import article

SHORT = "Describe this picture in one sentence."
LONG = "Describe this picture in detail."
CHANGE = "What has changed between these pictures?"
_SINGLE = re.compile(r"\b(?:the|largest|smallest|biggest|longest|nearest|leftmost|rightmost|topmost|first|last)\b", re.IGNORECASE)
_SEVERAL = re.compile(r"\b(?:all|every|each|any|several|both)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Grammar:
    """Forms with a place for what is asked: `asks` {question}, `grounds` {what}, `captions` {question}, `several` {question}.

    `by_boxes` says that the model finds all objects of a kind, so that counting them is better than asking for their number.
    """

    asks: str = "{question}"
    grounds: str = "Where is {what}?"
    captions: str = "{question}"
    several: str = "{question}"
    by_boxes: bool = False

    def ask(self, question: Question) -> str:
        """A question as the model takes it."""
        form = self.captions if question.kind == "caption" else self.asks
        return form.format(question=question.text)

    def ground(self, what: str) -> str:
        """A request for the place of a thing."""
        plain = what if _SINGLE.search(what) or _SEVERAL.search(what) or " " in what else article(what)
        return self.grounds.format(what=plain)

    def dates(self, question: Question, number: int) -> str:
        """A question about several dates."""
        text = CHANGE if question.kind == "caption" and number > 1 else question.text
        return self.several.format(question=text, number=number)

    @staticmethod
    def single(text: str) -> bool:
        """Whether a phrase speaks of one thing ("the largest ship"), not of all of a kind."""
        return bool(_SINGLE.search(text)) and not _SEVERAL.search(text)


PUBLISHED: Mapping[str, Grammar] = {
    "geochat": Grammar(
        asks="{question}", grounds="[refer] Give me the location of <p> {what} </p>", captions="{question}"
    ),
    "lhrs": Grammar(asks="[VQA] {question}", grounds="[VG] {what}", captions="{question}"),
    "vhm": Grammar(asks="{{VQA}} {question}", grounds="{{VG}} {what}", captions="{{IT}} {question}"),
    "earthdial": Grammar(grounds="[grounding] <ref>{what}</ref>", several="[changedet] {question}"),
}  # fmt: skip


def of(chat: Any) -> Grammar:
    """The grammar of a model: its own, that of its family by name, else plain English."""
    own = getattr(chat, "grammar", None)
    if isinstance(own, Grammar):
        return own
    return PUBLISHED.get(str(own), Grammar()) if own else Grammar()
