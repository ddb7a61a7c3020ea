"""How a scene is cut into tiles, and in which pieces its file is read so that every block is decoded about once.

A tile is a square of `side` pixels of the scene that the model sees as `size` pixels. `side` follows from the options:

- `tile` pixels at `gsd` metres a pixel, where both are said; at the scene's own resolution where only `tile` is said;
  the model's input size at `gsd` where only that is said;
- by default the model's input size in the scene's own pixels, but at least 128 m of ground (objects need context), for
  which up to four pixels are averaged into one.

The last row and column are moved inwards. A scene smaller than a tile gives one tile that shows all of it; what a window
lacks to a square is padded and marked invalid.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from geoglot.core.errors import InputError, RasterError
from geoglot.geo.grid import Window, count_tiles, tiles

MIN_GROUND = 128.0  # metres
MAX_AVERAGED = 4.0  # pixels of the scene, along a side, that the default makes into one
MAX_TILES = 2**23  # of one scene; a header that asks for more is damaged
MIN_SIDE = 8  # pixels of the scene
CHUNK_BYTES = 12 * 2**20  # of one read, as it is shown to the model
BLOCK_ROW_BYTES = 160 * 2**20  # of decoded blocks over the scene's width that GDAL's cache keeps between reads


@dataclass(frozen=True)
class Options:
    """How to cut tiles: side in pixels, metres a pixel, shared fraction of neighbours; None is the default."""

    tile: int | None = None
    gsd: float | None = None
    overlap: float | None = None

    def __post_init__(self) -> None:
        if self.tile is not None and not MIN_SIDE <= self.tile <= 2**15:
            raise InputError(f"A tile has {MIN_SIDE} to {2**15} pixels a side, got {self.tile}.")
        if self.gsd is not None and not 0 < self.gsd < 1e6:
            raise InputError(f"The ground sampling distance must be positive metres, got {self.gsd}.")
        if self.overlap is not None and not 0 <= self.overlap <= 0.9:
            raise InputError(f"The overlap is a fraction from 0 to 0.9, got {self.overlap}.")

    def differs(self, recorded: Options) -> list[str]:
        """What is said here and is otherwise in an archive, in words."""
        mine, theirs = asdict(self), asdict(recorded)
        return [
            f"{key} {theirs[key] if theirs[key] is not None else 'by default'}, not {value}"
            for key, value in mine.items()
            if value is not None and value != theirs[key] and not (key == "overlap" and value == (theirs[key] or 0.0))
        ]

    def filled(self, recorded: Options) -> Options:
        """What is said here, and for the rest what is recorded."""
        theirs = asdict(recorded)
        return Options(**{key: theirs[key] if value is None else value for key, value in asdict(self).items()})


@dataclass(frozen=True)
class Chunk:
    """One read: a window of the scene, the shape to read it at, and its tiles with their places in what was read.

    `beyond` are the rows above and below and the columns left and right of the scene that are made by reflecting it.
    """

    window: Window
    shape: tuple[int, int]
    tiles: tuple[Window, ...]
    places: tuple[Window, ...]
    beyond: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0))


@dataclass(frozen=True)
class Tiling:
    """Tiles of one scene: `shape` of the scene, `side` of a tile in its pixels, `size` as seen by the model."""

    shape: tuple[int, int]
    side: int
    size: int
    overlap: float

    @property
    def scale(self) -> float:
        """Pixels seen for one pixel of the scene, along a side."""
        return self.size / self.side

    def __len__(self) -> int:
        return count_tiles(self.shape, self.side, self.overlap)

    def __iter__(self) -> Iterator[Window]:
        return tiles(self.shape, self.side, self.overlap)

    @property
    def extent(self) -> tuple[int, int]:
        """Height and width of every window, in pixels of the scene."""
        return min(self.side, self.shape[0]), min(self.side, self.shape[1])

    def chunks(self, block: tuple[int, int] = (1, 1), pixel_bytes: int = 3) -> Iterator[Chunk]:
        """Reads that together hold every tile once, in an order in which the file's blocks are decoded about once.

        `block` is the file's block shape, `pixel_bytes` what GDAL keeps of one pixel.
        """
        height, width = self.shape
        rows = [row for row, _, _, _ in tiles((height, 1), self.side, self.overlap)]
        cols = [col for _, col, _, _ in tiles((1, width), self.side, self.overlap)]
        limit = max(1, CHUNK_BYTES // (12 * self.size**2))
        across = min(len(cols), limit)
        down = max(1, limit // across) if across == len(cols) else 1
        columns = [(at, min(at + across, len(cols))) for at in range(0, len(cols), across)]
        bands = [(at, min(at + down, len(rows))) for at in range(0, len(rows), down)]
        if self.shape[1] * block[0] * pixel_bytes <= BLOCK_ROW_BYTES or block[1] >= self.shape[1]:
            order = ((band, column) for band in bands for column in columns)
        else:  # a row of blocks would not stay in the cache: go down one strip of columns after the other
            order = ((band, column) for column in columns for band in bands)
        for band, column in order:
            yield self._chunk([rows[i] for i in range(*band)], [cols[i] for i in range(*column)])

    def _chunk(self, rows: list[int], cols: list[int]) -> Chunk:
        height, width = self.extent
        window = rows[0], cols[0], rows[-1] + height - rows[0], cols[-1] + width - cols[0]
        shape = max(1, round(window[2] * self.scale)), max(1, round(window[3] * self.scale))
        h, w = (
            min(max(1, round(side * self.scale)), limit, self.size) for side, limit in zip((height, width), shape, strict=True)
        )
        tops = [min(round((row - rows[0]) * self.scale), shape[0] - h) for row in rows]
        lefts = [min(round((col - cols[0]) * self.scale), shape[1] - w) for col in cols]
        tiles = tuple((row, col, height, width) for row in rows for col in cols)
        return Chunk(window, shape, tiles, tuple((top, left, h, w) for top in tops for left in lefts))


def tiling(shape: tuple[int, int], gsd: float | None, size: int, options: Options) -> Tiling:
    """The tiles of a scene of `shape` pixels of `gsd` metres for a model that sees `size` pixels.

    Raises `InputError` when a resolution is asked for and the scene has none, `RasterError` for absurdly many tiles.
    """
    overlap = options.overlap or 0.0
    if options.gsd is None and options.tile is not None:
        ratio = 1.0
    else:
        ratio = averaged(gsd, size, options.gsd)
    side = max(MIN_SIDE, round((options.tile or size) * ratio))
    if side > max(shape):
        side = max(shape)  # all of it in one tile, at its own resolution
    made = Tiling(shape, side, size, overlap)
    if len(made) > MAX_TILES:
        raise RasterError(
            f"{shape[0]} x {shape[1]} pixels would be {len(made):,} tiles, more than the {MAX_TILES:,} that one scene may have: "
            "the header is damaged, or larger tiles are needed (--tile, --gsd)."
        )
    return made


def averaged(gsd: float | None, size: int, wanted: float | None = None) -> float:
    """Pixels of a scene of `gsd` metres, along a side, that become one pixel for a model that sees `size` pixels.

    Raises `InputError` when a resolution is `wanted` and the scene has none.
    """
    known = gsd is not None and bool(np.isfinite(gsd)) and gsd > 0
    if wanted is not None:
        if not known:
            raise InputError("A scene without georeference has no resolution: leave out --gsd, or give --tile in its pixels.")
        assert gsd is not None
        return wanted / gsd
    return float(np.clip(MIN_GROUND / (size * gsd), 1.0, MAX_AVERAGED)) if known and gsd is not None else 1.0


def cut(
    picture: NDArray[np.float32], valid: NDArray[np.bool_], place: Window, tile: NDArray[np.float32], seen: NDArray[np.bool_]
) -> float:
    """Copy one tile out of what was read into `tile` (3, S, S) and `seen` (S, S); returns the valid fraction of the window."""
    row, col, height, width = place
    if (height, width) != seen.shape:
        tile.fill(0.0)
        seen.fill(False)
    tile[:, :height, :width] = picture[:, row : row + height, col : col + width]
    part = valid[row : row + height, col : col + width]
    seen[:height, :width] = part
    return float(np.count_nonzero(part)) / part.size
