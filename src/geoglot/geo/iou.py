"""Overlap of many boxes at once, upright and oriented, and non-maximum suppression of both; boxes are rows of arrays.

An upright box is (left, top, right, bottom), an oriented one (x, y, width, height, angle) with the angle of
`geoglot.geo.boxes.Box`: degrees, counter-clockwise as seen in an image whose rows count downwards. Edges, no +1.
"""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from geoglot.core.errors import InputError

Floats = NDArray[np.float64]
BLOCK = 65536  # pairs that are compared at once
QUERIES = 256  # boxes whose neighbours are sought at once


def corners(boxes: NDArray[np.floating]) -> Floats:
    """The corners (N, 4, 2) of oriented boxes (N, 5), in the order of `Box.corners`."""
    x, y, width, height, angle = np.asarray(boxes, dtype=np.float64).reshape(-1, 5).T
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    w, h = width / 2, height / 2
    turned = [(x + u * cos + v * sin, y - u * sin + v * cos) for u, v in ((-w, -h), (w, -h), (w, h), (-w, h))]
    found: Floats = np.moveaxis(np.array(turned), 2, 0)
    return found


def hulls(boxes: NDArray[np.floating]) -> Floats:
    """The upright boxes (N, 4) around oriented boxes (N, 5)."""
    points = corners(boxes)
    found: Floats = np.concatenate([points.min(1), points.max(1)], axis=1)
    return found


def iou(a: NDArray[np.floating], b: NDArray[np.floating]) -> Floats:
    """Intersection over union (N, M) of boxes (N, K) and (M, K), upright for K = 4, oriented for K = 5.

    A box without area overlaps nothing. Raises InputError for boxes of two kinds.
    """
    common = intersections(a, b)
    whole = areas(a)[:, None] + areas(b)[None, :] - common
    found: Floats = common / np.where(common > 0, whole, 1)
    return found


