"""What was there before and after, in words: a model's classes of both scenes, the commonest within each polygon."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.features import geometry_mask
from rasterio.transform import Affine
from shapely.geometry.base import BaseGeometry

from geoglot.geo.grid import Window
from geoglot.geo.scene import Scene
from geoglot.tasks.change.pair import Pair, beyond
from geoglot.tasks.segment import ClassMap, segment
from geoglot.text.templates import NONE

MOST = 4096  # pixels a side of a polygon that is looked at in full; of a larger one this much of its middle


def classes_of(scene: Scene, labels: Any, model: Any, progress: bool) -> ClassMap:
    """A scene segmented by labels, on its own grid."""
    named = {"sensor": scene.sensor.id, "bands": [band.name for band in scene.bands]}
    return segment(model, scene.href, labels, progress=progress, **named)  # type: ignore[arg-type]


def onto_first(pair: Pair, classes: ClassMap) -> Callable[[Window], NDArray[np.uint8]]:
    """How to read the classes of a pair's second scene in windows of the first; 255 where there are none."""
    scene = Scene.open(classes.path, "unknown")
    corner = pair.placed()

    def read(window: Window) -> NDArray[np.uint8]:
        row, col, height, width = window
        if corner is None:
            assert pair.grid is not None
            found = scene.read(grid=pair.grid.window(*window))
            return np.where(found.valid, found.data[0], 255).astype(np.uint8)
        at = round(corner[0]) + row, round(corner[1]) + col, height, width
        data, valid = beyond(scene, at, 1, lambda part: scene.read(window=part))
        return np.where(valid, data[0], 255).astype(np.uint8)

    return read


class Said:
    """Both scenes segmented by `labels` once the first polygon asks; `model` as `tasks.segment` takes it."""

    def __init__(self, pair: Pair, labels: Any, model: Any, progress: bool) -> None:
        self._pair, self._labels, self._model, self._progress = pair, labels, model, progress

    @cached_property
    def maps(self) -> tuple[ClassMap, ClassMap]:
        """Classes of both scenes, each on its own grid."""
        one, other = (classes_of(s, self._labels, self._model, self._progress) for s in (self._pair.before, self._pair.after))
        return one, other

    @cached_property
    def _reading(self) -> tuple[Callable[[Window], NDArray[np.uint8]], Callable[[Window], NDArray[np.uint8]]]:
        one, other = self.maps
        return one.read, onto_first(self._pair, other)

    def __call__(self, pixels: BaseGeometry) -> tuple[str, str]:
        """The commonest label before and after within a polygon in columns and rows of the first scene."""
        left, top, right, bottom = (round(v) for v in pixels.bounds)
        down, across = max(bottom - top - MOST, 0) // 2, max(right - left - MOST, 0) // 2
        window = top + down, left + across, bottom - top - 2 * down, right - left - 2 * across
        inside = geometry_mask([pixels], window[2:], Affine.translation(window[1], window[0]), invert=True)
        names = (NONE, *self.maps[0].names)
        found = []
        for read in self._reading:
            values = read(window)[inside]
            counts = np.bincount(values[values < len(names)], minlength=len(names))
            found.append(names[int(counts.argmax())] if counts.any() else NONE)
        return found[0], found[1]
