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


def _spectral(n: int, beta: float, seed: int) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    fy, fx = np.fft.fftfreq(n)[:, None], np.fft.rfftfreq(n)[None, :]
    f = np.hypot(fx, fy)
    f[0, 0] = 1.0
    gain = f ** (-beta / 2) / (1 + (f / 0.3) ** 4)
    gain[0, 0] = 0.0
    phase = rng.normal(size=gain.shape) + 1j * rng.normal(size=gain.shape)
    v = np.fft.irfft2(gain * phase, s=(n, n))
    return np.asarray((v - v.mean()) / v.std())


@lru_cache(maxsize=16)
def noise(name: str) -> Tile:
    """Return one of the noise tiles: "grain" (0.25 m), "mottle" (4 m)."""
    if name == "grain":
        return _pyramid(_spectral(1024, 1.35, 11), 0.25)
    return _pyramid(_spectral(512, 2.3, 12), 4.0)


CANOPY = 0.3  # metres a cell of the canopies
CROWNS = {"forest": (0.95, 0.38, 0.55, 1.0), "needles": (0.5, 0.25, 1.7, 0.4)}  # log radius, its spread, steepness, clumps


@lru_cache(maxsize=2)
def _canopy(kind: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Heights (m) and tone of a closed canopy, 1024 cells of 0.3 m, periodic."""
    rng = np.random.default_rng(21)
    n, step = 1024, CANOPY
    radius, spread, steep, clumps = CROWNS[kind]
    height = np.zeros((n, n), np.float32)
    tone = np.zeros((n, n), np.float32)
    fine = _spectral(n, 1.2, 31).astype(np.float32)
    rough = _spectral(n, 2.2, 32).astype(np.float32)
    count = int(2.0 * (n * step) ** 2 / (math.pi * math.exp(2 * radius + 2 * spread**2)))
    for _ in range(count):
        r = float(np.clip(rng.lognormal(radius, spread), 1.0, 7.0))
        top, t = 8 + 1.1 * r + rng.normal() * 1.8, rng.normal()
        x, y = rng.uniform(0, n, 2)
        k = math.ceil(r / step)
        ix, iy = np.arange(int(x) - k, int(x) + k + 1), np.arange(int(y) - k, int(y) + k + 1)
        squash = rng.uniform(0.75, 1.3)
        d = np.hypot((ix - x)[None, :] * squash, (iy - y)[:, None] / squash) * (step / r)
        where = np.ix_(iy % n, ix % n)
        d = d * (1 + 0.22 * rough[where])
        dome = np.where(d < 1, top - steep * r * d**1.6 + clumps * (0.75 * fine[where] + 0.5 * rough[where]), 0)
        win = dome > height[where]
        height[where] = np.where(win, dome, height[where])
        tone[where] = np.where(win, t, tone[where])
    return height, tone


@lru_cache(maxsize=64)
def crowns(kind: str, azimuth: int, elevation: int) -> Tile:
    """Return the brightness of a closed canopy ("forest" or "needles") under a sun at whole degrees."""
    height, tone = _canopy(kind)
    a, e = math.radians(azimuth), math.radians(elevation)
    east, north = math.sin(a), math.cos(a)
    gx = (np.roll(height, -1, 1) - np.roll(height, 1, 1)) / (2 * CANOPY)
    gy = (np.roll(height, 1, 0) - np.roll(height, -1, 0)) / (2 * CANOPY)  # row 0 is the north
    shade = (math.sin(e) - math.cos(e) * (gx * east + gy * north)) / np.sqrt(1 + gx**2 + gy**2)
    rays, k = height.copy(), 1
    while k < 32:
        np.maximum(rays, np.roll(rays, (round(k * north), -round(k * east)), (0, 1)) - k * CANOPY * math.tan(e), out=rays)
        k *= 2
    lit = np.clip(1 - (rays - height) / 0.6, 0, 1)
    low = np.clip((height - 1) / 9, 0.3, 1)  # little light reaches the gaps
    v = (0.34 + 0.70 * np.clip(shade, 0, 1.2)) * (0.48 + 0.52 * lit) * low * (1 + 0.10 * tone)
    v = v / v.mean() - 1
    return _pyramid(v / v.std(), CANOPY)


CROWN_STD = 0.30


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
