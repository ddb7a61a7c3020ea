"""Whether something is there: F1, precision, recall at a threshold, and the area under the curve of all thresholds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Presence:
    """Figures in per cent of scores of pictures beside whether each truly shows what is asked for."""

    def __init__(self, threshold: float = 0.5) -> None:
        self.threshold = threshold
        self.scores: list[float] = []
        self.truth: list[bool] = []

    def add(self, scores: NDArray[np.floating], truth: NDArray[np.bool_]) -> None:
        """Take in scores (N,) and truths (N,)."""
        self.scores += [float(v) for v in scores]
        self.truth += [bool(v) for v in truth]

    def merge(self, other: Presence) -> None:
        """Take in the pictures of another."""
        self.scores += other.scores
        self.truth += other.truth

    def result(self, weight: Floats | None = None) -> dict[str, float]:
        """Give the figures; ``weight`` (N,) repeats pictures, as a bootstrap does. NaN where there is nothing to tell."""
        score, truth = np.array(self.scores), np.array(self.truth, dtype=bool)
        worth = np.ones(len(score)) if weight is None else weight
        said = score >= self.threshold
        right = float(worth[said & truth].sum())
        with np.errstate(invalid="ignore", divide="ignore"):
            precision, recall = np.float64(right) / worth[said].sum(), np.float64(right) / worth[truth].sum()
            f1 = np.float64(2 * right) / (worth[said].sum() + worth[truth].sum())
        named = {"F1": f1, "precision": precision, "recall": recall, "AUC": area(score, truth, worth)}
        return {name: 100 * float(value) for name, value in named.items()}


def area(score: Floats, truth: NDArray[np.bool_], weight: Floats | None = None) -> float:
    """The area under the ROC curve: how often a picture that shows it scores above one that does not; ties count half."""
    worth = np.ones(len(score)) if weight is None else weight
    order = np.argsort(score, kind="stable")
    value, there, w = score[order], truth[order], worth[order]
    yes, no = np.where(there, w, 0.0), np.where(there, 0.0, w)
    below = np.concatenate([[0.0], np.cumsum(no)])
    first = np.searchsorted(value, value, side="left")
    last = np.searchsorted(value, value, side="right")
    pairs = yes.sum() * no.sum()
    return float((yes * (below[first] + below[last]) / 2).sum() / pairs) if pairs else float("nan")


def best_threshold(score: Floats, truth: NDArray[np.bool_]) -> float:
    """The threshold with the highest F1; halfway between two scores."""
    order = np.argsort(-score, kind="stable")
    right = np.cumsum(truth[order])
    f1 = 2 * right / (np.arange(1, len(score) + 1) + max(int(truth.sum()), 1))
    at = int(f1.argmax())
    kept = score[order]
    return float(kept[at] if at + 1 == len(kept) else (kept[at] + kept[at + 1]) / 2)
