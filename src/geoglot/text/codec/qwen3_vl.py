"""Qwen3-VL: `[{"bbox_2d": [100, 200, 300, 400], "label": "ship"}]`, whole thousandths of each side."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from geoglot.text.codec import _objects
from geoglot.text.codec._frame import Syntax
from geoglot.text.codec._scan import Piece, Row

SYNTAX = Syntax(
    "qwen3_vl", '{"bbox_2d": [100, 200, 300, 400], "label": "ship"}', "corners", 1000.0, labels=True, origin="recalled, unchecked"
)
HINT = re.compile(r'"bbox_2d"\s*:')


def scan(text: str, syntax: Syntax) -> Iterator[Piece]:
    """Every object with a key `bbox_2d`."""
    yield from _objects.scan(text, "bbox_2d")


def spell(rows: Sequence[Row], syntax: Syntax) -> str:
    """A list of objects."""
    return _objects.spell(rows, "bbox_2d", "label")
