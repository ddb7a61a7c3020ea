"""Lengths and areas: how far off, and how often near enough; what could not be parsed counts as wrong."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

LEVELS = (0.1, 0.25)


class Measuring:
    """Relative errors of sizes above 0, in per cent of the truth.

    ``within10`` and ``within25`` are the shares that are off by no more than so many per cent, ``relative`` the mean error, in
    which an answer that was not parsed (NaN) is off by all of it, ``unparsed`` their share; within 25 % each kind by its name.
    """

    def __init__(self) -> None:
        self.off: NDArray[np.float64] = np.zeros(0)
        self.parsed: NDArray[np.bool_] = np.zeros(0, np.bool_)
        self.kinds: list[str] = []

    def add(self, given: NDArray[np.floating], truth: NDArray[np.floating], kinds: Sequence[str]) -> None:
        """Take in sizes given and true (N,) in one unit, and what each is of."""
        given, truth = np.asarray(given, np.float64), np.asarray(truth, np.float64)
        known = ~np.isnan(given)
        self.off = np.concatenate([self.off, np.where(known, np.abs(np.where(known, given, 0) - truth), truth) / truth])
        self.parsed = np.concatenate([self.parsed, known])
        self.kinds += kinds

    def merge(self, other: Measuring) -> None:
        """Take in the sizes of another."""
        self.off, self.parsed = np.concatenate([self.off, other.off]), np.concatenate([self.parsed, other.parsed])
        self.kinds += other.kinds

    def result(self, weight: NDArray[np.float64] | None = None) -> dict[str, float]:
        """Give the figures; ``weight`` (N,) repeats sizes, as a bootstrap does. NaN where there is nothing to average."""
        weight = np.ones(len(self.off)) if weight is None else weight
        found = {f"within{round(100 * level)}": _share(self.near(level), weight) for level in LEVELS}
        found["relative"] = _share(self.off, weight)
        found["unparsed"] = _share(~self.parsed, weight)
        of = np.array(self.kinds)
        return found | {kind: _share(self.near(LEVELS[-1]), weight * (of == kind)) for kind in dict.fromkeys(self.kinds)}

    def near(self, level: float) -> NDArray[np.bool_]:
        """Which (N,) are off by no more than a share of the truth."""
        found: NDArray[np.bool_] = self.parsed & (self.off <= level + 1e-9)
        return found


def _share(hit: NDArray[np.bool_] | NDArray[np.float64], weight: NDArray[np.float64]) -> float:
    total = float(weight.sum())
    return 100 * float(weight @ hit) / total if total else float("nan")
