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

from geoglot.core.errors import InputError, NotEarthError, RasterError

if TYPE_CHECKING:
    from geoglot.geo.grid import Grid

_SLACK = 1e-9  # degrees by which rounding passes the antimeridian
_FARTHEST = 3600.0  # degrees: ten turns around the Earth are an error and not a way to count
Doubles = NDArray[np.float64]
MERCATOR_EDGE = 20037508.342789244  # metres, half the side of the square world of web Mercator
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
    lon, lat = place(grid, cols + u * widths, rows + v * heights)
    poles = _poles(grid)
    jumps = not runs_on(grid.crs)
    made = []
    for i, window in enumerate(windows):
        near = [pole for pole in poles if _reaches(window, pole)]
        if near:
            made.append(_around_pole(grid, window, near, density))
        elif np.isfinite(lon[i]).all():
            made.append(outline(lon[i], lat[i], jumps))
        else:
            made.append(_mosaic(grid, window))
    return made


def place(grid: Grid, cols: Doubles, rows: Doubles) -> tuple[Doubles, Doubles]:
    """Longitude and latitude of positions on a grid (edges of pixels are whole numbers).

    Longitudes may run on past 180 degrees (`runs_on`); both are infinite where a projection has no place.
    """
    t = grid.transform
    x, y = t.a * cols + t.b * rows + t.c, t.d * cols + t.e * rows + t.f
    if grid.crs.is_geographic:
        unit = 180.0 / np.pi * grid.crs.units_factor[1]
        lon, lat = to_lonlat(grid.crs, x, np.clip(y, -90.0 / unit, 90.0 / unit))
        # degrees of the grid itself tell which turn around the Earth is meant
        return lon + 360.0 * np.round((x * unit - lon) / 360.0), np.clip(lat, -90.0, 90.0)
    lon, lat = to_lonlat(grid.crs, x, y)
    if grid.crs.to_epsg() == 3857:  # goes on past the antimeridian too
        return x / MERCATOR_EDGE * 180.0, lat
    back_x, back_y = transformer("EPSG:4326", grid.crs.to_wkt()).transform(lon, lat)
    # inverse projections answer beyond the edge of the world: what does not come back is no place
    with np.errstate(invalid="ignore"):
        lost = ~(np.hypot(back_x - x, back_y - y) < 1e-6 * EARTH_RADIUS[0])
    return np.where(lost, np.inf, lon), np.where(lost, np.inf, lat)


def runs_on(crs: CRS) -> bool:
    """Whether `place` gives longitudes of this system without a jump at the antimeridian."""
    return bool(crs.is_geographic or crs.to_epsg() == 3857)


def _poles(grid: Grid) -> list[tuple[int, float, float]]:
    """Poles that have a pixel position in a projected grid, as (sign, row, column)."""
    if runs_on(grid.crs):
        return []
    found = []
    back = transformer("EPSG:4326", grid.crs.to_wkt())
    for sign in (1, -1):
        x, y = back.transform(0.0, 90.0 * sign)
        x2, y2 = back.transform(137.0, 90.0 * sign)
        # only where the pole is one point (polar projections), not a line as in Mercator ones
        if np.isfinite([x, y, x2, y2]).all() and np.hypot(x - x2, y - y2) < 1.0:
            col, row = ~grid.transform * (x, y)
            found.append((sign, row, col))
    return found


def _reaches(window: tuple[int, int, int, int], pole: tuple[int, float, float]) -> bool:
    (top, left, height, width), (_, row, col) = window, pole
    return top - 0.5 <= row <= top + height + 0.5 and left - 0.5 <= col <= left + width + 0.5


def outline(lon: Doubles, lat: Doubles, jumps: bool = True) -> BaseGeometry:
    """A ring of points in longitude and latitude, split at the antimeridian.

    With `jumps` the longitudes may come from both sides of it, neighbours less than half a turn apart.
    """
    if jumps and (np.abs(np.diff(lon)) > 180.0).any():
        lon = np.degrees(np.unwrap(np.radians(lon)))
    return split(Polygon(np.column_stack([lon, lat])))


def _around_pole(
    grid: Grid, window: tuple[int, int, int, int], poles: list[tuple[int, float, float]], density: int
) -> BaseGeometry:
    """The outline of a window that holds a pole or touches it: cut into quarters of longitude, in which the pole is an edge."""
    top, left, height, width = window
    frame = box(left, top, left + width, top + height).segmentize(max(height, width) / max(density, 8))
    forth = transformer("EPSG:4326", grid.crs.to_wkt())
    parts: list[BaseGeometry] = []
    for sign, _, _ in poles:
        reach = _lowest(grid, frame, sign)
        for west in (-180.0, -90.0, 0.0, 90.0):
            sector = box(west, min(sign * reach, 90.0 * sign), west + 90.0, max(sign * reach, 90.0 * sign)).segmentize(2.0)
            edge = shapely.get_coordinates(sector)
            x, y = forth.transform(edge[:, 0], edge[:, 1])
            b = ~grid.transform
            cell = shapely.make_valid(Polygon(np.column_stack([b.a * x + b.b * y + b.c, b.d * x + b.e * y + b.f])))
            for piece in _polygons(cell.intersection(frame)):
                parts.append(_sector(grid, piece, sign, west))
    made = shapely.make_valid(shapely.union_all(shapely.set_precision([part for part in parts if part.area > 0], 1e-9)))
    whole = _polygons(made)
    return whole[0] if len(whole) == 1 else MultiPolygon(whole)


