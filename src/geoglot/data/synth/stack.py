"""Which shape lies on top of each cell of a grid: many small shapes at once, large ones one by one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from geoglot.data.synth.world import Drawing

Points = NDArray[np.float64]
SMALL = 24  # rows of cells up to which convex shapes are filled together
CHUNK = 1 << 21  # cells filled in one go


@dataclass(frozen=True)
class Frame:
    """A block of pixels on the ground: upper left corner x0, y1 (metres), pixel size (dx, dy), shape (h, w)."""

    x0: float
    y1: float
    gsd: tuple[float, float]
    shape: tuple[int, int]

    def padded(self, left: int, top: int, right: int, bottom: int) -> Frame:
        """The block with some pixels more on each side."""
        (h, w), (dx, dy) = self.shape, self.gsd
        return Frame(self.x0 - left * dx, self.y1 + top * dy, self.gsd, (h + top + bottom, w + left + right))

    def grown(self, pixels: int) -> Frame:
        """The block with as many pixels more on each side."""
        return self.padded(pixels, pixels, pixels, pixels)

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, bottom, right, top in metres."""
        (h, w), (dx, dy) = self.shape, self.gsd
        return self.x0, self.y1 - h * dy, self.x0 + w * dx, self.y1


def visible(d: Drawing, frame: Frame, cell: float, cast: NDArray[np.float64], farthest: float
            ) -> tuple[NDArray[np.int64], float]:  # fmt: skip
    """Return the shapes that show in a block or throw their shadow into it, in painting order, and the greatest height.

    Shapes much smaller than a cell are kept with a chance equal to their share of it: the same ones on every grid.
    """
    x0, y0, x1, y1 = frame.box
    reach = np.minimum(d.tallest * np.abs(cast), farthest)
    left, right = x0 - (reach[0] if cast[0] > 0 else 0), x1 + (reach[0] if cast[0] <= 0 else 0)
    low, high = y0 - (reach[1] if cast[1] > 0 else 0), y1 + (reach[1] if cast[1] <= 0 else 0)
    kept, b = d.level(cell)
    seen = kept[(b[:, 2] > left) & (b[:, 0] < right) & (b[:, 3] > low) & (b[:, 1] < high)]
    tallest = float(d.height[seen].max()) if len(seen) else 0.0
    return seen, tallest


def cells(d: Drawing, which: NDArray[np.int64], frame: Frame, fine: int) -> NDArray[np.int32]:
    """Return, for each cell, the row in `which` of the shape on top plus one, 0 where there is none, (h fine, w fine)."""
    h, w = frame.shape[0] * fine, frame.shape[1] * fine
    scale = np.array([fine / frame.gsd[0], -fine / frame.gsd[1]])
    corner = np.array([frame.x0, frame.y1])
    box = (d.box[which].reshape(-1, 2, 2) - corner) * scale  # x0, y1; x1, y0 in cells
    wide, high = box[:, 1, 0] - box[:, 0, 0], box[:, 0, 1] - box[:, 1, 1]
    tiny = np.maximum(wide, high) < 1.0
    small = d.convex[which] & (high <= SMALL) & (wide <= 6 * SMALL) & ~tiny
    large = np.flatnonzero(~small & ~tiny)
    image = Image.new("I", (w, h))
    _draw(image, d, which, large, corner, scale)
    out = np.array(image, np.int32).ravel()
    rows = np.flatnonzero(tiny)
    if len(rows):
        at = np.floor(box[rows].mean(axis=1)).astype(np.int64)
        held = (at[:, 0] >= 0) & (at[:, 0] < w) & (at[:, 1] >= 0) & (at[:, 1] < h)
        _raise(out, at[held, 1] * w + at[held, 0], (rows[held] + 1).astype(np.int32))
    counts = d.starts[which + 1] - d.starts[which]
    for corners in (4, 6, 8, 12, 1 << 30):
        for tall in (3, 6, 12, SMALL):
            group = np.flatnonzero(small & (counts <= corners) & (high <= tall))
            if len(group):
                small[group] = False
                _fill(out, (h, w), d, which, group, corner, scale)
    return out.reshape(h, w)


