"""Objects one by one: outline cut at the frame, upright and oriented box, how much of it is to be seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import shapely
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from geoglot.data.synth.shapes import Ring
from geoglot.geo.boxes import Box, from_polygon

# The land cover that an object of a label shows. An outline is a hull: an airplane fills a third of its own.
COVERS = {
    "ship": "ship", "airplane": "airplane", "storage tank": "tank", "house": "building", "industrial building": "building",
    "building": "building", "terminal": "building", "hangar": "building", "vehicle": "vehicle", "bridge": "road",
}  # fmt: skip
FOUND = 0.12  # share of an outline that carries its cover, below which something else lies over the object
LONG, SHORT = 4.0, 1.5  # pixels along and across, below which an object is a speck


@dataclass(frozen=True)
class Instance:
    """An object in a window: `polygon` (N, 2) in pixel edges from the window's corner, cut at its frame.

    `visible` is the share of the outline within the frame, `found` the share of that part that carries the object's
    own land cover (1 where its label has none), `area` and `sides` (long, short) in metres, of the whole outline.
    """

    label: str
    polygon: Ring
    visible: float
    found: float
    area: float
    sides: tuple[float, float]
    gsd: float

    @cached_property
    def upright(self) -> Box:
        """The upright box around what lies in the frame, in pixels."""
        (left, top), (right, bottom) = self.polygon.min(axis=0).tolist(), self.polygon.max(axis=0).tolist()
        return Box.upright(left, top, right, bottom)

    @cached_property
    def oriented(self) -> Box:
        """The box of least area around what lies in the frame, in pixels."""
        return from_polygon(self.shape)

    @cached_property
    def shape(self) -> Polygon:
        """The polygon for `shapely`."""
        return Polygon(self.polygon)

    def mask(self, row: int, col: int, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Which pixels (H, W) of a window at `row`, `col` lie in the polygon."""
        return numbered([self.polygon - (col, row)], shape) > 0

    @property
    def centre(self) -> tuple[float, float]:
        """Middle of the upright box, x, y in pixels."""
        return self.upright.x, self.upright.y

    @property
    def legible(self) -> bool:
        """Whether a viewer could tell what it is: large enough in pixels, mostly in the frame and not hidden."""
        long, short = self.sides
        return long >= LONG * self.gsd and short >= SHORT * self.gsd and self.visible >= 0.5 and self.found >= FOUND


def instances(
    labels: Sequence[str], rings: Sequence[Ring], cover: NDArray[np.uint8], classes: Sequence[str], gsd: float, least: float = 0.0
) -> tuple[Instance, ...]:
    """Cut outlines (pixels of `cover`) at the frame; those of which no more than the share `least` is inside are left out."""
    h, w = cover.shape
    if not labels:
        return ()
    whole = np.array([Polygon(ring) for ring in rings])
    bad = ~shapely.is_valid(whole)
    whole[bad] = shapely.buffer(whole[bad], 0)
    parts = shapely.intersection(whole, shapely.box(0, 0, w, h))
    areas, inside = shapely.area(whole), shapely.area(parts)
    kept = np.flatnonzero((inside > least * areas) & (inside > 0)).tolist()
    if not kept:
        return ()
    cut = [rings[k] if inside[k] == areas[k] and not bad[k] else _largest(parts[k]) for k in kept]
    names = [labels[k] for k in kept]
    found = found_share(names, cut, cover, classes)
    sides = _sides(whole[kept])
    return tuple(
        Instance(name, ring, float(inside[k] / areas[k]), share, float(areas[k]) * gsd**2, (long * gsd, short * gsd), gsd)
        for k, name, ring, share, (long, short) in zip(kept, names, cut, found, sides, strict=True)
    )


def _largest(shape: BaseGeometry) -> Ring:
    """The outer ring, not closed, of the largest polygon of a shape."""
    polygons = [part for part in getattr(shape, "geoms", [shape]) if isinstance(part, Polygon)]
    ring: Ring = np.asarray(max(polygons, key=lambda part: part.area).exterior.coords)[:-1]
    return ring


def _sides(shapes: NDArray[np.object_]) -> list[tuple[float, float]]:
    """Long and short side of the least rectangle around each shape."""
    out = []
    for box in shapely.oriented_envelope(shapes):
        if isinstance(box, Polygon):
            c = np.asarray(box.exterior.coords)
            a, b = float(np.hypot(*(c[1] - c[0]))), float(np.hypot(*(c[2] - c[1])))
            out.append((max(a, b), min(a, b)))
        else:
            out.append((float(shapely.length(box)), 0.0))
    return out


def found_share(labels: Sequence[str], rings: Sequence[Ring], cover: NDArray[np.uint8], classes: Sequence[str]) -> list[float]:
    """The share of the pixels of each outline that carry the cover of its label; where it has no pixel, of its middle."""
    h, w = cover.shape
    wanted = np.array([classes.index(COVERS[label]) if label in COVERS else -1 for label in labels])
    hidden = classes.index("cloud") if "cloud" in classes else -2
    numbers = numbered(rings, (h, w))
    at = np.flatnonzero(numbers.ravel())
    number, seen = numbers.ravel()[at] - 1, cover.ravel()[at].astype(np.int64)
    right = np.where(wanted[number] >= 0, seen == wanted[number], seen != hidden)
    good = np.bincount(number[right], minlength=len(rings))
    middles = np.array([ring.mean(axis=0) for ring in rings])
    rows, cols = np.clip(middles[:, 1].astype(int), 0, h - 1), np.clip(middles[:, 0].astype(int), 0, w - 1)
    middle = cover[rows, cols].astype(np.int64)
    single = np.where(wanted >= 0, middle == wanted, middle != hidden)
    sizes = np.array([shapely.area(Polygon(ring)) for ring in rings])
    share = np.where(sizes >= 4, good / np.maximum(sizes, 1e-9), single | (good > 0))
    return [float(v) for v in np.minimum(share, 1.0)]


def numbered(rings: Sequence[Ring], shape: tuple[int, int]) -> NDArray[np.int32]:
    """A map (H, W) of which outline a pixel lies in, counted from 1; 0 in none, the later where several overlap."""
    image = Image.new("I", (shape[1], shape[0]))
    draw = ImageDraw.Draw(image)
    for number, ring in enumerate(rings, 1):
        draw.polygon((ring - 0.5).ravel().tolist(), fill=number)
    return np.asarray(image, np.int32)
