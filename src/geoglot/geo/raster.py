"""Pixels that know where they are, which of them were observed, in which bands and when."""

from __future__ import annotations

import html
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglot.core.errors import InputError
from geoglot.geo.grid import Grid
from geoglot.geo.sensors import Band


@dataclass(frozen=True)
class Raster:
    """An image in memory: data (C, H, W), valid (H, W) False where nothing was observed, grid None without georeference."""

    data: NDArray[Any]
    valid: NDArray[np.bool_]
    grid: Grid | None
    bands: tuple[Band, ...]
    time: datetime | None = None

    def __post_init__(self) -> None:
        if self.data.ndim != 3:
            raise InputError(f"Raster data must be (bands, height, width), got {self.data.shape}.")
        if self.valid.shape != self.data.shape[1:] or self.valid.dtype != np.bool_:
            raise InputError(
                f"Validity must be boolean of shape {self.data.shape[1:]}, got {self.valid.dtype} {self.valid.shape}."
            )
        if len(self.bands) != self.data.shape[0]:
            raise InputError(f"{self.data.shape[0]} bands of data, but {len(self.bands)} band names.")
        if self.grid is not None and self.grid.shape != self.data.shape[1:]:
            raise InputError(f"The grid has shape {self.grid.shape}, the data {self.data.shape[1:]}.")

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.valid.shape[0], self.valid.shape[1]

    def window(self, row: int, col: int, height: int, width: int) -> Raster:
        """A part of the raster; it must lie inside."""
        h, w = self.shape
        if row < 0 or col < 0 or row + height > h or col + width > w:
            raise InputError(f"The window {(row, col, height, width)} leaves the raster of {h} x {w} pixels.")
        grid = None if self.grid is None else self.grid.window(row, col, height, width)
        cut = slice(row, row + height), slice(col, col + width)
        return Raster(self.data[:, *cut], self.valid[cut], grid, self.bands, self.time)

    def _repr_html_(self) -> str:
        from geoglot.geo.render import data_url, thumbnail

        where = "no georeference" if self.grid is None else "lon {:.4f}, lat {:.4f}".format(*self.grid.lonlat())
        names = ", ".join(band.name for band in self.bands[:8])
        picture = data_url(thumbnail(self, 256))
        caption = f"{self.shape[0]} x {self.shape[1]}, {html.escape(names)}, {where}"
        return f'<figure><img src="{picture}" alt="raster"><figcaption>{caption}</figcaption></figure>'