def _draw(image: Image.Image, d: Drawing, which: NDArray[np.int64], rows: NDArray[np.int64], corner: Points, scale: Points
          ) -> None:  # fmt: skip
    """Draw polygons one by one, in order (Pillow: whole numbers are the middles of cells)."""
    if not len(rows):
        return
    draw = ImageDraw.Draw(image).polygon
    first, last = d.starts[which[rows]], d.starts[which[rows] + 1]
    for row, a, b in zip((rows + 1).tolist(), first.tolist(), last.tolist(), strict=True):
        draw(((d.coords[a:b] - corner) * scale - 0.5).ravel().tolist(), fill=row)


def _raise(out: NDArray[np.int32], at: NDArray[np.int64], value: NDArray[np.int32]) -> None:
    """Write values where they are greater than what is there; values ascend, so of two on one cell the later stays."""
    out[at] = np.maximum(out[at], value)


def _fill(out: NDArray[np.int32], shape: tuple[int, int], d: Drawing, which: NDArray[np.int64], rows: NDArray[np.int64],
          corner: Points, scale: Points) -> None:  # fmt: skip
    """Fill small convex counter-clockwise polygons: on each row of cells, from the last left edge to the first right one."""
    h, w = shape
    first, count = d.starts[which[rows]], d.starts[which[rows] + 1] - d.starts[which[rows]]
    k = int(count.max())
    index = first[:, None] + np.minimum(np.arange(k)[None], count[:, None] - 1)
    p = ((d.coords.take(index, axis=0) - corner) * scale).transpose(2, 1, 0).astype(np.float32)  # (2, K, N)
    x, y = p
    start = np.maximum(np.ceil(y.min(axis=0) - 0.5), 0).astype(np.int32)
    stop = np.minimum(np.ceil(y.max(axis=0) - 0.5), h).astype(np.int32)
    n = int((stop - start).max())
    if n <= 0:
        return
    line = start[None, :] + np.arange(n, dtype=np.int32)[:, None]  # (n, N)
    middle = line.astype(np.float32) + np.float32(0.5)
    rise = np.roll(y, -1, axis=0) - y
    flat = np.abs(rise) < 1e-6
    slope = np.where(flat, 0, (np.roll(x, -1, axis=0) - x) / np.where(flat, 1, rise))
    base = x - slope * y
    low, high = np.full(line.shape, -1e9, np.float32), np.full(line.shape, 1e9, np.float32)
    at = np.empty_like(low)
    for j in range(k):  # an edge that goes down the picture is on the left of a counter-clockwise ring
        np.multiply(middle, np.where(rise[j] > 0, slope[j], 0), out=at)
        at += np.where((rise[j] > 0) & ~flat[j], base[j], -1e9)
        np.maximum(low, at, out=low)
        np.multiply(middle, np.where(rise[j] < 0, slope[j], 0), out=at)
        at += np.where((rise[j] < 0) & ~flat[j], base[j], 1e9)
        np.minimum(high, at, out=high)
    a = np.clip(np.ceil(low - 0.5), 0, w).astype(np.int32)
    long = np.clip(np.ceil(high - 0.5), 0, w).astype(np.int32) - a
    long *= line < stop[None]
    held = np.flatnonzero(long.T.ravel() > 0)  # by shape, then by row: painting order
    if not len(held):
        return
    runs = long.T.ravel()[held]
    base_at = (line * np.int32(w) + a).T.ravel()[held]
    value = np.repeat((rows + 1).astype(np.int32), n)[held]
    ends = np.cumsum(runs)
    for i in range(math.ceil(int(ends[-1]) / CHUNK)):
        s = slice(*np.searchsorted(ends, [i * CHUNK, (i + 1) * CHUNK], side="right").tolist())
        offset = ends[s] - runs[s]
        if not len(offset):
            continue
        where = np.repeat(base_at[s] - (offset - offset[0]), runs[s]) + np.arange(int(runs[s].sum()))
        _raise(out, where, np.repeat(value[s], runs[s]))
