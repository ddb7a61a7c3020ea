"""Models that draw scenes: what all have in common, whatever their parts, and how one is opened."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from geoglot.core.errors import InputError
from geoglot.core.protocols import ModelSpec
from geoglot.geo.grid import Grid, Window
from geoglot.geo.raster import Raster
from geoglot.geo.sensors import Band
from geoglot.models import guides, schedules
from geoglot.models.canvas import Canvas
from geoglot.models.cascade import Cascade, stages
from geoglot.models.condition import Condition, Drawing
from geoglot.models.planes import fits

NATURAL = ("red", "green", "blue")
ROOM = 7  # arrays of float32 as large as the latents that a drawing in memory holds, with what the sampler carries


class Generator(ABC):
    """A denoiser of windows with all that it needs.

    ``native`` is the side in pixels of a window, ``cell`` the pixels along the side of a latent (1: it works on pixels),
    ``channels`` those of latents, ``schedule`` the configuration of diffusers' scheduler that it was trained with. Pixels go in
    and out in [-1, 1]. What a network says is what the scheduler's step takes.
    """

    kinds: tuple[str, ...] = ()  # of controls that it takes
    overlap: float = 0.25
    factor: int | None = None  # between stages of a cascade; without, a scene is drawn at once
    batch: int = 4  # windows at once

    def __init__(
        self,
        spec: ModelSpec,
        native: int,
        channels: int,
        schedule: dict[str, Any],
        defaults: Drawing,
        device: torch.device,
        dtype: torch.dtype,
        cell: int = 1,
    ) -> None:
        self.spec, self.native, self.channels, self.cell = spec, native, channels, cell
        self.schedule, self.defaults, self.device, self.dtype = schedule, defaults, device, dtype
        self.bands = tuple(Band(name, name if name in NATURAL else None) for name in spec.bands)

    @abstractmethod
    def prepare(self, condition: Condition, where: Grid | tuple[int, int], drawing: Drawing) -> Any:
        """What `predict` needs of a request, made once: vectors of texts and metadata, images that steer."""

    @abstractmethod
    def predict(self, latents: Tensor, time: Tensor, windows: Sequence[Window], prepared: Any) -> Tensor:
        """What the network says of noisy latents (B, c, h, w) at a time, guided; ``windows`` are in pixels of the scene."""

    def encode(self, pixels: Tensor) -> Tensor:
        """Latents of pixels (B, C, H, W) in [-1, 1]."""
        return pixels

    def decode(self, latents: Tensor) -> Tensor:
        """Pixels (B, C, H, W) in [-1, 1] of latents."""
        return latents

    def scheduler(self, drawing: Drawing) -> Any:
        """A sampler with its times set. Raises InputError."""
        drawing = self.drawn(drawing)
        return schedules.made(self.schedule, str(drawing.sampler), int(drawing.steps or 1), self.device)

    def drawn(self, drawing: Drawing | None) -> Drawing:
        """A way of drawing with the model's own defaults where nothing is said."""
        given = drawing or Drawing()
        found = {name: value for name, value in vars(given).items() if value is not None}
        return Drawing(**{**vars(self.defaults), **found})

    @property
    def side(self) -> int:
        """Latents along the side of a window."""
        return self.native // self.cell

    @property
    def kind(self) -> np.dtype[Any]:
        """What pixels are given as: bytes in natural colour, else floats in [0, 1]."""
        return np.dtype(np.uint8 if self.spec.bands == NATURAL else np.float32)

    def shown(self, values: NDArray[np.floating[Any]]) -> NDArray[Any]:
        """Pixels in [-1, 1] as they are given."""
        share = np.clip(values / 2 + 0.5, 0, 1)
        return (share * 255).round().astype(np.uint8) if self.kind == np.uint8 else share.astype(np.float32)

    def like(self, data: NDArray[Any]) -> NDArray[Any]:
        """Pixels of a raster, bytes or floats in [0, 1], as they are given."""
        if data.dtype == self.kind:
            return data
        return self.shown(self.scaled(data))

    def scaled(self, data: NDArray[Any]) -> NDArray[np.float32]:
        """Pixels of a raster, bytes or floats in [0, 1], in [-1, 1]."""
        share = guides.unit(data)
        share *= 2
        share -= 1
        return share

    def check(self, condition: Condition, where: Grid | tuple[int, int]) -> None:
        """Refuse, before anything is drawn, what cannot be. Raises InputError."""
        shape = where.shape if isinstance(where, Grid) else where
        if min(shape) < 1:
            raise InputError(f"A scene of {shape[0]} x {shape[1]} pixels cannot be: give a height and a width above 0.")
        for control in condition.controls:
            if control.kind not in self.kinds:
                takes = f"it takes {', '.join(self.kinds)}" if self.kinds else "it takes none"
                raise InputError(f"{self.spec.id} takes no control of the kind {control.kind!r}: {takes}. Leave it out.")
            if control.kind != "coarse":
                on_grid(control.raster, where, f"The control {control.kind!r}")
        if condition.keep is not None:
            on_grid(condition.keep, where, "What is kept")
            count, wanted = condition.keep.data.shape[0], len(self.spec.bands)
            if count != wanted:
                names = ", ".join(self.spec.bands)
                raise InputError(f"What is kept has {count} bands, and {self.spec.id} draws {wanted} ({names}): give those.")

    def canvas(
        self,
        condition: Condition,
        where: Grid | tuple[int, int],
        seed: int,
        drawing: Drawing | None = None,
        folder: Path | None = None,
    ) -> Canvas | Cascade:
        """A scene in steps, which lies in a folder where one is given. Raises InputError, ResourceError."""
        make = Cascade if len(stages(self, condition, where)) > 1 else Canvas
        return make(self, condition, where, seed, self.drawn(drawing), folder)

    def sample(self, condition: Condition, grid: Grid | tuple[int, int], seed: int, drawing: Drawing | None = None) -> Raster:
        """Draw a scene on a grid, or of a shape, in memory. Raises InputError, ResourceError."""
        self.check(condition, grid)
        shape = grid.shape if isinstance(grid, Grid) else grid
        pixels, latents = shape[0] * shape[1], -(-shape[0] // self.cell) * -(-shape[1] // self.cell)
        need = pixels * len(self.spec.bands) * self.kind.itemsize + 4 * ROOM * self.channels * latents
        fits(need, "Draw it with canvas(..., folder=...), which keeps it on the disk, or ask for fewer pixels.")
        canvas = self.canvas(condition, grid, seed, drawing)
        canvas.run()
        return canvas.raster()


def on_grid(raster: Raster, where: Grid | tuple[int, int], what: str) -> None:
    """Raise InputError for a raster that is not on the grid that is drawn, which says how to bring it there."""
    shape = where.shape if isinstance(where, Grid) else where
    if raster.shape != tuple(shape):
        raise InputError(
            f"{what} has {raster.shape[0]} x {raster.shape[1]} pixels, and the scene {shape[0]} x {shape[1]}: read it on the "
            "scene's grid first (Scene.read(grid))."
        )
    if raster.grid is None or not isinstance(where, Grid):
        return
    near = np.allclose(tuple(raster.grid.transform), tuple(where.transform), rtol=1e-9, atol=1e-6 * abs(where.transform.a))
    if raster.grid.crs != where.crs or not near:
        raise InputError(f"{what} lies on another grid than the scene: read it on the scene's grid first (Scene.read(grid)).")
