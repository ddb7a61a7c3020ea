"""Recall and precision of detections above a score that was fixed beforehand."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geoglot.metrics._matching import match


class Detected:
    """Precision, recall and F1 in per cent of the boxes with a score of at least ``threshold``, over all classes together.

    A box is right when it overlaps a free object of its class by at least ``overlap`` (intersection over union; COCO's rule).
    Boxes of classes that no picture holds are wrong. Precision is 0 where nothing is detected and something should be.
    """

    def __init__(self, classes: int, threshold: float = 0.5, overlap: float = 0.5) -> None:
        self.classes, self.threshold, self.overlap = classes, threshold, overlap
        self.counts: list[NDArray[np.int64]] = []

    def add(
        self,
        boxes: NDArray[np.floating],
        scores: NDArray[np.floating],
        labels: NDArray[np.integer],
        truth: NDArray[np.floating],
        wanted: NDArray[np.integer],
        ignore: NDArray[np.bool_] | None = None,
    ) -> None:
        """Take in one picture: boxes (D, K) with scores and class indices (D,), objects (G, K) with class indices (G,)."""
        ignore = np.zeros(len(truth), bool) if ignore is None else ignore
        table = np.zeros((self.classes, 3), np.int64)
        for k in range(self.classes):
            own, there = np.flatnonzero((labels == k) & (scores >= self.threshold)), np.flatnonzero(wanted == k)
            none = np.zeros(len(there), bool)
            made = match(boxes[own], scores[own], truth[there], np.array([self.overlap]), ignore[there], none)
            right = int(np.count_nonzero(made.hit & ~made.skip))
            table[k] = right, np.count_nonzero(~made.hit & ~made.skip), made.objects - right
        self.counts.append(table)

    def merge(self, other: Detected) -> None:
        """Take in the pictures of another."""
        self.counts += other.counts

    def result(self, weight: NDArray[np.float64] | None = None) -> dict[str, float]:
        """Give the figures; ``weight`` (N,) repeats pictures, as a bootstrap does. NaN where there is neither box nor object."""
        return _shares(self._table(weight).sum(0))

    def per_class(self) -> dict[int, dict[str, float]]:
        """Give the figures of each class that was detected or is there."""
        return {k: _shares(row) for k, row in enumerate(self._table(None)) if row.sum()}

    def _table(self, weight: NDArray[np.float64] | None) -> NDArray[np.float64]:
        stack = np.stack(self.counts).astype(np.float64) if self.counts else np.zeros((1, self.classes, 3))
        found: NDArray[np.float64] = stack.sum(0) if weight is None else np.tensordot(weight, stack, 1)
        return found


def _shares(row: NDArray[np.float64]) -> dict[str, float]:
    right, wrong, missed = (float(value) for value in row)
    if right + wrong + missed == 0:
        return {"precision": float("nan"), "recall": float("nan"), "f1": float("nan")}
    return {
        "precision": 100 * right / max(right + wrong, 1e-9),
        "recall": 100 * right / max(right + missed, 1e-9),
        "f1": 200 * right / (2 * right + wrong + missed),
    }
