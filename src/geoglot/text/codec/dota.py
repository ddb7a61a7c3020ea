"""DOTA: lines of `10 10 40 10 40 20 10 20 ship 0`, the corners in pixels, the class and whether it is difficult.

Lines such as `imagesource:GE` and `gsd:0.5` may stand before them. Spaces in a class are written as hyphens.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from geoglot.text.codec._frame import Syntax
from geoglot.text.codec._scan import N, Piece, Row, numbers_of

SYNTAX = Syntax("dota", "10 10 40 10 40 20 10 20 ship 0", "outline", None, digits=2, labels=True, origin="published files")
HINT = re.compile(rf"^[ \t]*{N}[ \t]+{N}[ \t]+{N}", re.MULTILINE)
_LINE = re.compile(
    rf"^[ \t]*(?P<row>{N}(?:[ \t]+{N}){{7}})(?:[ \t]+(?P<label>[^\s\d][^\s]{{0,80}}))?(?:[ \t]+\d)?[ \t]*$", re.MULTILINE
)
_EXACT = re.compile(rf"{N}(?: {N}){{7}} [^\s\d]\S* [01]")


def scan(text: str, syntax: Syntax) -> Iterator[Piece]:
    """Every line of eight numbers."""
    for found in _LINE.finditer(text):
        whole = _EXACT.fullmatch(found[0]) is not None
        yield Piece(numbers_of(found["row"]), *found.span(), found["label"] or "", whole)


def spell(rows: Sequence[Row], syntax: Syntax) -> str:
    """One line a box."""
    return "\n".join(f"{' '.join(numbers)} {label.replace(' ', '-') or 'object'} 0" for numbers, label in rows)
