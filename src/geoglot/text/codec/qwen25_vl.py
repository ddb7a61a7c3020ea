"""Qwen2.5-VL: `[{"bbox_2d": [56, 84, 112, 140], "label": "ship"}]`, pixels of the picture as the processor resized it.

A processor with other limits than its own is said with `replace(SYNTAX, resize=(28, least, most))`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from geoglot.text.codec import _objects
from geoglot.text.codec._frame import Syntax
from geoglot.text.codec._scan import Piece, Row

SYNTAX = Syntax(
    "qwen25_vl",
    '{"bbox_2d": [56, 84, 112, 140], "label": "ship"}',
    "corners",
    None,
    space="resized",
    labels=True,
    origin="recalled, unchecked",
)
HINT = re.compile(r'"bbox_2d"\s*:')


def scan(text: str, syntax: Syntax) -> Iterator[Piece]:
    """Every object with a key `bbox_2d`."""
    yield from _objects.scan(text, "bbox_2d")


def spell(rows: Sequence[Row], syntax: Syntax) -> str:
    """A list of objects."""
    return _objects.spell(rows, "bbox_2d", "label")
