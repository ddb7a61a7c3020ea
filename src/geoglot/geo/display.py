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
    if scene.palette:
        colours = dataset.colormap(scene.layers[0].index)
        table = np.zeros((max(colours, default=0) + 1, 4), dtype=np.float32)
        for value, colour in colours.items():
            table[value] = np.array(colour) / 255.0
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
        scene.assume("bands are unknown: the first three are shown as red, green and blue")
        return (0, 1, 2)
    return (common.get("pan", common.get("red", 0)),)


def _fixed(scene: Scene, chosen: tuple[int, ...]) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """The fixed range of each band in the file's values, None where only the scene itself can tell."""
    count, stretch = len(chosen), scene.sensor.stretch
    bands = [scene.bands[i] for i in chosen]
    if scene.sensor.radar:
        return _same(stretch, count) if stretch is not None and scene.dtype.startswith("float") else None
    colours = set(scene.dataset().colorinterp[:3])
    if scene.dtype == "uint8" and (stretch or ColorInterp.red in colours):
        return _same((0.0, 255.0), count)
    if stretch is None or stretch[1] > 100 or any(entry.common is None for entry in bands):
        return None
    low, high = stretch
    if scene.dtype.startswith("float") and not scene.declared and not _counts(scene, chosen, high):
        return _same((low, high), count)
    shift = _baseline(scene, chosen)
    return (
        tuple((low - entry.offset) / entry.scale + shift for entry in bands),
        tuple((high - entry.offset) / entry.scale + shift for entry in bands),
    )


def _same(pair: tuple[float, float], count: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return (pair[0],) * count, (pair[1],) * count


def _counts(scene: Scene, chosen: tuple[int, ...], high: float) -> bool:
    """Whether floating-point values are counts and not the reflectance that they are taken for without a declared scale."""
    data, valid = _sample(scene, chosen)
    if not valid.any() or np.median(data[:, valid]) < 30 * high:
        return False
    scene.assume("floating-point values far above 1 are read as the sensor's usual counts")
    return True


def _baseline(scene: Scene, chosen: tuple[int, ...]) -> float:
    """What Sentinel-2 products since baseline 04.00 (2022) add to every value; files rarely say so, but their darkest pixels do.

    All bands of the file are looked at: bright sand or snow is dark in one of them.
    """
    if scene.sensor.id != "sentinel-2" or scene.declared or scene.dtype not in ("uint16", "int16"):
        return 0.0
    href = scene.layers[chosen[0]].href
    data, valid = _sample(scene, tuple(i for i, layer in enumerate(scene.layers) if layer.href == href))
    if not valid.any() or min(np.percentile(band[valid], 0.1) for band in data) < 1000:
        return 0.0
    scene.assume("the darkest values are above 1000: read as processing baseline 04.00, which adds 1000")
    return 1000.0


def _percentiles(scene: Scene, chosen: tuple[int, ...]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    data, valid = _sample(scene, chosen)
    if not valid.any():
        return _same((0.0, 1.0), len(chosen))
    pairs = [np.percentile(band[valid].astype(np.float64), PERCENTILES) for band in data]
    pairs = [(a, b if b > a else a + 1.0) for a, b in pairs]
    return tuple(float(a) for a, _ in pairs), tuple(float(b) for _, b in pairs)


def _sample(scene: Scene, chosen: tuple[int, ...]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Values (C, N, M) of the whole scene at low resolution, or of windows spread over a large one without overviews."""
    height, width = scene.file_shape
    overviews = scene.dataset().overviews(1)
    if height * width <= _WHOLE or overviews:
        ratio = max(1.0, max(height, width) / 1024)
        return reading.pixels(
            scene, list(chosen), (0, 0, height, width), (max(1, round(height / ratio)), max(1, round(width / ratio)))
        )
    side = (min(256, height), min(256, width))
    steps = np.linspace(0, 1, _SAMPLES)
    places = {(r, c) for i, r in enumerate(steps) for c in (steps[(i + 3) % _SAMPLES], steps[-1 - i])}
    parts = [
        reading.pixels(scene, list(chosen), (int(r * (height - side[0])), int(c * (width - side[1])), *side), side)
        for r, c in sorted(places)
    ]
    return np.concatenate([data for data, _ in parts], axis=1), np.concatenate([valid for _, valid in parts], axis=0)


def show(scene: Scene, how: View, grid: Grid | None, window: Window | None, shape: tuple[int, int] | None) -> Raster:
    """Read and render; see `Scene.display`."""
    raw = reading.read(scene, list(how.chosen), grid, window, shape)
    if how.palette is not None:
        # entries that are wholly transparent stand for no observation
        colours = how.palette[np.clip(raw.data[0].astype(np.intp), 0, len(how.palette) - 1)]
        valid = raw.valid & (colours[..., 3] > 0)
        picture = np.ascontiguousarray(colours[..., :3].transpose(2, 0, 1) * valid)
        return Raster(picture, valid, raw.grid, RGB, raw.time)
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


def plain(raster: Raster) -> NDArray[np.float32]:
    """Three bands (3, H, W) in [0, 1] of a raster as it is: bytes as such, other numbers between the raster's own percentiles."""
    data = raster.data[:3] if len(raster.data) >= 3 else np.repeat(raster.data[:1], 3, axis=0)
    if data.dtype == np.uint8:
        return (data / 255).astype(np.float32)
    low, high = np.percentile(data[:, raster.valid], PERCENTILES) if raster.valid.any() else (0.0, 1.0)
    found: NDArray[np.float32] = np.clip((data - low) / max(high - low, 1e-9), 0, 1).astype(np.float32)
    return found
