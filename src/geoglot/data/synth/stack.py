"""Which shape lies on top of each cell of a grid: many small shapes at once, large ones one by one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from geoglot.data.synth.world import Drawing

Points = NDArray[np.float64]
COARSE = 1.0  # metres a cell from which on blocks are sampled from tiles that are kept for the next picture
TILE = 256  # cells a side of such a tile
KEPT = 400  # tiles kept a place
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
    level = d.level(cell)
    west, south, east, north = level.sides
    held = (east > left) & (west < right)
    held &= (north > low) & (south < high)
    held &= level.limit >= cell
    seen = level.kept[held]
    tallest = float(d.height[seen].max()) if len(seen) else 0.0
    return seen, tallest


@dataclass(frozen=True)
class Stack:
    """A block's cells: for each the row in `which` of the shape on top, (H, W)."""

    ids: NDArray[np.integer[Any]]
    which: NDArray[np.int64]


def stacked(d: Drawing, which: NDArray[np.int64], frame: Frame, fine: int) -> Stack:
    """Return the shapes on top of a block's cells, `fine` x `fine` a pixel.

    Cells of COARSE metres and more are looked up in tiles of the place, which are painted once, at half to one cell.
    """
    if min(frame.gsd) / fine < COARSE:
        return Stack(cells(d, which, frame, fine), np.concatenate([[0], which]))
    step = 2.0 ** math.floor(math.log2(min(frame.gsd) / fine))
    h, w = frame.shape[0] * fine, frame.shape[1] * fine
    x = np.floor((frame.x0 + (np.arange(w) + 0.5) * (frame.gsd[0] / fine)) / step).astype(np.int64)
    y = np.floor((-frame.y1 + (np.arange(h) + 0.5) * (frame.gsd[1] / fine)) / step).astype(np.int64)
    ids = np.empty((h, w), np.int64)
    known, count = [], 0
    across, down = x // TILE, y // TILE
    for j in range(int(down[0]), int(down[-1]) + 1):
        rows = slice(*np.searchsorted(down, [j, j + 1]).tolist())
        for i in range(int(across[0]), int(across[-1]) + 1):
            cols = slice(*np.searchsorted(across, [i, i + 1]).tolist())
            if rows.start == rows.stop or cols.start == cols.stop:
                continue
            tile = _tile(d, step, i, j)
            part = tile.ids.take(y[rows] - j * TILE, axis=0).take(x[cols] - i * TILE, axis=1)
            np.add(part, count, out=ids[rows, cols])
            known.append(tile.which)
            count += len(tile.which)
    which = np.concatenate(known)
    seen = np.zeros(len(which), bool)
    seen[ids.ravel()] = True  # what shows; the rest costs time for nothing
    return Stack((np.cumsum(seen) - 1).take(ids), which[seen])


def _tile(d: Drawing, step: float, i: int, j: int) -> Stack:
    """Return a tile of the place at `step` metres a cell, painted now or before."""
    key = (step, i, j)
    tile = d.tiles.get(key)
    if tile is None:
        side = TILE * step
        frame = Frame(i * side, -j * side, (step, step), (TILE, TILE))
        which, _ = visible(d, frame, step, np.zeros(2), 0.0)
        tile = Stack(cells(d, which, frame, 1).astype(np.int32), np.concatenate([[0], which]))
        while len(d.tiles) >= KEPT:
            d.tiles.pop(next(iter(d.tiles)))
        d.tiles[key] = tile
    return tile


def cells(d: Drawing, which: NDArray[np.int64], frame: Frame, fine: int) -> NDArray[np.int64]:
    """Return, for each cell, the row in `which` of the shape on top plus one, 0 for the ground, (h fine, w fine)."""
    h, w = frame.shape[0] * fine, frame.shape[1] * fine
    scale = np.array([fine / frame.gsd[0], -fine / frame.gsd[1]])
    corner = np.array([frame.x0, frame.y1])
    box = (d.box[which].reshape(-1, 2, 2) - corner) * scale  # x0, y1; x1, y0 in cells
    wide, high = box[:, 1, 0] - box[:, 0, 0], box[:, 0, 1] - box[:, 1, 1]
    tiny = (np.maximum(wide, high) < 2.0) & (d.size[which] * abs(scale[0] * scale[1]) < 1.5)
    convex = d.convex[which]
    small = (convex | d.single[which]) & (high <= SMALL) & (wide <= 6 * SMALL) & ~tiny
    large = np.flatnonzero(~small & ~tiny)
    image = Image.new("I", (w, h))
    _draw(image, d, which, large, corner, scale)
    out = np.frombuffer(image.tobytes(), np.int32).astype(np.intp)
    rows = np.flatnonzero(tiny)
    if len(rows):
        at = np.floor(box[rows].mean(axis=1)).astype(np.int64)
        held = (at[:, 0] >= 0) & (at[:, 0] < w) & (at[:, 1] >= 0) & (at[:, 1] < h)
        _raise(out, at[held, 1] * w + at[held, 0], rows[held] + 1)
    counts = d.starts[which + 1] - d.starts[which]
    for corners, bulging in ((4, True), (8, True), (1 << 30, True), (24, False), (1 << 30, False)):
        for tall in (3, 6, 12, SMALL):
            group = np.flatnonzero(small & (convex == bulging) & (counts <= corners) & (high <= tall))
            if len(group):
                small[group] = False
                _fill(out, (h, w), d, which, group, corner, scale, bulging)
    return out.reshape(h, w)


