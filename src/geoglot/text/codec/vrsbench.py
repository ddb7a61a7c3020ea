"""VRSBench: `{<12><30><20><36>}`, upright, whole hundredths of each side."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from geoglot.text.codec import geochat
from geoglot.text.codec._frame import Syntax
from geoglot.text.codec._scan import Piece, Row, grouped

SYNTAX = Syntax("vrsbench", "{<12><30><20><36>}", "corners", 100.0, labels=True, origin="published files")
HINT = geochat.HINT
_EXACT = re.compile(r"\{(?:<\d+>){4}\}")


def scan(text: str, syntax: Syntax) -> Iterator[Piece]:
    """Every box in braces without an angle."""
    for piece in geochat.scan(text, syntax):
        if len(piece.numbers) == 4:
            yield piece._replace(exact=_EXACT.search(text, piece.start, piece.end) is not None)


def spell(rows: Sequence[Row], syntax: Syntax) -> str:
    """Boxes of one label behind its phrase, all joined by `<delim>`."""
    out = []
    for label, boxes in grouped(rows):
        out.append(
            (f"<p>{label}</p> " if label else "") + "<delim>".join("{" + "".join(f"<{v}>" for v in row) + "}" for row in boxes)
        )
    return "<delim>".join(out)
