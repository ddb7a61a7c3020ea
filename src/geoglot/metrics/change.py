"""Changed or not, pixel by pixel, where labels say it: F1, IoU, kappa, precision, recall, accuracy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

UNKNOWN = 255


class Change:
    """Figures in per cent from one table of counts for each pair: true or false, found or not.

    Truth is 1 changed, 0 unchanged, anything else unlabelled, which does not count. An answer that is neither (no data) counts
    as unchanged: what was not seen is not found. Figures are of the pixels of all pairs together.
    """

    def __init__(self) -> None:
        self.counts: list[NDArray[np.int64]] = []  # rows are the truth, columns the answer

    def add(self, given: NDArray[np.integer], truth: NDArray[np.integer], more: bool = False) -> None:
        """Take in a pair: answer and truth of one shape; with ``more``, a further part of the last one."""
        if given.shape != truth.shape:
            raise ValueError(f"an answer of {given.shape} does not fit a truth of {truth.shape}")
        if not (more and self.counts):
            self.counts.append(np.zeros((2, 2), np.int64))
        found = given == 1
        for value in (0, 1):
            part = found[truth == value]
            self.counts[-1][value] += (part.size - int(part.sum()), int(part.sum()))

    def merge(self, other: Change) -> None:
        """Take in the pairs of another."""
        self.counts += other.counts

    def table(self, weight: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Pixels (2, 2) of all pairs; ``weight`` (N,) repeats them."""
        if not self.counts:
            return np.zeros((2, 2))
        stack = np.stack(self.counts).astype(np.float64)
        found: NDArray[np.float64] = stack.sum(0) if weight is None else np.tensordot(weight, stack, 1)
        return found

    def result(self, weight: NDArray[np.float64] | None = None) -> dict[str, float]:
        """Give the figures; NaN where nothing is labelled. Without change and without alarm, F1 and IoU are 0, as in
        scikit-learn, and kappa, which then has no spread to explain, is 0 as well."""
        (right, alarm), (missed, hit) = self.table(weight)
        total = right + alarm + missed + hit
        if not total:
            return dict.fromkeys(("f1", "iou", "kappa", "precision", "recall", "accuracy"), float("nan"))
        agreed = (right + hit) / total
        chance = ((right + alarm) * (right + missed) + (missed + hit) * (alarm + hit)) / total**2
        return {
            "f1": _share(2 * hit, 2 * hit + alarm + missed),
            "iou": _share(hit, hit + alarm + missed),
            "kappa": 100 * float((agreed - chance) / (1 - chance)) if chance < 1 else 0.0,
            "precision": _share(hit, hit + alarm),
            "recall": _share(hit, hit + missed),
            "accuracy": 100 * float(agreed),
        }


def _share(part: float, whole: float) -> float:
    return 100 * float(part / whole) if whole else 0.0
