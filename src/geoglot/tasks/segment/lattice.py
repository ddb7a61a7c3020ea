"""Cells over a scene, and the windows in which a model looks at them.

A model makes one vector of every cell of some pixels a side. All windows begin on whole cells, so the cells of windows that
overlap are the same places: scores are blended there and not pixel by pixel, which takes two orders of magnitude less memory
and time. The lattice of cells is anchored to the coordinates of the map and not to the scene's corner, and so are the
windows: what is cut out of a scene, or lies in the next one, has its cells at the same places.

A pixel "seen" is one of the picture that the model is shown: `ratio` pixels of the scene.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from geoglot.archive.tiling import CHUNK_BYTES, Chunk, Tiling
from geoglot.core.errors import InputError, RasterError
from geoglot.geo.grid import Grid, Window

MAX_CELLS = 2**28  # of one scene
MAX_SIDE = 4096  # pixels of a window


@dataclass(frozen=True)
class Lattice:
    """Cells of `cell` seen pixels over a scene of `shape` pixels; the first begins `pad` seen pixels before the scene.

    `anchor` are the first row and column of cells from which windows count. Where the model's own cells are `group` times as
    wide, the lattice is one of whole groups, so that the model sees every place in the same phase whatever the window.
    """

    shape: tuple[int, int]
    ratio: float
    cell: int
    pad: tuple[int, int] = (0, 0)
    anchor: tuple[int, int] = (0, 0)
    group: int = 1

    def __post_init__(self) -> None:
        if math.prod(self.cells) > MAX_CELLS:
            raise RasterError(
                f"{self.shape[0]} x {self.shape[1]} pixels would be {math.prod(self.cells):,} cells, more than the {MAX_CELLS:,} "
                "that one scene may have: the header is damaged, or a coarser look is needed (--gsd)."
            )

    @property
    def seen(self) -> tuple[int, int]:
        """Height and width of the whole scene in seen pixels."""
        return max(1, round(self.shape[0] / self.ratio)), max(1, round(self.shape[1] / self.ratio))

    @property
    def cells(self) -> tuple[int, int]:
        """Rows and columns of cells."""
        (height, width), (down, right), whole = self.seen, self.pad, self.cell * self.group
        return -(-(height + down) // whole) * self.group, -(-(width + right) // whole) * self.group

    def position(self, axis: int, pixels: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where positions in the scene (0 is the edge of its first pixel) lie among the centres of cells."""
        scale = self.seen[axis] / self.shape[axis]
        made: NDArray[np.float64] = (pixels * scale + self.pad[axis]) / self.cell - 0.5
        return made

    def known(self, axis: int, last: int) -> int:
        """How many pixels of the scene lie at or before the centre of a cell."""
        scale = self.shape[axis] / self.seen[axis]
        edge = ((last + 0.5) * self.cell - self.pad[axis]) * scale
        return min(max(math.floor(edge + 0.5), 0), self.shape[axis])


