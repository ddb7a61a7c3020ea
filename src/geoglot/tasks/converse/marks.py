"""What a question points at: boxes and points of a scene, found in its pixels before a model is loaded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from geoglot.core.errors import InputError
from geoglot.geo.boxes import Box
from geoglot.geo.grid import Window
from geoglot.geo.scene import Scene
from geoglot.tasks.converse import views
from geoglot.tasks.converse.asked import Settings

MOST = 16  # marks of one question
CONTEXT = 0.5  # of a box's longer side that is shown around it on every side, to a model that reads no boxes
NARROW = 48  # seen pixels a side that such a model is shown at least
SPOT = 96  # seen pixels a side that it is shown around a point


@dataclass(frozen=True)
class Mark:
    """A box in pixels of the scene; a point is one without size."""

    box: Box

    @property
    def point(self) -> bool:
        """Whether it is a point."""
        return self.box.width == 0

    def window(self, scene: Scene, ratio: float) -> Window:
        """The part of the scene around it, as a square where that fits; ``ratio`` pixels of the scene are one that is seen."""
        left, top, right, bottom = self.box.bounds()
        side = SPOT * ratio if self.point else max((1 + 2 * CONTEXT) * max(right - left, bottom - top), NARROW * ratio)
        return around((left + right) / 2, (top + bottom) / 2, side, side, scene.shape)


def around(x: float, y: float, width: float, height: float, shape: tuple[int, int]) -> Window:
    """A window about a point, moved into a scene of a shape, and cut where the scene is smaller."""
    wide, high = min(max(round(width), 1), shape[1]), min(max(round(height), 1), shape[0])
    col = min(max(round(x - wide / 2), 0), shape[1] - wide)
    row = min(max(round(y - high / 2), 0), shape[0] - high)
    return row, col, high, wide


def of(scene: Scene, asked: Settings) -> tuple[Mark, ...]:
    """The marks of a request in their order, boxes first, cut at the scene's edges.

    Raises `InputError` for what is no box or point, lies outside the scene, or for degrees where there is no georeference.
    """
    found = [_box(scene, one, asked.lonlat) for one in _several(asked.box, 4, "box", "left, top, right, bottom")]
    found += [_point(scene, one, asked.lonlat) for one in _several(asked.point, 2, "point", "x, y")]
    if len(found) > MOST:
        raise InputError(f"A question points at no more than {MOST} boxes and points, got {len(found)}: ask about some of them.")
    return tuple(found)


def _several(given: Any, count: int, what: str, form: str) -> list[Any]:
    if given is None:
        return []
    rows = [given] if isinstance(given, Box) or (len(given) and np.isscalar(given[0])) else list(given)
    for row in rows:
        if isinstance(row, Box) and what == "box":
            continue
        if isinstance(row, str | Box) or not isinstance(row, Sequence | np.ndarray) or len(row) != count:
            raise InputError(f"A {what} is {form}, got {row!r}.")
        try:
            finite = all(math.isfinite(float(value)) for value in row)
        except (TypeError, ValueError):
            finite = False
        if not finite:
            raise InputError(f"A {what} is {form}, each a number, got {row!r}.")
    return rows


def _box(scene: Scene, given: Any, lonlat: bool) -> Mark:
    if not isinstance(given, Box):
        left, top, right, bottom = map(float, given)
        if right <= left or (bottom <= top):
            form = "west, south, east, north" if lonlat else "left, top, right, bottom"
            raise InputError(f"The numbers of a box are {form}, each pair rising, got {[left, top, right, bottom]}.")
        given = given if lonlat else Box.upright(left, top, right, bottom)
    if isinstance(given, Box):
        box = given.to_pixels(scene.shape)
        first, begin, second, end = box.bounds()
        if first >= 0 and begin >= 0 and second <= scene.shape[1] and end <= scene.shape[0] and box.width > 0:
            return Mark(box)
    try:
        row, col, height, width = views.window_of(scene, given)
    except InputError as error:
        if scene.grid is None and not isinstance(given, Box):
            raise
        raise InputError(f"The box {_told(given)} lies outside {scene.id}, {_extent(scene, lonlat)}.") from error
    return Mark(Box.upright(col, row, col + width, row + height))


def _point(scene: Scene, given: Any, lonlat: bool) -> Mark:
    x, y = map(float, given)
    if lonlat:
        cols, rows = views.pixels(scene, np.array([x]), np.array([y]))
        x, y = float(cols[0]), float(rows[0])
    if not (0 <= x <= scene.shape[1] and 0 <= y <= scene.shape[0]):
        raise InputError(f"The point {_told(given)} lies outside {scene.id}, {_extent(scene, lonlat)}.")
    return Mark(Box(x, y, 0.0, 0.0))


def _told(given: Any) -> str:
    values = given.bounds() if isinstance(given, Box) else given
    return ", ".join(f"{float(value):g}" for value in values)


def _extent(scene: Scene, lonlat: bool) -> str:
    if lonlat:
        return "whose place `geoglot info` tells (without lonlat the numbers are pixels)"
    return f"which is {scene.shape[1]:,} pixels wide and {scene.shape[0]:,} high (with lonlat the numbers are degrees)"
