"""ms-swift's messages: LLaMA-Factory's as JSON lines, and `objects` for the marks `<ref-object>` and `<bbox>` of the texts.

`objects` is `{"ref": [...], "bbox": [[left, top, right, bottom], ...], "bbox_type": "real" or "norm1000", "image_id": [...]}`:
pixels of the picture by default, a box of two numbers is a point. The trainer writes the boxes as its model wants them; turned
boxes become the upright ones around them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from geoglot.core.errors import DataError
from geoglot.core.protocols import Said
from geoglot.data import conversations as talk
from geoglot.data.formats import _kit, llama_factory
from geoglot.data.sample import Picture
from geoglot.geo.boxes import Box
from geoglot.text.instructions import tagged

BOXES: str | None = None
LINES = True
_MARKS = re.compile(r"<ref-object>|<bbox>(?:\s*,?\s*<bbox>)*")


def records(file: Path) -> Iterator[tuple[str, Any]]:
    """The lines, or the entries of a list."""
    yield from _kit.records(file)


def take(record: Any, how: talk.How) -> Iterator[talk.Conversation]:
    """The one conversation of a record."""
    row = _kit.mapping(record)
    objects = row.get("objects")
    if not objects:
        yield from llama_factory.take(row, how)
        return
    pictures = tuple(_kit.picture(how.pictures, name) for name in _kit.listed(row.get("images")))
    boxes = [_placed(bbox, k, objects, pictures, how) for k, bbox in enumerate(objects.get("bbox", []))]
    refs, at = iter(objects.get("ref", [])), iter(range(len(boxes)))

    def put(found: re.Match[str]) -> str:
        try:
            if found[0] == "<ref-object>":
                return str(next(refs))
            return talk.mark(*(next(at) for _ in range(found[0].count("<bbox>"))))
        except StopIteration:
            raise DataError(f"the texts have more {found[0][:12]} marks than `objects` has entries.") from None

    rows = [(_kit.role(turn.get("role")), _MARKS.sub(put, _kit.text(turn.get("content")))) for turn in row["messages"]]
    turns, placed, task, attributes = talk.of_turns(rows, pictures, how, boxes)
    name = str(row.get("id", pictures[0].path.name if pictures else ""))
    yield talk.Conversation(name, pictures, turns, row.get("task", task), placed, attributes=attributes)


def _placed(bbox: Any, number: int, objects: dict[str, Any], pictures: tuple[Picture, ...], how: talk.How) -> talk.Placed:
    of = int(objects["image_id"][number]) if objects.get("image_id") else 0
    ref = objects.get("ref", [])
    label = ref[number] if len(ref) == len(objects["bbox"]) else ""
    values = [float(v) for v in bbox]
    if len(values) == 2:
        values = values * 2
    left, top, right, bottom = values
    if objects.get("bbox_type", "real") == "norm1000":
        return talk.Placed(Box.upright(left / 1000, top / 1000, right / 1000, bottom / 1000, "unit"), label, of)
    return talk.Placed(Box.upright(left, top, right, bottom), label, of)


def give(conversation: talk.Conversation, how: talk.How) -> dict[str, Any]:
    """The record of a conversation: boxes in pixels where the size of their picture is known, else in thousandths."""
    used: list[int] = []

    def put(found: re.Match[str]) -> str:
        own = [int(number) for number in found[1].split(",")]
        used.extend(own)
        return ", ".join(["<bbox>"] * len(own))

    messages = []
    for number, turn in enumerate(conversation.turns):
        first = turn.role == "user" and all(other.role != "user" for other in conversation.turns[:number])
        text = tagged(turn.text, conversation.task, how.grammar) if first else turn.text
        text = talk.with_marks(Said(turn.role, talk.MARK.sub(put, text), turn.pictures))
        messages.append({"role": turn.role, "content": text})
    row: dict[str, Any] = {"messages": messages, "images": [how.path(picture) for picture in conversation.pictures]}
    if used:
        chosen = [conversation.boxes[number] for number in used]
        shapes = [how.shape(conversation.pictures[each.of]) for each in chosen]
        real = all(shape is not None or each.box.frame == "pixels" for each, shape in zip(chosen, shapes, strict=True))
        boxes = [_numbers(each.box, shape, real) for each, shape in zip(chosen, shapes, strict=True)]
        objects: dict[str, Any] = {"ref": [], "bbox": boxes, "bbox_type": "real" if real else "norm1000"}
        if any(each.of for each in chosen):
            objects["image_id"] = [each.of for each in chosen]
        row["objects"] = objects
    return row | {"id": conversation.id} | ({"task": conversation.task} if conversation.task else {})


def _numbers(box: Box, shape: tuple[int, int] | None, real: bool) -> list[float]:
    if real:
        return [round(v, 2) for v in (box if shape is None else box.to_pixels(shape)).bounds()]
    if box.frame == "pixels" and shape is None:
        raise DataError("boxes in pixels and in unit squares, of pictures that are not there: fetch the pictures.")
    return [round(1000 * v) for v in (box if shape is None else box.to_unit(shape)).bounds()]
