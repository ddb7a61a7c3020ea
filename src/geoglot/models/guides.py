"""Images that steer a drawing, cut to its windows and brought to the channels that a network takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from geoglot.core.errors import InputError
from geoglot.geo.grid import Grid, Window
from geoglot.geo.raster import Raster

Floats = NDArray[np.float32]


def channels_of(raster: Raster, channels: int, what: str) -> None:
    """Raise InputError where a raster cannot be brought to so many channels."""
    bands = raster.data.shape[0]
    if bands == channels or (bands == 1 and (channels == 3 or np.issubdtype(raster.data.dtype, np.integer))):
        return
    takes = f"{channels} bands, or one of classes" if channels != 3 else "3 bands, or one"
    raise InputError(f"{what} has {bands} bands: give {takes}.")


def cut(raster: Raster, window: Window, channels: int) -> Floats:
    """A window (channels, h, w) in [0, 1]; 0 where nothing was observed and beyond the raster.

    One band becomes three equal ones, or, of classes in whole numbers, one channel a class.
    """
    row, col, height, width = window
    part = slice(row, row + height), slice(col, col + width)
    data, valid = raster.data[:, *part], raster.valid[part]
    if data.shape[0] == channels:
        values = unit(data)
    elif channels == 3:
        values = np.repeat(unit(data), 3, 0)
    else:
        values = (data == np.arange(channels)[:, None, None]).astype(np.float32)
    made = np.zeros((channels, height, width), np.float32)
    made[:, : valid.shape[0], : valid.shape[1]] = np.where(valid, values, 0)
    return made


def enlarged(raster: Raster, shape: tuple[int, int], window: Window, channels: int) -> Floats:
    """A window (channels, h, w) in [0, 1] of a raster with fewer pixels of the same ground, between which is interpolated.

    What a window shows does not depend on the window: values come from places in the whole scene.
    """
    if raster.shape == tuple(shape):
        return cut(raster, window, channels)
    row, col, height, width = window
    down, across = raster.shape[0] / shape[0], raster.shape[1] / shape[1]
    rows, cols = _places(row, height, down, raster.shape[0]), _places(col, width, across, raster.shape[1])
    top, left = int(rows.min()), int(cols.min())
    tall, wide = int(rows.max()) + 2 - top, int(cols.max()) + 2 - left
    some = cut(raster, (top, left, min(tall, raster.shape[0] - top), min(wide, raster.shape[1] - left)), channels)
    made: Floats = _between(_between(some, rows - top, 1), cols - left, 2)
    return made


def _places(first: int, count: int, scale: float, length: int) -> NDArray[np.float64]:
    return np.clip((np.arange(first, first + count) + 0.5) * scale - 0.5, 0, length - 1)


def _between(values: Floats, places: NDArray[np.float64], axis: int) -> Floats:
    low = np.floor(places).astype(int)
    high = np.minimum(low + 1, values.shape[axis] - 1)
    share = (places - low).astype(np.float32)
    share = share[:, None] if axis == 1 else share
    found: Floats = np.take(values, low, axis) * (1 - share) + np.take(values, high, axis) * share
    return found


def unit(data: NDArray[Any]) -> Floats:
    """Bytes, or numbers in [0, 1], as new numbers in [0, 1]; what is not a number becomes 0."""
    share = data.astype(np.float32)
    if data.dtype == np.uint8:
        share /= 255
    else:
        np.nan_to_num(share, copy=False)
    return share


def stacked(parts: Sequence[Floats], device: torch.device) -> Tensor:
    """Windows (B, C, h, w) on a device."""
    return torch.from_numpy(np.stack(parts)).to(device)


def shrunk(pixels: Tensor, side: int) -> Tensor:
    """Windows (B, C, h, w) as means of so many places along a side."""
    return pixels if pixels.shape[-1] == side else F.adaptive_avg_pool2d(pixels, side)


def smaller(raster: Raster, shape: tuple[int, int], grid: Grid | None) -> Raster:
    """The same ground with fewer pixels: means of what was observed, or of one band of classes what is in the middle.

    A pixel counts as observed where all of its parts were.
    """
    valid = torch.from_numpy(raster.valid)[None, None].float()
    whole = -F.adaptive_max_pool2d(-valid, shape)[0, 0].numpy() > 0
    if raster.data.shape[0] == 1 and np.issubdtype(raster.data.dtype, np.integer):
        rows, cols = (((np.arange(new) + 0.5) * old / new).astype(int) for new, old in zip(shape, raster.shape, strict=True))
        data = raster.data[:, rows[:, None], cols]
    else:
        values = torch.from_numpy(np.nan_to_num(raster.data.astype(np.float32)))[None]
        share = F.adaptive_avg_pool2d(valid, shape).clamp(min=1e-6)
        means = (F.adaptive_avg_pool2d(values * valid, shape) / share)[0].numpy()
        data = means.round().astype(raster.data.dtype) if np.issubdtype(raster.data.dtype, np.integer) else means
    return Raster(data, whole, grid, raster.bands, raster.time)
