"""A generator that draws in a moment: its pixels follow from noise, words, place and what is kept; and scenes to draw in."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from affine import Affine
from torch import Tensor

from geoglot.core.protocols import ModelSpec
from geoglot.geo.grid import Grid, Window
from geoglot.geo.raster import Raster
from geoglot.geo.sensors import Band
from geoglot.geo.write import write_geotiff
from geoglot.models.condition import Condition, Drawing
from geoglot.models.generator import Generator
from geoglot.models.schedules import FLOWS

NATURAL = ("red", "green", "blue")
FLOW = {"_class_name": FLOWS["flow"][0]}


class Painter(Generator):
    """Flows to a colour that the words say, with the noise that it began from as texture; `stop` ends it after so many looks."""

    kinds = ("mask", "edges", "date")

    def __init__(self, native: int = 32, bands: tuple[str, ...] = NATURAL, steps: int = 3) -> None:
        half = (0.5,) * len(bands)
        digest = hashlib.sha256(repr((native, bands)).encode()).hexdigest()[:32]
        spec = ModelSpec("painter", "1", digest, 0, bands, native, (0.1, 100.0), half, half, "-", "-")
        defaults = Drawing(steps, 1.0, "flow")
        super().__init__(spec, native, len(bands), FLOW, defaults, torch.device("cpu"), torch.float32)
        self.looks, self.stop = 0, -1

    def prepare(self, condition: Condition, where: Grid | tuple[int, int], drawing: Drawing) -> Tensor:
        digest = hashlib.sha256(repr((condition.text, condition.avoid, condition.cloud, condition.time)).encode()).digest()
        colour = torch.tensor(list(digest[: self.channels]), dtype=torch.float32) / 255 - 0.5
        for control in condition.controls:
            colour = colour + control.weight * float(control.raster.data.mean() > 0.5) / 4
        return colour[:, None, None]

    def predict(self, latents: Tensor, time: Tensor, windows: Sequence[Window], prepared: Any) -> Tensor:
        if self.looks == self.stop:
            raise KeyboardInterrupt
        self.looks += 1
        share = float(time) / 1000
        smooth = torch.nn.functional.avg_pool2d(latents, 3, 1, 1, count_include_pad=False)
        return (latents - (prepared + 0.3 * smooth)) / max(share, 0.1)


def scene(
    path: Path, height: int = 96, width: int = 128, crs: str | None = "EPSG:32631", nodata: float | None = None, **more: Any
) -> Path:
    """A scene of noise with a gap of 10 x 20 pixels at row 4, column 6 where `nodata` is given or `masked` is true."""
    kind = np.dtype(more.get("kind", "uint8"))
    rng = np.random.default_rng(3)
    data = rng.integers(1, 200 if kind == np.uint8 else 4000, (more.get("count", 3), height, width)).astype(kind)
    valid = np.ones((height, width), dtype=bool)
    if nodata is not None or more.get("masked"):
        valid[4:14, 6:26] = False
    from rasterio.crs import CRS

    grid = None if crs is None else Grid(CRS.from_user_input(crs), Affine(10, 0, 500_000, 0, -10, 5_800_000), (height, width))
    names = [*NATURAL, "nir"][: len(data)]
    bands = tuple(Band(name, name) for name in names)
    write_geotiff(path, Raster(data, valid, grid, bands), nodata)
    return path