def lattice(shape: tuple[int, int], grid: Grid | None, ratio: float, cell: int, step: int, group: int = 1) -> Lattice:
    """The lattice of a scene, anchored to the map where the scene has a grid along its axes.

    `step` are the cells from one window to the next, which are anchored alike, whole groups.
    """
    if grid is None or grid.rotated:
        return Lattice(shape, ratio, cell, group=group)
    pads, anchors, whole = [], [], cell * group
    for origin, pixel in ((grid.transform.f, grid.transform.e), (grid.transform.c, grid.transform.a)):
        first = round(origin / (pixel * ratio))  # seen pixels from the origin of the map to the scene
        pads.append(first % whole)
        anchors.append(-(first // whole * group) % step)
    return Lattice(shape, ratio, cell, (pads[0], pads[1]), (anchors[0], anchors[1]), group)


@dataclass(frozen=True)
class Windows(Tiling):
    """Windows over a lattice, `step` cells apart, as a way to cut a scene into what the model sees.

    Of each window the inner `count` cells a side are kept, without the `margin` around them, in which a convolution feels the
    edge; beyond the scene its pixels are reflected. Windows are told by their inner cells. Those that would reach beyond the
    lattice are moved inwards by whole cells. Rows of windows that end at or before the row `first` of cells are left out, and
    so are windows that hold none of `cells`, where these are given.
    """

    lattice: Lattice
    count: int
    step: int
    margin: int = 0
    first: int = 0
    cells: frozenset[tuple[int, int]] | None = None

    def only(self, cells: Collection[tuple[int, int]]) -> Windows:
        """The windows in which at least one of some cells lies."""
        return replace(self, cells=frozenset(cells))

    @cached_property
    def _wanted(self) -> frozenset[tuple[int, int]] | None:
        """First cells of the windows in which one of `cells` lies."""
        if self.cells is None:
            return None
        found = set()
        starts = self.starts(0), self.starts(1)
        for cell in self.cells:
            rows, cols = ([at for at in some if at <= place < at + self.count] for some, place in zip(starts, cell, strict=True))
            found |= {(row, col) for row in rows for col in cols}
        return frozenset(found)

    @property
    def scale(self) -> float:
        """Seen pixels for one pixel of the scene."""
        return 1 / self.lattice.ratio

    def starts(self, axis: int) -> list[int]:
        """First cells of windows along one axis."""
        last = self.lattice.cells[axis] - self.count
        if last <= 0:
            return [0]
        anchor = self.lattice.anchor[axis]
        inner = range(anchor - (-(-anchor // self.step)) * self.step, last + self.step, self.step)
        kept: list[int] = []
        for at in sorted({min(max(at, 0), last) for at in inner}):
            while len(kept) > 1 and at - kept[-2] <= self.step:  # beside a window that was moved inwards
                kept.pop()
            kept.append(at)
        return kept

    def rows(self) -> list[int]:
        """First rows of cells of the windows that are wanted."""
        rows = None if self._wanted is None else {row for row, _ in self._wanted}
        return [row for row in self.starts(0) if row + self.count > self.first and (rows is None or row in rows)]

    def __len__(self) -> int:
        return len(self.rows()) * len(self.starts(1)) if self._wanted is None else len(self._wanted)

    def __iter__(self) -> Iterator[Window]:
        for row in self.rows():
            for col in self.starts(1):
                if self._wanted is None or (row, col) in self._wanted:
                    yield row, col, self.count, self.count

    def chunks(self, block: tuple[int, int] = (1, 1), pixel_bytes: int = 3) -> Iterator[Chunk]:
        """Reads from top to bottom, because what is above a row of windows is written before the next one comes.

        The windows of a chunk are in cells of the lattice, their places in seen pixels of what was read.
        """
        rows, cols = self.rows(), self.starts(1)
        whole, cell, most = self.count + 2 * self.margin, self.lattice.cell, CHUNK_BYTES // 12
        width = (min(self.lattice.cells[1], cols[-1] + self.count) + 2 * self.margin) * cell
        for band in _groups(rows, whole, max(whole, most // width // cell)):
            height = (band[-1] + whole - band[0]) * cell
            some = cols if self._wanted is None else [col for col in cols if any((row, col) in self._wanted for row in band)]
            for part in _groups(some, whole, max(whole, most // height // cell)):
                yield self._chunk_of(band, part)

    def _chunk_of(self, rows: list[int], cols: list[int]) -> Chunk:
        side = (self.count + 2 * self.margin) * self.lattice.cell
        down, across = self._span(0, rows, side), self._span(1, cols, side)
        pairs = [
            ((row, col, self.count, self.count), (top, left, side, side))
            for row, top in zip(rows, down.places, strict=True)
            for col, left in zip(cols, across.places, strict=True)
            if self._wanted is None or (row, col) in self._wanted
        ]
        tiles, places = zip(*pairs, strict=True)
        window = (down.first, across.first, down.length, across.length)
        return Chunk(window, (down.seen, across.seen), tiles, places, (down.beyond, across.beyond))

    def _span(self, axis: int, starts: list[int], side: int) -> _Span:
        """What to read for windows that begin at some cells, along one axis."""
        cell, pad, length, own = self.lattice.cell, self.lattice.pad[axis], self.lattice.seen[axis], self.lattice.shape[axis]
        begin, end = ((at - self.margin) * cell - pad for at in (starts[0], starts[-1]))
        end += side
        inside = max(begin, 0), min(end, length)
        first, last = (math.floor(at * own / length + 0.5) for at in inside)
        first = min(first, own - 1)
        places = [(at - starts[0]) * cell for at in starts]
        beyond = inside[0] - begin, end - inside[1]
        return _Span(first, max(last, first + 1) - first, inside[1] - inside[0], beyond, places)


@dataclass(frozen=True)
class _Span:
    """A read along one axis: first pixel and length in the scene, seen pixels, those beyond it, places of windows."""

    first: int
    length: int
    seen: int
    beyond: tuple[int, int]
    places: list[int]


def _groups(starts: list[int], count: int, most: int) -> Iterator[list[int]]:
    """Neighbouring starts whose windows together span at most so many cells."""
    group: list[int] = []
    for at in starts:
        if group and at + count - group[0] > most:
            yield group
            group = []
        group.append(at)
    if group:
        yield group


def windows(found: Lattice, frame: Frame, first: int = 0) -> Windows:
    """The windows of a lattice, from those that reach beyond the row `first` of cells."""
    size = (frame.count + 2 * frame.margin) * found.cell
    side = max(1, round(size * found.ratio))
    return Windows(found.shape, side, size, 0.0, found, frame.count, frame.step, frame.margin, first)


def taper(count: int, step: int) -> NDArray[np.float32]:
    """How much each cell (count, count) of a window counts: all in its middle, less over what it shares with its neighbours.

    Along each side the weights of two neighbours sum to one: a raised cosine over the cells that they share.
    """
    shared = count - step
    ramp = np.ones(count)
    if shared > 0:
        rise = np.sin(np.pi / 2 * (np.arange(min(shared, count)) + 0.5) / shared) ** 2
        ramp[: len(rise)] = np.minimum(ramp[: len(rise)], rise)
        ramp[-len(rise) :] = np.minimum(ramp[-len(rise) :], rise[::-1])
    made: NDArray[np.float32] = np.outer(ramp, ramp).astype(np.float32)
    return made


@dataclass(frozen=True)
class Frame:
    """Windows in cells: `count` that are kept a side, `margin` around them, `step` from one window to the next."""

    count: int
    step: int
    margin: int


def frame(cell: int, tile: int, margin: int, overlap: float, group: int = 1) -> Frame:
    """Windows of `tile` seen pixels with a margin of some pixels; `overlap` is the part of the inner side that neighbours share.

    `cell` are pixels of the model's own cells, each of which is `group` of the lattice's a side. Raises `InputError` for a
    window that is no whole number of cells, too large, or all margin.
    """
    around = -(-margin // cell)
    least = (2 * around + 1) * cell
    if tile < least or tile % cell or tile > MAX_SIDE:
        nearest = min(max(round(tile / cell) * cell, least), MAX_SIDE // cell * cell)
        raise InputError(
            f"A window is a multiple of {cell} pixels, the side of the model's cells, from {least} to {MAX_SIDE}, got {tile}: "
            f"try --tile {nearest}."
        )
    count = tile // cell - 2 * around
    return Frame(count * group, max(1, count - round(overlap * count)) * group, around * group)
