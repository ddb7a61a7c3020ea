"""Accuracy of named classes: overall, among the first five answers, and averaged over classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FIRST = 5


class Accuracy:
    """Share of right answers in per cent: ``accuracy`` over all samples, ``balanced`` the mean over classes.

    Where rankings are given that name at least five classes, ``top5`` is the share of truths among the first five.
    """

    def __init__(self) -> None:
        self.truth: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self.place: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self.depth: int | None = None

    def add(self, answer: NDArray[np.int64], truth: NDArray[np.int64]) -> None:
        """Take in class indices wanted (N,) and given: (N,), or (N, K) best first; an unparsed answer is -1 and wrong."""
        ranked = answer[:, None] if answer.ndim == 1 else answer
        right = ranked == truth[:, None]
        # the place of the truth, or one beyond the last where it was not named
        place = np.where(right.any(1), right.argmax(1), max(ranked.shape[1], FIRST))
        self.truth, self.place = np.concatenate([self.truth, truth]), np.concatenate([self.place, place])
        self.depth = ranked.shape[1] if self.depth is None else min(self.depth, ranked.shape[1])

    def merge(self, other: Accuracy) -> None:
        """Take in the answers of another."""
        self.truth = np.concatenate([self.truth, other.truth])
        self.place = np.concatenate([self.place, other.place])
        depths = [depth for depth in (self.depth, other.depth) if depth is not None]
        self.depth = min(depths, default=None)

    def result(self, weight: NDArray[np.float64] | None = None) -> dict[str, float]:
        """Give the figures; ``weight`` (N,) repeats samples, as a bootstrap does."""
        weight = np.ones(len(self.truth)) if weight is None else weight
        share, size = self._by_class(weight)
        found = {
            "accuracy": float(100 * (weight * (self.place == 0)).sum() / weight.sum()),
            "balanced": float(100 * np.mean(share[size > 0])),
        }
        if self.depth is not None and self.depth >= FIRST:
            found["top5"] = float(100 * (weight * (self.place < FIRST)).sum() / weight.sum())
        return found

    def per_class(self) -> dict[int, tuple[float, int]]:
        """Give accuracy in per cent and n for each class index that occurs."""
        share, size = self._by_class(np.ones(len(self.truth)))
        return {int(i): (float(100 * share[i]), int(size[i])) for i in np.flatnonzero(size)}

    def _by_class(self, weight: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        size = np.bincount(self.truth, weight).astype(np.float64)
        return np.bincount(self.truth, weight * (self.place == 0)) / np.where(size > 0, size, 1), size
