"""Pairs of small scenes with known change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine

BANDS = ("blue", "green", "red", "nir")


def land(height: int = 160, width: int = 200, seed: int = 0, bands: int = 4) -> np.ndarray:
    """Fields of different reflectance (C, H, W), in counts, with some texture."""
    rng = np.random.default_rng(seed)
    tall, wide = -(-height // 20), -(-width // 20)
    fields = rng.uniform(300, 3000, (bands, tall, wide)).repeat(20, 1).repeat(20, 2)[:, :height, :width]
    rows, cols = np.mgrid[:height, :width]
    wave = 60 * np.sin(rows / 3 + rng.uniform(0, 6)) * np.sin(cols / 4 + rng.uniform(0, 6))
    return fields + wave + rng.normal(0, 15, (bands, height, width))


def built(values: np.ndarray, places: tuple[tuple[int, int], ...] = ((30, 40), (100, 130))) -> tuple[np.ndarray, np.ndarray]:
    """The same with bright squares of 24 pixels, and where (H, W) they are."""
    made, truth = values.copy(), np.zeros(values.shape[1:], np.uint8)
    for row, col in places:
        made[:, row : row + 24, col : col + 24] = np.array([3500, 3600, 3800, 1500, *[2000] * 20])[: len(values), None, None]
        truth[row : row + 24, col : col + 24] = 1
    return made, truth


def save(path: Path, values: np.ndarray, west: float | None = 500_000.0, gsd: float = 10.0, **more: Any) -> Path:
    """A GeoTIFF of counts; `west` None for one without georeference."""
    data = np.clip(np.rint(values), 1, 65535).astype(more.pop("dtype", "uint16"))
    place = {} if west is None else {"crs": more.pop("crs", "EPSG:32631"), "transform": Affine(gsd, 0, west, 0, -gsd, 5_500_000)}
    names = more.pop("names", BANDS)
    tags = more.pop("tags", {})
    with rasterio.open(
        path, "w", "GTiff", data.shape[2], data.shape[1], len(data), dtype=data.dtype, photometric="MINISBLACK", **place, **more
    ) as file:
        file.write(data)
        for index, name in enumerate(names[: len(data)], 1):
            file.set_band_description(index, name)
        file.update_tags(**tags)
    return path


def again(values: np.ndarray, seed: int = 5) -> np.ndarray:
    """The same ground under other light, with new noise."""
    return 1.25 * values + 120 + np.random.default_rng(seed).normal(0, 15, values.shape)
