"""Whether a scene that was drawn window by window shows where windows end: gradients across their borders against all others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
DRAWS = 4000


class Seams:
    """Compares the mean gradient across borders with that across equally many other lines, drawn at random.

    ``rows`` and ``cols`` are the first rows and columns after a border. Of the other lines those count that lie in the same phase
    of ``cell`` pixels, where a decoder makes so many of one latent; those right beside a border do not.
    """

    def __init__(self, shape: tuple[int, int], rows: Sequence[int], cols: Sequence[int], cell: int = 1, seed: int = 0) -> None:
        self._borders = tuple(
            np.array(sorted({k for k in some if 0 < k < length}), dtype=np.intp)
            for some, length in zip((rows, cols), shape, strict=True)
        )
        self._cell, self._seed = cell, seed
        self._sums: tuple[Doubles, Doubles] = (np.zeros(shape[0]), np.zeros(shape[1]))  # of the line before each row and column
        self._last: NDArray[Any] | None = None
        self._top = 0

    def add(self, strip: NDArray[Any]) -> None:
        """Take in the next rows (C, h, W) of a scene, from the top down."""
        values = strip.astype(np.float64)
        height = values.shape[1]
        self._sums[1][1:] += np.abs(np.diff(values, axis=2)).sum(axis=(0, 1))
        joined = values if self._last is None else np.concatenate([self._last, values], axis=1)
        down = np.abs(np.diff(joined, axis=1)).sum(axis=(0, 2))
        self._sums[0][self._top + height - len(down) : self._top + height] += down
        self._last, self._top = values[:, -1:], self._top + height
        if self._top == len(self._sums[0]):  # the next strip is of another scene
            self._last, self._top = None, 0

    def merge(self, other: Seams) -> None:
        """Take in what another instance has seen, of scenes of the same layout."""
        for mine, theirs in zip(self._sums, other._sums, strict=True):
            mine += theirs

    def result(self) -> dict[str, float]:
        """The ratio of the mean gradient across borders to that of other lines, and the range that holds 95 % of such ratios.

        With them the chance that as many other lines have a mean as large as that of the borders; a scene without seams has one
        that is not small, for ``rows`` and ``cols`` alike. Not a number where there are no borders, or nothing else.
        """
        made: dict[str, float] = {}
        for name, sums, borders in zip(("rows", "cols"), self._sums, self._borders, strict=True):
            found = self._compared(sums, borders)
            made |= {f"{name}_{key}": value for key, value in zip(("ratio", "low", "high", "chance"), found, strict=True)}
        return made

    def _compared(self, sums: Doubles, borders: NDArray[np.intp]) -> tuple[float, float, float, float]:
        lines = np.arange(1, len(sums))
        near = np.unique(np.concatenate([borders + k for k in (-1, 0, 1)])) if self._cell == 1 else borders
        phases = np.unique(borders % self._cell)
        others = lines[~np.isin(lines, near) & np.isin(lines % self._cell, phases)]
        if not len(borders) or not len(others) or not sums[others].any():
            return (float("nan"),) * 4
        within, count = sums[others].mean(), min(len(borders), len(others))
        rng = np.random.default_rng(self._seed)
        drawn = np.array([sums[rng.choice(others, count, replace=False)].mean() for _ in range(DRAWS)]) / within
        ratio = sums[borders].mean() / within
        low, high = np.quantile(drawn, (0.025, 0.975))
        return float(ratio), float(low), float(high), float((1 + (drawn >= ratio).sum()) / (1 + DRAWS))
