"""A chat that sees bright blobs, and scenes of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from scipy import ndimage

from geoglot.core.protocols import ModelSpec, Reply, Said, Speech
from geoglot.geo.boxes import Box
from geoglot.tasks.converse.grammar import Grammar

SPEC = ModelSpec("blobs", "1", "0" * 64, 4, ("red", "green", "blue"), 64, (0.1, 100.0), (0.5,) * 3, (0.5,) * 3, "-", "-")


class Blobs:
    """Answers by counting bright blobs: numbers, yes and no, places; knows nothing of anything but blobs."""

    view = 128

    def __init__(self, by_boxes: bool = True) -> None:
        self.grammar = Grammar(places="find {what}", by_boxes=by_boxes)
        self.asked: list[tuple[tuple[Said, ...], tuple[tuple[int, int], ...]]] = []

    @property
    def spec(self) -> ModelSpec:
        return SPEC

    def reply(self, turns: Sequence[Said], pictures: Sequence[Any]) -> Reply:
        self.asked.append((tuple(turns), tuple(picture.shape for picture in pictures)))
        text = turns[-1].text.lower()
        found = [blobs(picture.data) for picture in pictures]
        height, width = pictures[-1].shape
        bright = pictures[-1].data.mean(axis=0)
        heat = bright[: height // 4 * 4, : width // 4 * 4].reshape(height // 4, 4, width // 4, 4).mean(axis=(1, 3))
        if len(pictures) > 1:
            gone = len(found[0]) - len(found[-1])
            return Reply(f"{abs(gone)} blobs {'went' if gone > 0 else 'came'}", confidence=0.7)
        if "blob" not in text and "describe" not in text:
            return Reply("I cannot see that in this picture.", confidence=0.9, refused=True)
        if text.startswith("find"):
            boxes = tuple(Box.upright(*box, frame="unit") for box in found[0])
            return Reply("found" if boxes else "There is no blob here.", boxes, confidence=0.8, refused=not boxes, heat=heat)
        if "how many" in text:
            return Reply(f"There are {len(found[0])}.", confidence=0.6)
        if text.startswith(("is there", "are there")):
            return Reply("yes" if found[0] else "no", confidence=0.9 if found[0] else 0.55, heat=heat)
        return Reply(f"A picture of {len(found[0])} blobs.", confidence=0.5)

    def stream(self, turns: Sequence[Said], pictures: Sequence[Any]) -> Speech:
        made = self.reply(turns, pictures)
        yield from re.findall(r"\S+\s*", made.text)
        return made


def blobs(data: np.ndarray) -> list[tuple[float, float, float, float]]:
    """Corners of bright blobs in the unit square."""
    marks, _ = ndimage.label(data.mean(axis=0) > 0.8)
    height, width = marks.shape
    return [
        (cols.start / width, rows.start / height, cols.stop / width, rows.stop / height)
        for rows, cols in ndimage.find_objects(marks)
    ]


def scene(
    path: Path, side: int, places: Sequence[tuple[int, int, int, int]], west: float | None = 500_000.0, **tags: str
) -> Path:
    """A dark scene of half a metre a pixel with bright rectangles (row, column, height, width)."""
    data = np.full((3, side, side), 40, np.uint8)
    for row, col, height, width in places:
        data[:, row : row + height, col : col + width] = 255
    place = {} if west is None else {"crs": "EPSG:32631", "transform": Affine(0.5, 0, west, 0, -0.5, 5_800_000)}
    with rasterio.open(path, "w", "GTiff", side, side, 3, dtype="uint8", photometric="RGB", **place) as file:
        file.write(data)
        file.update_tags(**tags)
    return path
