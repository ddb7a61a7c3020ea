"""A model as a segmenter of rasters in memory, as `core.protocols.Segmenter` has it: what protocols of pixels ask."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray

from geoglot.core.errors import InputError
from geoglot.core.protocols import ModelSpec
from geoglot.geo.display import plain
from geoglot.geo.raster import Raster
from geoglot.tasks.segment.verb import segment
from geoglot.text.templates import everything_else


class RasterSegmenter:
    """A dual encoder by way of `segment`, or one of its heads; ``settings`` are those of the verb.

    With ``background`` what is none of the labels is asked for in words (`text.templates.EVERYTHING_ELSE`), and answered by 0;
    a decoder says that itself.
    """

    def __init__(self, model: Any, background: bool = False, head: str | Path | None = None, **settings: Any) -> None:
        self.model, self._background, self._head, self._settings = model, background, head, settings

    @property
    def spec(self) -> ModelSpec:
        """What the model is."""
        spec: ModelSpec = self.model.spec
        return spec

    def segment(self, raster: Raster, labels: Sequence[Sequence[str]]) -> NDArray[np.uint8]:
        """Classes (H, W): 0 nothing of these, 1 and on the labels in their order, 255 where nothing was observed.

        The raster is looked at in its own pixels, without its place on the ground. A head answers with its own classes, whose
        names have to be first phrases of the labels; others of its classes are 0.
        Raises `InputError` for a head without any of them.
        """
        settings = dict(self._settings)
        if self._background and settings.get("decoder") is not None:
            settings["none"] = True
        elif self._background and self._head is None:
            settings["background"] = "|".join(everything_else(phrase for phrases in labels for phrase in phrases))
        words = None if self._head is not None else {phrases[0]: tuple(phrases) for phrases in labels}
        with tempfile.TemporaryDirectory(prefix="geoglot-raster-") as folder:
            path = Path(folder) / "picture.tif"
            write_picture(path, raster)
            found = segment(self.model, path, words, head=self._head, progress=False, **settings)
            classes = found.read()
        if self._head is None:
            return classes
        first = [phrases[0] for phrases in labels]
        if not set(first) & set(found.names):
            raise InputError(
                f"The head knows {', '.join(found.names)}, and what is asked for is {', '.join(first)}: no class is in both."
            )
        table = np.zeros(256, np.uint8)
        table[255] = 255
        for value, name in enumerate(found.names, 1):
            table[value] = first.index(name) + 1 if name in first else 0
        made: NDArray[np.uint8] = table[classes]
        return made


def write_picture(path: Path, raster: Raster) -> None:
    """A raster as a plain picture with a mask, as it is seen."""
    height, width = raster.shape
    profile = {"driver": "GTiff", "height": height, "width": width, "count": 3, "dtype": "uint8", "photometric": "RGB"}
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "w", **profile) as file:
        file.write(np.rint(plain(raster) * 255).astype(np.uint8))
        file.write_mask(raster.valid)
