"""Errors of counts: how far off, in which direction, how often exact."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Counting:
    """Errors of numbers of things, one for each picture (or picture and class).

    ``mae`` and ``rmse`` in things, ``bias`` (positive: too many) in things, ``mape`` in per cent of the truth over those
    whose truth is not 0, ``exact`` and ``within1`` (at most one off) in per cent. A count that was not answered is NaN: it is
    neither, has no error, and is told as ``unanswered`` in per cent. ``error`` is the mean absolute error in which it errs as
    if nothing had been counted, at least by one, so that no answer is never better than a wrong one.
    """

    def __init__(self) -> None:
        self.given: NDArray[np.float64] = np.zeros(0)
        self.truth: NDArray[np.float64] = np.zeros(0)

    def add(self, given: NDArray[np.number], truth: NDArray[np.number]) -> None:
        """Take in counts given and wanted (N,)."""
        self.given = np.concatenate([self.given, np.asarray(given, dtype=np.float64)])
        self.truth = np.concatenate([self.truth, np.asarray(truth, dtype=np.float64)])

    def merge(self, other: Counting) -> None:
        """Take in the counts of another."""
        self.add(other.given, other.truth)

    def result(self, weight: NDArray[np.float64] | None = None) -> dict[str, float]:
        """Give the figures; ``weight`` (N,) repeats counts, as a bootstrap does. NaN where there is nothing to average."""
        weight = np.ones(len(self.truth)) if weight is None else weight
        answered = ~np.isnan(self.given)
        off = np.where(answered, self.given - self.truth, 0.0)
        some = answered & (self.truth != 0)
        return {
            "mae": _mean(np.abs(off), weight * answered),
            "rmse": float(np.sqrt(_mean(off**2, weight * answered))),
            "mape": 100 * _mean(np.abs(off) / np.where(some, np.abs(self.truth), 1), weight * some),
            "bias": _mean(off, weight * answered),
            "exact": 100 * _mean((answered & (off == 0)).astype(float), weight),
            "within1": 100 * _mean((answered & (np.abs(off) <= 1)).astype(float), weight),
            "error": _mean(np.where(answered, np.abs(off), np.maximum(np.abs(self.truth), 1)), weight),
            "unanswered": 100 * _mean((~answered).astype(float), weight),
        }


def _mean(values: NDArray[np.float64], weight: NDArray[np.float64]) -> float:
    total = float(weight.sum())
    return float(weight @ values) / total if total > 0 else float("nan")
