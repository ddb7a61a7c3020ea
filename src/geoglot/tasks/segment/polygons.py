"""Polygons of a map of classes: outlines of the pixels that touch by their sides, with area and mean score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.features import geometry_mask, shapes
from rasterio.windows import Window as RioWindow
from shapely.geometry import shape as shape_of
from shapely.geometry.base import BaseGeometry

from geoglot.geo.areas import area
from geoglot.geo.footprint import place, runs_on, split
from geoglot.geo.grid import Grid
from geoglot.tasks.segment.blend import NODATA, SCORE_STEPS

_LONGEST, _MEASURED = 512.0, 16.0  # pixels of an edge of what is written, and of what is measured
COLUMNS = {"scene": str, "label": str, "score": float, "area": float, "pixels": int}  # and `outline` without georeference
_MOST = 2048  # pixels a side of which the mean score of one polygon is taken


def outlines(
    path: Path, scores: Path | None, scene: str, grid: Grid | None, names: Sequence[str], least: float = 0.0
) -> Iterator[dict[str, Any]]:
    """Rows of a table, one a polygon: scene, label, score (mean), area in square metres, pixels, geometry.

    Polygons in longitude and latitude; without georeference the geometry is null, the area unknown, and `outline` holds the
    polygon in pixels (column and row) as text. Those of less than `least` square metres (pixels, without georeference) are left
    out. Memory holds the polygons, not the pixels.
    """
    with rasterio.open(path) as file:
        wanted = rasterio.band(file, 1)
        held = None if scores is None else rasterio.open(scores)
        try:
            for found, value in shapes(wanted, connectivity=4):  # in coordinates of the map: GDAL applies the file's transform
                if value in (0, NODATA):
                    continue
                pixels = shapely.transform(shape_of(found), partial(corners, back=~file.transform))
                row = _row(pixels, scene, grid, names[int(value) - 1])
                if (pixels.area if row["area"] is None else row["area"]) < least:
                    continue
                row["score"] = None if held is None else _mean(held, pixels)
                yield row
        finally:
            if held is not None:
                held.close()


def corners(points: NDArray[np.float64], back: rasterio.Affine) -> NDArray[np.float64]:
    """Columns and rows of corners of pixels."""
    x, y = points.T
    cols, rows = back.a * x + back.b * y + back.c, back.d * x + back.e * y + back.f
    made: NDArray[np.float64] = np.rint(np.column_stack([cols, rows]))
    return made


def _row(pixels: BaseGeometry, scene: str, grid: Grid | None, label: str) -> dict[str, Any]:
    made: dict[str, Any] = {"scene": scene, "label": label, "score": None, "area": None, "pixels": int(pixels.area)}
    if grid is None:
        return made | {"outline": shapely.to_wkt(pixels, rounding_precision=0), "geometry": None}
    ground, fine = onto_map(pixels, grid, _LONGEST), onto_map(pixels, grid, _MEASURED)
    return made | {"area": None if fine is None else area(fine), "geometry": ground}


def onto_map(pixels: BaseGeometry, grid: Grid, longest: float) -> BaseGeometry | None:
    """A geometry in columns and rows of a grid, in longitude and latitude; None where the projection has no place.

    No edge is longer than `longest` pixels: what is straight on the grid bends in longitude and latitude.
    """

    def move(points: NDArray[np.float64]) -> NDArray[np.float64]:
        lon, lat = place(grid, points[:, 0], points[:, 1])
        if not runs_on(grid.crs) and np.isfinite(lon).all() and np.ptp(lon) > 180:  # across the antimeridian
            lon = np.where(lon < 0, lon + 360.0, lon)
        return np.column_stack([lon, lat])

    moved = shapely.transform(shapely.segmentize(pixels, longest), move)
    return split(moved) if np.isfinite(shapely.get_coordinates(moved)).all() else None


def _mean(scores: Any, pixels: BaseGeometry) -> float:
    """The mean score of the pixels of a polygon, of a large one on a coarser grid."""
    left, top, right, bottom = (round(v) for v in pixels.bounds)
    height, width = bottom - top, right - left
    ratio = max(1.0, max(height, width) / _MOST)
    out = max(1, round(height / ratio)), max(1, round(width / ratio))
    data = scores.read(1, window=RioWindow(left, top, width, height), out_shape=out, resampling=Resampling.nearest)
    step = rasterio.Affine.translation(left, top) * rasterio.Affine.scale(width / out[1], height / out[0])
    inside = geometry_mask([pixels], out, step, invert=True)
    return float(data[inside].mean() if inside.any() else data.mean()) / SCORE_STEPS
