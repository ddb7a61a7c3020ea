"""Outlines of grids in longitude and latitude, right across the antimeridian and around the poles."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import shapely
import shapely.affinity
from numpy.typing import NDArray
from pyproj import CRS as ProjCRS
from pyproj import Transformer
from rasterio.crs import CRS
from shapely.geometry import MultiPolygon, Polygon, box
from shapely.geometry.base import BaseGeometry

from geoglot.core.errors import NotEarthError, RasterError

if TYPE_CHECKING:
    from geoglot.geo.grid import Grid

# Radii of every ellipsoid in use for the Earth lie well inside this range (metres); Mars and the moons do not.
EARTH_RADIUS = (6.30e6, 6.45e6)


@lru_cache(maxsize=256)
def _projection(wkt: str) -> ProjCRS:
    try:
        crs = ProjCRS.from_wkt(wkt)
    except Exception as error:  # pyproj raises several kinds
        raise RasterError(
            f"The coordinate reference system is not understood ({error}); assign one, as in "
            f"'rio edit-info --crs EPSG:32631 FILE'."
        ) from None
    ellipsoid = crs.ellipsoid
    if ellipsoid is None:
        raise RasterError(
            f"The coordinate reference system {crs.name!r} is local and has no place on the Earth; "
            "assign the true one, as in 'rio edit-info --crs EPSG:32631 FILE'."
        )
    if not EARTH_RADIUS[0] < ellipsoid.semi_major_metre < EARTH_RADIUS[1]:
        raise NotEarthError(
            f"The raster lies on another body ({crs.name}, radius {ellipsoid.semi_major_metre / 1e3:.0f} km); "
            "geoglot works with places on the Earth."
        )
    return crs


def check_earth(crs: CRS) -> None:
    """Raise `NotEarthError` for a system of another planet, `RasterError` for one that cannot be placed at all."""
    _projection(crs.to_wkt())


@lru_cache(maxsize=256)
def transformer(source: str, target: str = "EPSG:4326") -> Transformer:
    """A cached transformer between two systems (WKT or authority string), axes in x, y order (longitude first)."""
    return Transformer.from_crs(_crs(source), _crs(target), always_xy=True)


def _crs(text: str) -> ProjCRS:
    return ProjCRS.from_user_input(text) if text.startswith("EPSG:") else _projection(text)


def to_lonlat(crs: CRS, x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Longitude and latitude in degrees of points in `crs`; infinite where there is none."""
    lon, lat = transformer(crs.to_wkt()).transform(x, y)
    return np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64)


def footprint(grid: Grid, density: int = 16) -> BaseGeometry:
    """Outline of a grid in longitude and latitude, `density` points a side; split at the antimeridian."""
    return footprints(grid, [(0, 0, *grid.shape)], density)[0]


def footprints(grid: Grid, windows: list[tuple[int, int, int, int]], density: int = 2) -> list[BaseGeometry]:
    """Outlines of windows (row, column, height, width) of a grid; one transformation for all of them."""
    if not windows:
        return []
    steps = np.linspace(0.0, 1.0, density, endpoint=False)
    ones, zeros = np.ones(density), np.zeros(density)
    # clockwise from the upper left corner, in fractions of the window
    u = np.concatenate([steps, ones, 1 - steps, zeros])
    v = np.concatenate([zeros, steps, ones, 1 - steps])
    rows, cols, heights, widths = (np.array(part, dtype=np.float64)[:, None] for part in zip(*windows, strict=True))
    c, r = cols + u * widths, rows + v * heights
    t = grid.transform
    lon, lat = to_lonlat(grid.crs, t.a * c + t.b * r + t.c, t.d * c + t.e * r + t.f)
    poles = _poles(grid)
    return [
        _outline(lon[i], lat[i], [sign for sign, row, col in poles if _inside(window, row, col)])
        for i, window in enumerate(windows)
    ]


