"""What hides the ground of a scene: values of a mask of the same pixels, and some pixels around them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from geoglot.geo.grid import Grid, Window

if TYPE_CHECKING:
    from geoglot.geo.scene import Scene


@dataclass(frozen=True)
class Cover:
    """Pixels of these `values` in a `mask`, and those that are at most `grow` pixels off them in rows and columns."""

    mask: Scene
    values: tuple[int, ...]
    grow: int = 0

    def over(self, grid: Grid | None, window: Window | None, shape: tuple[int, int] | None) -> NDArray[np.bool_]:
        """Which pixels (H, W) of what `Scene.read` gives for the same words are hidden."""
        g = self.grow
        if grid is not None:
            height, width = grid.shape
            found = self.mask.read(grid=grid.window(-g, -g, height + 2 * g, width + 2 * g))
            return self._grown(found.data[0], found.valid, (g, g))[g : g + height, g : g + width]
        row, col, height, width = window or (0, 0, *self.mask.shape)
        if shape is not None and shape != (height, width):
            found = self.mask.read(window=window, shape=shape)
            return self._grown(
                found.data[0], found.valid, tuple(-(-g * o // n) for o, n in zip(shape, (height, width), strict=True))
            )
        top, left = max(row - g, 0), max(col - g, 0)
        bottom, right = min(row + height + g, self.mask.shape[0]), min(col + width + g, self.mask.shape[1])
        found = self.mask.read(window=(top, left, bottom - top, right - left))
        made = self._grown(found.data[0], found.valid, (g, g))
        return made[row - top : row - top + height, col - left : col - left + width]

    def _grown(self, data: NDArray[np.generic], valid: NDArray[np.bool_], by: tuple[int, ...]) -> NDArray[np.bool_]:
        from scipy.ndimage import maximum_filter

        hidden: NDArray[np.bool_] = valid & np.isin(data, self.values)
        if any(by) and hidden.any():
            hidden = maximum_filter(hidden, size=tuple(2 * b + 1 for b in by), mode="constant", cval=False)
        return hidden
