"""Places that phrases speak of: the share of boxes that meet theirs, and how well; boxes that were not given are wrong."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from geoglot.geo.boxes import Box

LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9)


class Grounding:
    """Overlap of the box that is given for a phrase with the one that is meant, upright or turned, by true polygons.

    ``acc50`` to ``acc90`` in per cent, ``iou`` the mean overlap and ``cumulative`` the overlap of all areas (Zhan et al.
    2023, arXiv 2210.12634) in per cent, ``unparsed`` the share of phrases without a box, which are wrong.
    """

    def __init__(self) -> None:
        self.overlap: NDArray[np.float64] = np.zeros(0)
        self.shared: NDArray[np.float64] = np.zeros(0)
        self.joined: NDArray[np.float64] = np.zeros(0)
        self.given: NDArray[np.float64] = np.zeros(0)

    def add(self, given: Sequence[Box | None], truth: Sequence[Box]) -> None:
        """Take in one box a phrase, None where none was given, and the one that is meant; both in one frame."""
        rows = [_row(one, meant) for one, meant in zip(given, truth, strict=True)]
        overlap, shared, joined, known = (np.array([row[k] for row in rows], float) for k in range(4))
        self.overlap, self.shared = np.concatenate([self.overlap, overlap]), np.concatenate([self.shared, shared])
        self.joined, self.given = np.concatenate([self.joined, joined]), np.concatenate([self.given, known])

    def merge(self, other: Grounding) -> None:
        """Take in the boxes of another."""
        for name in ("overlap", "shared", "joined", "given"):
            setattr(self, name, np.concatenate([getattr(self, name), getattr(other, name)]))

    def result(self, weight: NDArray[np.float64] | None = None) -> dict[str, float]:
        """Give the figures; ``weight`` (N,) repeats phrases, as a bootstrap does."""
        weight = np.ones(len(self.overlap)) if weight is None else weight
        total = float(weight.sum())
        found = {f"acc{round(100 * level)}": 100 * float(weight @ (self.overlap >= level)) / total for level in LEVELS}
        found["iou"] = 100 * float(weight @ self.overlap) / total
        found["cumulative"] = 100 * float(weight @ self.shared) / max(float(weight @ self.joined), 1e-12)
        found["unparsed"] = 100 * float(weight @ (1 - self.given)) / total
        return found


def _row(given: Box | None, truth: Box) -> tuple[float, float, float, bool]:
    """Overlap, the area that both share, the area of both together, and whether a box was given."""
    if given is None:
        return 0.0, 0.0, truth.area, False
    overlap = given.iou(truth)
    both = given.area + truth.area
    shared = overlap * both / (1 + overlap)  # from overlap = shared / (both - shared)
    return overlap, shared, both - shared, True
