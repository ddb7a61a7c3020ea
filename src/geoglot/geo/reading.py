"""How pixels come out of files: windows and resampling, bands with files of their own, radar as decibels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.windows import Window as RioWindow

from geoglot.core.errors import InputError, ResourceError
from geoglot.geo import files, masks, radar
from geoglot.geo.grid import Grid, Window
from geoglot.geo.raster import Raster
from geoglot.geo.warping import warp

if TYPE_CHECKING:
    from geoglot.geo.scene import Scene

MAX_READ = 2**31  # bytes of one read; larger answers belong into windows
_LOOKS = 4  # pixels a side that are averaged where averaging is ours and not GDAL's


def read(scene: Scene, chosen: list[int], grid: Grid | None, window: Window | None, shape: tuple[int, int] | None) -> Raster:
    """Read bands by position; see `Scene.read`."""
    bands = tuple(scene.bands[i] for i in chosen)
    if grid is not None:
        if window is not None or shape is not None:
            raise InputError("Give either a grid or a window with a shape, not both.")
        if scene.grid is None:
            raise InputError(f"{scene.id} has no georeference; read it by window.")
        check_size(scene, len(chosen), grid.shape)
        return Raster(*warp(scene, chosen, grid, pixels), grid, bands, scene.time)
    row, col, height, width = window or (0, 0, *scene.shape)
    if row < 0 or col < 0 or height < 1 or width < 1 or row + height > scene.shape[0] or col + width > scene.shape[1]:
        raise InputError(
            f"The window {(row, col, height, width)} leaves the scene of {scene.shape[0]} x {scene.shape[1]} pixels."
        )
    out = shape or (height, width)
    if min(out) < 1:
        raise InputError(f"A shape needs at least one pixel a side, got {out}.")
    check_size(scene, len(chosen), out)
    place = None if scene.grid is None else scene.grid.window(row, col, height, width)
    if place is not None and out != place.shape:
        place = place.scaled(*out)
    if scene.warped:
        assert place is not None
        data, valid = warp(scene, chosen, place, pixels)
    else:
        data, valid = pixels(scene, chosen, (row, col, height, width), out)
    return Raster(data, valid, place, bands, scene.time)


def check_size(scene: Scene, bands: int, shape: tuple[int, int]) -> None:
    """Raise `ResourceError` for an answer that should not be read at once."""
    size = bands * shape[0] * shape[1] * np.dtype(scene.dtype).itemsize
    if size > MAX_READ:
        raise ResourceError(f"Reading {size / 2**30:.1f} GiB of {scene.id} at once; read by windows, or give a smaller shape.")


def pixels(scene: Scene, chosen: list[int], window: Window, out: tuple[int, int]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Values (C, H, W) and validity (H, W) of a window of the files' own pixels, resampled to `out`."""
    row, col, height, width = window
    if scene.flipped:
        row = scene.file_shape[0] - row - height
    parts: dict[str, list[int]] = {}
    for position in chosen:
        parts.setdefault(scene.layers[position].href, []).append(position)
    found: dict[int, NDArray[Any]] = {}
    valid: NDArray[np.bool_] | None = None
    for href, positions in parts.items():
        part = scene.part(href, (row, col, height, width))
        values, good = _read_file(scene, href, [scene.layers[p].index for p in positions], part, out)
        valid = good if valid is None else valid & good
        if len(parts) == 1:
            data = values
        found.update(zip(positions, values, strict=True))
    assert valid is not None
    if len(parts) > 1:
        kind = np.result_type(*[values.dtype for values in found.values()])
        data = np.stack([found[position].astype(kind, copy=False) for position in chosen])
    return (data[:, ::-1], valid[::-1]) if scene.flipped else (data, valid)


def _read_file(
    scene: Scene, href: str, indexes: list[int], window: RioWindow, out: tuple[int, int]
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    dataset, how = scene.dataset(href), scene.masking(href)
    if dataset.dtypes[indexes[0] - 1].startswith("complex"):
        return _complex(dataset, how, indexes, window, out)
    same = (window.height, window.width) == out
    shrinks = window.height > out[0] or window.width > out[1]
    looks = (1, 1)
    kind = Resampling.average if shrinks else Resampling.bilinear
    if same or scene.palette:  # entries of a colour table must not be averaged
        kind = Resampling.nearest
    elif how.pretended and shrinks:
        kind, looks = Resampling.nearest, _looks(window, out)
    shape = (len(indexes), out[0] * looks[0], out[1] * looks[1])
    data = files.read(dataset, indexes=indexes, window=window, out_shape=shape, resampling=kind)
    if looks != (1, 1):
        data = np.rint(_average(data, looks)).astype(data.dtype)
    valid = masks.observed(dataset, how, indexes, window, out, data if same else None)
    if np.issubdtype(data.dtype, np.floating):
        finite = np.isfinite(data)
        if not finite.all():
            valid &= finite.all(axis=0)
            data[~finite] = 0
    if scene.sensor.radar:
        data, echo = radar.decibels(data, scene.radar_units)
        valid = valid & echo
    return data, valid


def _looks(window: RioWindow, out: tuple[int, int]) -> tuple[int, int]:
    down, across = (max(1, min(_LOOKS, round(side / o))) for side, o in zip((window.height, window.width), out, strict=True))
    return down, across


def _average(data: NDArray[Any], looks: tuple[int, int]) -> NDArray[np.float32]:
    # sums of strided views are several times faster than a mean over two axes of a reshaped array
    total = np.zeros((len(data), data.shape[1] // looks[0], data.shape[2] // looks[1]), dtype=np.float32)
    for r in range(looks[0]):
        for c in range(looks[1]):
            total += data[:, r :: looks[0], c :: looks[1]]
    total /= looks[0] * looks[1]
    return total


def _complex(
    dataset: Any, how: masks.Masking, indexes: list[int], window: RioWindow, out: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    # Averaging complex values cancels speckle of opposite phase: average power instead, over up to 4 x 4 looks.
    looks = _looks(window, out)
    shape = (len(indexes), out[0] * looks[0], out[1] * looks[1])
    data = files.read(dataset, indexes=indexes, window=window, out_shape=shape, resampling=Resampling.nearest)
    with np.errstate(over="ignore"):
        power = data.real.astype(np.float32) ** 2 + data.imag.astype(np.float32) ** 2
    power[~np.isfinite(power)] = 0
    power = _average(power, looks)
    valid = masks.observed(dataset, how, indexes, window, out, None) & (power > 0).any(axis=0)
    return radar.log(power), valid
