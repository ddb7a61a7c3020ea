"""Accuracy of named classes, overall and averaged over classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Accuracy:
    """Share of right answers in per cent: ``accuracy`` over all samples, ``balanced`` the mean over classes."""

    def __init__(self) -> None:
        self.truth: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self.right: NDArray[np.bool_] = np.zeros(0, dtype=bool)

    def add(self, answer: NDArray[np.int64], truth: NDArray[np.int64]) -> None:
        """Take in class indices (N,) given and wanted; an unparsed answer is -1 and wrong."""
        self.truth = np.concatenate([self.truth, truth])
        self.right = np.concatenate([self.right, answer == truth])

    def merge(self, other: Accuracy) -> None:
        """Take in the answers of another."""
        self.truth = np.concatenate([self.truth, other.truth])
        self.right = np.concatenate([self.right, other.right])

    def result(self, weight: NDArray[np.float64] | None = None) -> dict[str, float]:
        """Give the figures; ``weight`` (N,) repeats samples, as a bootstrap does."""
        weight = np.ones(len(self.truth)) if weight is None else weight
        hits = np.bincount(self.truth, weight * self.right)
        size = np.bincount(self.truth, weight)
        seen = size > 0
        return {
            "accuracy": float(100 * hits.sum() / size.sum()),
            "balanced": float(100 * np.mean(hits[seen] / size[seen])),
        }
