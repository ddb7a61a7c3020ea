"""Clouds over a place and their shadows on it: a fractal sheet anchored to the ground, the same however it is cut.

A pixel is cloud where the sheet hides more than half of the ground, and shadow where it hides more than half of the
sun; both are exact. The shadow lies where sun and height put it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglot.core.errors import InputError
from geoglot.data.synth.paint import Sun
from geoglot.data.synth.stack import Frame

Floats = NDArray[np.float32]
Places = NDArray[np.floating[Any]]
PROBES = 160  # points a side at which the sheet is looked at to settle its share
HALF = math.log(2.0)  # optical depth that lets half of the light through
TILE = 512


@dataclass(frozen=True)
class Kind:
    """A kind of cloud: metres a cell of the large and of the small forms, weight of the small ones, how fast it thickens,
    the greatest opacity, height in metres from and to, stretch along the wind.
    """  # fmt: skip

    large: float
    small: float
    ragged: float
    edge: float
    most: float
    height: tuple[float, float]
    stretch: float


KINDS = {
    "cumulus": Kind(14.0, 2.3, 0.17, 3.0, 1.0, (600.0, 1800.0), 1.0),
    "stratus": Kind(45.0, 5.0, 0.14, 2.0, 0.97, (800.0, 2500.0), 1.4),
    "cirrus": Kind(60.0, 7.0, 0.22, 1.3, 0.75, (6000.0, 9000.0), 4.0),
}


@lru_cache(maxsize=16)
def _tiles(beta: float, seed: int) -> tuple[Floats, ...]:
    """A periodic fractal of unit deviation, and area averages of it, each half as fine."""
    rng = np.random.default_rng([seed, 31])
    f = np.hypot(np.fft.fftfreq(TILE)[:, None], np.fft.rfftfreq(TILE)[None])
    f[0, 0] = 1.0
    wave = (rng.normal(size=f.shape) + 1j * rng.normal(size=f.shape)) * f ** (-beta / 2)
    wave[0, 0] = 0
    v = np.fft.irfft2(wave, s=(TILE, TILE))
    levels = [np.asarray(v / v.std(), np.float32)]
    while len(levels[-1]) > 8:
        last = levels[-1]
        levels.append(last.reshape(len(last) // 2, 2, -1, 2).mean(axis=(1, 3)))
    return tuple(levels)


def _sampled(tiles: tuple[Floats, ...], xs: Places, ys: Places, cell: float) -> Floats:
    """The fractal at ground columns xs and rows ys, bilinear between cells, (len(ys), len(xs)); finer forms fade."""
    step = abs(float(xs[1] - xs[0])) if len(xs) > 1 else cell
    level = min(max(0, math.floor(math.log2(max(step / cell, 1e-9)))), len(tiles) - 1)
    grid, cell = tiles[level], cell * 2.0**level
    n = len(grid)

    def split(v: Places) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
        at = v / cell - 0.5
        low = np.floor(at).astype(np.int64)
        return low % n, (low + 1) % n, (at - low).astype(np.float32)

    a, b, t = split(-ys)
    rows = grid[a] + (grid[b] - grid[a]) * t[:, None]
    a, b, t = split(xs)
    left = rows.take(a, axis=1)
    out: Floats = left + (rows.take(b, axis=1) - left) * t
    return out


@dataclass(frozen=True)
class Veil:
    """Clouds over a block: how much of the ground is hidden, how much sun is kept from it, and brightness of the top."""

    opacity: Floats
    shadow: Floats
    light: Floats

    @property
    def cloud(self) -> NDArray[np.bool_]:
        """Where more than half of the ground is hidden."""
        return np.asarray(self.opacity > 0.5)

    @property
    def shaded(self) -> NDArray[np.bool_]:
        """Where the ground can be seen and more than half of the sun is kept from it."""
        return np.asarray((self.shadow > 0.5) & ~self.cloud)


@dataclass(frozen=True)
class Sky:
    """A sheet of clouds: its kind, seed, height (metres), the sun, the threshold that gives its share, and haze (0-1)."""

    kind: str
    seed: int
    height: float
    sun: Sun
    threshold: float
    haze: float = 0.0

    def depth(self, xs: Places, ys: Places) -> Floats:
        """The fractal sheet at columns xs and rows ys of the ground (metres); cloud where it exceeds the threshold."""
        how = KINDS[self.kind]
        small = _sampled(_tiles(2.6, 8 + self.seed % 5), xs / how.stretch - self._turn, ys + self._turn, how.small)
        return self._large(xs, ys) + np.float32(how.ragged) * small

    @property
    def _turn(self) -> float:
        """Where in the periodic tiles this sky begins."""
        return (self.seed % 97) * 613.0

    def _large(self, xs: Places, ys: Places) -> Floats:
        how = KINDS[self.kind]
        return _sampled(_tiles(3.2, self.seed % 8), xs / how.stretch + self._turn, ys - self._turn, how.large)

    def _opacity(self, sheet: Floats) -> Floats:
        how = KINDS[self.kind]
        depth = how.edge * (sheet - np.float32(self.threshold)) + np.float32(HALF)
        hidden: Floats = np.minimum(1 - np.exp(-np.maximum(depth, 0)), np.float32(how.most))
        return hidden

    def over(self, frame: Frame) -> Veil:
        """The clouds over a block of pixels, whose corner is in the metres that the sky was made for."""
        (h, w), (dx, dy) = frame.shape, frame.gsd
        xs = frame.x0 + (np.arange(w) + 0.5) * dx
        ys = frame.y1 - (np.arange(h) + 0.5) * dy
        east, north = (v * self.height for v in self.sun.cast())
        sheet = self.depth(xs, ys)
        # the side towards the sun is bright: compare the large forms with those a little way that way
        a = math.radians(self.sun.azimuth)
        reach = 2.5 * KINDS[self.kind].large
        slope: Floats = self._large(xs, ys) - self._large(xs + reach * math.sin(a), ys + reach * math.cos(a))
        light: Floats = np.clip(0.95 + 0.14 * slope, 0.76, 1.03)
        return Veil(self._opacity(sheet), self._opacity(self.depth(xs - east, ys - north)), light)


def sky(bounds: tuple[float, float, float, float], amount: float, sun: Sun, seed: int = 0, kind: str | None = None,
        haze: float = 0.0) -> Sky:  # fmt: skip
    """A sky whose clouds hide the share `amount` of an area (left, bottom, right, top in metres).

    The kind is drawn by the seed unless named. `InputError` for a share outside 0 to 1 or a kind that is unknown.
    """
    if not 0 <= amount <= 1 or not 0 <= haze <= 1:
        raise InputError(f"Clouds and haze are shares from 0 to 1, got {amount} and {haze}.")
    if kind is not None and kind not in KINDS:
        raise InputError(f"There is no kind of cloud {kind!r}: choose from {', '.join(KINDS)}.")
    rng = np.random.default_rng([seed, 37])
    name = kind or str(rng.choice(["cumulus", "cumulus", "stratus", "cirrus"]))
    made = Sky(name, seed, float(rng.uniform(*KINDS[name].height)), sun, 0.0, haze)
    left, bottom, right, top = bounds
    xs, ys = np.linspace(left, right, 2 * PROBES + 1)[1::2], np.linspace(top, bottom, 2 * PROBES + 1)[1::2]
    values = made.depth(xs, ys)
    if amount <= 0:
        limit = np.inf
    elif amount >= 1:
        limit = float(values.min()) - 3.0  # thick everywhere
    else:
        limit = float(np.quantile(values, 1 - amount))
    return Sky(name, seed, made.height, sun, limit, haze)


def veil(data: Floats, over: Veil, white: NDArray[np.float32], dim: NDArray[np.float32]) -> Floats:
    """Put clouds over values (C, H, W): `white` (C,) is how a thick cloud looks, `dim` (C,) what full shadow takes away."""
    shaded = data * (1 - dim[:, None, None] * over.shadow * 0.85)
    out: Floats = shaded + over.opacity * (white[:, None, None] * over.light - shaded)
    return out


def hazed(data: Floats, amount: float, airlight: NDArray[np.float32]) -> Floats:
    """Put an even haze over values (C, H, W); `airlight` (C,) is what an endless haze looks like."""
    out: Floats = data + np.float32(amount) * (airlight[:, None, None] - data)
    return out