def _poles(grid: Grid) -> list[tuple[int, float, float]]:
    """Poles that have a pixel position in a projected grid, as (sign, row, column)."""
    if grid.crs.is_geographic:
        return []
    found = []
    back = transformer("EPSG:4326", grid.crs.to_wkt())
    for sign in (1, -1):
        x, y = back.transform(0.0, 90.0 * sign)
        x2, y2 = back.transform(137.0, 90.0 * sign)
        # only where the pole is one point (polar projections), not a line as in Mercator or sinusoidal ones
        if np.isfinite([x, y, x2, y2]).all() and np.hypot(x - x2, y - y2) < 1.0:
            col, row = ~grid.transform * (x, y)
            found.append((sign, row, col))
    return found


def _inside(window: tuple[int, int, int, int], row: float, col: float) -> bool:
    top, left, height, width = window
    return top <= row <= top + height and left <= col <= left + width


def _outline(lon: NDArray[np.float64], lat: NDArray[np.float64], poles: list[int]) -> BaseGeometry:
    good = np.isfinite(lon) & np.isfinite(lat)
    lon, lat = lon[good], np.clip(lat[good], -90.0, 90.0)
    if len(lon) < 3:
        return Polygon()
    if poles:
        return _around_pole(lon, lat, poles[0])
    # a full circle of longitude (a geographic grid) must not be folded onto itself by unwrapping
    if np.ptp(lon) < 359.0 or not (np.abs(np.diff(lon)) < 180).all():
        lon = np.degrees(np.unwrap(np.radians(lon)))
    return split(Polygon(np.column_stack([lon, lat])))


def _around_pole(lon: NDArray[np.float64], lat: NDArray[np.float64], sign: int) -> BaseGeometry:
    order = np.argsort(lon)
    lon, lat = lon[order], lat[order]
    edge = 0.5 * (lat[0] + lat[-1])
    ring = [
        (-180.0, edge),
        *zip(lon.tolist(), lat.tolist(), strict=True),
        (180.0, edge),
        (180.0, 90.0 * sign),
        (-180.0, 90.0 * sign),
    ]
    return shapely.make_valid(Polygon(ring))


def split(shape: BaseGeometry) -> BaseGeometry:
    """Bring a geometry whose longitudes may run past ±180 degrees into the usual range, cut at the antimeridian."""
    if shape.is_empty:
        return shape
    west, _, east, _ = shape.bounds
    if west >= -180.0 and east <= 180.0:
        return shape if shape.is_valid else shapely.make_valid(shape)
    shape = shape if shape.is_valid else shapely.make_valid(shape)
    parts: list[Polygon] = []
    for turn in range(int(np.floor((west + 180.0) / 360.0)), int(np.ceil((east - 180.0) / 360.0)) + 1):
        piece = shape.intersection(box(-180.0 + 360.0 * turn, -90.0, 180.0 + 360.0 * turn, 90.0))
        if not piece.is_empty and piece.area > 0:
            moved = shapely.affinity.translate(piece, xoff=-360.0 * turn)
            parts.extend(part for part in getattr(moved, "geoms", [moved]) if isinstance(part, Polygon))
    return parts[0] if len(parts) == 1 else MultiPolygon(parts)


def bounds(shape: BaseGeometry) -> tuple[float, float, float, float]:
    """West, south, east, north of an outline; east is past 180 where it crosses the antimeridian (RFC 7946 says west > east)."""
    west, south, east, north = shape.bounds
    if isinstance(shape, MultiPolygon) and east - west > 180.0 and west <= -180.0 + 1e-9 and east >= 180.0 - 1e-9:
        boxes = [part.bounds for part in shape.geoms]
        eastern = [b for b in boxes if b[2] >= 180.0 - 1e-9 and b[0] > -180.0 + 1e-9]
        western = [b for b in boxes if b[0] <= -180.0 + 1e-9 and b[2] < 180.0 - 1e-9]
        if eastern and western and len(eastern) + len(western) == len(boxes):
            west, east = min(b[0] for b in eastern), max(b[2] for b in western) + 360.0
    return west, south, east, north
