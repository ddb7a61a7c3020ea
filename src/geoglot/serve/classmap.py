"""Labels of tiles as a raster: every cell has the label of the best tile over it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.features import rasterize

from geoglot.geo import vectors
from geoglot.geo.footprint import footprints, transformer
from geoglot.geo.grid import Grid
from geoglot.geo.raster import Raster
from geoglot.geo.sensors import Band
from geoglot.geo.write import write_geotiff
from geoglot.tasks.classify import Labels, SceneLabels

_MOST = 4096  # cells a side
_FINE = 8  # cells along the side of a tile, where there is room
_MERCATOR = CRS.from_epsg(3857)


def grid_of(row: Mapping[str, Any]) -> Grid | None:
    """The grid of a scene from its record."""
    if row["crs"] is None:
        return None
    return Grid(CRS.from_string(row["crs"]), Affine(*row["transform"]), (int(row["height"]), int(row["width"])))


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows as a table, in the format of the name."""
    vectors.write_features(path, rows)


def class_map(labels: Labels) -> Raster | None:
    """Values from 1 for the labels in their order, 0 beyond all tiles: on the grid of a single scene, of several on web mercator.

    None where there is no place: scenes without georeference, or on both sides of the antimeridian.
    """
    if len(labels.scenes) == 1:
        return _one(labels.scenes[0])
    placed = [scene for scene in labels.scenes if scene.grid is not None]
    return _several(placed) if placed else None


def _one(scene: SceneLabels) -> Raster | None:
    if scene.grid is None:
        return None
    side = int(scene.windows[:, 2:].max())
    step = max(1.0, side / _FINE, max(scene.shape) / _MOST)
    shape = math.ceil(scene.shape[0] / step), math.ceil(scene.shape[1] / step)
    grid = scene.grid.scaled(*shape)
    down, across = shape[0] / scene.shape[0], shape[1] / scene.shape[1]
    data = np.zeros(shape, dtype=np.uint8)
    for at in np.argsort(scene.scores.max(axis=1), kind="stable"):
        row, col, height, width = scene.windows[at]
        rows = slice(round(row * down), max(round((row + height) * down), round(row * down) + 1))
        cols = slice(round(col * across), max(round((col + width) * across), round(col * across) + 1))
        data[rows, cols] = scene.best[at] + 1
    return _raster(data, grid)


def _several(scenes: Sequence[SceneLabels]) -> Raster | None:
    shapes: list[Any] = []
    values: list[NDArray[np.int64]] = []
    scores: list[NDArray[np.float32]] = []
    forth = transformer("EPSG:4326", _MERCATOR.to_wkt())
    for scene in scenes:
        assert scene.grid is not None
        outlines = footprints(scene.grid, [tuple(int(v) for v in window) for window in scene.windows])  # type: ignore[misc]

        def onto(lonlat: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.stack(forth.transform(lonlat[:, 0], lonlat[:, 1]), axis=1)

        shapes += list(shapely.transform(np.array(outlines, dtype=object), onto))
        values.append(scene.best + 1)
        scores.append(scene.scores.max(axis=1))
    known = np.array([not shape.is_empty and np.isfinite(shape.bounds).all() for shape in shapes])
    if not known.any():
        return None
    bounds = np.array([shape.bounds for shape, good in zip(shapes, known, strict=True) if good])
    left, bottom = (float(value) for value in bounds[:, :2].min(axis=0))
    right, top = (float(value) for value in bounds[:, 2:].max(axis=0))
    if right - left > 2.0e7:
        return None
    tile = float(np.median(bounds[:, 2] - bounds[:, 0]))
    step = max(tile / _FINE, (right - left) / _MOST, (top - bottom) / _MOST, 1e-3)
    shape = max(1, math.ceil((top - bottom) / step)), max(1, math.ceil((right - left) / step))
    order = [at for at in np.argsort(np.concatenate(scores), kind="stable") if known[at]]
    every = np.concatenate(values)
    transform = Affine(step, 0, left, 0, -step, top)
    data = rasterize([(shapes[at], int(every[at])) for at in order], shape, transform=transform, dtype="uint8")
    return _raster(data, Grid(_MERCATOR, transform, shape))


def _raster(data: NDArray[np.uint8], grid: Grid) -> Raster:
    return Raster(data[None], data > 0, grid, (Band("class"),))


def write_map(path: Path, raster: Raster, colours: Sequence[str]) -> list[float]:
    """Write a map of classes as a COG with a colour table; gives its bounds in longitude and latitude."""
    table = {value: rgba(colour) for value, colour in enumerate(colours, 1)} | {0: (0, 0, 0, 0)}
    write_geotiff(path, raster, nodata=0, colours=table)
    assert raster.grid is not None
    return bounds_of(raster.grid)


def bounds_of(grid: Grid) -> list[float]:
    """West, south, east, north of a grid."""
    return [round(float(value), 7) for value in grid.footprint().bounds]


def rgba(colour: str) -> tuple[int, int, int, int]:
    """A colour (``#rrggbb``) as bytes, opaque."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return red, green, blue, 255
