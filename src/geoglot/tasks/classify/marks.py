"""Examples that a user has marked: which windows of which scenes they mean, and the features of these windows.

A mark is a point or a polygon with a label. A point means the tile around it; a polygon the tiles that it covers by half or
more, or the tile around it where it covers none. Positions are longitude and latitude; for scenes without georeference they
are column and row in pixels from the upper left corner, or what QGIS writes for such images (the row counted negative).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import box
from shapely.geometry.base import BaseGeometry

from geoglot.archive.pipeline import Job, Piece, Tray
from geoglot.archive.sources import Source
from geoglot.archive.tiling import Chunk, Tiling
from geoglot.archive.view import shared
from geoglot.core.errors import GeoglotError, InputError
from geoglot.core.progress import Progress
from geoglot.geo import vectors
from geoglot.geo.footprint import transformer
from geoglot.geo.grid import Window
from geoglot.geo.scene import Scene
from geoglot.tasks.classify.stream import Run

MOST = 100_000  # examples of one fit
COVERED = 0.5  # of a tile
OVERLAP = 0.1  # of the smaller of two windows: what shares more is one group in cross-validation


@dataclass(frozen=True)
class Mark:
    """One feature of the user's file; `scene` names the only scene that it is about, where the file says so."""

    number: int
    shape: BaseGeometry
    label: str
    scene: str | None


def read_marks(path: str | Path, key: str = "label") -> list[Mark]:
    """The marks of a file (GeoJSON, GeoPackage) with the label in a property.

    Raises `NotFoundError` and `InputError`: unreadable, no feature, no such property, empty labels, one class only, or one
    place marked with two labels. A repeated mark counts once.
    """
    features = vectors.read_features(path)
    if not features:
        raise InputError(f"{path} holds no marks: draw points or polygons with a property {key!r}.")
    if not any(key in values for _, values in features):
        there = sorted({name for _, values in features for name in values})
        raise InputError(f"No feature of {path} has a property {key!r}; there are: {', '.join(there) or 'none'} (--property).")
    marks: list[Mark] = []
    seen: dict[bytes, str] = {}
    for number, (shape, values) in enumerate(features, 1):
        label = "" if values.get(key) is None else " ".join(str(values[key]).split())
        if not label:
            raise InputError(f"Feature {number} of {path} has an empty {key!r}: fill it in or take the feature out.")
        place = shapely.to_wkb(shapely.set_precision(shape, 1e-9)) + str(values.get("scene")).encode()
        if seen.setdefault(place, label) != label:
            raise InputError(f"Feature {number} of {path} is called {label!r} and, at the same place, {seen[place]!r}.")
        scene = values.get("scene")
        mark = Mark(number, shape, label, None if scene is None else str(scene))
        if not any(other.shape.equals(shape) and other.scene == mark.scene for other in marks if other.label == label):
            marks.append(mark)
    if len({mark.label for mark in marks}) < 2:
        raise InputError(f"All marks of {path} are {marks[0].label!r}: mark places of at least one other class too.")
    return marks


@dataclass
class Examples:
    """Features (N, D) of marked windows, their class (N,) among `names`, and which belong together (N,) in cross-validation.

    `outside` are the numbers of marks that no scene holds, `blank` those whose windows hold no valid pixel.
    """

    names: tuple[str, ...]
    x: NDArray[np.float32]
    y: NDArray[np.int64]
    groups: NDArray[np.int64]
    outside: tuple[int, ...] = ()
    blank: tuple[int, ...] = ()
    skipped: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class _Place:
    """A window that a mark means."""

    mark: Mark
    window: Window


@dataclass(frozen=True)
class _Plan:
    source: Source
    places: list[_Place]


