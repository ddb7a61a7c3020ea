"""GeoGround's text mask: `<seg>0 *32\\n0 *8|ship *12|0 *12...</seg>`, the classes of 32 x 32 cells, runs row by row.

Runs of a row are joined by `|`, rows by line ends; 0 is no object (the run-length form is recalled, unchecked). A box is the
upright box around cells that touch: boxes of one class that touch become one, and none is smaller than a cell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from scipy import ndimage

from geoglot.text.codec._frame import Syntax
from geoglot.text.codec._scan import Piece, Row

SYNTAX = Syntax("geoground", "<seg>0 *32\\n0 *8|ship *12|0 *12...</seg>", "mask", 32.0, labels=True, origin="recalled, unchecked")
HINT = re.compile(r"<seg>")
NOTHING = "0"
_MASK = re.compile(r"<seg>(?P<rows>[^<]*)</seg>")
_RUN = re.compile(r"(?P<label>[^*|<>]*)\*\s{0,9}(?P<count>\d{1,4})\s{0,9}")


def scan(text: str, syntax: Syntax) -> Iterator[Piece]:
    """The boxes around the parts of every mask; the first takes the whole mask as its span, the others its end."""
    for found in _MASK.finditer(text):
        cells = _cells(found["rows"], int(syntax.side or 32))
        if cells is None:
            continue
        names, grid = cells
        start = found.start()
        for number, label in enumerate(names):
            if label == NOTHING:
                continue
            parts, _ = ndimage.label(grid == number, np.ones((3, 3)))
            for rows, cols in ndimage.find_objects(parts):
                corners = (cols.start, rows.start, cols.stop, rows.stop)
                yield Piece(tuple(map(float, corners)), start, found.end(), "" if label == "1" else label)
                start = found.end()


def _cells(rows: str, side: int) -> tuple[list[str], np.ndarray[tuple[int, int], np.dtype[np.int64]]] | None:
    """The classes and the grid of a mask, None where its runs do not fill it."""
    names: dict[str, int] = {}
    lines = []
    for row in rows.strip("\n").split("\n"):
        line: list[int] = []
        for run in row.split("|"):
            found = _RUN.fullmatch(run)
            if found is None:
                return None
            line += [names.setdefault(" ".join(found["label"].split()), len(names))] * min(int(found["count"]), side + 1)
        lines.append(line)
    if len(lines) != side or any(len(line) != side for line in lines):
        return None
    return list(names), np.array(lines)


def spell(rows: Sequence[Row], syntax: Syntax) -> str:
    """One mask of all boxes; a later box lies over an earlier one."""
    side = int(syntax.side or 32)
    names = [NOTHING]
    grid = np.zeros((side, side), np.int64)
    for numbers, label in rows:
        left, top, right, bottom = (min(max(int(v), 0), side) for v in numbers)
        left, top = min(left, side - 1), min(top, side - 1)
        said = re.sub(r"[*|<>]", " ", label).strip() or "1"
        names += [said] if said not in names else []
        grid[top : max(bottom, top + 1), left : max(right, left + 1)] = names.index(said)
    lines = []
    for line in grid:
        ends = [0, *(np.flatnonzero(np.diff(line)) + 1).tolist(), side]
        lines.append("|".join(f"{names[line[a]]} *{b - a}" for a, b in pairwise(ends)))
    return "<seg>" + "\n".join(lines) + "</seg>"