def _lowest(grid: Grid, frame: Polygon, sign: int) -> float:
    """A latitude (of the northern hemisphere, mirrored for the southern) below everything in a frame."""
    points = shapely.get_coordinates(frame)
    _, lat = place(grid, points[:, 0], points[:, 1])
    seen = sign * lat[np.isfinite(lat)]
    return max(float(seen.min()) - 1.0, -80.0) if seen.size else 0.0


def _sector(grid: Grid, piece: Polygon, sign: int, west: float) -> BaseGeometry:
    """A piece of a window that lies within 90 degrees of longitude from `west`; its corner at the pole becomes an edge."""
    points = shapely.get_coordinates(piece.exterior)[:-1]
    lon, lat = place(grid, points[:, 0], points[:, 1])
    lon = west + 45.0 + (lon - west - 45.0 + 180.0) % 360.0 - 180.0
    ring: list[tuple[float, float]] = []
    for i, (a, b) in enumerate(zip(lon.tolist(), lat.tolist(), strict=True)):
        if sign * b < 90.0 - 1e-7:
            ring.append((min(max(a, west), west + 90.0), b))
            continue
        near = [lon[j % len(lon)] for j in (i - 1, i + 1) if sign * lat[j % len(lon)] < 90.0 - 1e-7]
        ring += [(min(max(float(neighbour), west), west + 90.0), 90.0 * sign) for neighbour in near]
    return shapely.make_valid(Polygon(ring)) if len(ring) > 2 else Polygon()


def _mosaic(grid: Grid, window: tuple[int, int, int, int], cells: int = 24) -> BaseGeometry:
    """The outline of a window that reaches beyond the edge of the world: the union of its cells that have a place."""
    top, left, height, width = window
    cols, rows = np.meshgrid(np.linspace(left, left + width, cells + 1), np.linspace(top, top + height, cells + 1))
    lon, lat = place(grid, cols, rows)
    parts = []
    for r in range(cells):
        for c in range(cells):
            at = ([r, r, r + 1, r + 1], [c, c + 1, c + 1, c])
            if np.isfinite(lon[at]).all():
                parts.append(outline(lon[at], lat[at]))
    return shapely.union_all(shapely.set_precision(parts, 1e-9)) if parts else Polygon()


def _polygons(shape: BaseGeometry) -> list[Polygon]:
    return [part for part in getattr(shape, "geoms", [shape]) if isinstance(part, Polygon) and part.area > 0]


def split(shape: BaseGeometry) -> BaseGeometry:
    """Bring a geometry whose longitudes may run past ±180 degrees into the usual range, cut at the antimeridian.

    Raises `InputError` for longitudes that are many turns away.
    """
    if shape.is_empty:
        return shape
    west, _, east, _ = shape.bounds
    if west >= -180.0 - _SLACK and east <= 180.0 + _SLACK:
        if west < -180.0 or east > 180.0:
            shape = shapely.transform(shape, lambda points: np.clip(points, -180.0, 180.0))
        return shape if shape.is_valid else shapely.make_valid(shape)
    if not max(-west, east) <= _FARTHEST:
        raise InputError(f"Longitudes from {west:.6g} to {east:.6g} are not on the Earth.")
    shape = shape if shape.is_valid else shapely.make_valid(shape)
    parts: list[Polygon] = []
    for turn in range(int(np.floor((west + 180.0) / 360.0)), int(np.ceil((east - 180.0) / 360.0)) + 1):
        piece = shape.intersection(box(-180.0 + 360.0 * turn, -90.0, 180.0 + 360.0 * turn, 90.0))
        parts.extend(_polygons(shapely.affinity.translate(piece, xoff=-360.0 * turn)))
    # a scene that goes around the Earth from another meridian comes in two parts that meet
    whole = _polygons(shapely.union_all(parts)) if east - west >= 360.0 - 1e-9 else parts
    return whole[0] if len(whole) == 1 else MultiPolygon(whole)


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


def box_of(west: float, south: float, east: float, north: float) -> BaseGeometry:
    """The area of a bounding box in degrees; one whose west is greater than its east goes across the antimeridian (RFC 7946)."""
    if not (np.isfinite([west, south, east, north]).all() and -90 <= south <= north <= 90):
        raise InputError(f"The box {(west, south, east, north)} is none: give west, south, east, north in degrees.")
    return split(box(west, south, east + 360.0 if east < west else east, north))