def examples(marks: Sequence[Mark], sources: Sequence[Source], how: Run, progress: Progress) -> Examples:
    """Find the marked windows, before any pixel is read, then look at them.

    Raises `InputError` where no scene holds a mark, or the marks that are left are of one class.
    """
    skipped: list[tuple[str, str]] = []
    plans = _plans(marks, sources, how, skipped)
    held = {place.mark.number for plan in plans for place in plan.places}
    outside = tuple(mark.number for mark in marks if mark.number not in held)
    left = sorted({mark.label for mark in marks if mark.number in held})
    if len(left) < 2:
        raise InputError(why(marks, sources, skipped, left))
    total = sum(len(plan.places) for plan in plans)
    if total > MOST:
        raise InputError(f"The polygons mean {total:,} tiles, more than {MOST:,}: draw smaller ones.")
    x: list[NDArray[np.float32]] = []
    kept: list[tuple[int, _Place]] = []
    for number, plan in enumerate(plans):
        try:
            for place, vector in _look(plan, how):
                kept.append((number, place))
                x.append(vector)
                progress.advance()
        except GeoglotError as error:
            skipped.append((plan.source.id, str(error)))
    read = {place.mark.number for _, place in kept}
    names = tuple(label for label in left if any(place.mark.label == label for _, place in kept))
    if len(names) < 2:
        raise InputError("The marked places that hold valid pixels are of one class: mark others.")
    y = np.array([names.index(place.mark.label) for _, place in kept], dtype=np.int64)
    blank = tuple(number for number in sorted(held) if number not in read)
    return Examples(names, np.stack(x), y, _groups(kept), outside, blank, skipped)


def _plans(marks: Sequence[Mark], sources: Sequence[Source], how: Run, skipped: list[tuple[str, str]]) -> list[_Plan]:
    plans: list[_Plan] = []
    for source in sources:
        try:
            ready = source.open({})
            assert ready is not None
            with ready.scene as scene:
                tiling = how.plan(scene)
        except GeoglotError as error:
            skipped.append((source.id, str(error)))
            continue
        mine = [mark for mark in marks if about(mark, scene)]
        if scene.grid is None and len(sources) > 1:  # pixels of which one?
            mine = [mark for mark in mine if mark.scene is not None]
        places = [_Place(mark, window) for mark in mine for window in windows(mark.shape, scene, tiling)]
        twice: dict[Window, Mark] = {}
        for place in places:
            other = twice.setdefault(place.window, place.mark)
            if other.label != place.mark.label:
                raise InputError(
                    f"Marks {other.number} ({other.label!r}) and {place.mark.number} ({place.mark.label!r}) mean the same tile "
                    f"of {scene.id}: take one of them out, or use smaller tiles (--tile)."
                )
        if twice:
            plans.append(_Plan(source, [_Place(mark, window) for window, mark in twice.items()]))
    return plans


def about(mark: Mark, scene: Scene) -> bool:
    """Whether a mark may mean a scene."""
    return mark.scene is None or scene.id == mark.scene or Path(scene.id).name == os.path.basename(mark.scene)  # noqa: PTH119


def why(marks: Sequence[Mark], sources: Sequence[Source], skipped: list[tuple[str, str]], left: list[str]) -> str:
    """Why marks cannot be used, in words."""
    if skipped and len(skipped) == len(sources):
        return f"None of the scenes could be read. {skipped[0][0]}: {skipped[0][1]}"
    if left:
        return f"Only marks of {left[0]!r} lie within the scenes: the other classes have no example there."
    west, south, east, north = shapely.total_bounds([mark.shape for mark in marks])
    return (
        f"None of the {len(marks)} marks lies within the {len(sources)} scenes (marks reach from {west:.6g}, {south:.6g} to "
        f"{east:.6g}, {north:.6g}). Marks are in longitude and latitude; for a scene without georeference in pixels (column, "
        "row), and with several scenes each needs a property 'scene' with the file's name."
    )


def windows(shape: BaseGeometry, scene: Scene, tiling: Tiling) -> list[Window]:
    """The windows of a scene that a point or polygon means; none where it lies outside."""
    place = onto_pixels(shape, scene)
    height, width = scene.shape
    frame = box(0, 0, width, height)
    if place is None or not place.intersects(frame):
        return []
    made: list[Window] = []
    for part in getattr(place, "geoms", [place]):
        inside = part.intersection(frame)
        if inside.is_empty:
            continue
        covered = _covered(inside, tiling) if inside.area else []
        spot = inside.representative_point()
        made += covered or [_around(spot.x, spot.y, tiling)]
    return list(dict.fromkeys(made))


