"""Boxes, upright and oriented, in a declared frame; pixel edges (no +1), overlap by true polygons."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from geoglot.core.errors import InputError
from geoglot.geo.footprint import outline, place, runs_on
from geoglot.geo.grid import Grid
from geoglot.geo.iou import iou

Frame = Literal["pixels", "unit"]


@dataclass(frozen=True)
class Box:
    """A box by centre, width (the long side), height and angle, in pixels or in the unit square of the image.

    `angle` is in [-90, 90) degrees, counter-clockwise as seen in the image (whose rows count downwards).
    """

    x: float
    y: float
    width: float
    height: float
    angle: float = 0.0
    frame: Frame = "pixels"

    def __post_init__(self) -> None:
        values = (self.x, self.y, self.width, self.height, self.angle)
        if not all(math.isfinite(value) for value in values) or min(self.width, self.height) < 0:
            raise InputError(f"A box needs finite numbers and sides that are not negative, got {values}.")
        if not -90 <= self.angle < 90:
            raise InputError(f"The angle of a box is in [-90, 90) degrees, got {self.angle}; use Box.oriented to normalise it.")

    @classmethod
    def oriented(cls, x: float, y: float, width: float, height: float, angle: float, frame: Frame = "pixels") -> Box:
        """A box whose sides may come in any order and whose angle may be any number: the long side becomes the width."""
        if height > width:
            width, height, angle = height, width, angle + 90
        angle = (angle + 90) % 180 - 90
        return cls(x, y, width, height, -90.0 if angle >= 90 else angle, frame)  # a remainder may round up to 180

    @classmethod
    def upright(cls, left: float, top: float, right: float, bottom: float, frame: Frame = "pixels") -> Box:
        """A box from its edges; the angle is 0, or -90 where it is taller than wide."""
        if right < left or bottom < top:
            raise InputError(f"The edges {(left, top, right, bottom)} are in the wrong order: left, top, right, bottom.")
        return cls.oriented((left + right) / 2, (top + bottom) / 2, right - left, bottom - top, 0.0, frame)

    @property
    def area(self) -> float:
        """Area in squared units of the frame."""
        return self.width * self.height

    def corners(self) -> list[tuple[float, float]]:
        """The four corners (x, y), clockwise as seen in the image, from the upper left of the unrotated box."""
        cos, sin = math.cos(math.radians(self.angle)), math.sin(math.radians(self.angle))
        w, h = self.width / 2, self.height / 2
        # rows count downwards: a counter-clockwise turn in the image has the sign of y reversed
        return [(self.x + u * cos + v * sin, self.y - u * sin + v * cos) for u, v in ((-w, -h), (w, -h), (w, h), (-w, h))]

    def bounds(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of the upright box around it."""
        xs, ys = zip(*self.corners(), strict=True)
        return min(xs), min(ys), max(xs), max(ys)

    def polygon(self) -> Polygon:
        """The box as a polygon in its frame."""
        return Polygon(self.corners())

    def iou(self, other: Box) -> float:
        """Area of the intersection over that of the union; `InputError` across frames."""
        if self.frame != other.frame:
            raise InputError("Boxes of different frames cannot be compared: convert one with to_pixels or to_unit.")
        return float(iou(oriented([self]), oriented([other]))[0, 0])

    def to_pixels(self, shape: tuple[int, int]) -> Box:
        """The box in pixels of an image of `shape` (height, width)."""
        return self if self.frame == "pixels" else self._stretched(shape[1], shape[0], "pixels")

    def to_unit(self, shape: tuple[int, int]) -> Box:
        """The box in the unit square of an image of `shape` (height, width)."""
        return self if self.frame == "unit" else self._stretched(1 / shape[1], 1 / shape[0], "unit")

    def to_map(self, grid: Grid) -> BaseGeometry:
        """The outline in longitude and latitude on a grid."""
        x, y = np.array(self.to_pixels(grid.shape).polygon().segmentize(max(self.width / 4, 1e-9)).exterior.coords)[:-1].T
        return outline(*place(grid, x, y), jumps=not runs_on(grid.crs))

    def _stretched(self, across: float, down: float, frame: Frame) -> Box:
        if math.isclose(across, down, rel_tol=1e-12) or self.angle in (0.0, -90.0):
            turned = self.angle == -90.0
            w, h = (self.width * down, self.height * across) if turned else (self.width * across, self.height * down)
            return Box.oriented(self.x * across, self.y * down, w, h, self.angle, frame)
        # stretched unevenly a turned box is a parallelogram: keep the least rectangle around it
        moved = Polygon([(x * across, y * down) for x, y in self.corners()])
        return from_polygon(moved, frame)


def from_polygon(shape: BaseGeometry, frame: Frame = "pixels") -> Box:
    """The oriented box of least area around a polygon in image coordinates."""
    rectangle = shapely.oriented_envelope(shape)
    if not isinstance(rectangle, Polygon):
        left, top, right, bottom = shape.bounds
        return Box.upright(left, top, right, bottom, frame)
    (x0, y0), (x1, y1), (x2, y2) = list(rectangle.exterior.coords)[:3]
    width, height = math.hypot(x1 - x0, y1 - y0), math.hypot(x2 - x1, y2 - y1)
    angle = -math.degrees(math.atan2(y1 - y0, x1 - x0))
    return Box.oriented((x0 + x2) / 2, (y0 + y2) / 2, width, height, angle, frame)


def upright(boxes: Sequence[Box]) -> NDArray[np.float64]:
    """Left, top, right and bottom of boxes as rows (N, 4), as `geoglot.geo.iou` takes them; turned boxes give their hulls."""
    return np.array([box.bounds() for box in boxes], dtype=np.float64).reshape(-1, 4)


def oriented(boxes: Sequence[Box]) -> NDArray[np.float64]:
    """Centre, width, height and angle of boxes as rows (N, 5), as `geoglot.geo.iou` takes them."""
    rows = [(box.x, box.y, box.width, box.height, box.angle) for box in boxes]
    return np.array(rows, dtype=np.float64).reshape(-1, 5)
