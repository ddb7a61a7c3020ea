"""GeoChat: `<p>ship</p> {<12><30><20><36>|<45>}`, whole hundredths of each side, boxes joined by `<delim>` or abutting.

The demo shows the model a square-padded picture and draws on the unpadded one: read a model that was trained on padded pictures
with `replace(SYNTAX, space="square")`. Its two drawing helpers turn opposite ways: this is the demo's, `replace(SYNTAX,
turn="counter-clockwise")` the other. A box without an angle (VRSBench's form) is read as upright.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from geoglot.text.codec._frame import Syntax
from geoglot.text.codec._scan import N, Piece, Row, grouped, numbers_of

SYNTAX = Syntax(
    "geochat", "{<12><30><20><36>|<45>}", "corners", 100.0, angle=True, turn="clockwise", labels=True, origin="code, read"
)
HINT = re.compile(r"\{\s*<\s*-?\d")
_P = r"(?:<p>(?P<label>[^<>]{0,200})</p>\s{0,9})?"
_BOX = re.compile(rf"{_P}\{{(?P<row>(?:\s*<\s*{N}\s*>){{4}}\s*(?:\|\s*<\s*{N}\s*>\s*)?)\}}")
_EXACT = re.compile(r"(?:<-?\d+>){4}(?:\|<-?\d+>)?")


def scan(text: str, syntax: Syntax) -> Iterator[Piece]:
    """Every box in braces, with the phrase in `<p>` right before it."""
    for found in _BOX.finditer(text):
        label = " ".join((found["label"] or "").split())
        yield Piece(numbers_of(found["row"]), *found.span(), label, _EXACT.fullmatch(found["row"]) is not None)


def spell(rows: Sequence[Row], syntax: Syntax) -> str:
    """Boxes of one label behind its phrase, all joined by `<delim>`."""
    out = []
    for label, boxes in grouped(rows):
        texts = ["{" + "".join(f"<{v}>" for v in row[:4]) + f"|<{row[4]}>" + "}" for row in boxes]
        out.append((f"<p>{label}</p> " if label else "") + "<delim>".join(texts))
    return "<delim>".join(out)