def intersections(a: NDArray[np.floating], b: NDArray[np.floating]) -> Floats:
    """Area (N, M) that boxes (N, K) and (M, K) share. Raises InputError for boxes of two kinds."""
    a, b = _rows(a), _rows(b)
    if a.shape[1] != b.shape[1]:
        raise InputError(
            "Upright boxes (four numbers) and oriented ones (five) cannot be compared: turn one kind into the other."
        )
    found = np.zeros((len(a), len(b)))
    upright = a if a.shape[1] == 4 else hulls(a)
    other = b if b.shape[1] == 4 else hulls(b)
    step = max(1, BLOCK // max(1, len(b)))
    for start in range(0, len(a), step):
        part = slice(start, start + step)
        met = _shared(upright[part, None], other[None])
        if a.shape[1] == 5:
            i, j = np.nonzero(met > 0)
            met[i, j] = _clipped(a[part][i], b[j])
        found[part] = met
    return found


def areas(boxes: NDArray[np.floating]) -> Floats:
    """Areas (N,) of boxes (N, 4) or (N, 5)."""
    rows = _rows(boxes)
    sides = rows[:, 2:4] if rows.shape[1] == 5 else rows[:, 2:] - rows[:, :2]
    found: Floats = sides[:, 0] * sides[:, 1]
    return found


def suppress(
    boxes: NDArray[np.floating],
    scores: NDArray[np.floating],
    labels: NDArray[np.integer] | None = None,
    overlap: float = 0.5,
    most: int | None = None,
) -> NDArray[np.int64]:
    """Places of the boxes (N, 4) or (N, 5) that stay, the best first: greedy non-maximum suppression.

    A box goes where a better one of the same label overlaps it by more than ``overlap`` (intersection over union); of equal
    scores the first is the better. At most ``most`` stay. Raises InputError for numbers that are not finite.
    """
    rows = _rows(boxes)
    if len(rows) != len(scores):
        raise InputError(f"Each box needs a score: there are {len(rows)} boxes and {len(scores)} scores.")
    if not (np.isfinite(rows).all() and np.isfinite(scores).all()):
        raise InputError("Boxes and scores that are compared must be finite numbers.")
    order = np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable")
    ranked = rows[order]
    kind = np.zeros(len(rows), np.int64) if labels is None else np.asarray(labels)[order]
    left, top, right, bottom = (ranked if ranked.shape[1] == 4 else hulls(ranked)).T
    tree = shapely.STRtree(shapely.box(left, top, right, bottom))
    gone = np.zeros(len(rows), bool)
    for start in range(0, len(rows), QUERIES):
        block = start + np.flatnonzero(~gone[start : start + QUERIES])
        near, other = tree.query(tree.geometries[block])
        worse = (other > block[near]) & ~gone[other] & (kind[other] == kind[block[near]])
        near, other = near[worse], other[worse]
        close = _pairs(ranked[block[near]], ranked[other]) > overlap
        near, other = near[close], other[close]
        by = np.argsort(near, kind="stable")
        ends = np.searchsorted(near[by], np.arange(len(block) + 1))
        for place, own in enumerate(block.tolist()):
            if not gone[own]:
                gone[other[by[ends[place] : ends[place + 1]]]] = True
    return order[~gone][:most]


def _rows(boxes: NDArray[np.floating]) -> Floats:
    rows = np.asarray(boxes, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] not in (4, 5):
        raise InputError(f"Boxes are rows of four numbers (upright) or five (oriented), got an array of {rows.shape}.")
    return rows


def _shared(a: Floats, b: Floats) -> Floats:
    """Area that upright boxes (..., 4) share."""
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    found: Floats = np.prod(np.maximum(sides, 0), axis=-1)
    return found


def _pairs(a: Floats, b: Floats) -> Floats:
    """Intersection over union (P,) of P pairs of boxes of one kind."""
    common = _shared(a, b) if a.shape[1] == 4 else _clipped(a, b)
    found: Floats = common / np.where(common > 0, areas(a) + areas(b) - common, 1)
    return found


def _clipped(a: Floats, b: Floats) -> Floats:
    """Area (P,) that P pairs of oriented boxes share."""
    blocks = [_clip(a[start : start + BLOCK], b[start : start + BLOCK]) for start in range(0, len(a), BLOCK)]
    return np.concatenate(blocks) if blocks else np.zeros(0)


def _clip(a: Floats, b: Floats) -> Floats:
    """Each box of ``a`` (P, 5) cut by the four half-planes of that of ``b`` (Sutherland and Hodgman 1974), all pairs at once."""
    # about the centre of `a`: far from the origin products of coordinates would lose what the areas need
    here = np.concatenate([np.zeros((len(a), 2)), a[:, 2:]], axis=1)
    there = np.concatenate([b[:, :2] - a[:, :2], b[:, 2:]], axis=1)
    shape, knife = corners(here), corners(there)
    for side in range(4):
        start = knife[:, side, None]
        along = knife[:, (side + 1) % 4, None] - start
        depth = _cross(along, shape - start)
        after, deep = np.roll(shape, -1, axis=1), np.roll(depth, -1, axis=1)
        crosses = (depth >= 0) != (deep >= 0)
        share = depth / np.where(crosses, depth - deep, 1)
        cut = shape + share[..., None] * (after - shape)
        # along each edge comes where it crosses, then its end where that lies inside
        points = np.stack([cut, after], axis=2).reshape(len(a), -1, 2)
        kept = np.stack([crosses, deep >= 0], axis=2).reshape(len(a), -1)
        count = kept.sum(1)
        first = np.argsort(~kept, axis=1, kind="stable")[:, : max(1, int(count.max(initial=0)))]
        # unused places repeat the first point, and what was cut off altogether is one point: neither adds area
        first = np.where(np.arange(first.shape[1]) < count[:, None], first, first[:, :1])
        shape = np.take_along_axis(points, first[..., None], axis=1)
    found: Floats = np.maximum(_cross(shape, np.roll(shape, -1, axis=1)).sum(1) / 2, 0)
    return np.where((areas(a) > 0) & (areas(b) > 0), found, 0.0)


def _cross(a: Floats, b: Floats) -> Floats:
    found: Floats = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return found
