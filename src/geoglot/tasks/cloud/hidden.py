"""Where a mask hides the ground, on any grid: what `change` calls to leave clouded pixels out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoglot.core.errors import InputError
from geoglot.geo.grid import Grid, Window
from geoglot.geo.scene import Scene
from geoglot.tasks.segment.classmap import ClassMap

CLOUD, SHADOW = 1, 2


def hidden(
    mask: ClassMap | str | Path, grid: Grid | None = None, window: Window | None = None, shadow: bool = True
) -> NDArray[np.bool_]:
    """Which pixels (H, W) of a grid, or of a window of the mask itself, are cloud, or cloud shadow unless told otherwise.

    `mask` is what `cloud` gave, or its file. What lies outside the mask, or was not observed, is not hidden by cloud: False.
    Raises `InputError` for a grid where the mask has no georeference, and what `Scene.open` raises.
    """
    path = mask.path if isinstance(mask, ClassMap) else Path(mask)
    with Scene.open(path) as scene:
        if grid is not None and scene.grid is None:
            raise InputError(f"{path} has no georeference: ask for a window of its own pixels.")
        found = scene.read(grid=grid, window=window)
    values = found.data[0]
    made: NDArray[np.bool_] = found.valid & ((values == CLOUD) | (shadow & (values == SHADOW)))
    return made
