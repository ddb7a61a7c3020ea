"""Overlapping windows over a scene and the smooth weights with which they become one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from geoglot.geo.grid import Window

Floats = NDArray[np.float32]
GOLDEN = 0.6180339887498949


def starts(length: int, side: int, stride: int, step: int = 0) -> list[int]:
    """First places of windows of ``side`` that cover ``length``, at most ``stride`` apart; another ``step`` moves them.

    What is a border between two windows at one step is the middle of one at another.
    """
    last = length - side
    if last <= 0:
        return [0]
    first = round((step * GOLDEN) % 1 * stride) if step else stride
    return sorted({0, last, *range(first or stride, last, stride)})


def weights(places: Sequence[int], length: int, side: int) -> Floats:
    """Shares (windows, side) along one axis that sum to one at every place: high in the middle of a window, low at its ends."""
    bump = np.sin(np.pi * (np.arange(side) + 0.5) / side) ** 2 + 1e-3
    total = np.zeros(length)
    for place in places:
        total[place : place + side] += bump
    return np.stack([bump / total[place : place + side] for place in places]).astype(np.float32)


class Layout:
    """Windows over a scene of a shape, row by row, with their weights: the product of those along both axes."""

    def __init__(self, shape: tuple[int, int], side: int, overlap: float, step: int = 0) -> None:
        stride = max(1, round(side * (1 - overlap)))
        self.side = side
        self.rows, self.cols = (starts(length, side, stride, step) for length in shape)
        self._down, self._across = (
            weights(places, length, side) for places, length in zip((self.rows, self.cols), shape, strict=True)
        )

    def __len__(self) -> int:
        return len(self.rows) * len(self.cols)

    def __iter__(self) -> Iterator[tuple[Window, Floats]]:
        for k in range(len(self.rows)):
            yield from self.row(k)

    def row(self, k: int) -> Iterator[tuple[Window, Floats]]:
        """Windows of one row."""
        for j, col in enumerate(self.cols):
            yield (self.rows[k], col, self.side, self.side), self._down[k][:, None] * self._across[j]


def batches(windows: Iterator[tuple[Window, Floats]], size: int) -> Iterator[list[tuple[Window, Floats]]]:
    """Some windows at a time."""
    held: list[tuple[Window, Floats]] = []
    for one in windows:
        held.append(one)
        if len(held) == size:
            yield held
            held = []
    if held:
        yield held


Make = Callable[[Sequence[Window]], Floats]


def strips(layout: Layout, shape: tuple[int, int], cell: int, bands: int, size: int, make: Make) -> Iterator[tuple[int, Floats]]:
    """Blend what is made of windows to a scene (bands, H, W) whose windows are ``cell`` times as large, from the top down.

    Gives the first row of each strip and its values; no more than the windows of one row are held.
    """
    side, width = layout.side * cell, shape[1]
    open_rows = np.zeros((bands, side, width), np.float32)
    for k, top in enumerate(layout.rows):
        for part in batches(layout.row(k), size):
            found = make([window for window, _ in part])
            for values, ((_, col, _, _), weight) in zip(found, part, strict=True):
                fine = weight if cell == 1 else _enlarged(weight, cell)
                left = col * cell
                wide = min(side, width - left)
                if wide > 0:
                    open_rows[:, :, left : left + wide] += (values * fine)[:, :, :wide]
        below = layout.rows[k + 1] if k + 1 < len(layout.rows) else top + layout.side
        ready = (below - top) * cell
        tall = min(ready, shape[0] - top * cell)
        if tall > 0:
            yield top * cell, open_rows[:, :tall].copy()
        open_rows = np.concatenate([open_rows[:, ready:], np.zeros((bands, ready, width), np.float32)], axis=1)


def _enlarged(weight: Floats, cell: int) -> Floats:
    """Weights of a window's pixels from those of its cells; sums to one still, as the same is done in each window."""
    return np.repeat(np.repeat(weight, cell, 0), cell, 1)
