"""How a scene is shown: which bands become red, green and blue, and which values become black and white.

The range is fixed by sensor, or taken once over the whole scene by robust percentiles, never over the chip: the
same field has the same colour in every chip.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import ColorInterp

from geoglot.geo import reading
from geoglot.geo.grid import Grid, Window
from geoglot.geo.raster import Raster
from geoglot.geo.sensors import Band

if TYPE_CHECKING:
    from geoglot.geo.scene import Scene

RGB = (Band("red", "red", 0.65), Band("green", "green", 0.555), Band("blue", "blue", 0.47))
PERCENTILES = (2.0, 98.0)
_SAMPLES = 8  # windows a side that are looked at in a large scene without overviews
_WHOLE = 2**24  # pixels up to which the whole scene is sampled


@dataclass(frozen=True)
class View:
    """Positions of the bands shown (one, or three), and for each the values shown as black and white, in the file's units."""

    chosen: tuple[int, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    gamma: float = 1.0
    palette: NDArray[np.float32] | None = None


def view(scene: Scene) -> View:
    """Decide how to show a scene; reads a sample of its pixels where no fixed range is known."""
    dataset = scene.dataset()
    if len(scene.bands) == 1 and dataset.colorinterp[0] == ColorInterp.palette:
        table = np.zeros((256, 3), dtype=np.float32)
        for value, colour in dataset.colormap(scene.layers[0].index).items():
            if 0 <= value < 256:
                table[value] = np.array(colour[:3]) / 255.0
        return View((0,), (0.0,), (1.0,), palette=table)
    chosen = _composite(scene)
    fixed = _fixed(scene, chosen)
    if fixed is not None:
        return View(chosen, *fixed, gamma=scene.sensor.gamma if scene.dtype != "uint8" else 1.0)
    low, high = _percentiles(scene, chosen)
    return View(chosen, low, high)


def _composite(scene: Scene) -> tuple[int, ...]:
    common = {entry.common: position for position, entry in reversed(list(enumerate(scene.bands))) if entry.common}
    for names in scene.sensor.composites:
        if all(name in common for name in names):
            return tuple(common[name] for name in names)
    if len(scene.bands) >= 3 and not scene.sensor.radar and not common:
        scene.assumptions.append("bands are unknown: the first three are shown as red, green and blue")
        return (0, 1, 2)
    return (common.get("pan", common.get("red", 0)),)


def _fixed(scene: Scene, chosen: tuple[int, ...]) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    count = len(chosen)
    bands = [scene.bands[i] for i in chosen]
    if scene.sensor.radar:
        return None if scene.sensor.stretch is None or scene.dtype[0] in "uic" else _same(scene.sensor.stretch, count)
    colours = set(scene.dataset().colorinterp[:3])
    if scene.dtype == "uint8" and (scene.sensor.stretch or ColorInterp.red in colours or scene.sensor.id == "rgb"):
        return _same((0.0, 255.0), count)
    if scene.sensor.stretch is None or any(entry.common is None for entry in bands):
        return None
    low, high = scene.sensor.stretch
    if scene.dtype.startswith("float"):
        # floating-point reflectance is stored as it is; a file that declares its scaling says so itself
        declared = any(scene.dataset().scales[i] != 1.0 for i in range(scene.dataset().count))
        if not declared:
            return _same((low, high), count)
    shift = _baseline(scene, chosen)
    return (
        tuple((low - entry.offset) / entry.scale + shift for entry in bands),
        tuple((high - entry.offset) / entry.scale + shift for entry in bands),
    )


def _same(pair: tuple[float, float], count: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return (pair[0],) * count, (pair[1],) * count


def _baseline(scene: Scene, chosen: tuple[int, ...]) -> float:
    """Sentinel-2 products since baseline 04.00 (2022) add 1000 to every value; files rarely say so, but their darkest pixels do."""
    if scene.sensor.id != "sentinel-2" or scene.dtype != "uint16" or any(scene.bands[i].offset for i in chosen):
        return 0.0
    data, valid = _sample(scene, chosen)
    if not valid.any() or np.percentile(data[:, valid], 0.1) < 1000:
        return 0.0
    scene.assumptions.append("the darkest values are above 1000: read as processing baseline 04.00, which adds 1000")
    return 1000.0


def _percentiles(scene: Scene, chosen: tuple[int, ...]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    data, valid = _sample(scene, chosen)
    if not valid.any():
        return _same((0.0, 1.0), len(chosen))
    pairs = [np.percentile(band[valid].astype(np.float64), PERCENTILES) for band in data]
    pairs = [(a, b if b > a else a + 1.0) for a, b in pairs]
    return tuple(float(a) for a, _ in pairs), tuple(float(b) for _, b in pairs)


def _sample(scene: Scene, chosen: tuple[int, ...]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Values of the whole scene at low resolution, or of windows spread over a large one without overviews."""
    height, width = scene.shape
    dataset = scene.dataset()
    if height * width <= _WHOLE or dataset.overviews(scene.layers[0].index):
        ratio = max(1.0, max(height, width) / 1024)
        raster = reading.read(scene, list(chosen), None, None, (max(1, round(height / ratio)), max(1, round(width / ratio))))
        return raster.data, raster.valid
    side = (min(256, height), min(256, width))
    rows, cols = np.linspace(0, height - side[0], _SAMPLES, dtype=int), np.linspace(0, width - side[1], _SAMPLES, dtype=int)
    parts = [
        reading.read(scene, list(chosen), None, (int(r), int(c), *side), None)
        for r, c in zip(rows, np.roll(cols, 3), strict=True)
    ]
    parts += [
        reading.read(scene, list(chosen), None, (int(r), int(c), *side), None) for r, c in zip(rows, cols[::-1], strict=True)
    ]
    return np.concatenate([p.data for p in parts], axis=1), np.concatenate([p.valid for p in parts], axis=0)


def show(scene: Scene, how: View, grid: Grid | None, window: Window | None, shape: tuple[int, int] | None) -> Raster:
    """Read and render; see `Scene.display`."""
    if how.palette is not None:
        return _show_palette(scene, how.palette, grid, window, shape)
    raw = reading.read(scene, list(how.chosen), grid, window, shape)
    return Raster(render(raw.data, raw.valid, how), raw.valid, raw.grid, RGB, raw.time)


def render(data: NDArray[Any], valid: NDArray[np.bool_], how: View) -> NDArray[np.float32]:
    """Values (1 or 3, H, W) to a picture (3, H, W) in [0, 1]; invalid pixels are 0."""
    low = np.asarray(how.low, dtype=np.float32)[:, None, None]
    span = np.asarray(how.high, dtype=np.float32)[:, None, None] - low
    picture = data.astype(np.float32)
    picture -= low
    picture /= span
    np.clip(picture, 0.0, 1.0, out=picture)
    if how.gamma != 1.0:
        np.power(picture, 1.0 / how.gamma, out=picture)
    picture *= valid
    return np.repeat(picture, 3, axis=0) if len(picture) == 1 else picture


def _show_palette(
    scene: Scene, table: NDArray[np.float32], grid: Grid | None, window: Window | None, shape: tuple[int, int] | None
) -> Raster:
    # indexes must not be averaged: read by nearest neighbour
    if grid is not None or scene.warped:
        raw = reading.read(scene, [0], grid, window, shape)
    else:
        place = window or (0, 0, *scene.shape)
        data, valid = reading.pixels(scene, [0], place, shape or place[2:], nearest=True)
        part = None if scene.grid is None else scene.grid.window(*place).scaled(*valid.shape)
        raw = Raster(data, valid, part, scene.bands[:1], scene.time)
    picture = table[np.clip(raw.data[0], 0, 255).astype(np.uint8)].transpose(2, 0, 1) * raw.valid
    return Raster(np.ascontiguousarray(picture, dtype=np.float32), raw.valid, raw.grid, RGB, raw.time)
