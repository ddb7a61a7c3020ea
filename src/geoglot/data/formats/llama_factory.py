"""LLaMA-Factory's messages: `{"messages": [{"role", "content"}], "images": [...]}`; its older `conversations` are LLaVA's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from geoglot.data import conversations as talk
from geoglot.data.formats import _kit, llava

BOXES: str | None = None
LINES = False


def records(file: Path) -> Iterator[tuple[str, Any]]:
    """The entries of the list, or the lines."""
    yield from _kit.records(file)


def take(record: Any, how: talk.How) -> Iterator[talk.Conversation]:
    """The one conversation of a record."""
    row = _kit.mapping(record)
    pictures = tuple(_kit.picture(how.pictures, name) for name in _kit.listed(row.get("images")))
    rows = [(_kit.role(turn.get("role")), _kit.text(turn.get("content"))) for turn in row["messages"]]
    turns, boxes, task, attributes = talk.of_turns(rows, pictures, how)
    name = str(row.get("id", pictures[0].path.name if pictures else ""))
    yield talk.Conversation(name, pictures, turns, row.get("task", task), boxes, attributes=attributes)


def give(conversation: talk.Conversation, how: talk.How) -> dict[str, Any]:
    """The record of a conversation; columns that the trainer does not know say id and task."""
    row: dict[str, Any] = {"messages": [{"role": role, "content": text} for role, text in llava.said(conversation, how)]}
    row["images"] = [how.path(picture) for picture in conversation.pictures]
    return row | {"id": conversation.id} | ({"task": conversation.task} if conversation.task else {})
