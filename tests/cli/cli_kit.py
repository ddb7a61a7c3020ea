"""Small scenes of one colour each and an encoder that knows colours."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine

from geoglot.core.protocols import ModelSpec

Command = Callable[..., tuple[int, str, str]]  # exit code, standard output, standard error
COLOURS = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1)}


class Colours:
    """Sees the mean colour of a tile; knows the words red, green and blue."""

    def __init__(self, version: str = "1") -> None:
        digest = hashlib.sha256(version.encode()).hexdigest()
        half = (0.5, 0.5, 0.5)
        self.spec = ModelSpec("colours", version, digest, 16, ("red", "green", "blue"), 32, (0.1, 100.0), half, half, "-", "-")

    def encode(self, tiles: np.ndarray, valid: np.ndarray, gsd: np.ndarray) -> np.ndarray:
        return self._unit(tiles.mean(axis=(2, 3)))

    def text(self, texts: list[str]) -> np.ndarray:
        return self._unit(np.array([COLOURS.get(text.split()[0], (1, 1, 1)) for text in texts], dtype=float))

    def _unit(self, colours: np.ndarray) -> np.ndarray:
        wide = np.concatenate([colours, np.full((len(colours), 13), 0.05)], axis=1)
        return (wide / np.linalg.norm(wide, axis=1, keepdims=True)).astype(np.float32)


def write_scene(path: Path, colour: str, west: float, crs: str | None = "EPSG:32631") -> Path:
    rng = np.random.default_rng(0)
    data = np.array(COLOURS[colour])[:, None, None] * 200 + 20 + rng.integers(0, 20, (3, 64, 96))
    place = {} if crs is None else {"crs": crs, "transform": Affine(10, 0, west, 0, -10, 5_500_000)}
    with rasterio.open(path, "w", "GTiff", 96, 64, 3, dtype="uint8", photometric="RGB", **place) as file:
        file.write(data.astype(np.uint8))
    return path
