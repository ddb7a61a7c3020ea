"""FIT-RS: `<rbox>({<50.00><50.00><8.00><3.00>|<30>})</rbox>`, centre, width and height in hundredths of each side, degrees.

Its degrees go to mmrotate, whose angles are clockwise (recalled, unchecked). The form with four corners,
`({<91.75,16.78><93.59,23.99><89.91,24.98><88.07,17.77>})`, is read too. The converter that feeds GeoChat takes the cosine of
these degrees as if they were radians: boxes that went through it are wrong, and cannot be put right here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from geoglot.text.codec._frame import Syntax
from geoglot.text.codec._scan import N, Piece, Row, grouped, numbers_of

SYNTAX = Syntax(
    "fit_rs", "<rbox>({<50.00><50.00><8.00><3.00>|<30>})</rbox>", "centre", 100.0, digits=2, angle=True, turn="clockwise",
    labels=True, origin="code, read",
)  # fmt: skip
HINT = re.compile(r"<rbox>")
_FIVE = rf"\{{\s*(?:<\s*{N}\s*>\s*){{4}}\|\s*<\s*{N}\s*>\s*\}}"
_EIGHT = rf"\{{\s*(?:<\s*{N}\s*,\s*{N}\s*>\s*){{4}}\}}"
_OUTER = re.compile(r"(?:<(ref|p)>(?P<label>[^<>]{0,200})</\1>\s{0,9})?<rbox>\s*\((?P<rows>[^()]*)\)\s*</rbox>")
_INNER = re.compile(f"{_FIVE}|{_EIGHT}")
_EXACT = re.compile(r"\{(?:<-?\d+\.\d+>){4}\|<-?\d+>\}|\{(?:<-?\d+\.\d+,-?\d+\.\d+>){4}\}")


def scan(text: str, syntax: Syntax) -> Iterator[Piece]:
    """Every box in braces within `<rbox>`, with the phrase in `<ref>` or `<p>` right before it."""
    for outer in _OUTER.finditer(text):
        rows = list(_INNER.finditer(text, *outer.span("rows")))
        label = " ".join((outer["label"] or "").split())
        for k, row in enumerate(rows):
            start = outer.start() if k == 0 else row.start()
            end = outer.end() if k == len(rows) - 1 else row.end()
            numbers = numbers_of(row[0])
            whole = _EXACT.fullmatch(row[0]) is not None
            yield Piece(numbers if len(numbers) == 5 else _centred(numbers), start, end, label, whole)


def _centred(numbers: tuple[float, ...]) -> tuple[float, ...]:
    """Centre, sides and clockwise degrees of four corners, in numbers."""
    from shapely.geometry import MultiPoint

    from geoglot.geo.boxes import from_polygon

    box = from_polygon(MultiPoint(list(zip(numbers[::2], numbers[1::2], strict=True))).convex_hull)
    return (box.x, box.y, box.width, box.height, -box.angle)


def spell(rows: Sequence[Row], syntax: Syntax) -> str:
    """All boxes of one label in one `<rbox>`."""
    out = []
    for label, boxes in grouped(rows):
        texts = ["{" + "".join(f"<{v}>" for v in row[:4]) + f"|<{row[4]}>" + "}" for row in boxes]
        out.append((f"<ref>{label}</ref>" if label else "") + f"<rbox>({','.join(texts)})</rbox>")
    return ", ".join(out)
