"""COCO: `[{"bbox": [10.0, 20.0, 30.0, 16.0], "category": "ship"}]`, left, top, width and height in pixels."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from geoglot.text.codec import _objects
from geoglot.text.codec._frame import Syntax
from geoglot.text.codec._scan import Piece, Row

SYNTAX = Syntax(
    "coco",
    '{"bbox": [10.0, 20.0, 30.0, 16.0], "category": "ship"}',
    "edge and size",
    None,
    digits=2,
    labels=True,
    origin="documentation",
)
HINT = re.compile(r'"bbox"\s*:')


def scan(text: str, syntax: Syntax) -> Iterator[Piece]:
    """Every object with a key `bbox`."""
    yield from _objects.scan(text, "bbox")


def spell(rows: Sequence[Row], syntax: Syntax) -> str:
    """A list of objects."""
    return _objects.spell(rows, "bbox", "category")
