"""Cloudy views of taught pictures: what an archive of satellite scenes is full of and aerial data sets never show."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geoglot.data.build.mixture import Material

SOURCE = "clouds"
THICK = ("thick clouds", "clouds covering the ground", "a satellite photo of clouds.", "white clouds", "an overcast scene")
PART = ("clouds over {}", "{} under scattered clouds", "a satellite photo of {} partly covered by clouds.", "clouds")


def cover(size: int, amount: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Give the opacity (size, size) in [0, 1] of a fractal cloud field; ``amount`` 0 is nearly clear, 1 overcast."""
    f = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None])
    f[0, 0] = 1
    shape = f.shape
    wave = (rng.normal(size=shape) + 1j * rng.normal(size=shape)) * f ** -rng.uniform(1.3, 1.9)
    wave[0, 0] = 0
    field = np.fft.irfft2(wave, s=(size, size))
    field = field / field.std()
    opacity: NDArray[np.float32] = np.clip((field + 4 * amount - 1.6) * rng.uniform(0.6, 1.4), 0, 1).astype(np.float32)
    return opacity


def material(teach: Material, count: int, phrases: dict[str, str], seed: int = 0) -> Material:
    """Give ``count`` cloudy copies of pictures whose scene class has a phrase in ``phrases``; half are overcast."""
    rng = np.random.default_rng([seed, count])
    rows = [i for i, label in enumerate(teach.label) if label in phrases]
    chosen = rng.choice(rows, count)
    size = teach.pixels.shape[1]
    pixels, table, by_kind = np.empty((count, size, size, 3), np.uint8), dict[str, int](), []
    for k, i in enumerate(chosen):
        amount = rng.uniform(0.85, 1.3) if k % 2 else rng.uniform(0.15, 0.5)
        opacity = cover(size, amount, rng)[..., None]
        white = rng.uniform(225, 255) - 40 * rng.uniform() * cover(size, 0.4, rng)[..., None]
        pixels[k] = np.clip(teach.pixels[i] * (1 - opacity) + white * opacity, 0, 255)
        share = float((opacity > 0.7).mean())
        texts = THICK if share > 0.85 else tuple(text.format(phrases[teach.label[i]]) for text in PART)
        by_kind.append({"caption": tuple(table.setdefault(text, len(table)) for text in texts)})
    ids = tuple(f"{SOURCE}/{k}" for k in range(count))
    return Material(pixels, tuple(table), tuple(by_kind), ids, (SOURCE,) * count, ("",) * count)
