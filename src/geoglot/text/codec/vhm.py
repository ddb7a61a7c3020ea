"""VHM: `[100,200,300,400]`, whole thousandths of each side; its benchmarks' truth is in pixels: `replace(SYNTAX, side=None)`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from geoglot.text.codec._frame import Syntax
from geoglot.text.codec._scan import Piece, Row, lists

SYNTAX = Syntax("vhm", "[100,200,300,400]", "corners", 1000.0, origin="code, read")
HINT = re.compile(r"\[\s*-?\d[\d.]*\s*,")
_EXACT = re.compile(r"\[\d+(?:,\d+){3}\]")


def scan(text: str, syntax: Syntax) -> Iterator[Piece]:
    """Every list of four numbers."""
    yield from lists(text, (4,), _EXACT)


def spell(rows: Sequence[Row], syntax: Syntax) -> str:
    """Lists with commas between them."""
    return ", ".join("[" + ",".join(numbers) + "]" for numbers, _ in rows)
