"""Evaluation lines: `{"question_id", "image_id", "question", "ground_truth", "answer", "type", "size_group", "is_unique"}`.

The truth is the assistant's turn; what a model answered is the attribute `answer`. `unique` and `is_unique` are both read.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from geoglot.data import conversations as talk
from geoglot.data.formats import _kit, vrsbench
from geoglot.data.sample import Picture
from geoglot.text.instructions import tagged

BOXES: str | None = "geochat"
LINES = True
KEPT = ("answer", "type", "size_group", "dataset")
SUFFIXES = ("", ".png", ".jpg", ".tif", ".webp")


def records(file: Path) -> Iterator[tuple[str, Any]]:
    """The lines, or the entries of a list."""
    yield from _kit.records(file)


def take(record: Any, how: talk.How) -> Iterator[talk.Conversation]:
    """The one question of a record, with its truth."""
    row = _kit.mapping(record)
    name = str(row["image_id"])
    files = [how.pictures / f"{name}{suffix}" for suffix in SUFFIXES]
    picture = Picture(next((file for file in files if file.is_file()), files[0]))
    rows = [("user", f"{talk.IMAGE}\n{_kit.text(row['question'])}"), ("assistant", str(row["ground_truth"]))]
    turns, boxes, task, attributes = talk.of_turns(rows, (picture,), how)
    attributes |= {key: str(row[key]) for key in KEPT if key in row}
    if "unique" in row or "is_unique" in row:
        attributes["unique"] = str(vrsbench.unique(row))
    kind = {"ref": "refer", "caption": "caption long"}.get(str(row.get("type")), "vqa")
    yield talk.Conversation(str(row["question_id"]), (picture,), turns, task or kind, boxes, attributes=attributes)


def give(conversation: talk.Conversation, how: talk.How) -> dict[str, Any]:
    """The line of a conversation's first request."""
    asked, answer = [turn for turn in conversation.turns if turn.role != "system"][:2]
    row: dict[str, Any] = {"question_id": conversation.id, "image_id": how.path(conversation.pictures[0])}
    row["question"] = tagged(talk.spelled(asked.text, conversation, how), conversation.task, how.grammar)
    row["ground_truth"] = talk.spelled(answer.text, conversation, how)
    row["type"] = conversation.attributes.get("type") or {"refer": "ref"}.get(conversation.task, conversation.task)
    row |= {key: conversation.attributes[key] for key in KEPT if key in conversation.attributes}
    if "unique" in conversation.attributes:
        row["is_unique"] = conversation.attributes["unique"] == "True"
    return row
