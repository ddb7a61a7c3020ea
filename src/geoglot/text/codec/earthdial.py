"""EarthDial: `<ref>ship</ref> [[10,20,30,40,45]]`, whole hundredths of each side and, for turned boxes, degrees.

Its scorer turns the corners counter-clockwise as seen, against GeoChat's demo, from whose data the boxes come.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from geoglot.text.codec._frame import Syntax
from geoglot.text.codec._scan import Piece, Row, grouped, list_of, wrapped

SYNTAX = Syntax(
    "earthdial", "[[10,20,30,40,45]]", "corners", 100.0, angle=True, labels=True, origin="code, read; the scale is GeoChat's"
)
HINT = re.compile(r"\[\s*\[\s*-?\d")
_INNER = re.compile(list_of((4, 5)))
_OUTER = re.compile(
    rf"(?:<ref>(?P<label>[^<>]{{0,200}})</ref>[\s,]{{0,9}})?\[\s*(?P<rows>{_INNER.pattern}(?:\s*,\s*{_INNER.pattern})*)\s*\]"
)
_EXACT = re.compile(r"(?:<ref>[^<>]+</ref> ?)?\[\[-?\d+(?:, ?-?\d+){3,4}\](?:, ?\[-?\d+(?:, ?-?\d+){3,4}\])*\]")


def scan(text: str, syntax: Syntax) -> Iterator[Piece]:
    """Every list of lists, with the phrase in `<ref>` right before it."""
    yield from wrapped(text, _OUTER, _INNER, _EXACT, (4, 5))


def spell(rows: Sequence[Row], syntax: Syntax) -> str:
    """One list of lists for each box, as its scorer wants them."""
    out = []
    for label, boxes in grouped(rows):
        out.append((f"<ref>{label}</ref> " if label else "") + ", ".join(f"[[{','.join(row)}]]" for row in boxes))
    return ", ".join(out)