def _draw(image: Image.Image, d: Drawing, which: NDArray[np.int64], rows: NDArray[np.int64], corner: Points, scale: Points
          ) -> None:  # fmt: skip
    """Draw polygons one by one, in order (Pillow: whole numbers are the middles of cells)."""
    if not len(rows):
        return
    draw = ImageDraw.Draw(image).polygon
    first = d.starts[which[rows]]
    counts = d.starts[which[rows] + 1] - first
    ends = np.cumsum(counts)
    p = d.coords[np.arange(ends[-1]) + np.repeat(first - (ends - counts), counts)]
    flat = ((p - corner) * scale - 0.5).ravel().tolist()
    for row, a, b in zip((rows + 1).tolist(), (2 * (ends - counts)).tolist(), (2 * ends).tolist(), strict=True):
        draw(flat[a:b], fill=row)


def _raise(out: NDArray[np.int64], at: NDArray[np.int64], value: NDArray[np.int64]) -> None:
    """Write values where they are greater than what is there; values ascend, so of two on one cell the later stays."""
    out[at] = np.maximum(out[at], value)


def _fill(out: NDArray[np.int64], shape: tuple[int, int], d: Drawing, which: NDArray[np.int64], rows: NDArray[np.int64],
          corner: Points, scale: Points, convex: bool) -> None:  # fmt: skip
    """Fill small counter-clockwise polygons that each row of cells meets in one run."""
    h, w = shape
    first, count = d.starts[which[rows]], d.starts[which[rows] + 1] - d.starts[which[rows]]
    index = first[None] + np.minimum(np.arange(int(count.max()))[:, None], count[None] - 1)
    p = (d.coords.take(index, axis=0) - corner) * scale  # (K, N, 2)
    x, y = p[..., 0].astype(np.float32), p[..., 1].astype(np.float32)
    start = np.maximum(np.ceil(y.min(axis=0) - 0.5), 0).astype(np.int32)
    stop = np.minimum(np.ceil(y.max(axis=0) - 0.5), h).astype(np.int32)
    n = int((stop - start).max())
    if n <= 0:
        return
    line = start[None, :] + np.arange(n, dtype=np.int32)[:, None]  # (n, N)
    low, high = _crossings(x, y, line.astype(np.float32) + np.float32(0.5), convex)
    a = np.clip(np.ceil(low - 0.5), 0, w).astype(np.int32)
    long = np.clip(np.ceil(high - 0.5), 0, w).astype(np.int32) - a
    long *= line < stop[None]
    runs = long.T.ravel()  # by shape, then by row: painting order
    held = np.flatnonzero(runs > 0)
    if not len(held):
        return
    runs = runs[held]
    base = (line * np.int32(w) + a).T.ravel()[held]
    value = np.repeat(rows + 1, n)[held]
    ends = np.cumsum(runs)
    for i in range(math.ceil(int(ends[-1]) / CHUNK)):
        s = slice(*np.searchsorted(ends, [i * CHUNK, (i + 1) * CHUNK], side="right").tolist())
        offset = ends[s] - runs[s]
        if not len(offset):
            continue
        where = np.repeat(base[s] - (offset - offset[0]), runs[s]) + np.arange(int(runs[s].sum()))
        _raise(out, where, np.repeat(value[s], runs[s]))


def _crossings(x: NDArray[np.float32], y: NDArray[np.float32], middle: NDArray[np.float32], convex: bool
               ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:  # fmt: skip
    """Return where polygons with corners x, y (K, N) begin and end on lines `middle` (n, N)."""
    rise = np.roll(y, -1, axis=0) - y
    flat = np.abs(rise) < 1e-6
    slope = np.where(flat, 0, (np.roll(x, -1, axis=0) - x) / np.where(flat, 1, rise))
    base = x - slope * y
    at = np.empty_like(middle)
    if convex:  # an edge that goes down the picture is on the left of a counter-clockwise ring
        low, high = np.full(middle.shape, -1e9, np.float32), np.full(middle.shape, 1e9, np.float32)
        left, right = (rise > 0) & ~flat, (rise < 0) & ~flat
        for k in range(len(x)):
            np.multiply(middle, np.where(left[k], slope[k], 0), out=at)
            at += np.where(left[k], base[k], -1e9)
            np.maximum(low, at, out=low)
            np.multiply(middle, np.where(right[k], slope[k], 0), out=at)
            at += np.where(right[k], base[k], 1e9)
            np.minimum(high, at, out=high)
        return low, high
    low, high = np.full(middle.shape, 1e9, np.float32), np.full(middle.shape, -1e9, np.float32)
    bottom, top = np.maximum(y, y + rise), np.minimum(y, y + rise)
    for k in range(len(x)):
        np.multiply(middle, slope[k], out=at)
        at += base[k]
        met = (middle >= top[k]) & (middle < bottom[k])
        np.minimum(low, at, out=low, where=met)
        np.maximum(high, at, out=high, where=met)
    return low, high