def onto_pixels(shape: BaseGeometry, scene: Scene) -> BaseGeometry | None:
    """A geometry in column and row of the scene."""
    if scene.grid is None:
        if shape.bounds[3] <= 0 and shape.bounds[1] < 0:
            return shapely.transform(shape, lambda points: points * (1, -1))
        return shape
    west, south, east, north = shape.bounds
    if not (-360 <= west <= east <= 360 and -90 <= south <= north <= 90):
        raise InputError(
            f"A mark at {west:.6g}, {south:.6g} is no longitude and latitude: save the marks in EPSG:4326 (GeoJSON, RFC 7946)."
        )
    forth = transformer("EPSG:4326", scene.grid.crs.to_wkt())
    back = ~scene.grid.transform

    def move(points: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = forth.transform(points[:, 0], points[:, 1])
        col, row = (
            back.a * np.asarray(x) + back.b * np.asarray(y) + back.c,
            back.d * np.asarray(x) + back.e * np.asarray(y) + back.f,
        )
        return np.column_stack([col, row])

    moved = shapely.transform(shape, move)
    return moved if np.isfinite(shapely.get_coordinates(moved)).all() else None


def _covered(part: BaseGeometry, tiling: Tiling) -> list[Window]:
    """Tiles of which the polygon covers half or more; only those in its bounds are looked at."""
    left, top, right, bottom = part.bounds
    height, width = tiling.extent
    found: list[Window] = []
    for window in tiling:
        row, col = window[:2]
        if row > bottom:
            break
        if row + height >= top and col + width >= left and col <= right:
            tile = box(col, row, col + width, row + height)
            if part.intersection(tile).area >= COVERED * tile.area:
                found.append(window)
    return found


def _around(x: float, y: float, tiling: Tiling) -> Window:
    """The tile around a position, moved inwards at the edges."""
    (height, width), (rows, cols) = tiling.extent, tiling.shape
    row, col = round(y - height / 2), round(x - width / 2)
    return min(max(row, 0), rows - height), min(max(col, 0), cols - width), height, width


def _look(plan: _Plan, how: Run) -> list[tuple[_Place, NDArray[np.float32]]]:
    """Features of the windows of one scene, those without a valid pixel left out."""
    ready = plan.source.open({})
    assert ready is not None
    found: list[tuple[_Place, NDArray[np.float32]]] = []
    with ready.scene as scene:
        tiling = how.plan(scene)
        job = Job(scene, tiling, 0, ready.fingerprint, ready.asked, ready.opened)
        for start in range(0, len(plan.places), how.batch):
            tray, kept = Tray(how.batch, tiling.size), []
            for place in plan.places[start : start + how.batch]:
                piece, at = _read(job, place.window)
                if tray.put(piece, place.window, at):
                    kept.append(place)
            if kept:
                found += zip(kept, how.encoder.encode(*tray.arrays()), strict=True)
    return found


def _read(job: Job, window: Window) -> tuple[Piece, Window]:
    """One window of a scene as the model will see it, and its place in what was read."""
    h, w = (min(max(1, round(side * job.tiling.scale)), job.tiling.size) for side in window[2:])
    seen = job.scene.display(window=window, shape=(h, w))
    place = (0, 0, h, w)
    return Piece(job, Chunk(window, (h, w), (window,), (place,)), seen.data, seen.valid), place


def _groups(kept: Sequence[tuple[int, _Place]]) -> NDArray[np.int64]:
    """Numbers that windows share which come from one mark, or lie over each other: they tell the same, or nearly so."""
    parent = list(range(len(kept)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    first: dict[int, int] = {}
    for i, (_, place) in enumerate(kept):
        parent[root(i)] = root(first.setdefault(place.mark.number, i))
    scenes: dict[int, list[int]] = {}
    for i, (number, _) in enumerate(kept):
        scenes.setdefault(number, []).append(i)
    for rows in scenes.values():
        tree = shapely.STRtree([_box(kept[i][1].window) for i in rows])
        for a, b in tree.query([_box(kept[i][1].window) for i in rows], predicate="intersects").T.tolist():
            if a < b and shared(kept[rows[a]][1].window, kept[rows[b]][1].window) > OVERLAP:
                parent[root(rows[a])] = root(rows[b])
    return np.unique([root(i) for i in range(len(kept))], return_inverse=True)[1].astype(np.int64)


def _box(window: Window) -> Any:
    row, col, height, width = window
    return box(col, row, col + width, row + height)
