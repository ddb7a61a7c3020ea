"""Qwen2-VL: `<|object_ref_start|>ship<|object_ref_end|><|box_start|>(100,200),(300,400)<|box_end|>`, thousandths of each side."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from geoglot.text.codec._frame import Syntax
from geoglot.text.codec._scan import N, Piece, Row, numbers_of

SYNTAX = Syntax(
    "qwen2_vl", "<|box_start|>(100,200),(300,400)<|box_end|>", "corners", 1000.0, labels=True, origin="recalled, unchecked"
)
HINT = re.compile(r"<\|box_start\|>")
_POINT = rf"\(\s*{N}\s*,\s*{N}\s*\)"
_BOX = re.compile(
    r"(?:<\|object_ref_start\|>(?P<label>[^<>|]{0,200})<\|object_ref_end\|>\s{0,9})?"
    rf"<\|box_start\|>(?P<row>\s*{_POINT}\s*,\s*{_POINT}\s*)<\|box_end\|>"
)
_EXACT = re.compile(r"\(\d+,\d+\),\(\d+,\d+\)")


def scan(text: str, syntax: Syntax) -> Iterator[Piece]:
    """Every pair of points between the marks, with the phrase right before it."""
    for found in _BOX.finditer(text):
        label = " ".join((found["label"] or "").split())
        yield Piece(numbers_of(found["row"]), *found.span(), label, _EXACT.fullmatch(found["row"]) is not None)


def spell(rows: Sequence[Row], syntax: Syntax) -> str:
    """Each box behind its phrase."""
    out = []
    for (a, b, c, d), label in rows:
        phrase = f"<|object_ref_start|>{label}<|object_ref_end|>" if label else ""
        out.append(f"{phrase}<|box_start|>({a},{b}),({c},{d})<|box_end|>")
    return "".join(out)
