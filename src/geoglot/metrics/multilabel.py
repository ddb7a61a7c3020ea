"""Several labels a sample: average precision and F1, averaged over labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def average_precision(score: NDArray[np.floating], truth: NDArray[np.bool_], weight: NDArray[np.float64] | None = None) -> float:
    """Give the area under precision over recall as a sum of steps, equal scores as one step; NaN without a true sample."""
    weight = np.ones(len(score)) if weight is None else weight
    order = np.argsort(-score, kind="stable")
    s, w, hit = score[order], weight[order], weight[order] * truth[order]
    last = np.r_[np.flatnonzero(s[1:] != s[:-1]), len(s) - 1]
    positive, seen = np.cumsum(hit)[last], np.cumsum(w)[last]
    if positive[-1] == 0:
        return float("nan")
    precision = positive / np.where(seen > 0, seen, 1)
    return float((np.diff(np.r_[0, positive]) * precision).sum() / positive[-1])


class MultiLabel:
    """Mean average precision and macro-F1 in per cent, over the labels that some sample has.

    F1 is of the scores above ``threshold``, one number or one for each label, fixed beforehand.
    """

    def __init__(self, threshold: float | NDArray[np.floating] = 0.5) -> None:
        self.threshold = threshold
        self.scores: list[NDArray[np.floating]] = []
        self.truth: list[NDArray[np.bool_]] = []

    def add(self, scores: NDArray[np.floating], truth: NDArray[np.bool_]) -> None:
        """Take in scores (N, L) and which labels are true (N, L)."""
        self.scores.append(scores)
        self.truth.append(truth)

    def merge(self, other: MultiLabel) -> None:
        """Take in the samples of another."""
        self.scores += other.scores
        self.truth += other.truth

    def result(self, weight: NDArray[np.float64] | None = None) -> dict[str, float]:
        """Give ``mAP`` and ``macro_f1``; ``weight`` (N,) repeats samples, as a bootstrap does."""
        score, truth = np.concatenate(self.scores), np.concatenate(self.truth)
        weight = np.ones(len(score)) if weight is None else weight
        labels = np.flatnonzero(weight @ truth > 0)
        precise = [average_precision(score[:, k], truth[:, k], weight) for k in labels]
        return {"mAP": float(100 * np.mean(precise)), "macro_f1": float(100 * np.mean(self._f1(score, truth, weight)[labels]))}

    def _f1(self, score: NDArray[np.floating], truth: NDArray[np.bool_], weight: NDArray[np.float64]) -> NDArray[np.float64]:
        given = score > self.threshold
        both, total = weight @ (given & truth), weight @ given + weight @ truth
        f1: NDArray[np.float64] = 2 * both / np.where(total > 0, total, 1)
        return f1
