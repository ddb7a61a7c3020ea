"""Where pixels lie on the Earth: a coordinate reference system, an affine transform and a shape."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from affine import Affine
from pyproj import Geod
from rasterio.crs import CRS
from rasterio.transform import array_bounds
from shapely.geometry.base import BaseGeometry

from geoglot.core.errors import InputError
from geoglot.geo import footprint as outlines

Window = tuple[int, int, int, int]  # row, column, height, width in pixels
_GEOD = Geod(ellps="WGS84")
MERCATOR_EDGE = outlines.MERCATOR_EDGE


@dataclass(frozen=True)
class Grid:
    """A georeferenced grid: `transform` maps (column, row) of pixel corners to coordinates in `crs`, shape is (height, width)."""

    crs: CRS
    transform: Affine
    shape: tuple[int, int]

    def __post_init__(self) -> None:
        if len(self.shape) != 2 or min(self.shape) < 1:
            raise InputError(f"A grid needs a height and a width of at least one pixel, got {self.shape}.")
        if self.transform.is_degenerate or not all(math.isfinite(value) for value in self.transform):
            raise InputError(f"The transform {tuple(self.transform)[:6]} does not span an area.")

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, bottom, right, top in the units of `crs`; for a rotated grid the box around it."""
        left, bottom, right, top = array_bounds(*self.shape, self.transform)
        return left, bottom, right, top

    @property
    def gsd(self) -> float:
        """Ground sampling distance in metres at the centre: the root of the area of one pixel on the ellipsoid."""
        height, width = self.shape
        col, row = width / 2, height / 2
        # a tenth of a pixel: whole ones may go around the Earth
        points = [self.transform * (col + dc, row + dr) for dc, dr in ((-0.05, 0), (0.05, 0), (0, -0.05), (0, 0.05))]
        x, y = np.array(points).T
        lon, lat = outlines.to_lonlat(self.crs, x, y)
        if not np.isfinite(lon).all() or not np.isfinite(lat).all():
            return float("nan")
        _, _, across = _GEOD.inv(lon[0], lat[0], lon[1], lat[1])
        _, _, down = _GEOD.inv(lon[2], lat[2], lon[3], lat[3])
        return math.sqrt(across * down) / 0.1

    @property
    def rotated(self) -> bool:
        """Whether rows and columns are not parallel to the axes of `crs`."""
        return bool(
            abs(self.transform.b) > 1e-12 * abs(self.transform.a) or abs(self.transform.d) > 1e-12 * abs(self.transform.e)
        )

    def lonlat(self) -> tuple[float, float]:
        """Longitude and latitude of the centre, in degrees; not finite where the projection has no place there."""
        height, width = self.shape
        lon, lat = outlines.place(self, np.array([width / 2]), np.array([height / 2]))
        turns = np.round(lon[0] / 360) if 180 < abs(lon[0]) < np.inf else 0
        return float(lon[0] - 360 * turns), float(lat[0])

    def footprint(self, density: int = 16) -> BaseGeometry:
        """Outline in longitude and latitude with `density` points a side, split at the antimeridian."""
        return outlines.footprint(self, density)

    def window(self, row: int, col: int, height: int, width: int) -> Grid:
        """The grid of a window, which may reach beyond this grid."""
        return Grid(self.crs, self.transform * Affine.translation(col, row), (height, width))

    def scaled(self, height: int, width: int) -> Grid:
        """The same ground on another number of pixels."""
        scale = Affine.scale(self.shape[1] / width, self.shape[0] / height)
        return Grid(self.crs, self.transform * scale, (height, width))

    def tiles(self, size: int, overlap: float = 0.0) -> Iterator[Window]:
        """Windows of `size` pixels that cover the grid; `overlap` is the shared fraction of neighbours, in [0, 0.9]."""
        return tiles(self.shape, size, overlap)

    @classmethod
    def at(cls, lon: float, lat: float, gsd: float, size: int | tuple[int, int]) -> Grid:
        """A north-up grid in the UTM (or polar stereographic) zone of a place; `gsd` in metres, size in pixels."""
        if not (-180 <= lon <= 180 and -90 <= lat <= 90):
            raise InputError(f"Longitude {lon} and latitude {lat} are not a place; longitude comes first.")
        if not gsd > 0:
            raise InputError(f"The ground sampling distance must be positive metres, got {gsd}.")
        height, width = (size, size) if isinstance(size, int) else size
        crs = utm(lon, lat)
        x, y = outlines.transformer("EPSG:4326", crs.to_wkt()).transform(lon, lat)
        left, top = x - gsd * width / 2, y + gsd * height / 2
        return cls(crs, Affine(gsd, 0, left, 0, -gsd, top), (height, width))

    @classmethod
    def xyz(cls, z: int, x: int, y: int, size: int = 256) -> Grid:
        """The grid of a web map tile in EPSG:3857, `size` pixels a side."""
        count = 2**z
        if z < 0 or not (0 <= x < count and 0 <= y < count):
            raise InputError(f"There is no map tile {z}/{x}/{y}.")
        span = 2 * MERCATOR_EDGE / count
        left, top = -MERCATOR_EDGE + x * span, MERCATOR_EDGE - y * span
        return cls(CRS.from_epsg(3857), Affine(span / size, 0, left, 0, -span / size, top), (size, size))


def utm(lon: float, lat: float) -> CRS:
    """The UTM zone of a place, with the polar stereographic systems beyond 84 degrees north and 80 south."""
    if lat >= 84:
        return CRS.from_epsg(32661)
    if lat < -80:
        return CRS.from_epsg(32761)
    zone = min(int((lon + 180) // 6) + 1, 60)
    return CRS.from_epsg((32600 if lat >= 0 else 32700) + zone)


def tiles(shape: tuple[int, int], size: int, overlap: float = 0.0) -> Iterator[Window]:
    """Windows of `size` pixels over an image of `shape`, row by row.

    The last row and column are moved inwards, so that every window has full size where the image allows it.
    """
    if size < 1 or not 0 <= overlap <= 0.9:
        raise InputError(f"Tiles need a size of at least 1 pixel and an overlap from 0 to 0.9, got {size} and {overlap}.")
    height, width = shape
    h, w = min(size, height), min(size, width)
    for row in _starts(height, h, overlap):
        for col in _starts(width, w, overlap):
            yield row, col, h, w


def count_tiles(shape: tuple[int, int], size: int, overlap: float = 0.0) -> int:
    """How many windows `tiles` gives, without making them."""
    height, width = shape
    return len(_starts(height, min(size, height), overlap)) * len(_starts(width, min(size, width), overlap))


def _starts(length: int, size: int, overlap: float) -> _Starts:
    return _Starts(length, size, max(1, round(size * (1 - overlap))))


class _Starts:
    """First pixels of windows along one axis; lazy, because a damaged header may claim 2^31 pixels."""

    def __init__(self, length: int, size: int, step: int) -> None:
        self._last, self._step = length - size, step
        self._count = 1 + math.ceil(self._last / step)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[int]:
        for index in range(self._count):
            yield min(index * self._step, self._last)
