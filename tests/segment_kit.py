"""A model whose cells are the mean colours of what they cover, and scenes of coloured fields."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import rasterio
import torch
import torch.nn.functional as F
from affine import Affine
from torch import Tensor

from geoglot.core.protocols import ModelSpec
from geoglot.models.dense import Cells
from geoglot.nn.batch import Features, ImageBatch

WORDS = {"red": (1, 0, 0), "scarlet": (0.9, 0.1, 0), "green": (0, 1, 0), "blue": (0, 0, 1), "grey": (0.5, 0.5, 0.5)}
CELL = 8


class Painter:
    """Sees the mean colour of every 8 x 8 pixels; `stop` is the number of windows after which it fails."""

    device = torch.device("cpu")
    dtype = torch.float32

    def __init__(self, stop: int | None = None) -> None:
        name = hashlib.sha256(b"painter").hexdigest()
        bands = ("red", "green", "blue")
        self.spec = ModelSpec("painter", "1", name, 4, bands, 64, (0.1, 100.0), (0.5,) * 3, (0.5,) * 3, "-", "-")
        self.cells = Cells(CELL, 64, 8, 0.25)
        self.windows, self._stop = 0, stop

    def seen(self, batch: ImageBatch, variant: str | None = None) -> Features:
        self.windows += len(batch)
        if self._stop is not None and self.windows > self._stop:
            raise KeyboardInterrupt
        pixels = torch.where(batch.valid[:, None], batch.pixels, torch.full((), 0.5))
        small = F.avg_pool2d(pixels, CELL)
        tokens = self._unit(small.flatten(2).transpose(1, 2))
        return Features(self._unit(pixels.mean((2, 3))), tokens, (small.shape[2], small.shape[3]))

    def image(self, batch: ImageBatch) -> Tensor:
        return self.seen(batch).pooled

    def text(self, texts: Sequence[str]) -> Tensor:
        return self._unit(torch.tensor([WORDS.get(text.split()[0], (0.5, 0.5, 0.5)) for text in texts], dtype=torch.float32))

    def _unit(self, colours: Tensor) -> Tensor:
        return F.normalize(torch.cat([colours, torch.full((*colours.shape[:-1], 1), 0.2)], dim=-1), dim=-1)


def fields(height: int, width: int, side: int = 40, seed: int = 0) -> np.ndarray:
    """A picture (3, H, W) of fields of pure colours, bytes."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 3, (-(-height // side), -(-width // side)))
    label = np.kron(small, np.ones((side, side), int))[:height, :width]
    made = np.full((3, height, width), 20)
    for band in range(3):
        made[band][label == band] = 220
    return np.clip(made + rng.integers(-15, 16, made.shape), 1, 255).astype(np.uint8)


def truth(picture: np.ndarray) -> np.ndarray:
    """The class of each pixel: 1 red, 2 green, 3 blue."""
    return picture.argmax(axis=0) + 1


def write(
    path: Path,
    picture: np.ndarray,
    crs: str | None = "EPSG:32631",
    origin: tuple[float, float] = (500_000.0, 5_500_000.0),
    gsd: float = 10.0,
    nodata: int | None = None,
) -> Path:
    place = {} if crs is None else {"crs": crs, "transform": Affine(gsd, 0, origin[0], 0, -gsd, origin[1])}
    _, height, width = picture.shape
    with rasterio.open(path, "w", "GTiff", width, height, 3, dtype="uint8", photometric="RGB", nodata=nodata, **place) as file:
        file.write(picture)
    return path
