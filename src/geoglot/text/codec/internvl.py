"""InternVL: `<ref>ship</ref><box>[[100, 200, 300, 400]]</box>`, whole thousandths of each side, rounded to the nearest."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from geoglot.text.codec._frame import Syntax
from geoglot.text.codec._scan import Piece, Row, grouped, list_of, wrapped

SYNTAX = Syntax(
    "internvl", "<ref>ship</ref><box>[[100, 200, 300, 400]]</box>", "corners", 1000.0, labels=True, origin="documentation, read"
)
HINT = re.compile(r"<box>")
_INNER = re.compile(list_of((4,)))
_OUTER = re.compile(r"(?:<ref>(?P<label>[^<>]{0,200})</ref>\s{0,9})?<box>(?P<rows>[^<]*)</box>")
_EXACT = re.compile(r"(?:<ref>[^<>]+</ref>)?<box>\[\[\d+(?:, ?\d+){3}\](?:, ?\[\d+(?:, ?\d+){3}\])*\]</box>")


def scan(text: str, syntax: Syntax) -> Iterator[Piece]:
    """Every list in `<box>`, with the phrase in `<ref>` right before it."""
    yield from wrapped(text, _OUTER, _INNER, _EXACT, (4,))


def spell(rows: Sequence[Row], syntax: Syntax) -> str:
    """All boxes of one label in one `<box>`."""
    out = []
    for label, boxes in grouped(rows):
        lists = ", ".join(f"[{', '.join(row)}]" for row in boxes)
        out.append((f"<ref>{label}</ref>" if label else "") + f"<box>[{lists}]</box>")
    return ", ".join(out)
