"""Two scenes as one: blocks of both on the grid of the first, in the same bands, moved and levelled to each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from geoglot.geo.display import render
from geoglot.geo.grid import Grid, Window
from geoglot.geo.phase import Shift, moved
from geoglot.geo.raster import Raster
from geoglot.geo.scene import Scene
from geoglot.geo.sensors import Band

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

ROWS, COLUMNS = 512, 2048  # of a block of one band; blocks of many bands are smaller
VALUES = 2**23  # of a block, of both dates together
WINDOW = 256  # side of a sample window
SAMPLE = 2**20  # pixels that a fit looks at


@dataclass(frozen=True)
class Block:
    """Values (C, h, w) of both dates and what was observed in both (h, w), `halo` pixels more on each side than `window`."""

    window: Window
    before: Floats
    after: Floats
    valid: Bools
    halo: int
    shown: Callable[[], tuple[Floats, Floats]]  # both as pictures (3, h, w) in [0, 1], with the halo

    def inner(self, values: NDArray[np.floating]) -> Floats:
        """What (..., h, w) lies in the window itself."""
        h = self.halo
        made = values[..., h : values.shape[-2] - h, h : values.shape[-1] - h] if h else values
        return made.astype(np.float32, copy=False)

    @property
    def seen(self) -> Bools:
        """What of the window itself was observed."""
        h = self.halo
        return self.valid[h : self.valid.shape[0] - h, h : self.valid.shape[1] - h] if h else self.valid


@dataclass
class Pair:
    """Two scenes. `first` and `second` are positions of the bands that are compared, `bands` what they are.

    The second is `shift` pixels off, and its values times `gain` plus `offset` (C,) are like those of the first.
    Radar bands are in decibels, all others in the units that their bands declare.
    """

    before: Scene
    after: Scene
    first: tuple[int, ...]
    second: tuple[int, ...]
    bands: tuple[Band, ...]
    shift: Shift = field(default_factory=lambda: Shift(0.0, 0.0, 0.0, 0, False))
    gain: Floats | None = None
    offset: Floats | None = None
    assumptions: list[str] = field(default_factory=list)

    @property
    def grid(self) -> Grid | None:
        """The grid of the first."""
        return self.before.grid

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the first."""
        return self.before.shape

    @property
    def radar(self) -> bool:
        """Whether both are radar."""
        return self.before.sensor.radar and self.after.sensor.radar

    @property
    def crossed(self) -> bool:
        """Whether one is radar and the other is not."""
        return self.before.sensor.radar != self.after.sensor.radar

    @property
    def observed(self) -> bool:
        """Whether any pixel was observed in both; the whole of both is read where none was."""
        return any(self.read(window).valid.any() for window in self.windows())

    def placed(self) -> tuple[float, float] | None:
        """Row and column in the second of the first's corner where their pixels are the same, moved; else None."""
        a, b = self.before.grid, self.after.grid
        if a is None or b is None:
            return 0.0, 0.0
        if a.crs != b.crs:
            return None
        step = ~b.transform * a.transform
        drift = abs(step.a - 1) + abs(step.e - 1) + abs(step.b) + abs(step.d)
        if drift * max(*a.shape, *b.shape) > 0.02:
            return None
        return step.f, step.c

    def read(self, window: Window, halo: int = 0) -> Block:
        """Both dates in a window, with `halo` pixels around it."""
        row, col, height, width = window
        wide = row - halo, col - halo, height + 2 * halo, width + 2 * halo
        before, seen = inside(self.before, self.first, wide)
        after, also = self.levelled(wide)
        valid = seen & also
        return Block(window, before, after, valid, halo, lambda: self._pictures(wide, before, after, valid))

    def levelled(self, window: Window) -> tuple[Floats, Bools]:
        """The second scene alone: moved and levelled values (C, h, w), and what was observed, of a window on the first's grid."""
        after, seen = self._second(window)
        if self.gain is not None and self.offset is not None:
            after = after * self.gain[:, None, None] + self.offset[:, None, None]
        return after, seen

    def _pictures(self, window: Window, before: Floats, after: Floats, valid: Bools) -> tuple[Floats, Floats]:
        """Both as they are shown to models. Levelled values are shown as those of the first scene are, so that the light and
        the haze of a day are no difference; others as each scene is."""
        chosen, look = self.before.view.chosen, self.before.view
        if self.gain is None or look.palette is not None or not set(chosen) <= set(self.first):
            return self._shown(window)
        places = [self.first.index(k) for k in chosen]
        bands = [self.before.bands[k] for k in chosen]
        made = []
        for values in (before, after):
            raw = np.stack([(values[p] - band.offset) / band.scale for p, band in zip(places, bands, strict=True)])
            made.append(render(raw, valid, look))
        return made[0], made[1]

    def _shown(self, window: Window) -> tuple[Floats, Floats]:
        """Both scenes as they are shown, in a window that may reach beyond them; the second moved by whole pixels."""
        row, col, height, width = window
        first = beyond(self.before, window, 3, lambda part: self.before.display(window=part))[0]
        down, across = (self.shift.down, self.shift.across) if self.shift.reliable else (0.0, 0.0)
        corner = self.placed()
        if corner is None:
            assert self.before.grid is not None
            grid = self.before.grid.window(row, col, height, width)
            return first, self.after.display(
                grid=Grid(grid.crs, grid.transform * Affine.translation(across, down), grid.shape)
            ).data
        at = round(corner[0] + down + row), round(corner[1] + across + col), height, width
        return first, beyond(self.after, at, 3, lambda part: self.after.display(window=part))[0]

    def _second(self, window: Window) -> tuple[Floats, Bools]:
        row, col, height, width = window
        down, across = (self.shift.down, self.shift.across) if self.shift.reliable else (0.0, 0.0)
        corner = self.placed()
        if corner is None:
            assert self.before.grid is not None
            grid = self.before.grid.window(row, col, height, width)
            grid = Grid(grid.crs, grid.transform * Affine.translation(across, down), grid.shape)
            names = [self.after.bands[i] for i in self.second]
            found = warped(self.after, self.second, grid)
            return physical(found.data, names), found.valid
        top, left = corner[0] + down + row, corner[1] + across + col
        base = int(np.floor(top + 0.01)), int(np.floor(left + 0.01))
        part = max(top - base[0], 0.0), max(left - base[1], 0.0)
        part = tuple(0.0 if abs(p) < 0.02 else p for p in part)  # type: ignore[assignment]
        if not any(part):
            return inside(self.after, self.second, (*base, height, width))
        values, valid = inside(self.after, self.second, (base[0] - 2, base[1] - 2, height + 4, width + 4))
        filled = np.where(valid, values, np.float32(0))
        made = moved(filled, *part)[:, 2:-2, 2:-2]
        whole = valid[2:-2, 2:-2] & valid[3:-1, 2:-2] & valid[2:-2, 3:-1] & valid[3:-1, 3:-1]
        return made, whole

    def windows(self) -> list[Window]:
        """Windows that cover the first scene, row by row."""
        height, width = self.shape
        cols = min(width, COLUMNS)
        rows = int(np.clip(VALUES // (2 * max(len(self.first), 1) * cols), 64, ROWS))
        return [
            (top, left, min(rows, height - top), min(cols, width - left))
            for top in range(0, height, rows)
            for left in range(0, width, cols)
        ]

    def sample(self, halo: int = 0, limit: int = SAMPLE) -> Iterator[Block]:
        """Blocks of at most `limit` pixels in all, evenly over the scene; of a small scene all of it."""
        height, width = self.shape
        if height * width <= limit:
            for window in self.windows():
                yield self.read(window, halo)
            return
        for window in spread(self.shape, WINDOW, limit // WINDOW**2):
            yield self.read(window, halo)

    def points(self, limit: int = SAMPLE) -> tuple[Floats, Floats]:
        """Values (N, C) of observed pixels of both dates, from `sample`."""
        first, second = [], []
        for block in self.sample(limit=limit):
            first.append(block.before[:, block.valid].T)
            second.append(block.after[:, block.valid].T)
        return np.concatenate(first), np.concatenate(second)


def spread(shape: tuple[int, int], side: int, count: int) -> list[Window]:
    """About so many windows evenly over a raster, none of them over another."""
    height, width = min(side, shape[0]), min(side, shape[1])
    ratio = (shape[0] / height) / (shape[1] / width)
    rows = int(np.clip(round(np.sqrt(count * ratio)), 1, shape[0] // height))
    cols = int(np.clip(count // rows, 1, shape[1] // width))
    tops = np.linspace(0, shape[0] - height, rows + 2)[1:-1] if rows == 1 else np.linspace(0, shape[0] - height, rows)
    lefts = np.linspace(0, shape[1] - width, cols + 2)[1:-1] if cols == 1 else np.linspace(0, shape[1] - width, cols)
    return [(int(top), int(left), height, width) for top in tops for left in lefts]


def inside(scene: Scene, chosen: tuple[int, ...], window: Window) -> tuple[Floats, Bools]:
    """Values and validity of a window that may reach beyond the scene, where nothing is observed."""
    found, valid = beyond(scene, window, len(chosen), lambda part: scene.read(bands=names(scene, chosen), window=part))
    return physical(found, [scene.bands[i] for i in chosen]) * valid, valid


def beyond(scene: Scene, window: Window, count: int, read: Callable[[Window], Raster]) -> tuple[Floats, Bools]:
    """What `read` gives of the part of a window that lies in the scene, 0 and invalid around it."""
    row, col, height, width = window
    top, left = max(row, 0), max(col, 0)
    bottom, right = min(row + height, scene.shape[0]), min(col + width, scene.shape[1])
    data = np.zeros((count, height, width), np.float32)
    valid = np.zeros((height, width), np.bool_)
    if bottom > top and right > left:
        found = read((top, left, bottom - top, right - left))
        at = slice(top - row, bottom - row), slice(left - col, right - col)
        data[:, *at] = found.data
        valid[at] = found.valid
    return data, valid


def warped(scene: Scene, chosen: tuple[int, ...], grid: Grid) -> Raster:
    """Bands on a grid."""
    return scene.read(grid=grid, bands=names(scene, chosen))


def names(scene: Scene, chosen: tuple[int, ...]) -> list[str] | None:
    """Bands by name, as `Scene.read` wants them; None for all."""
    if chosen == tuple(range(len(scene.bands))):
        return None
    return [scene.bands[i].name for i in chosen]


def physical(data: NDArray[np.number], bands: list[Band]) -> Floats:
    """Values in the units that bands declare."""
    made = data.astype(np.float32, copy=False)
    for values, band in zip(made, bands, strict=True):
        if (band.scale, band.offset) != (1.0, 0.0):
            values *= np.float32(band.scale)
            values += np.float32(band.offset)
    return made
