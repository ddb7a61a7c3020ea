"""Short answers to questions, by type: exact after normalisation, and what could not be parsed counts as wrong."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


class Answers:
    """Share of right answers in per cent: ``accuracy`` over all questions, ``mean`` over types, each type by its name, and what
    was ``unparsed``. Types are kept in the order in which they come; `per_type` gives each with its n.
    """

    def __init__(self) -> None:
        self.right: NDArray[np.float64] = np.zeros(0)
        self.parsed: NDArray[np.float64] = np.zeros(0)
        self.type: NDArray[np.int64] = np.zeros(0, np.int64)
        self.names: list[str] = []

    def add(self, right: Sequence[bool], types: Sequence[str], parsed: Sequence[bool] | None = None) -> None:
        """Take in for each question whether it was answered rightly, its type, and whether the answer could be parsed."""
        for name in types:
            if name not in self.names:
                self.names.append(name)
        known = np.ones(len(right)) if parsed is None else np.asarray(parsed, float)
        self.right = np.concatenate([self.right, np.asarray(right, float) * known])
        self.parsed = np.concatenate([self.parsed, known])
        self.type = np.concatenate([self.type, np.array([self.names.index(name) for name in types], np.int64)])

    def merge(self, other: Answers) -> None:
        """Take in the answers of another."""
        self.add(other.right.astype(bool).tolist(), [other.names[k] for k in other.type], other.parsed.astype(bool).tolist())

    def result(self, weight: NDArray[np.float64] | None = None) -> dict[str, float]:
        """Give the figures; ``weight`` (N,) repeats questions, as a bootstrap does."""
        weight = np.ones(len(self.right)) if weight is None else weight
        share, size = self._by_type(weight)
        return {
            "accuracy": 100 * float(weight @ self.right / weight.sum()),
            "mean": 100 * float(np.mean(share[size > 0])),
            "unparsed": 100 * float(weight @ (1 - self.parsed) / weight.sum()),
            **{name: 100 * float(share[k]) for k, name in enumerate(self.names)},
        }

    def per_type(self) -> dict[str, tuple[float, int]]:
        """Accuracy in per cent and n of each type."""
        share, size = self._by_type(np.ones(len(self.right)))
        return {name: (100 * float(share[k]), int(size[k])) for k, name in enumerate(self.names)}

    def _by_type(self, weight: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        many = len(self.names)
        size = np.bincount(self.type, weight, minlength=many).astype(np.float64)
        return np.bincount(self.type, weight * self.right, minlength=many) / np.where(size > 0, size, 1), size
