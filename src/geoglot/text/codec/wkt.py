"""Well-known text: `POLYGON((10 10, 40 10, 40 20, 10 20, 10 10))` in pixels, as in TEOChatlas and xBD; any outline is read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from geoglot.text.codec._frame import Syntax
from geoglot.text.codec._scan import N, Piece, Row, numbers_of

SYNTAX = Syntax("wkt", "POLYGON((10 10, 40 10, 40 20, 10 20, 10 10))", "outline", None, digits=2, origin="published files")
HINT = re.compile(r"POLYGON\s*\(")
_RING = rf"\s*{N}\s+{N}(?:\s*,\s*{N}\s+{N}){{2,2000}}\s*"
_BOX = re.compile(rf"POLYGON\s*\(\s*\((?P<row>{_RING})\)(?:\s*,\s*\({_RING}\))*\s*\)")
_EXACT = re.compile(rf"POLYGON ?\(\({N} {N}(?:, ?{N} {N})+\)\)")


def scan(text: str, syntax: Syntax) -> Iterator[Piece]:
    """Every polygon, by its outer ring."""
    for found in _BOX.finditer(text):
        yield Piece(numbers_of(found["row"]), *found.span(), "", _EXACT.fullmatch(found[0]) is not None)


def spell(rows: Sequence[Row], syntax: Syntax) -> str:
    """Closed rings."""
    out = []
    for numbers, _ in rows:
        points = [f"{x} {y}" for x, y in zip(numbers[::2], numbers[1::2], strict=True)]
        out.append(f"POLYGON(({', '.join([*points, points[0]])}))")
    return ", ".join(out)
