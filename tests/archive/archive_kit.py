"""A deterministic encoder without torch, and small scenes, for the tests of the archive."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine

from geoglot.core.protocols import ModelSpec

COLOURS = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1), "white": (1, 1, 1), "black": (0, 0, 0), "yellow": (1, 1, 0)}


class FakeEncoder:
    """Sees the mean colour of a tile (and a few details of it); knows the names of colours. Batches do not matter to it."""

    def __init__(self, dim: int = 16, size: int = 32, seed: int = 0, version: str = "1", delay: float = 0.0) -> None:
        bands = ("red", "green", "blue")
        name = hashlib.sha256(f"{dim} {size} {seed} {version}".encode()).hexdigest()
        self.spec = ModelSpec("fake", version, name, dim, bands, size, (0.1, 100.0), (0.5,) * 3, (0.5,) * 3, "none", "none")
        self._mix = np.random.default_rng(seed).standard_normal((12, dim)).astype(np.float32)
        self._delay = delay
        self.batches: list[int] = []

    def _embed(self, features: np.ndarray) -> np.ndarray:
        made = np.concatenate([[row @ self._mix] for row in features.astype(np.float32)])
        return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)

    def encode(self, tiles: np.ndarray, valid: np.ndarray, gsd: np.ndarray) -> np.ndarray:
        assert tiles.dtype == np.float32
        assert tiles.shape[1:] == (3, self.spec.size, self.spec.size)
        assert valid.shape == (len(tiles), *tiles.shape[2:])
        self.batches.append(len(tiles))
        if self._delay:
            time.sleep(self._delay * len(tiles))
        rows = []
        for tile, seen in zip(tiles, valid, strict=True):
            part = tile[:, seen].astype(np.float64)
            rows.append(
                np.concatenate(
                    [
                        part.mean(axis=1) * 4 - 1,
                        part.std(axis=1),
                        tile[:, ::9, ::7].mean(axis=(1, 2)) * 0.1,
                        [0.3, seen.mean() * 0.1, 0.1],
                    ]
                )
            )
        return self._embed(np.array(rows))

    def text(self, texts: list[str]) -> np.ndarray:
        rows = []
        for text in texts:
            colour = np.array([COLOURS.get(word, (0.5, 0.5, 0.5)) for word in text.split()], dtype=float).mean(axis=0)
            rows.append(np.concatenate([colour * 4 - 1, np.zeros(6), [0.3, 0.1, 0.1]]))
        return self._embed(np.array(rows))


def write_scene(
    path: Path,
    data: np.ndarray,
    *,
    crs: str | None = "EPSG:32631",
    origin: tuple[float, float] = (500000.0, 5500000.0),
    gsd: float = 10.0,
    nodata: float | None = None,
    tags: dict[str, str] | None = None,
    **profile: object,
) -> Path:
    """A GeoTIFF of data (C, H, W)."""
    count, height, width = data.shape
    place = {"crs": crs, "transform": Affine(gsd, 0, origin[0], 0, -gsd, origin[1])} if crs else {}
    options = ({"photometric": "RGB"} if count == 3 else {}) | profile
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        count=count,
        height=height,
        width=width,
        dtype=data.dtype.name,
        nodata=nodata,
        **place,
        **options,
    ) as file:
        file.write(data)
        if tags:
            file.update_tags(**tags)
    return path


def coloured(height: int, width: int, colour: tuple[float, float, float], seed: int = 0, noise: float = 12.0) -> np.ndarray:
    """An 8-bit picture (3, H, W) of one colour with noise."""
    rng = np.random.default_rng(seed)
    made = np.array(colour, dtype=float)[:, None, None] * 215 + 20 + rng.normal(0, noise, (3, height, width))
    return np.clip(made, 0, 255).astype(np.uint8)


def patchwork(height: int, width: int, side: int, seed: int = 0) -> np.ndarray:
    """An 8-bit picture of squares of random colours."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (3, -(-height // side), -(-width // side)))
    return np.kron(small, np.ones((1, side, side)))[:, :height, :width].astype(np.uint8)


def contents(path: Path) -> dict[str, np.ndarray]:
    """All rows that a reader sees, by id: vectors."""
    from geoglot.archive import filters, ranking
    from geoglot.archive.store import Store

    store = Store(path)
    live = store.state().live
    tiles, _ = store.read(live)
    hidden = filters.make(hidden=live.hidden).sql
    search = tiles.search().select(["id", "vector"])
    found = (search.where(hidden) if hidden else search).to_arrow()
    ids = found["id"].to_pylist()
    assert len(ids) == len(set(ids)), "a row is there twice"
    values = ranking.vectors(found["vector"].combine_chunks()) if ids else np.zeros((0, 1))
    return dict(zip(ids, values, strict=True))


def same(one: Path, other: Path) -> bool:
    """Whether two archives hold the same rows with the same vectors."""
    first, second = contents(one), contents(other)
    return first.keys() == second.keys() and all(np.array_equal(first[key], second[key]) for key in first)
