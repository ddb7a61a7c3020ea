"""Tiles through whatever finds boxes in a picture, and the boxes of all tiles of a scene put together.

An object on the edge of a tile is seen whole in the next one where it is smaller than what neighbours share: there what touches
an inner edge is left out. What remains double is suppressed, and so are parts of longer objects that a tile has cut off.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import shapely
import torch
from numpy.typing import NDArray

from geoglot.archive.embed import Seen, embed
from geoglot.archive.indexing import nothing
from geoglot.archive.sources import Source
from geoglot.archive.tiling import MAX_TILES, Tiling
from geoglot.core.errors import InputError, RasterError
from geoglot.core.progress import track
from geoglot.core.protocols import ModelSpec
from geoglot.geo.grid import Window
from geoglot.geo.iou import suppress
from geoglot.geo.scene import Scene
from geoglot.nn.batch import ImageBatch
from geoglot.nn.detection import Peaks
from geoglot.tasks.detect.asked import STEP
from geoglot.tasks.detect.boxes import SceneBoxes

EDGE = 2.0  # seen pixels from an inner edge of a tile within which a box touches it
OVERLAP = 0.5  # of two boxes of one label (intersection over union), above which the worse one goes
COVERED = 0.7  # of a box that a tile has cut, within a larger box of its label, above which it is a part of that
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Boxes:
    """Boxes of one picture in its pixels: class (N,), score (N,), upright (N, 4), turned (N, 5)."""

    label: NDArray[np.int64]
    score: Floats
    upright: Floats
    turned: Floats

    @classmethod
    def of(cls, found: Peaks) -> Boxes:
        """What a head has found, in the number formats of numpy."""
        label, score, upright, turned = (part.numpy() for part in (found.label, found.score, found.upright, found.turned))
        return cls(label.astype(np.int64), score.astype(float), upright.astype(float), turned.astype(float))

    def take(self, rows: NDArray[Any]) -> Boxes:
        """Some of them."""
        return Boxes(self.label[rows], self.score[rows], self.upright[rows], self.turned[rows])

    def moved(self, window: Window, scale: float) -> Boxes:
        """The same in pixels of the scene, for a tile whose pixels are ``scale`` times as many along a side."""
        top, left = window[:2]
        upright = self.upright / scale + (left, top, left, top)
        turned = self.turned / np.array((scale, scale, scale, scale, 1)) + np.array((left, top, 0, 0, 0))
        return Boxes(self.label, self.score, upright, turned)


NONE = Boxes(np.zeros(0, np.int64), np.zeros(0), np.zeros((0, 4)), np.zeros((0, 5)))
Finder = Callable[[ImageBatch], Sequence[Boxes]]


def together(parts: Sequence[Boxes]) -> Boxes:
    """Boxes of several lists in one."""
    if not parts:
        return NONE
    names = ("label", "score", "upright", "turned")
    return Boxes(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


@dataclass(frozen=True)
class Run:
    """How scenes are looked at: ``tile`` seen pixels a side, neighbours share ``overlap`` of it, ``gsd`` metres a seen pixel
    (None: the scene's own), upright boxes or turned ones, and the least score of a box that is given."""

    spec: ModelSpec
    find: Finder
    tile: int = 512
    overlap: float = 0.25
    gsd: float | None = None
    upright: bool = False
    least: float = 0.3
    batch: int = 8
    workers: int | None = None
    progress: bool = True

    def plan(self, scene: Scene) -> Tiling:
        """The tiles of a scene. Raises `InputError` for a resolution of a scene that has none."""
        ratio = 1.0
        if self.gsd is not None:
            if scene.gsd is None or not np.isfinite(scene.gsd):
                raise InputError("A scene without georeference has no resolution: leave out --gsd.")
            ratio = self.gsd / scene.gsd
        made = Tiling(scene.shape, max(8, round(self.tile * ratio)), self.tile, self.overlap)
        if len(made) > MAX_TILES:
            raise RasterError(f"{scene.id} would be {len(made):,} tiles: its header is damaged, or --gsd should be coarser.")
        return made


class _Encoder:
    """A finder where the archive's reading expects vectors: what it gives of a tile is its boxes."""

    def __init__(self, how: Run) -> None:
        self.spec = replace(how.spec, size=how.tile)
        self._find = how.find

    def encode(self, tiles: NDArray[np.float32], valid: NDArray[np.bool_], gsd: NDArray[np.float32]) -> NDArray[Any]:
        """Boxes (B,) of tiles (B, 3, S, S), of which only what holds valid pixels is looked at."""
        rows, cols = (np.flatnonzero(valid.any(axis=axes)) for axes in ((0, 2), (0, 1)))
        high, wide = (min(-(-(int(at[-1]) + 1) // STEP) * STEP, tiles.shape[-1]) for at in (rows, cols))
        part = np.ascontiguousarray(tiles[:, :, :high, :wide]), np.ascontiguousarray(valid[:, :high, :wide])
        found = self._find(ImageBatch.of(torch.from_numpy(part[0]), torch.from_numpy(part[1]), gsd=torch.from_numpy(gsd.copy())))
        made = np.empty(len(tiles), dtype=object)
        made[:] = list(found)
        return made


@dataclass
class _Part:
    """What is known of a scene so far."""

    scene: Scene
    tiling: Tiling
    found: list[Boxes] = field(default_factory=list)
    cut: list[NDArray[np.bool_]] = field(default_factory=list)

    def take(self, window: Window, found: Boxes) -> None:
        """Take in the boxes of a tile."""
        boxes, cut = placed(found, window, self.tiling)
        self.found.append(boxes)
        self.cut.append(cut)

    def finish(self, how: Run) -> SceneBoxes:
        """Put the boxes of all tiles together."""
        return finish(
            self.scene, together(self.found), np.concatenate([*self.cut, np.zeros(0, np.bool_)]), how.upright, how.least
        )


def run(sources: Sequence[Source], how: Run) -> tuple[list[SceneBoxes], list[tuple[str, str]]]:
    """Boxes of all scenes in the order of the sources, and the sources that were skipped with the reason.

    Memory holds one batch of tiles, and the boxes. Raises `RasterError` when no source is of use.
    """
    parts: dict[str, _Part] = {}
    skipped: list[tuple[str, str]] = []
    done: dict[str, SceneBoxes] = {}
    with track(None, "detect", quiet=not how.progress) as shown:
        items = embed(sources, _Encoder(how), how.plan, shown, how.batch, how.workers)
        with closing(items):
            for item in items:
                if isinstance(item, Seen):
                    part = parts.setdefault(item.job.scene.id, _Part(item.job.scene, item.job.tiling))
                    for window, found in zip(item.windows, item.vectors, strict=True):
                        part.take(window, found)
                    continue
                held = parts.pop(item.source, None)
                if item.error is not None or held is None:
                    skipped.append((item.source, item.error or "it holds no valid pixels"))
                else:
                    done[item.source] = held.finish(how)
    if skipped and not done:
        raise RasterError(nothing(skipped))
    return [done[source.id] for source in sources if source.id in done], skipped


def placed(found: Boxes, window: Window, tiling: Tiling) -> tuple[Boxes, NDArray[np.bool_]]:
    """The boxes of a tile in pixels of the scene, without those that the next tile sees whole, and which are cut by the tile."""
    boxes = found.moved(window, tiling.scale)
    cut, short = _cut(boxes, window, tiling)
    kept = ~(cut & short)
    return boxes.take(kept), cut[kept]


def _cut(boxes: Boxes, window: Window, tiling: Tiling) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which boxes (N,), in pixels of the scene, touch an inner edge of their tile, and which are seen whole in the next one."""
    cut, short = np.zeros(len(boxes.label), np.bool_), np.ones(len(boxes.label), np.bool_)
    near = EDGE / tiling.scale
    for axis in (0, 1):
        first, length = window[axis], window[2 + axis]
        low, high = boxes.upright[:, 1 - axis], boxes.upright[:, 3 - axis]
        touches = ((first > 0) & (low < first + near)) | ((first + length < tiling.shape[axis]) & (high > first + length - near))
        inside = np.minimum(high, first + length) - np.maximum(low, first) < tiling.overlap * tiling.side - 2 * near
        cut |= touches
        short &= inside | ~touches
    return cut, short


def finish(scene: Scene, boxes: Boxes, cut: NDArray[np.bool_], upright: bool, least: float) -> SceneBoxes:
    """Put the boxes of a scene together, and part what is given from what is too weak."""
    rows, label, score = merged(scene.shape, boxes, cut, upright)
    strong = score >= least
    given = oriented(rows[strong]) if upright else rows[strong]
    return SceneBoxes.of(scene, given, label[strong], score[strong], (label[~strong], score[~strong]))


def merged(
    shape: tuple[int, int], boxes: Boxes, cut: NDArray[np.bool_], upright: bool
) -> tuple[Floats, NDArray[np.int64], Floats]:
    """Boxes (N, 4) or (N, 5) with class and score, the best first, without what is double, ``cut`` off another, or outside."""
    height, width = shape
    rows = np.clip(boxes.upright, 0, (width, height, width, height)) if upright else boxes.turned
    sides = rows[:, 2:4] - rows[:, :2] if upright else rows[:, 2:4]
    middle = (boxes.upright[:, :2] + boxes.upright[:, 2:]) / 2
    real = (sides > 0).all(axis=1) & ((middle >= 0) & (middle <= (width, height))).all(axis=1)
    kept = np.flatnonzero(real)
    kept = kept[suppress(rows[kept], boxes.score[kept], boxes.label[kept], OVERLAP)]
    kept = kept[~_parts(boxes.take(kept), cut[kept])]
    return rows[kept], boxes.label[kept], boxes.score[kept]


def _parts(boxes: Boxes, cut: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which boxes (N,) that were cut lie mostly in a larger one of their label."""
    found = np.zeros(len(cut), np.bool_)
    own = np.flatnonzero(cut)
    if not len(own):
        return found
    shapes: NDArray[Any] = np.asarray(shapely.box(*boxes.upright.T))
    areas: NDArray[Any] = shapely.area(shapes)
    near, other = shapely.STRtree(shapes).query(shapes[own])
    near = own[near]
    larger = (boxes.label[near] == boxes.label[other]) & (areas[other] > areas[near])
    near, other = near[larger], other[larger]
    found[near[shapely.area(shapely.intersection(shapes[near], shapes[other])) > COVERED * areas[near]]] = True
    return found


def oriented(upright: Floats) -> Floats:
    """Upright boxes (N, 4) as rows (N, 5): the long side is the width, the angle 0 or -90."""
    w, h = upright[:, 2] - upright[:, 0], upright[:, 3] - upright[:, 1]
    x, y = (upright[:, 0] + upright[:, 2]) / 2, (upright[:, 1] + upright[:, 3]) / 2
    found: Floats = np.stack([x, y, np.maximum(w, h), np.minimum(w, h), np.where(h > w, -90.0, 0.0)], axis=1)
    return found
