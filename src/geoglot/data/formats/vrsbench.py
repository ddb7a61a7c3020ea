"""VRSBench's annotations, a file a picture or a list of them: a caption, objects with referring sentences, questions.

A conversation for the caption, one for each sentence that means one object, one for each question; corners are shares of sides.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shapely.geometry import MultiPoint

from geoglot.core.protocols import Said
from geoglot.data import conversations as talk
from geoglot.data.formats import _kit
from geoglot.data.sample import Picture
from geoglot.geo.boxes import Box, from_polygon

BOXES: str | None = "geochat"
LINES = False
give = None
ASK = "Describe the image in detail."


def records(file: Path) -> Iterator[tuple[str, Any]]:
    """The record of each file of a folder, or of a list."""
    for each in sorted(file.glob("*.json")) if file.is_dir() else [file]:
        rows = _kit.loaded(each)
        if isinstance(rows, list):
            yield from ((f"{each.name}, record {number}", row) for number, row in enumerate(rows))
        else:
            yield each.name, rows


def take(record: Any, how: talk.How) -> Iterator[talk.Conversation]:
    """The conversations of one picture."""
    row = _kit.mapping(record)
    pictures = (_kit.picture(how.pictures, row["image"]),)
    shape = how.shape(pictures[0])
    if row.get("caption"):
        yield _one(f"{row['image']}/caption", pictures, ASK, row["caption"], "caption long")
    for thing in row.get("objects", []):
        if thing.get("referring_sentence"):
            box = box_of(thing["obj_corner"], shape)
            attributes = {"unique": str(unique(thing)), "size": str(thing.get("obj_size", ""))}
            said = f"Give me the location of {thing['referring_sentence'].strip().rstrip('.')}."
            turns = (Said("user", said, (0,)), Said("assistant", talk.mark(0)))
            placed = (talk.Placed(box, str(thing.get("obj_cls", ""))),)
            yield talk.Conversation(f"{row['image']}/{thing['obj_id']}", pictures, turns, "refer", placed, attributes=attributes)
    for pair in row.get("qa_pairs", []):
        kind = {"type": str(pair.get("type", ""))}
        yield _one(f"{row['image']}/q{pair['ques_id']}", pictures, pair["question"], str(pair["answer"]), "vqa", kind)


def _one(
    name: str, pictures: tuple[Picture, ...], asked: str, answer: str, task: str, attributes: dict[str, str] | None = None
) -> talk.Conversation:
    turns = (Said("user", asked, (0,)), Said("assistant", answer))
    return talk.Conversation(name, pictures, turns, task, attributes=attributes or {})


def box_of(corners: Any, shape: tuple[int, int] | None) -> Box:
    """The box of eight shares of the sides, in pixels where the shape is known; ValueError for other than eight numbers."""
    values = [float(v) for v in corners]
    if len(values) != 8:
        raise ValueError(f"{len(values)} numbers where a box has 8")
    high, wide = shape or (1, 1)
    points = [(x * wide, y * high) for x, y in zip(values[::2], values[1::2], strict=True)]
    return from_polygon(MultiPoint(points).convex_hull, "unit" if shape is None else "pixels")


def unique(thing: dict[str, Any]) -> bool:
    """Whether a sentence means the only object of its class: the writer says `unique`, the scorer reads `is_unique`."""
    return bool(thing.get("is_unique", thing.get("unique", False)))
