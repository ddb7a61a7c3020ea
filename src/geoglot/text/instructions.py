"""Task identifiers: the marks that published models want before a request, by grammar, and reading them back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, get_args

from geoglot.core.errors import InputError

Task = Literal[
    "caption", "caption long", "region", "class", "vqa", "refer", "ground", "count", "measure", "relation", "change caption",
    "change vqa", "honesty", "talk",
]  # fmt: skip
TASKS: tuple[Task, ...] = get_args(Task)
# a task without a mark in a grammar is asked in plain words
GRAMMARS: Mapping[str, Mapping[str, str]] = {
    "plain": {},
    "geochat": {"refer": "[refer]", "ground": "[grounding]", "region": "[identify]"},
    "lhrs": {"vqa": "[VQA]", "class": "[CLS]", "refer": "[VG]", "ground": "[VG]", "count": "[VQA]", "relation": "[VQA]"},
    "vhm": {
        "vqa": "{VQA}", "class": "{CLS}", "refer": "{VG}", "ground": "{VG}", "honesty": "{IDK}", "measure": "{IT}",
        "count": "{VQA}", "relation": "{VQA}",
    },
    "earthdial": {
        "caption": "[caption]", "class": "[classify]", "vqa": "[vqa]", "refer": "[refer]", "ground": "[grounding]",
        "region": "[identify]", "change vqa": "[changedet]", "change caption": "[changedet]",
    },
    "rs_mllm": {
        "vqa": "[VQA]", "refer": "[REF]", "ground": "[REF]", "change caption": "[CD]", "change vqa": "[CD]", "caption": "[CAP]",
        "caption long": "[CAP]", "count": "[VQA]", "relation": "[VQA]",
    },
}  # fmt: skip
_MARK = re.compile(r"\s*(\[[A-Za-z][A-Za-z0-9_.]*\]|\{[A-Z]{2,5}\})\s*")


def tagged(text: str, task: str, grammar: str = "plain") -> str:
    """A request with the mark of its task before it, where the grammar has one; InputError names the grammars."""
    if grammar not in GRAMMARS:
        raise InputError(f"There is no grammar {grammar!r}: there are {', '.join(GRAMMARS)}.")
    mark = GRAMMARS[grammar].get(task)
    return text if mark is None else f"{mark} {text}"


def untagged(text: str) -> tuple[str, tuple[str, ...], Task | None]:
    """A request without the marks that stand before it, those marks, and the task that the first known one means.

    EarthDial's marks of a sensor, such as `[s1_vh_1]`, are marks too.
    """
    marks: list[str] = []
    while found := _MARK.match(text):
        marks.append(found[1])
        text = text[found.end() :]
    table = {mark: task for tags in reversed(list(GRAMMARS.values())) for task, mark in reversed(list(tags.items()))}
    task = next((table[mark] for mark in marks if mark in table), None)
    return text, tuple(marks), next((each for each in TASKS if each == task), None)
