"""How objects lie to one another: side, distance, between; each told only where viewers would agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import shapely

from geoglot.data.synth.instances import Instance

Side = Literal["left of", "right of", "above", "below"]
OPPOSITE: dict[Side, Side] = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
COMPASS: dict[Side, str] = {"left of": "west of", "right of": "east of", "above": "north of", "below": "south of"}
CORNERS = (
    ("top left", "top", "top right"),
    ("left", "centre", "right"),
    ("bottom left", "bottom", "bottom right"),
)  # fmt: skip
DOUBT = 0.04  # of the side of the picture: how close to the line between two parts nobody could say which


@dataclass(frozen=True)
class Relation:
    """That the object number `subject` of a list stands in a relation to the objects `others`."""

    kind: str
    subject: int
    others: tuple[int, ...]


def side(a: Instance, b: Instance) -> Side | None:
    """On which side of b lies a, as seen in the picture: None where they overlap along that axis or lie askew."""
    (al, at, ar, ab), (bl, bt, br, bb) = a.upright.bounds(), b.upright.bounds()
    dx, dy = a.upright.x - b.upright.x, a.upright.y - b.upright.y
    if abs(dx) > 2 * abs(dy):
        return "left of" if ar <= bl else "right of" if al >= br else None
    if abs(dy) > 2 * abs(dx):
        return "above" if ab <= bt else "below" if at >= bb else None
    return None


def gap(a: Instance, b: Instance) -> float:
    """Metres between two outlines; 0 where they touch."""
    return float(shapely.distance(a.shape, b.shape)) * a.gsd


def near(a: Instance, b: Instance) -> bool | None:
    """Whether two objects are near each other, by their own size; None in the wide range where one could say either."""
    own = max(a.sides[0], b.sides[0], 15.0)
    apart = gap(a, b)
    return True if apart < own else False if apart > 4 * own else None


def next_to(a: Instance, b: Instance) -> bool:
    """Whether two objects stand side by side: less than half the smaller one's length apart, and not overlapping."""
    return 0 < gap(a, b) < 0.5 * min(a.sides[0], b.sides[0])


def between(c: Instance, a: Instance, b: Instance) -> bool:
    """Whether c lies between a and b: on their line, in its middle part."""
    p, q, m = np.array(a.centre), np.array(b.centre), np.array(c.centre)
    way = q - p
    long = float(np.hypot(*way))
    if long < 2 * max(c.upright.width, 1.0):
        return False
    along = float((m - p) @ way) / long**2
    across = abs(float((m - p)[0] * way[1] - (m - p)[1] * way[0])) / long
    return 0.25 < along < 0.75 and across < 0.15 * long and gap(c, a) > 0 and gap(c, b) > 0


def part(x: float, y: float, shape: tuple[int, int]) -> str | None:
    """The part of a picture (height, width) in which a point lies, of nine; None near a line between two."""
    h, w = shape
    row, col = _third(y / h), _third(x / w)
    return None if row is None or col is None else CORNERS[row][col]


def _third(t: float) -> int | None:
    if min(abs(t - 1 / 3), abs(t - 2 / 3)) < DOUBT:
        return None
    return min(int(t * 3), 2)


def relations(items: tuple[Instance, ...]) -> list[Relation]:
    """All relations among a few objects, in a fixed order."""
    out = []
    for i, a in enumerate(items):
        for j, b in enumerate(items):
            if i == j:
                continue
            if found := side(a, b):
                out.append(Relation(found, i, (j,)))
            if i < j and near(a, b):
                out.append(Relation("next to" if next_to(a, b) else "near", i, (j,)))
            for k in range(j + 1, len(items)):
                if k != i and between(a, b, items[k]):
                    out.append(Relation("between", i, (j, k)))
    return out
