"""Clouds over pictures of real places: the sky of `data.synth.clouds` put between a sensor and what it saw, with exact masks.

A picture comes as light: the reflectance of each band, or shares of a camera's range. A thick cloud looks as `spectra.cloud`
says, and passes more of the longer waves the thinner it is; its shadow takes away what the sun gave and leaves the light of the
sky; haze lies over all. The masks are those of the sky itself: cloud where more than half of the ground is hidden, shadow where
the ground can be seen and more than half of the sun is kept from it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from geoglot.data.synth import spectra
from geoglot.data.synth.clouds import KINDS, Veil, hazed, sky, veil
from geoglot.data.synth.paint import Sun
from geoglot.data.synth.stack import Frame
from geoglot.geo.sensors import Band

CLEAR, CLOUD, SHADOW = 0, 1, 2
CLASSES = ("clear", "cloud", "shadow")
WHITE = 0.62  # reflectance of a thick cloud in visible light, which a camera shows as nearly white
NEARLY = 0.97
PRESENT = 0.1  # share of cloud from which on a picture counts as cloudy
APART = 60_000.0  # metres over which the place of a picture under its sky is drawn

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Weather:
    """A sky: kind of cloud, the share of the picture that it hides, metres a pixel that it is drawn at, sun, haze, seed.

    Clouds look alike at every scale, so `gsd` need not be the picture's own: it says how large the clouds are in pixels.
    """

    kind: str
    amount: float
    gsd: float
    sun: Sun
    seed: int
    haze: float = 0.0

    def over(self, shape: tuple[int, int]) -> Veil:
        """The clouds over a picture of some shape."""
        (h, w), rng = shape, np.random.default_rng([self.seed, 41])
        left, bottom = rng.uniform(0, APART, 2)
        bounds = (left, bottom, left + w * self.gsd, bottom + h * self.gsd)
        made = sky(bounds, self.amount, self.sun, self.seed, self.kind, self.haze)
        return made.over(Frame(left, bottom + h * self.gsd, (self.gsd, self.gsd), shape))


def drawn(rng: np.random.Generator, clear: float = 0.3, gsd: tuple[float, float] = (4.0, 30.0)) -> Weather:
    """Any weather: a share of clear skies, a few that are overcast, the rest anything between."""
    kind = str(rng.choice(list(KINDS), p=[0.5, 0.3, 0.2]))
    lot = rng.random()
    amount = 0.0 if lot < clear else 1.0 if lot > 0.95 else float(rng.beta(0.9, 1.3))
    sun = Sun(float(rng.uniform(0, 360)), float(rng.uniform(25, 70)))
    size = math.exp(rng.uniform(*np.log(gsd)))
    return Weather(kind, amount, size, sun, int(rng.integers(1 << 31)), float(rng.uniform(0, 0.3)) if rng.random() < 0.3 else 0.0)


def put(light: Floats, bands: Sequence[Band], how: Weather, camera: bool = False) -> tuple[Floats, Bytes]:
    """Put weather over the light (C, H, W) of some bands: what the sensor then sees, and the classes of pixels (H, W).

    Light is reflectance, or with `camera` the share of the range of a camera, whose white is a cloud's.
    """
    over = how.over((light.shape[1], light.shape[2]))
    white, dim, air = np.array([spectra.cloud(band) for band in bands], np.float32).T
    if camera:
        white, air = white * np.float32(NEARLY / WHITE), air * np.float32(NEARLY / WHITE)
    seen = hazed(light, how.haze, air) if how.haze else light
    made = veil(seen, replace(over, opacity=_by_band(over.opacity, bands)), white, dim)
    index = np.where(over.cloud, np.uint8(CLOUD), np.where(over.shaded, np.uint8(SHADOW), np.uint8(CLEAR)))
    return made, index.astype(np.uint8)


def _by_band(opacity: Floats, bands: Sequence[Band]) -> Floats:
    """Opacity (C, H, W) in each band: what is opaque is so everywhere, what is thin is thinner to longer waves."""
    waves = [0.55 if band.wavelength is None else band.wavelength for band in bands]
    power = np.interp(waves, (0.65, 0.9, 1.6, 2.2), (1.0, 0.95, 0.8, 0.7)).astype(np.float32)
    made: Floats = 1 - (1 - np.minimum(opacity, np.float32(0.9999))) ** power[:, None, None]
    return made
