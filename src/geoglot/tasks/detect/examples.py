"""A class shown by boxes: one to five examples within the scenes, whose mean in the head's space is what is looked for."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from shapely.geometry import box as rectangle

from geoglot.archive.sources import Source
from geoglot.core.errors import GeoglotError, InputError
from geoglot.geo.boxes import Box, from_polygon
from geoglot.geo.scene import Scene
from geoglot.models.detector import Detector
from geoglot.nn.batch import ImageBatch
from geoglot.tasks.classify.marks import onto_pixels
from geoglot.tasks.classify.prompts import unit
from geoglot.tasks.detect.asked import Example

Floats = NDArray[np.float32]
INNER = 0.15  # of the sides of a box: places within so much of its middle stand for it


def directions(
    examples: Sequence[Example], sources: Sequence[Source], detector: Detector, gsd: float | None, tile: int
) -> dict[str, Floats]:
    """The mean unit vector (D,) of the examples of each label, each looked at in the middle of a tile of its scene.

    Raises `InputError` for an example that lies in none of the scenes.
    """
    found: dict[str, list[Floats]] = {}
    left = list(examples)
    for source in sources:
        own = [example for example in left if example.scene in (None, source.id, os.path.basename(source.id))]  # noqa: PTH119
        if not own:
            continue
        try:
            ready = source.open({})
        except GeoglotError:
            continue  # told as skipped when the scenes are looked through
        assert ready is not None
        with ready.scene as scene:
            for example in own:
                place = _inside(example, scene)
                if place is not None:
                    found.setdefault(example.label, []).append(_look(place, scene, detector, gsd, tile))
                    left.remove(example)
    if left:
        raise InputError(
            f"Example {left[0].number} ({left[0].label}) lies in none of the {len(sources)} scenes. Boxes are in longitude and "
            "latitude; for a scene without georeference in pixels (column, row)."
        )
    return {label: unit(np.mean(several, axis=0)[None])[0] for label, several in found.items()}


def _inside(example: Example, scene: Scene) -> Box | None:
    shape = onto_pixels(example.shape, scene)
    if shape is None or not shape.centroid.intersects(rectangle(0, 0, scene.shape[1], scene.shape[0])):
        return None
    return from_polygon(shape)


def _look(place: Box, scene: Scene, detector: Detector, gsd: float | None, tile: int) -> Floats:
    ratio = 1.0 if gsd is None or scene.gsd is None else gsd / scene.gsd
    side = round(tile * ratio)
    height, width = (min(side, length) for length in scene.shape)
    row = min(max(round(place.y - height / 2), 0), scene.shape[0] - height)
    col = min(max(round(place.x - width / 2), 0), scene.shape[1] - width)
    shape = max(1, round(height / ratio)), max(1, round(width / ratio))
    seen = scene.display(window=(row, col, height, width), shape=shape)
    batch = ImageBatch.of(torch.from_numpy(seen.data[None].copy()), torch.from_numpy(seen.valid[None].copy()))
    return prototype(
        detector,
        batch,
        [Box.oriented((place.x - col) / ratio, (place.y - row) / ratio, place.width / ratio, place.height / ratio, place.angle)],
    )


def prototype(detector: Detector, batch: ImageBatch, boxes: Sequence[Box]) -> Floats:
    """The mean unit vector (D,) of boxes, in pixels, of the one picture of a batch."""
    spots = []
    for box in boxes:
        inner = Box(box.x, box.y, box.width * 2 * INNER, box.height * 2 * INNER, box.angle)
        spots += [(0, box.x, box.y), *((0, x, y) for x, y in inner.corners())]
    vectors_of = detector.at(detector.look(batch), spots)
    mean: Floats = unit(vectors_of.numpy().mean(axis=0)[None])[0]
    return mean
