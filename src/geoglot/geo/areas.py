"""Areas on the ellipsoid: of pixels and of polygons, in square metres, whatever the projection."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Geod
from shapely.geometry.base import BaseGeometry

from geoglot.geo.footprint import place
from geoglot.geo.grid import Grid

_GEOD = Geod(ellps="WGS84")


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
