"""TEOChatlas: dated pictures as `video`, `timestamp`, `task`, `polygon`, and turns in which `<video>` stands for them.

`<video>` becomes `Image 1: <image>Image 2: <image>`, in the order of the dates. Boxes are TEOChat's, `[10, 20, 30, 40]`; the
polygons of `polygon`, in pixels, are kept as boxes that no turn names.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from geoglot.core.errors import DataError
from geoglot.data import conversations as talk
from geoglot.data.formats import _kit, llava
from geoglot.text import codec

BOXES: str | None = "teochat"
LINES = False
VIDEO = "<video>"


def records(file: Path) -> Iterator[tuple[str, Any]]:
    """The entries of the list, or the lines."""
    yield from _kit.records(file)


def take(record: Any, how: talk.How) -> Iterator[talk.Conversation]:
    """The one conversation of a record, its pictures in the order of their dates."""
    row = _kit.mapping(record)
    names = _kit.listed(row["video"])
    times = [_kit.moment(time) for time in row.get("timestamp") or [None] * len(names)]
    if len(times) != len(names):
        raise DataError(f"{len(names)} pictures, but {len(times)} timestamps: give one for each.")
    order = (
        sorted(range(len(names)), key=lambda k: (times[k] is not None, times[k] or 0, k))
        if None not in times
        else range(len(names))
    )
    pictures = tuple(_kit.picture(how.pictures, names[k], times[k]) for k in order)
    marks = "".join(f"Image {k}: {talk.IMAGE}" for k in range(1, len(pictures) + 1))
    rows = [(_kit.role(turn.get("from")), _kit.text(turn.get("value")).replace(VIDEO, marks, 1)) for turn in row["conversations"]]
    turns, boxes, _, attributes = talk.of_turns(rows, pictures, how)
    outlines = codec.read("\n".join(map(str, _kit.listed(row.get("polygon")))), "wkt").boxes
    attributes["teochatlas task"] = str(row.get("task", ""))
    yield talk.Conversation(
        str(row.get("id", names[0])), pictures, turns, "change vqa" if len(pictures) > 1 else "vqa",
        (*boxes, *(talk.Placed(box) for box in outlines)), attributes=attributes,
    )  # fmt: skip


def give(conversation: talk.Conversation, how: talk.How) -> dict[str, Any]:
    """The record of a conversation; the pictures are shown where its first request shows them."""
    marks = "".join(f"Image {k}: {talk.IMAGE}" for k in range(1, len(conversation.pictures) + 1))
    turns = []
    for role, text in llava.said(conversation, how):
        if marks in text:
            text = text.replace(marks, VIDEO)
        elif talk.IMAGE in text:
            text = f"These are pictures of one place at several times: {VIDEO}\n{text.replace(talk.IMAGE, '').strip()}"
        turns.append({"from": llava.SAID[role], "value": text})
    row: dict[str, Any] = {"id": conversation.id, "video": [how.path(picture) for picture in conversation.pictures]}
    row["timestamp"] = [picture.time.date().isoformat() if picture.time else "" for picture in conversation.pictures]
    row["task"] = conversation.attributes.get("teochatlas task") or conversation.task.replace(" ", "_")
    named = {number for turn in conversation.turns for number in talk.numbers(turn.text)}
    loose = [each.box for number, each in enumerate(conversation.boxes) if number not in named]
    if loose:
        shape = how.shape(conversation.pictures[0])
        row["polygon"] = [codec.write([box], "wkt", shape) for box in loose]
    return row | {"conversations": turns}
