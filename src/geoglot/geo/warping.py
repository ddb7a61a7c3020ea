"""Warping onto any grid: every pixel asks where it lies in the file, and what was observed around there.

Positions are computed here and not by a warped VRT: its mask claims that everything is valid beyond the edge for
several kinds and numbers of bands, and it loses what lies across the antimeridian.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rasterio.transform import GCPTransformer

from geoglot.geo.footprint import transformer
from geoglot.geo.grid import MERCATOR_EDGE, Grid, Window

if TYPE_CHECKING:
    from geoglot.geo.scene import Scene

Doubles = NDArray[np.float64]
Pixels = Callable[["Scene", list[int], Window, tuple[int, int]], tuple[NDArray[Any], NDArray[np.bool_]]]
_BLOCK = 2**20  # pixels that are placed at once: their positions take 16 bytes each
_MOST = 2**26  # pixels that one block may read


def warp(scene: Scene, chosen: list[int], grid: Grid, pixels: Pixels) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Values (C, H, W) and validity (H, W) of bands on `grid`, bilinear (nearest for palettes), averaged where `grid` is coarser.

    Half or more of a pixel's weight must have been observed for it to be valid; what lies beyond the file is invalid.
    """
    kind = np.float32 if scene.sensor.radar or scene.dtype.startswith("complex") else np.dtype(scene.dtype)
    data = np.zeros((len(chosen), *grid.shape), dtype=kind)
    valid = np.zeros(grid.shape, dtype=np.bool_)
    height, width = grid.shape
    step = max(1, _BLOCK // width)
    for top in range(0, height, step):
        part = slice(top, min(top + step, height))
        place = grid.window(top, 0, part.stop - part.start, width)
        _warp_block(scene, chosen, place, pixels, data[:, part], valid[part])
    return data, valid


def _warp_block(
    scene: Scene, chosen: list[int], grid: Grid, pixels: Pixels, data: NDArray[Any], valid: NDArray[np.bool_]
) -> None:
    full = scene.file_shape
    rows, cols = _positions(scene, grid)
    ratio = _step(rows), _step(cols)
    with np.errstate(invalid="ignore"):
        inside = (rows >= 0) & (rows <= full[0]) & (cols >= 0) & (cols <= full[1])
    for here in _groups(inside, cols, full[1]):
        r, c = rows[here], cols[here]
        window, shape = _cover(r, c, full, ratio)
        values, good = pixels(scene, chosen, window, shape)
        v, u = (r - window[0]) * (shape[0] / window[2]), (c - window[1]) * (shape[1] / window[3])
        found, seen = (_nearest if scene.palette else _bilinear)(values, good, v, u)
        if np.issubdtype(data.dtype, np.integer):
            limits = np.iinfo(data.dtype)
            found = np.clip(np.rint(found), limits.min, limits.max)
        data[:, here] = np.where(seen, found, 0).astype(data.dtype)
        valid[here] = seen


def _positions(scene: Scene, grid: Grid) -> tuple[Doubles, Doubles]:
    """Row and column in the file (edges are whole numbers) of the centre of every pixel; not finite where there is none."""
    assert scene.grid is not None
    c, r = np.meshgrid(np.arange(grid.shape[1]) + 0.5, np.arange(grid.shape[0]) + 0.5)
    t = grid.transform
    x, y = t.a * c + t.b * r + t.c, t.d * c + t.e * r + t.f
    if grid.crs != scene.grid.crs:
        x, y = transformer(grid.crs.to_wkt(), scene.grid.crs.to_wkt()).transform(x, y)
    if scene.warped:
        with GCPTransformer(scene.dataset().gcps[0]) as place:
            found = place.rowcol(x.ravel(), y.ravel(), op=lambda value: value)
        # rasterio answers with the position less half a pixel's worth of nothing: whole numbers are edges here as well
        return np.asarray(found[0], dtype=np.float64).reshape(x.shape), np.asarray(found[1], dtype=np.float64).reshape(x.shape)
    back = ~scene.grid.transform
    cols, rows = back.a * x + back.b * y + back.c, back.d * x + back.e * y + back.f
    return rows, _turned(cols, scene.grid)


def _turned(cols: Doubles, grid: Grid) -> Doubles:
    """Columns brought into the turn around the Earth that the file covers: longitudes may be counted from another meridian."""
    around = 360.0 if grid.crs.is_geographic else 2 * MERCATOR_EDGE if grid.crs.to_epsg() == 3857 else 0.0
    if not around or grid.rotated:
        return cols
    period, middle = around / abs(grid.transform.a), grid.shape[1] / 2
    with np.errstate(invalid="ignore"):
        return np.asarray(middle + np.mod(cols - middle + period / 2, period) - period / 2)


def _step(position: Doubles) -> float:
    """How many pixels of the file one step on the grid makes, along one axis of the file."""
    parts = []
    for axis in (0, 1):
        with np.errstate(invalid="ignore"):
            change = np.abs(np.diff(position, axis=axis))
        change = change[np.isfinite(change)]
        parts.append(float(np.median(change)) if change.size else 0.0)
    return max(math.hypot(*parts), 1.0)


def _groups(inside: NDArray[np.bool_], cols: Doubles, width: int) -> Iterator[NDArray[np.bool_]]:
    """The pixels to read together: both ends of a file that goes around the Earth are read apart."""
    if not inside.any():
        return
    near = cols[inside]
    ends = (near < 0.25 * width).any() and (near > 0.75 * width).any()
    if ends and not ((near >= 0.25 * width) & (near <= 0.75 * width)).any():
        yield inside & (cols < 0.5 * width)
        yield inside & (cols >= 0.5 * width)
    else:
        yield inside


def _cover(rows: Doubles, cols: Doubles, full: tuple[int, int], ratio: tuple[float, float]) -> tuple[Window, tuple[int, int]]:
    """The window of the file under some positions, and the shape to read it at."""
    edges = []
    for position, length, step in zip((rows, cols), full, ratio, strict=True):
        margin = step + 1
        first, last = max(0, int(position.min() - margin)), min(length, int(np.ceil(position.max() + margin)))
        edges.append((first, max(last - first, 1)))
    (top, height), (left, width) = edges
    size = height / ratio[0] * width / ratio[1]
    more = max(1.0, float(np.sqrt(size / _MOST)))
    shape = max(1, round(height / ratio[0] / more)), max(1, round(width / ratio[1] / more))
    return (top, left, height, width), shape


def _nearest(values: NDArray[Any], good: NDArray[np.bool_], v: Doubles, u: Doubles) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    r, c = np.clip(v.astype(np.intp), 0, good.shape[0] - 1), np.clip(u.astype(np.intp), 0, good.shape[1] - 1)
    return values[:, r, c], good[r, c]


def _bilinear(values: NDArray[Any], good: NDArray[np.bool_], v: Doubles, u: Doubles) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Mean of the four neighbours by nearness, of those observed only, so that what is missing does not bleed."""
    kind = np.float64 if values.dtype.itemsize > 4 or values.dtype in (np.int32, np.uint32) else np.float32
    top, left = np.floor(v - 0.5), np.floor(u - 0.5)
    down, across = v - 0.5 - top, u - 0.5 - left
    total = np.zeros((len(values), len(v)), dtype=kind)
    weight = np.zeros(len(v), dtype=np.float64)
    for dr, dc in ((0, 0), (0, 1), (1, 0), (1, 1)):
        r = np.clip(top.astype(np.intp) + dr, 0, good.shape[0] - 1)
        c = np.clip(left.astype(np.intp) + dc, 0, good.shape[1] - 1)
        share = (down if dr else 1 - down) * (across if dc else 1 - across) * good[r, c]
        total += values[:, r, c] * share.astype(kind)
        weight += share
    seen = weight >= 0.5 - 1e-9
    return total / np.where(seen, weight, 1.0).astype(kind), seen
