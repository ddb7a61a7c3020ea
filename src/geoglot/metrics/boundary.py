"""Boundary F1 of classes of pixels: whether an edge is where it should be, to within some pixels."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


class BoundaryF1:
    """F1 in per cent of the boundaries of classes (Csurka et al. 2013), within ``distance`` pixels (Euclidean).

    A pixel is on the boundary of its class when a neighbour to a side has another class; the edge of the picture is no
    boundary, nor is that of pixels whose truth is one of ``ignore``, which do not count. Boundary pixels are counted over all
    pictures, F1 is that of each class, and the mean is over the classes that have a boundary in truth or answers.
    """

    def __init__(self, classes: int, distance: float = 2.0, ignore: Collection[int] = (255,)) -> None:
        self.classes, self.distance, self.ignore = classes, distance, tuple(ignore)
        self.counts: list[NDArray[np.int64]] = []

    def add(self, given: NDArray[np.integer], truth: NDArray[np.integer]) -> None:
        """Take in one picture: class indices (H, W) given and wanted."""
        if given.shape != truth.shape or given.ndim != 2:
            raise ValueError(f"an answer of {given.shape} does not fit a truth of {truth.shape}")
        valid = ~np.isin(truth, self.ignore)
        table = np.zeros((self.classes, 4), np.int64)
        edges = edge(given, valid), edge(truth, valid)
        for k in range(self.classes):
            answered, wanted = edges[0] & (given == k), edges[1] & (truth == k)
            table[k] = (
                np.count_nonzero(answered & near(wanted, self.distance)),
                np.count_nonzero(answered),
                np.count_nonzero(wanted & near(answered, self.distance)),
                np.count_nonzero(wanted),
            )
        self.counts.append(table)

    def merge(self, other: BoundaryF1) -> None:
        """Take in the pictures of another."""
        self.counts += other.counts

    def result(self, weight: NDArray[np.float64] | None = None) -> dict[str, float]:
        """Give ``boundary_f1``; ``weight`` (N,) repeats pictures, as a bootstrap does. NaN where there is no boundary."""
        f1 = self._f1(weight)
        return {"boundary_f1": float("nan") if np.isnan(f1).all() else 100 * float(np.nanmean(f1))}

    def per_class(self) -> dict[int, float]:
        """Give F1 in per cent of each class that has a boundary."""
        return {k: 100 * float(value) for k, value in enumerate(self._f1(None)) if not np.isnan(value)}

    def _f1(self, weight: NDArray[np.float64] | None) -> NDArray[np.float64]:
        stack = np.stack(self.counts) if self.counts else np.zeros((1, self.classes, 4))
        right, answered, found, wanted = (stack.sum(0) if weight is None else np.tensordot(weight, stack, 1)).T
        precision, recall = right / np.maximum(answered, 1e-9), found / np.maximum(wanted, 1e-9)
        f1: NDArray[np.float64] = 2 * precision * recall / np.maximum(precision + recall, 1e-9)
        return np.where(answered + wanted > 0, f1, np.nan)


def edge(classes: NDArray[np.integer], valid: Mask) -> Mask:
    """Where (H, W) a pixel has a neighbour above, below, left or right of another class, both of them valid."""
    found = np.zeros(classes.shape, bool)
    for axis in (0, 1):
        a, b = (np.s_[:-1, :], np.s_[1:, :]) if axis == 0 else (np.s_[:, :-1], np.s_[:, 1:])
        apart = (classes[a] != classes[b]) & valid[a] & valid[b]
        found[a] |= apart
        found[b] |= apart
    return found


def near(mask: Mask, distance: float) -> Mask:
    """Where (H, W) a pixel of the mask lies within a distance in pixels: a disc, row by row as sums over runs."""
    height, width = mask.shape
    found = np.zeros(mask.shape, bool)
    if not mask.any():
        return found
    sums = np.zeros((height, width + 1), np.int64)
    np.cumsum(mask, axis=1, out=sums[:, 1:])
    columns = np.arange(width)
    for down in range(-min(int(distance), height - 1), min(int(distance), height - 1) + 1):
        reach = int(np.sqrt(distance**2 - down**2))
        run = sums[:, np.minimum(columns + reach + 1, width)] > sums[:, np.maximum(columns - reach, 0)]
        rows = slice(max(0, down), min(height, height + down))
        found[rows] |= run[max(0, -down) : min(height, height - down)]
    return found
