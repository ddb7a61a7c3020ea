"""Polygons of change: outlines of changed pixels that touch by their sides, with dates, area, mean score and kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import shapely
from rasterio.features import geometry_mask, shapes
from rasterio.windows import Window as RioWindow
from shapely.geometry import shape as shape_of
from shapely.geometry.base import BaseGeometry

from geoglot.geo.areas import area
from geoglot.geo.grid import Grid
from geoglot.tasks.change.kinds import KINDS
from geoglot.tasks.segment.polygons import corners, onto_map

_LONGEST, _MEASURED = 512.0, 16.0  # pixels of an edge of what is written, and of what is measured
_MOST = 2048  # pixels a side of which the mean of one polygon is taken
_STEPS = 254

Dates = tuple[str | None, str | None]
Words = Callable[[BaseGeometry], tuple[str, str]]


def outlines(
    path: Path,
    scene: str,
    grid: Grid | None,
    dates: Mapping[int, Dates],
    least: float = 0.0,
    words: Words | None = None,
    band: int = 1,
) -> Iterator[dict[str, Any]]:
    """Rows of a table, one a polygon: scene, label (the kind), score, before and after (dates), area, pixels, geometry.

    Polygons in longitude and latitude; without georeference the geometry is null, the area unknown, and `outline` holds the
    polygon in pixels (column and row) as text. With `words`, `from` and `to` say what was there. `dates` are those of the values
    of `band` that are outlined.
    """
    with rasterio.open(path) as file:
        for found, value in shapes(rasterio.band(file, band), connectivity=4):
            if int(value) not in dates:
                continue
            before, after = dates[int(value)]
            pixels = shapely.transform(shape_of(found), partial(corners, back=~file.transform))
            made: dict[str, Any] = {"scene": scene, "label": "", "score": None, "before": before, "after": after}
            made |= {"area": None, "pixels": int(pixels.area)}
            if grid is None:
                made |= {"outline": shapely.to_wkt(pixels, rounding_precision=0), "geometry": None}
            else:
                fine = onto_map(pixels, grid, _MEASURED)
                made |= {"area": None if fine is None else area(fine), "geometry": onto_map(pixels, grid, _LONGEST)}
            if (pixels.area if made["area"] is None else made["area"]) < least:
                continue
            made["score"], made["label"] = _within(file, pixels)
            if words is not None:
                made["from"], made["to"] = words(pixels)
            yield made


def _within(file: Any, pixels: BaseGeometry) -> tuple[float, str]:
    """The mean score of the pixels of a polygon and their commonest kind, of a large one on a coarser grid."""
    values, inside = cut(file, [2, 3], pixels)
    kinds = np.bincount(values[1][inside], minlength=len(KINDS) + 1)
    return float(values[0][inside].mean()) / _STEPS, KINDS[max(int(kinds[1:].argmax()), 0)]


def cut(file: Any, bands: list[int], pixels: BaseGeometry) -> tuple[Any, Any]:
    """Values (C, h, w) of the box around a polygon in pixels, and which (h, w) lie inside; all where none would."""
    left, top, right, bottom = (round(v) for v in pixels.bounds)
    height, width = bottom - top, right - left
    ratio = max(1.0, max(height, width) / _MOST)
    out = max(1, round(height / ratio)), max(1, round(width / ratio))
    data = file.read(bands, window=RioWindow(left, top, width, height), out_shape=(len(bands), *out))
    step = rasterio.Affine.translation(left, top) * rasterio.Affine.scale(width / out[1], height / out[0])
    inside = geometry_mask([pixels], out, step, invert=True)
    return data, inside if inside.any() else np.ones(out, np.bool_)
