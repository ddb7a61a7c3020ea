"""Where a drawn scene lies: around a point, within a box, on the grid of another raster, or nowhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from affine import Affine
from rasterio.crs import CRS
from rasterio.errors import CRSError

from geoglot.core.errors import InputError
from geoglot.geo import footprint as outlines
from geoglot.geo.grid import Grid, utm
from geoglot.geo.raster import Raster
from geoglot.geo.scene import Scene

Ground = Grid | tuple[int, int]  # with a place, or height and width alone
Bbox = tuple[float, float, float, float]
LARGEST = 2**17  # pixels a side
_EDGE = 32  # points on each side of a box that is brought into another reference system


@dataclass(frozen=True)
class Place:
    """What is said of the grid. `at` is longitude and latitude of the middle, `bbox` west, south, east, north, `like` a raster.

    `gsd` is metres to a pixel, `size` the side or (height, width) in pixels, `crs` the reference system, by default the zone of
    UTM of the place. With neither `at`, `bbox` nor `like` the scene has no georeference.
    """

    at: tuple[float, float] | None = None
    bbox: Bbox | None = None
    like: str | Path | Scene | Raster | None = None
    gsd: float | None = None
    size: int | tuple[int, int] | None = None
    crs: str | None = None

    def __post_init__(self) -> None:
        if sum(one is not None for one in (self.at, self.bbox, self.like)) > 1:
            raise InputError("Say in one way where the scene lies: at a point, in a box, or like another raster.")
        if self.like is not None and any(one is not None for one in (self.gsd, self.size, self.crs)):
            raise InputError("A scene like another raster has its resolution, size and reference system: leave them out.")
        if self.gsd is not None and not 0 < self.gsd < 1e5:
            raise InputError(f"A ground sampling distance of {self.gsd} m cannot be: give metres to a pixel, above 0.")
        if self.gsd is None and (self.at is not None or self.bbox is not None):
            raise InputError("How many metres is a pixel? Give the ground sampling distance (--gsd) with the place.")
        if self.size is not None:
            sides = _sides(self.size)
            if min(sides) < 1 or max(sides) > LARGEST:
                raise InputError(f"A scene has from 1 to {LARGEST:,} pixels a side, and not {sides[1]} x {sides[0]}.")
        if self.at is not None:
            check_point(*self.at)
        if self.bbox is not None:
            check_box(self.bbox)
            if self.size is not None:
                raise InputError("A box with a resolution has its size: leave out the size, or give the place as a point.")
        if self.crs is not None:
            if self.at is None and self.bbox is None:
                raise InputError("A reference system is for a scene with a place: give a point or a box with it.")
            system(self.crs)

    def ground(self, native: int) -> Ground:
        """The grid, or the shape alone where no place was given; `native` is the side where no size was given."""
        if self.like is not None:
            return _like(self.like)
        if self.bbox is not None:
            return self._boxed(self.bbox)
        sides = _sides(native if self.size is None else self.size)
        if self.at is None:
            return sides
        assert self.gsd is not None
        if self.crs is None:
            return Grid.at(*self.at, self.gsd, sides)
        crs = system(self.crs)
        x, y = outlines.transformer("EPSG:4326", crs.to_wkt()).transform(*self.at)
        step = self._step(crs, x, y)
        return Grid(crs, Affine(step, 0, x - step * sides[1] / 2, 0, -step, y + step * sides[0] / 2), sides)

    def _boxed(self, bbox: Bbox) -> Grid:
        """The least grid of whole pixels that covers a box."""
        west, south, east, north = bbox
        east += 360 if east < west else 0
        middle = (west + east) / 2
        crs = utm((middle + 180) % 360 - 180, (south + north) / 2) if self.crs is None else system(self.crs)
        left, bottom, right, top = _projected(bbox, crs)
        assert self.gsd is not None
        step = self.gsd if self.crs is None else self._step(crs, (left + right) / 2, (bottom + top) / 2)
        width, height = (max(1, int(np.ceil(span / step - 1e-9))) for span in (right - left, top - bottom))
        if max(width, height) > LARGEST:
            raise InputError(
                f"The box is {width:,} x {height:,} pixels of {self.gsd:g} m, and a scene has at most {LARGEST:,} a side: give a "
                "smaller box, or more metres to a pixel."
            )
        return Grid(crs, Affine(step, 0, left, 0, -step, top), (height, width))

    def _step(self, crs: CRS, x: float, y: float) -> float:
        """Side of a pixel in units of `crs` so that it is `gsd` metres on the ground, as in the middle of the scene."""
        assert self.gsd is not None
        if not (np.isfinite(x) and np.isfinite(y)):
            raise InputError(f"The place is not in {self.crs}: leave out the reference system for the zone of UTM of the place.")
        metres = Grid(crs, Affine(1, 0, x - 0.5, 0, -1, y + 0.5), (1, 1)).gsd
        if not 0 < metres < float("inf"):
            raise InputError(f"The place is not in {self.crs}: leave out the reference system for the zone of UTM of the place.")
        return self.gsd / metres


def check_point(lon: float, lat: float) -> None:
    """Raise `InputError` for a place off the Earth."""
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        hint = " They may have changed places." if -180 <= lat <= 180 and -90 <= lon <= 90 else ""
        raise InputError(
            f"{lon:g}, {lat:g} is not on the Earth: give longitude in -180..180 and latitude in -90..90, in this order.{hint}"
        )


def check_box(bbox: Bbox) -> None:
    """Raise `InputError` for a box that is off the Earth or has no area."""
    west, south, east, north = bbox
    check_point(west, south)
    check_point(east, north)
    if south >= north or west == east:
        raise InputError(f"The box {', '.join(f'{value:g}' for value in bbox)} has no area: give west, south, east, north.")


def system(name: str) -> CRS:
    """A projected reference system by name (`EPSG:32631`). Raises `InputError`."""
    try:
        found = CRS.from_user_input(name)
    except (CRSError, ValueError):
        raise InputError(f"There is no reference system {name!r}: write it as EPSG:32631.") from None
    if not found.is_projected:
        raise InputError(f"{name} counts degrees, and a model draws square pixels: take a projected system, or leave it out.")
    outlines.check_earth(found)
    return found


def _like(source: str | Path | Scene | Raster) -> Ground:
    if isinstance(source, Scene | Raster):
        return source.shape if source.grid is None else source.grid
    with Scene.open(source) as scene:
        return scene.shape if scene.grid is None else scene.grid


def _sides(size: int | tuple[int, int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def _projected(bbox: Bbox, crs: CRS) -> Bbox:
    """Left, bottom, right, top around a box of degrees; its sides may be bent in `crs`."""
    west, south, east, north = bbox
    east += 360 if east < west else 0
    across, up = np.linspace(west, east, _EDGE), np.linspace(south, north, _EDGE)
    lon = np.concatenate([across, across, np.full(_EDGE, west), np.full(_EDGE, east)])
    lat = np.concatenate([np.full(_EDGE, south), np.full(_EDGE, north), up, up])
    x, y = outlines.transformer("EPSG:4326", crs.to_wkt()).transform(lon, lat)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise InputError(f"The box does not lie in {crs.to_string()[:40]}: leave out the reference system.")
    return float(np.min(x)), float(np.min(y)), float(np.max(x)), float(np.max(y))


def widened(grid: Grid, bbox: Bbox) -> tuple[int, int, int, int]:
    """Whole pixels that a grid lacks on its left, top, right and bottom to cover a box of degrees."""
    left, bottom, right, top = _projected(bbox, grid.crs)
    corners = [~grid.transform * (x, y) for x in (left, right) for y in (bottom, top)]
    cols, rows = ([corner[axis] for corner in corners] for axis in (0, 1))
    height, width = grid.shape
    more = (-min(cols), -min(rows), max(cols) - width, max(rows) - height)
    return tuple(max(0, int(np.ceil(one - 1e-6))) for one in more)  # type: ignore[return-value]
