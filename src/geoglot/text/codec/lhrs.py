"""LHRS-Bot: `[0.1,0.2,0.3,0.4]`, shares of each side."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from geoglot.text.codec._frame import Syntax
from geoglot.text.codec._scan import Piece, Row, lists

SYNTAX = Syntax("lhrs", "[0.10,0.20,0.30,0.40]", "corners", 1.0, origin="code, read", digits=2)
HINT = re.compile(r"\[\s*-?\d[\d.]*\s*,")
_EXACT = re.compile(r"\[\d(?:\.\d+)?(?:,\d(?:\.\d+)?){3}\]")


def scan(text: str, syntax: Syntax) -> Iterator[Piece]:
    """Every list of four numbers."""
    yield from lists(text, (4,), _EXACT)


def spell(rows: Sequence[Row], syntax: Syntax) -> str:
    """Lists with commas between them."""
    return ", ".join("[" + ",".join(numbers) + "]" for numbers, _ in rows)
