"""The eight symmetries of a picture: what they do to pixels, points, boxes and grids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from geoglot.core.errors import InputError
from geoglot.geo.boxes import Box
from geoglot.geo.grid import Grid

Matrix = tuple[tuple[int, int], tuple[int, int]]
Kind = TypeVar("Kind", bound=np.generic)


@dataclass(frozen=True)
class Symmetry:
    """Left and right are swapped first where ``mirror`` is set, then come ``turns`` quarter turns counter-clockwise."""

    turns: int = 0
    mirror: bool = False

    def __post_init__(self) -> None:
        if self.turns not in (0, 1, 2, 3):
            raise InputError(f"A picture is turned by 0 to 3 quarter turns, got {self.turns}.")

    @property
    def matrix(self) -> Matrix:
        """What becomes of a vector (right, down)."""
        a, b, c, d = (-1, 0, 0, 1) if self.mirror else (1, 0, 0, 1)
        for _ in range(self.turns):
            a, b, c, d = c, d, -a, -b
        return (a, b), (c, d)

    def vector(self, x: float, y: float) -> tuple[float, float]:
        """What becomes of a vector (right, down)."""
        (a, b), (c, d) = self.matrix
        return a * x + b * y, c * x + d * y

    def point(self, x: float, y: float) -> tuple[float, float]:
        """What becomes of a point of the unit square."""
        u, v = self.vector(x - 0.5, y - 0.5)
        return u + 0.5, v + 0.5

    def bounds(self, left: float, top: float, right: float, bottom: float) -> tuple[float, float, float, float]:
        """What becomes of an upright box in the unit square."""
        (x0, y0), (x1, y1) = self.point(left, top), self.point(right, bottom)
        return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)

    def box(self, box: Box, shape: tuple[int, int]) -> Box:
        """What becomes of a box in pixels of a picture of ``shape`` (height, width), or in the unit square."""
        height, width = (1, 1) if box.frame == "unit" else shape
        u, v = self.vector(box.x - width / 2, box.y - height / 2)
        high, wide = (width, height) if self.turns % 2 else (height, width)
        angle = 90 * self.turns + (-box.angle if self.mirror else box.angle)
        if box.frame == "unit" and box.angle not in (0.0, -90.0) and self.turns % 2 and shape[0] != shape[1]:
            raise InputError("A turned box in the unit square of an oblong picture has no angle of its own: use to_pixels first.")
        return Box.oriented(u + wide / 2, v + high / 2, box.width, box.height, angle, box.frame)

    def pixels(self, data: NDArray[Kind], axes: tuple[int, int] = (0, 1)) -> NDArray[Kind]:
        """What becomes of an array whose ``axes`` are rows and columns; a contiguous copy."""
        turned: NDArray[Any] = np.rot90(np.flip(data, axes[1]) if self.mirror else data, self.turns, axes)
        return np.ascontiguousarray(turned)

    def grid(self, grid: Grid) -> Grid:
        """The grid of the pixels that were moved: every pixel stays where it is on the Earth."""
        height, width = grid.shape
        (a, b), (c, d) = self.inverse.matrix
        high, wide = (width, height) if self.turns % 2 else (height, width)
        centre = Affine.translation(width / 2, height / 2) * Affine(a, b, 0, c, d, 0) * Affine.translation(-wide / 2, -high / 2)
        return Grid(grid.crs, grid.transform * centre, (high, wide))

    @property
    def inverse(self) -> Symmetry:
        """The symmetry that takes this one back."""
        return self if self.mirror else Symmetry(-self.turns % 4)

    def then(self, other: Symmetry) -> Symmetry:
        """This one first, then the other."""
        # a mirror after a turn is the opposite turn after the mirror
        turns = (-self.turns if other.mirror else self.turns) + other.turns
        return Symmetry(turns % 4, self.mirror != other.mirror)


ALL = tuple(Symmetry(turns, mirror) for mirror in (False, True) for turns in range(4))
