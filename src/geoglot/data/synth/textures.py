"""Endless seeded textures, anchored to the ground: grain, mottle, tree crowns, waves.

A texture is a periodic tile of brightness (uint8, 128 the mean, SCALE counts a standard deviation) with a pyramid of
area averages, so that it fades with the ground sampling distance as the real thing does.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SCALE = 32.0
Tile = tuple[float, tuple[NDArray[np.uint8], ...]]  # metres a pixel of the first level, and the pyramid


def _pyramid(values: NDArray[np.float64], step: float) -> Tile:
    levels = []
    v = values
    while v.shape[0] >= 4:
        levels.append(np.clip(np.rint(128 + SCALE * v), 0, 255).astype(np.uint8))
        v = v.reshape(v.shape[0] // 2, 2, v.shape[1] // 2, 2).mean(axis=(1, 3))
    return step, tuple(levels)


def _spectral(n: int, beta: float, seed: int, stretch: float = 1.0) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    fy, fx = np.fft.fftfreq(n)[:, None], np.fft.rfftfreq(n)[None, :]
    f = np.hypot(fx, fy * stretch)
    f[0, 0] = 1.0
    gain = f ** (-beta / 2) / (1 + (f / 0.3) ** 4)
    gain[0, 0] = 0.0
    phase = rng.normal(size=gain.shape) + 1j * rng.normal(size=gain.shape)
    v = np.fft.irfft2(gain * phase, s=(n, n))
    return np.asarray((v - v.mean()) / v.std())


@lru_cache(maxsize=16)
def noise(name: str) -> Tile:
    """Return one of the noise tiles: "grain" (0.5 m), "mottle" (4 m), "waves" (0.5 m)."""
    if name == "grain":
        return _pyramid(_spectral(512, 1.3, 11), 0.5)
    if name == "mottle":
        return _pyramid(_spectral(512, 2.4, 12), 4.0)
    return _pyramid(_spectral(512, 1.6, 13, 2.6), 0.5)


@lru_cache(maxsize=4)
def _canopy() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Heights (m) and tone of a closed canopy, 512 cells of 0.5 m, periodic."""
    rng = np.random.default_rng(21)
    n, step = 512, 0.5
    height = np.zeros((n, n), np.float32)
    tone = np.zeros((n, n), np.float32)
    for _ in range(4200):
        r = float(np.clip(rng.lognormal(1.05, 0.35), 1.6, 6.5))
        top, t = 7 + 1.6 * r + rng.normal() * 1.6, rng.normal()
        x, y = rng.uniform(0, n, 2)
        k = math.ceil(r / step)
        ix, iy = np.arange(int(x) - k, int(x) + k + 1), np.arange(int(y) - k, int(y) + k + 1)
        d2 = ((ix - x)[None, :] ** 2 + (iy - y)[:, None] ** 2) * (step / r) ** 2
        dome = np.where(d2 < 1, top - 0.85 * r * (1 - np.sqrt(np.maximum(1 - d2, 0))), 0) + rng.normal(size=d2.shape) * 0.35 * (
            d2 < 1
        )
        where = np.ix_(iy % n, ix % n)
        win = dome > height[where]
        height[where] = np.where(win, dome, height[where])
        tone[where] = np.where(win, t, tone[where])
    return height, tone


@lru_cache(maxsize=64)
def crowns(azimuth: int, elevation: int) -> Tile:
    """Return the brightness of a closed canopy under a sun at whole degrees of azimuth and elevation."""
    height, tone = _canopy()
    a, e = math.radians(azimuth), math.radians(elevation)
    east, north = math.sin(a), math.cos(a)
    gx = (np.roll(height, -1, 1) - np.roll(height, 1, 1)) / 1.0
    gy = (np.roll(height, 1, 0) - np.roll(height, -1, 0)) / 1.0  # row 0 is the north
    shade = (math.sin(e) - math.cos(e) * (gx * east + gy * north)) / np.sqrt(1 + gx**2 + gy**2)
    lit = np.ones(height.shape)
    for k in range(1, 14):
        d = 0.7 * k
        shifted = np.roll(height, (round(d * north / 0.5), -round(d * east / 0.5)), (0, 1))
        lit = np.where(shifted > height + d * math.tan(e), 0.0, lit)
    lit = (lit + np.roll(lit, 1, 0) + np.roll(lit, 1, 1) + np.roll(lit, -1, 0) + np.roll(lit, -1, 1)) / 5
    v = (0.35 + 0.9 * np.clip(shade, 0, None)) * (0.35 + 0.65 * lit) * (1 + 0.13 * tone)
    v = np.where(height <= 0, 0.32, v)
    return _pyramid((v / v.mean() - 1) / 0.4, 0.5)


CROWN_STD = 0.36


def sample(tile: Tile, x0: float, y1: float, gsd: tuple[float, float], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Sample a tile on pixels whose upper left corner is at ground x0, y1 (metres), (H, W).

    Nearest neighbour in the pyramid level just finer than the pixels; bilinear where the pixels are finer than it.
    """
    step, levels = tile
    dx, dy = gsd
    level = min(max(0, math.floor(math.log2(max(min(dx, dy) / step, 1e-9)))), len(levels) - 1)
    grid = levels[level]
    n, cell = grid.shape[0], step * 2.0**level
    h, w = shape
    if min(dx, dy) >= cell:
        columns = np.floor((x0 + (np.arange(w) + 0.5) * dx) / cell).astype(np.int64) % n
        rows = np.floor((-y1 + (np.arange(h) + 0.5) * dy) / cell).astype(np.int64) % n
        picked: NDArray[np.uint8] = grid.take(rows, axis=0).take(columns, axis=1)
        return picked
    left, top = math.floor(x0 / cell) - 1, math.floor(-y1 / cell) - 1
    right, bottom = math.ceil((x0 + w * dx) / cell) + 2, math.ceil((-y1 + h * dy) / cell) + 2
    patch = grid.take(np.arange(top, bottom) % n, axis=0).take(np.arange(left, right) % n, axis=1)
    a, b = x0 / cell - left, -y1 / cell - top
    box = (a, b, a + w * dx / cell, b + h * dy / cell)
    return np.asarray(Image.fromarray(patch).resize((w, h), Image.Resampling.BICUBIC, box=box))


def field(values: NDArray[np.float32], extent: float, x0: float, y1: float, gsd: tuple[float, float],
          shape: tuple[int, int]) -> NDArray[np.float32]:  # fmt: skip
    """Sample a field that covers the world (n, n) on pixels, the edge repeated beyond it, (H, W)."""
    n = values.shape[0]
    cell = extent / n
    h, w = shape
    pad = 2 + math.ceil(max(0.0, -(x0 + extent / 2), x0 + w * gsd[0] - extent / 2, y1 - extent / 2,
                            h * gsd[1] - y1 - extent / 2) / cell)  # fmt: skip
    padded = np.pad(values, min(pad, 4 * n), mode="edge")
    a, b = (x0 + extent / 2) / cell + pad, (extent / 2 - y1) / cell + pad
    box = (a, b, a + w * gsd[0] / cell, b + h * gsd[1] / cell)
    return np.asarray(Image.fromarray(padded).resize((w, h), Image.Resampling.BILINEAR, box=box))
