"""Areas on the ellipsoid: of pixels and of polygons, in square metres, whatever the projection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Geod
from shapely.geometry.base import BaseGeometry

from geoglot.geo.footprint import place
from geoglot.geo.grid import Grid

_GEOD = Geod(ellps="WGS84")
_STRIP = 1024  # rows that are counted at once, and columns over which the area of a pixel is taken as one


def pixel_areas(grid: Grid, rows: NDArray[np.float64], cols: NDArray[np.float64]) -> NDArray[np.float64]:
    """Square metres of one pixel at positions (R,) and (C,): (R, C); not a number where the projection has no place.

    The area is that of the parallelogram of the steps to the next row and to the next column on the ground.
    """
    r, c = np.meshgrid(rows, cols, indexing="ij")
    steps = []
    for down, across in ((-0.5, 0.0), (0.5, 0.0), (0.0, -0.5), (0.0, 0.5)):
        steps.append(place(grid, c + across, r + down))
    (lon0, lat0), (lon1, lat1), (lon2, lat2), (lon3, lat3) = (
        (np.where(np.isfinite(lon), lon, 0), np.where(np.isfinite(lat), lat, 0)) for lon, lat in steps
    )
    south, _, down_length = _GEOD.inv(lon0, lat0, lon1, lat1)
    east, _, across_length = _GEOD.inv(lon2, lat2, lon3, lat3)
    made: NDArray[np.float64] = np.abs(down_length * across_length * np.sin(np.radians(south - east)))
    known = np.all([np.isfinite(lon) & np.isfinite(lat) for lon, lat in steps], axis=0)
    return np.where(known, made, np.nan)


def area(shape: BaseGeometry) -> float:
    """Square metres of polygons in longitude and latitude, by geodesics between their corners."""
    found, _ = _GEOD.geometry_area_perimeter(shapely.orient_polygons(shape))
    return abs(float(found))


@dataclass(frozen=True)
class Tally:
    """What each of 256 values of a raster covers: pixels (256,), square metres (256,) and the sum of the scores (256,)."""

    pixels: NDArray[np.int64]
    ground: NDArray[np.float64]
    score: NDArray[np.float64]

    def area(self, value: int) -> float | None:
        """Square metres of a value, None where they are not known."""
        return float(self.ground[value]) if np.isfinite(self.ground[value]) else None

    def mean(self, value: int) -> float | None:
        """The mean score of a value's pixels, None where there are none."""
        return float(self.score[value] / self.pixels[value]) if self.pixels[value] else None


def tally(
    rows: Callable[[int, int], tuple[NDArray[np.uint8], NDArray[np.uint8]]], shape: tuple[int, int], grid: Grid | None
) -> Tally:
    """Count a raster strip by strip; `rows` gives the values (r, W) and scores (r, W) from one row to before another."""
    height, width = shape
    lefts = np.arange(0, width, _STRIP)
    middles = ((lefts + np.minimum(lefts + _STRIP, width)) / 2).astype(np.float64)
    pixels, ground, score = np.zeros(256, np.int64), np.full(256, np.nan if grid is None else 0.0), np.zeros(256)
    for top in range(0, height, _STRIP):
        bottom = min(top + _STRIP, height)
        values, scores = rows(top, bottom)
        pixels += np.bincount(values.ravel(), minlength=256)
        score += np.bincount(values.ravel(), weights=scores.ravel(), minlength=256)
        if grid is None:
            continue
        each = pixel_areas(grid, np.arange(top, bottom, dtype=np.float64) + 0.5, middles)
        for left, column in zip(lefts, each.T, strict=True):
            block = values[:, left : left + _STRIP]
            ground += np.bincount(block.ravel(), weights=np.repeat(column, block.shape[1]), minlength=256)
    return Tally(pixels, ground, score)
