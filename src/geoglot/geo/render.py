"""Pictures of rasters: 8-bit arrays, PNG and WebP thumbnails, data addresses for pages."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from geoglot.core.errors import InputError
from geoglot.geo.raster import Raster


def to_uint8(raster: Raster) -> NDArray[np.uint8]:
    """A display picture (3, H, W) in [0, 1] as (H, W, 4) bytes, transparent where nothing was observed."""
    if raster.data.shape[0] != 3 or raster.data.dtype != np.float32:
        raise InputError("Only a display picture can be made into bytes: use Scene.display, or composite bands first.")
    colour = np.round(np.clip(raster.data, 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0)
    return np.dstack([colour, np.where(raster.valid, 255, 0).astype(np.uint8)])


def stretched(raster: Raster) -> Raster:
    """A display picture of any raster, by percentiles of its own values: for looking at one raster, not for models."""
    if (
        raster.data.shape[0] == 3
        and raster.data.dtype == np.float32
        and (raster.data.size == 0 or 0 <= raster.data.min() <= raster.data.max() <= 1)
    ):
        return raster
    from geoglot.geo.display import PERCENTILES, RGB

    bands = raster.data[:3] if raster.data.shape[0] >= 3 else np.repeat(raster.data[:1], 3, axis=0)
    picture = np.zeros(bands.shape, dtype=np.float32)
    for index, band in enumerate(bands):
        seen = band[raster.valid]
        if seen.size:
            low, high = (0.0, 255.0) if band.dtype == np.uint8 else np.percentile(seen.astype(np.float64), PERCENTILES)
            picture[index] = np.clip((band.astype(np.float64) - low) / max(high - low, 1e-9), 0, 1)
    return Raster(picture * raster.valid, raster.valid, raster.grid, RGB, raster.time)


def image(raster: Raster, size: int | None = None) -> Image.Image:
    """A Pillow image with transparency, at most `size` pixels on the longer side."""
    picture = Image.fromarray(to_uint8(stretched(raster)), "RGBA")
    if size is not None and max(picture.size) > size:
        picture.thumbnail((size, size), Image.Resampling.BOX, reducing_gap=2.0)
    return picture


def thumbnail(raster: Raster, size: int = 256, kind: str = "PNG") -> bytes:
    """An encoded picture (`PNG` or `WEBP`) of at most `size` pixels on the longer side."""
    buffer = io.BytesIO()
    image(raster, size).save(buffer, kind)
    return buffer.getvalue()


def data_url(png: bytes) -> str:
    """A PNG as a `data:` address for a page that stands alone."""
    return "data:image/png;base64," + base64.b64encode(png).decode()
