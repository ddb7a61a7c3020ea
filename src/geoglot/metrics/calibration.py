"""Calibration: whether a stated confidence is the share of right answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Bin:
    """Answers whose confidence lies in (``low``, ``high``]: how many, their mean confidence, their share of right ones."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


class Calibration:
    """Expected calibration error over bins of equal width (Guo et al. 2017) in per cent, and the Brier score.

    ``brier`` is the sum over classes of squared differences between probabilities and truth, averaged over samples
    (Brier 1950): 0 is perfect, 2 is certain and wrong.
    """

    def __init__(self, bins: int = 15) -> None:
        self.bins = bins
        self.confidence: NDArray[np.float64] = np.zeros(0)
        self.right: NDArray[np.bool_] = np.zeros(0, dtype=bool)
        self.square: NDArray[np.float64] = np.zeros(0)

    def add(self, probability: NDArray[np.floating], truth: NDArray[np.int64]) -> None:
        """Take in probabilities (N, C), whose rows sum to one, and true classes (N,)."""
        p = probability.astype(np.float64)
        rows = np.arange(len(p))
        self.confidence = np.concatenate([self.confidence, p.max(1)])
        self.right = np.concatenate([self.right, p.argmax(1) == truth])
        square = (p**2).sum(1) - 2 * p[rows, truth] + 1
        self.square = np.concatenate([self.square, square])

    def merge(self, other: Calibration) -> None:
        """Take in the answers of another."""
        self.confidence = np.concatenate([self.confidence, other.confidence])
        self.right = np.concatenate([self.right, other.right])
        self.square = np.concatenate([self.square, other.square])

    def result(self, weight: NDArray[np.float64] | None = None) -> dict[str, float]:
        """Give ``ece`` in per cent and ``brier``; ``weight`` (N,) repeats samples, as a bootstrap does."""
        weight = np.ones(len(self.confidence)) if weight is None else weight
        place = self._place()
        gap = np.bincount(place, weight * (self.confidence - self.right), self.bins)
        return {
            "ece": float(100 * np.abs(gap).sum() / weight.sum()),
            "brier": float(np.average(self.square, weights=weight)),
        }

    def reliability(self) -> list[Bin]:
        """Give the bins that hold answers, in order."""
        place, edges = self._place(), np.linspace(0, 1, self.bins + 1)
        found = []
        for i in np.unique(place):
            rows = place == i
            confidence, right = float(self.confidence[rows].mean()), float(self.right[rows].mean())
            found.append(Bin(float(edges[i]), float(edges[i + 1]), int(rows.sum()), confidence, right))
        return found

    def _place(self) -> NDArray[np.int64]:
        place: NDArray[np.int64] = np.clip(np.ceil(self.confidence * self.bins).astype(np.int64) - 1, 0, self.bins - 1)
        return place
