"""From scores of windows to scores of cells, row by row, and from these to classes of pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from geoglot.geo.grid import Window
from geoglot.tasks.segment.lattice import Frame, Lattice, taper

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Decide = Callable[[Floats], tuple[Bytes, Floats]]  # values (..., K) to classes and their scores (...)

NODATA = 255
SCORE_STEPS = 255  # a score is kept as one byte
BLOCK_BYTES = 16 * 2**20  # of values that are held while pixels are decided


class Blend:
    """Weighted sums of what overlapping windows say of cells; holds as many rows of cells as a window has.

    Windows come from top to bottom. Values are (n, n, K + 1), the margin with them: K numbers, and the share of the cell's
    pixels that was observed, with which they count.
    """

    def __init__(self, lattice: Lattice, frame: Frame, channels: int, first: int = 0) -> None:
        self._height, self._width = lattice.cells
        self._margin = frame.margin
        self._weight = taper(frame.count, frame.step)[..., None]
        self._sums = np.zeros((frame.count, max(self._width, frame.count), channels + 1), dtype=np.float32)
        self.base = first

    def add(self, window: Window, values: Floats) -> Iterator[tuple[int, Floats]]:
        """Take in one window; gives the rows above it, which are whole now (see `until`)."""
        row, col, height, width = window
        if row > self.base:
            yield from self.until(row)
        inner = values[self._margin : self._margin + height, self._margin : self._margin + width]
        weighted = inner * self._weight
        weighted[..., :-1] *= inner[..., -1:]
        over = max(self.base - row, 0)  # rows that an interrupted run has given
        self._sums[row + over - self.base : row + height - self.base, col : col + width] += weighted[over:]

    def until(self, row: int) -> Iterator[tuple[int, Floats]]:
        """Give the rows up to `row` that were not given yet: number of the first, means (r, m, K + 1).

        The last number is 1 where something was observed, else all are 0.
        """
        row = min(row, self._height)
        while self.base < row:
            r = min(row - self.base, len(self._sums))
            made = self._sums[:r, : self._width].copy()
            weight = made[..., -1:]
            np.divide(made[..., :-1], weight, out=made[..., :-1], where=weight > 0)
            weight[:] = weight > 0
            yield self.base, made
            self._sums[:-r] = self._sums[r:]
            self._sums[-r:] = 0
            self.base += r


class Painter:
    """From rows of cells to rows of pixels: values between the centres of cells are interpolated, then a class is decided.

    Cells of which nothing was observed do not take part. Holds the last row of cells until the next one comes.
    """

    def __init__(self, lattice: Lattice, decide: Decide, done: int = 0) -> None:
        self._lattice, self._decide = lattice, decide
        self._held: tuple[int, Floats] | None = None
        self.done = done  # rows of pixels that are painted
        width = lattice.shape[1]
        self._cols = _between(lattice, 1, np.arange(width), 0, lattice.cells[1] - 1)

    def paint(self, first: int, sums: Floats) -> Iterator[tuple[int, Bytes, Floats]]:
        """Take in rows of cells; gives rows of pixels: number of the first, classes and scores (r, W)."""
        if self._held is not None:
            first, sums = self._held[0], np.concatenate([self._held[1], sums])
        last = first + len(sums) - 1
        whole = last == self._lattice.cells[0] - 1
        until = self._lattice.shape[0] if whole else self._lattice.known(0, last)
        step = max(1, BLOCK_BYTES // (4 * sums.shape[2] * self._lattice.shape[1]))
        for top in range(self.done, until, step):
            bottom = min(top + step, until)
            low, high, share = _between(self._lattice, 0, np.arange(top, bottom), first, last)
            part = _mixed(sums, low - first, high - first, share[:, None, None])
            yield top, *self._columns(part)
        self.done = max(self.done, until)
        self._held = (last, sums[-1:])

    def _columns(self, part: Floats) -> tuple[Bytes, Floats]:
        """Decide the pixels of rows (r, m, K + 1), some columns at a time where there are many classes."""
        low, high, share = self._cols
        classes = np.empty((len(part), len(low)), dtype=np.uint8)
        scores = np.empty(classes.shape, dtype=np.float32)
        step = max(1, BLOCK_BYTES // (4 * part.shape[2] * len(part)))
        for left in range(0, len(low), step):
            at = slice(left, left + step)
            values = _mixed(part.swapaxes(0, 1), low[at], high[at], share[at, None, None])
            weight = values[..., -1]
            seen = weight > 0
            if not (weight == 1).all():
                values /= np.where(seen, weight, np.float32(1))[..., None]
            found, score = self._decide(values[..., :-1])
            classes[:, at] = np.where(seen, found, NODATA).T
            scores[:, at] = np.where(seen, score, 0).T
        return classes, scores


def _between(
    lattice: Lattice, axis: int, pixels: NDArray[np.int64], first: int, last: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats]:
    """The cells before and after the centres of pixels, and how near they are to the second."""
    place = np.clip(lattice.position(axis, pixels.astype(np.float64) + 0.5), first, last)
    low = np.floor(place).astype(np.intp)
    return low, np.minimum(low + 1, last), (place - low).astype(np.float32)


def _mixed(values: Floats, low: NDArray[np.intp], high: NDArray[np.intp], share: Floats) -> Floats:
    made = values[low]
    other = values[high]
    other -= made
    other *= share
    made += other
    return made
