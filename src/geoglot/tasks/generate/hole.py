"""Which pixels of a scene are drawn anew: within polygons, a box, a mask, or where nothing was observed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import geometry_mask
from shapely.geometry.base import BaseGeometry

from geoglot.core.errors import InputError
from geoglot.geo import vectors
from geoglot.geo.footprint import box_of, transformer
from geoglot.geo.grid import Grid, Window
from geoglot.geo.scene import Scene
from geoglot.tasks.generate.asked import check_on
from geoglot.tasks.generate.place import check_box

Bools = NDArray[np.bool_]
POLYGONS = (".geojson", ".json", ".gpkg", ".fgb", ".shp", ".parquet")
_ROWS = 512  # that are read at once
_DENSE = 1e-3  # degrees between points of an outline that is brought into another reference system


def observed(scene: Scene) -> Bools:
    """Where (H, W) anything was observed."""
    made = np.empty(scene.shape, dtype=np.bool_)
    for top in range(0, scene.shape[0], _ROWS):
        bottom = min(top + _ROWS, scene.shape[0])
        made[top:bottom] = scene.read(window=(top, 0, bottom - top, scene.shape[1])).valid
    return made


def hole_of(scene: Scene, area: Any, gaps: bool, seen: Bools) -> Bools:
    """The pixels (H, W) to draw: those of an area that were observed, or the `gaps` that were not.

    `area` is a file of polygons, a mask on the scene's own pixels (what is not 0), or a box: west, south, east, north in degrees;
    left, top, right, bottom in pixels without georeference. Raises `InputError`.
    """
    if gaps == (area is not None):
        raise InputError("Say what is drawn anew: an area (--mask, --box), or the gaps where nothing was observed (--gaps).")
    if gaps:
        if seen.all():
            raise InputError(f"{scene.id} has no gaps: every pixel was observed. Name an area (--mask, --box).")
        return ~seen
    found = _area(scene, area)
    if not found.any():
        raise InputError(f"The area holds no pixel of {scene.id}: look at `geoglot info` for where the scene lies.")
    if not (found & seen).any():
        raise InputError(f"Nothing was observed in the area, and what was not stays so: draw the gaps of {scene.id} with --gaps.")
    return found & seen


def _area(scene: Scene, area: Any) -> Bools:
    if isinstance(area, str | Path):
        if Path(area).suffix.lower() in POLYGONS:
            shapes = [shape for shape, _ in vectors.read_features(area)]
            if not any(shape.area > 0 for shape in shapes):
                raise InputError(f"{area} holds no polygon; an area needs one.")
            return _within(scene, shapely.union_all(shapes), str(area))
        with Scene.open(area) as mask:
            return _masked(scene, mask)
    if isinstance(area, Scene):
        return _masked(scene, area)
    if isinstance(area, BaseGeometry):
        return _within(scene, area, "the area")
    made = np.asarray(area)
    if made.shape == scene.shape:
        return np.asarray(made != 0)
    if made.shape != (4,):
        raise InputError("An area is a file of polygons, a mask on the scene's pixels, or a box of four numbers.")
    return _boxed(scene, tuple(float(value) for value in made))


def _masked(scene: Scene, mask: Scene) -> Bools:
    check_on("mask", mask, scene.shape if scene.grid is None else scene.grid)
    found = mask.read(bands=[mask.bands[0].name])
    return np.asarray((found.data[0] != 0) & found.valid)


def _boxed(scene: Scene, box: Sequence[float]) -> Bools:
    if scene.grid is not None:
        check_box((box[0], box[1], box[2], box[3]))
        return _within(scene, box_of(*box), "the box")
    left, top, right, bottom = (round(value) for value in box)
    if left >= right or top >= bottom:
        raise InputError("The box has no area: give left, top, right, bottom in pixels, for the scene has no georeference.")
    made = np.zeros(scene.shape, dtype=np.bool_)
    made[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = True
    return made


def _within(scene: Scene, shape: BaseGeometry, name: str) -> Bools:
    """Pixels whose middle lies in a shape: in degrees, or in pixels without georeference."""
    grid = scene.grid
    if grid is None:
        return np.asarray(geometry_mask([shape], scene.shape, Affine.identity(), invert=True))
    outline = scene.footprint
    if outline is not None and not outline.intersects(shape):
        raise InputError(f"{name} does not touch {scene.id}: look at `geoglot info` for where the scene lies.")
    return np.asarray(geometry_mask([_placed(shape, grid)], grid.shape, grid.transform, invert=True))


def _placed(shape: BaseGeometry, grid: Grid) -> BaseGeometry:
    forth = transformer("EPSG:4326", grid.crs.to_wkt())
    around = grid.footprint().buffer(0.1)  # a projection has no place for what lies on the other side of the Earth
    dense = shapely.segmentize(shape.intersection(around), _DENSE)
    return shapely.transform(dense, lambda points: np.column_stack(forth.transform(points[:, 0], points[:, 1])))


def windows(hole: Bools, side: int) -> list[Window]:
    """Windows around what is drawn, with as much of what is known around it as half a side, and at least a side where there is.

    Holes whose windows meet share one, so that nothing is drawn twice.
    """
    from scipy import ndimage  # takes a third of a second to import

    labels, _ = ndimage.label(hole, np.ones((3, 3), np.int8))
    found = [_padded(cut, hole.shape, side) for cut in ndimage.find_objects(labels)]
    while len(found) > 1 and (pair := _meeting(found)) is not None:
        one, other = found[pair[0]], found.pop(pair[1])
        top, left = min(one[0], other[0]), min(one[1], other[1])
        bottom, right = (max(a[k] + a[k + 2] for a in (one, other)) for k in (0, 1))
        found[pair[0]] = (top, left, bottom - top, right - left)
    return sorted(found)


def _meeting(found: Sequence[Window]) -> tuple[int, int] | None:
    """The first two windows that share pixels, the earlier before the later."""
    edges = np.array([(row, col, row + height, col + width) for row, col, height, width in found])
    for k in range(len(found) - 1):
        rest = edges[k + 1 :]
        meet = (rest[:, :2] < edges[k, 2:]).all(1) & (rest[:, 2:] > edges[k, :2]).all(1)
        if meet.any():
            return k, k + 1 + int(meet.argmax())
    return None


def _padded(cut: tuple[slice, slice], shape: tuple[int, ...], side: int) -> Window:
    ends = list(_spans(cut, shape, side))
    (top, bottom), (left, right) = ends
    return top, left, bottom - top, right - left


def _spans(cut: tuple[slice, slice], shape: tuple[int, ...], side: int) -> Iterator[tuple[int, int]]:
    for part, length in zip(cut, shape, strict=True):
        need = max(side, part.stop - part.start + side)
        first = max(0, min((part.start + part.stop - need) // 2, length - need))
        yield first, min(length, first + need)
