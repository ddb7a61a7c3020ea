"""Classes of pixels from a confusion matrix: intersection over union, pixel accuracy, F1."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

BLOCK = 1 << 20  # pixels that are counted at once


class Segmentation:
    """Figures in per cent of class indices drawn as pictures, from one confusion matrix for each picture.

    Memory holds those matrices and no pixels. Pixels whose truth is one of ``ignore`` do not count. An answer that is none of
    the ``classes`` (no data) is wrong: missed where it should be, false nowhere. A class that is neither in the truth nor in
    the answers has no figure and is left out of the means; one that is answered but never true has 0 (as `jaccard_score` and
    `f1_score` of scikit-learn average over the labels that occur). With ``background``, the class for "none of these",
    ``mIoU_named`` is the mean over the others.
    """

    def __init__(self, classes: int, ignore: Collection[int] = (255,), background: int | None = None) -> None:
        self.classes, self.ignore, self.background = classes, tuple(ignore), background
        self.counts: list[NDArray[np.int64]] = []

    def add(self, given: NDArray[np.integer], truth: NDArray[np.integer], more: bool = False) -> None:
        """Take in one picture: class indices given and wanted, of one shape; with ``more``, a further part of the last one."""
        if given.shape != truth.shape:
            raise ValueError(f"an answer of {given.shape} does not fit a truth of {truth.shape}")
        if not (more and self.counts):
            self.counts.append(np.zeros((self.classes, self.classes + 1), np.int64))
        flat, wanted = given.reshape(-1), truth.reshape(-1)
        for start in range(0, flat.size, BLOCK):
            self.counts[-1] += self._count(flat[start : start + BLOCK], wanted[start : start + BLOCK])

    def merge(self, other: Segmentation) -> None:
        """Take in the pictures of another."""
        self.counts += other.counts

    def confusion(self, weight: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Pixels (C, C + 1): rows are the truth, the last column is what was answered by none of the classes."""
        if not self.counts:
            return np.zeros((self.classes, self.classes + 1))
        stack = np.stack(self.counts).astype(np.float64)
        found: NDArray[np.float64] = stack.sum(0) if weight is None else np.tensordot(weight, stack, 1)
        return found

    def result(self, weight: NDArray[np.float64] | None = None) -> dict[str, float]:
        """Give the figures; ``weight`` (N,) repeats pictures, as a bootstrap does. NaN where no pixel counts."""
        table = self.confusion(weight)
        iou, f1 = self._shares(table)
        pixels = table.sum()
        found = {
            "mIoU": _mean(iou),
            "pixel_accuracy": 100 * float(np.trace(table[:, :-1]) / pixels) if pixels else float("nan"),
            "mF1": _mean(f1),
        }
        if self.background is not None:
            found["mIoU_named"] = _mean(np.delete(iou, self.background))
        return found

    def per_class(self, weight: NDArray[np.float64] | None = None) -> dict[int, dict[str, float]]:
        """Give IoU and F1 in per cent and the true pixels of each class that occurs."""
        table = self.confusion(weight)
        iou, f1 = self._shares(table)
        wanted = table.sum(1)
        return {
            k: {"iou": 100 * float(iou[k]), "f1": 100 * float(f1[k]), "pixels": float(wanted[k])}
            for k in range(self.classes)
            if not np.isnan(iou[k])
        }

    def _count(self, given: NDArray[np.integer], truth: NDArray[np.integer]) -> NDArray[np.int64]:
        counted = (truth >= 0) & (truth < self.classes)
        for value in self.ignore:
            counted &= truth != value
        strange = ~counted & ~np.isin(truth, self.ignore)
        if strange.any():
            raise ValueError(f"{truth[strange][0]} is neither one of {self.classes} classes nor ignored ({self.ignore})")
        answer = given[counted].astype(np.int64)
        answer[(answer < 0) | (answer >= self.classes)] = self.classes
        flat = truth[counted].astype(np.int64) * (self.classes + 1) + answer
        return np.bincount(flat, minlength=self.classes * (self.classes + 1)).reshape(self.classes, -1)

    def _shares(self, table: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        both = np.diagonal(table)
        total = table.sum(1) + table[:, :-1].sum(0)
        with np.errstate(invalid="ignore"):
            return both / (total - both), 2 * both / total


def _mean(values: NDArray[np.float64]) -> float:
    return float("nan") if np.isnan(values).all() else 100 * float(np.nanmean(values))
