"""Linear heads on the vectors of two dates: which columns of a pair they see.

A pair of vectors (D,) of a frozen model has the columns after, before, and |after - before| (3D). Every way to look at it is a
linear map of these, so each fitted head is folded back onto them: one layout for all saved heads.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from geoglot.nn.folds import L2, Fit
from geoglot.nn.heads import Floats, Ints, LinearHead, fit_linear

NAMES = ("untouched", "damaged")
KIND = "pairs"  # what a saved head was fitted on
ALONE = "after alone"
WAYS: dict[str, Callable[[int], Floats]] = {
    ALONE: lambda d: _map(d, (1, 0, 0)),
    "difference": lambda d: _map(d, (1, -1, 0)),
    "both": lambda d: _map(d, (1, 0, 0), (0, 1, 0)),
    "both and distance": lambda d: _map(d, (1, 0, 0), (0, 1, 0), (0, 0, 1)),
}


def columns(before: Floats, after: Floats) -> Floats:
    """Columns (N, 3D) of vectors (N, D) of both dates."""
    return np.concatenate([after, before, np.abs(after - before)], axis=1).astype(np.float32)


def ways(dim: int) -> dict[str, Fit]:
    """Every way and setting by name, "difference, l2 0.001"."""

    def fit(matrix: Floats, l2: float) -> Fit:
        def run(x: Floats, y: Ints) -> LinearHead:
            inner = fit_linear(x @ matrix, y, len(NAMES), l2)
            return LinearHead((inner.weight @ matrix.T).astype(np.float32), inner.bias)

        return run

    made = {name: way(dim) for name, way in WAYS.items()}
    return {f"{name}, l2 {l2:g}": fit(matrix, l2) for name, matrix in made.items() for l2 in L2}


def _map(dim: int, *parts: tuple[int, int, int]) -> Floats:
    """A map (3D, kD) that gives one sum of the three columns a part."""
    eye = np.eye(dim, dtype=np.float32)
    return np.concatenate([np.concatenate([weight * eye for weight in part], axis=0) for part in parts], axis=1)
