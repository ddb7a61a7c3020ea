"""LLaVA's JSON, which GeoChat, VHM, LHRS-Bot and EarthDial use: `{"id", "image", "conversations": [{"from", "value"}]}`.

`image` is a name or a list of them; boxes are in the syntax of the model that the file was made for, which is guessed where only
one fits (`geochat`), else must be named.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from geoglot.core.protocols import Said
from geoglot.data import conversations as talk
from geoglot.data.formats import _kit
from geoglot.text.instructions import tagged

BOXES: str | None = None
LINES = False
SAID = {"user": "human", "assistant": "gpt", "system": "system"}


def records(file: Path) -> Iterator[tuple[str, Any]]:
    """The entries of the list, or the lines."""
    yield from _kit.records(file)


def take(record: Any, how: talk.How) -> Iterator[talk.Conversation]:
    """The one conversation of a record."""
    row = _kit.mapping(record)
    names = _kit.listed(row.get("image", row.get("images")))
    times = [_kit.moment(time) for time in row.get("timestamp", [])] or [None] * len(names)
    pictures = tuple(_kit.picture(how.pictures, name, time) for name, time in zip(names, times, strict=True))
    rows = [(_kit.role(turn.get("from")), _kit.text(turn.get("value"))) for turn in row["conversations"]]
    turns, boxes, task, attributes = talk.of_turns(rows, pictures, how)
    yield talk.Conversation(str(row.get("id", names[0] if names else "")), pictures, turns, row.get("task", task), boxes,
                            gsd=row.get("gsd"), attributes=attributes | row.get("attributes", {}))  # fmt: skip


def give(conversation: talk.Conversation, how: talk.How) -> dict[str, Any]:
    """The record of a conversation, with task and dates where they are known."""
    row: dict[str, Any] = {"id": conversation.id}
    names = [how.path(picture) for picture in conversation.pictures]
    if names:
        row["image"] = names[0] if len(names) == 1 else names
    row["conversations"] = [{"from": SAID[role], "value": text} for role, text in said(conversation, how)]
    if conversation.task:
        row["task"] = conversation.task
    if conversation.gsd is not None:
        row["gsd"] = conversation.gsd
    if any(picture.time is not None for picture in conversation.pictures):
        row["timestamp"] = [picture.time.date().isoformat() if picture.time else "" for picture in conversation.pictures]
    if conversation.attributes:
        row["attributes"] = dict(conversation.attributes)
    return row


def said(conversation: talk.Conversation, how: talk.How) -> Iterator[tuple[str, str]]:
    """Role and text of each turn, with marks of pictures, the task identifier in the first request, and boxes in the syntax."""
    asked = False
    for turn in conversation.turns:
        text = turn.text
        if turn.role == "user" and not asked:
            text, asked = tagged(text, conversation.task, how.grammar), True
        text = talk.spelled(text, conversation, how)
        yield turn.role, talk.with_marks(Said(turn.role, text, turn.pictures))
