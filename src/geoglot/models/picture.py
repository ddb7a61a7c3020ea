"""Pictures as models of published families want them: bytes, resized as Pillow does it, and what is known of them in words.

transformers' own processors resize bytes with Pillow; so do these, so that the pixels are equal, without torchvision.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from geoglot.core.errors import InputError
from geoglot.geo.raster import Raster

NATURAL = ("red", "green", "blue")
Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Shown(Raster):
    """A raster as it is shown, with what no grid tells: the title of the sensor that took it (empty where it is not known), and
    metres a pixel of a picture without georeference."""

    sensor: str = ""
    gsd: float | None = None

    @classmethod
    def of(cls, raster: Raster, sensor: str = "", gsd: float | None = None) -> Shown:
        """A raster with what is known besides."""
        return cls(raster.data, raster.valid, raster.grid, raster.bands, raster.time, sensor, gsd)


def check(picture: object, number: int) -> Raster:
    """The picture, if it can be shown. Raises InputError."""
    if not isinstance(picture, Raster):
        raise InputError(f"picture {number + 1} is {type(picture).__name__}, not a Raster: read it with geoglot first")
    if picture.data.shape[0] != 3 or 0 in picture.shape:
        raise InputError(
            f"picture {number + 1} has the shape {picture.data.shape}: render it for display first, as 3 bands in [0, 1]"
        )
    return picture


def to_bytes(picture: Raster, fill: Sequence[float]) -> Bytes:
    """Bytes (H, W, 3) of a picture in [0, 1], or in bytes already; what is not valid becomes the colour ``fill`` in [0, 1]."""
    data = picture.data if picture.data.dtype == np.uint8 else np.rint(np.clip(np.nan_to_num(picture.data), 0, 1) * 255)
    shown = np.moveaxis(data, 0, -1).astype(np.uint8)
    colour = np.rint(np.asarray(fill) * 255).astype(np.uint8)
    return np.where(picture.valid[..., None], shown, colour)


def resized(shown: Bytes, size: tuple[int, int]) -> Bytes:
    """Resize bytes (H, W, 3) to rows and columns with Pillow's bicubic filter."""
    if shown.shape[:2] == size:
        return shown
    return np.asarray(Image.fromarray(shown).resize((size[1], size[0]), Image.Resampling.BICUBIC))


def normalised(shown: Bytes, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Planes (3, H, W) in float32: bytes over 255, less the mean, over the standard deviation."""
    planes = (shown.astype(np.float32) * np.float32(1 / 255) - np.array(mean, np.float32)) / np.array(std, np.float32)
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(planes, -1, 0)))


def squared(shown: Bytes, fill: Sequence[float]) -> Bytes:
    """The picture in the middle of a square of the colour ``fill`` in [0, 1], as LLaVA pads."""
    height, width = shown.shape[:2]
    side = max(height, width)
    if height == width:
        return shown
    whole = np.empty((side, side, 3), np.uint8)
    whole[:] = [int(value * 255) for value in fill]
    top, left = (side - height) // 2, (side - width) // 2
    whole[top : top + height, left : left + width] = shown
    return whole


def key(picture: Raster, *more: object) -> str:
    """A digest of pixels, validity and what else decides what a model sees of a picture."""
    digest = hashlib.sha256(np.ascontiguousarray(picture.data).tobytes())
    digest.update(np.packbits(picture.valid).tobytes())
    digest.update(repr((picture.data.shape, picture.data.dtype.str, more)).encode())
    return digest.hexdigest()


def facts(picture: Raster) -> str:
    """What is known of a picture, for a model to read: sensor, metres, bands other than natural colour, date; may be empty."""
    sensor, gsd = (picture.sensor, picture.gsd) if isinstance(picture, Shown) else ("", None)
    told = [sensor] if sensor else []
    gsd = gsd if picture.grid is None else picture.grid.gsd
    if gsd is not None and np.isfinite(gsd):
        height, width = picture.shape
        told.append(f"{gsd:.3g} m per pixel, {width * gsd:.3g} m wide and {height * gsd:.3g} m high")
    names = tuple(band.common or band.name for band in picture.bands)
    named = all(name and not name.isdigit() for name in names)
    if named and len(set(names)) == 1:
        told.append(f"one band, in grey: {names[0]}")
    elif named and names != NATURAL:
        told.append(f"shown as red, green and blue: {', '.join(names)}")
    if picture.time is not None:
        told.append(f"{picture.time:%Y-%m-%d}")
    return "; ".join(told)
