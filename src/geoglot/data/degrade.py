"""What spoils pictures of real sensors, in grades: coarser sampling, haze, low and high light, noise."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from geoglot.core.errors import InputError
from geoglot.data.sample import Picture, Sample

Bytes = NDArray[np.uint8]
VEIL = np.array((0.80, 0.84, 0.88), dtype=np.float32)  # haze scatters the short waves most
KINDS = ("haze", "dark", "bright", "noise")
GRADES = {
    "haze": (0.2, 0.4, 0.6, 0.75),
    "dark": (0.7, 0.5, 0.35, 0.2),
    "bright": (1.3, 1.7, 2.2, 3.0),
    "noise": (0.03, 0.07, 0.12, 0.2),
}


def coarse(pixels: Bytes, factor: float) -> Bytes:
    """Average pixels (H, W, 3) into larger ones, ``factor`` times as wide."""
    if factor < 1:
        raise InputError(f"Pixels can be made larger, not {factor:g} times as wide: take a factor of at least 1.")
    height, width = (max(1, round(side / factor)) for side in pixels.shape[:2])
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BOX))


def spoil(pixels: Bytes, kind: str, grade: int, seed: int = 0) -> Bytes:
    """Give pixels (H, W, 3) under ``grade`` 1 to 4 of a kind: 0 changes nothing. The seed settles the noise.

    haze: share of a bright veil that grows smoothly across the picture; dark, bright: gain, the latter clipped as a
    saturated sensor clips; noise: standard deviation of full scale, the same in all bands' pixels independently.
    """
    if kind not in GRADES or not 0 <= grade <= len(GRADES[kind]):
        raise InputError(f"There is no grade {grade} of {kind!r}: kinds are {', '.join(GRADES)}, grades 0 to 4.")
    if grade == 0:
        return pixels
    level = GRADES[kind][grade - 1]
    x = pixels.astype(np.float32) / 255
    if kind == "haze":
        slope = np.linspace(-0.15, 0.15, x.shape[1], dtype=np.float32)[None, :, None]
        veil = np.clip(level + slope, 0, 1)
        x = x * (1 - veil) + VEIL * veil
    elif kind == "noise":
        x = x + np.random.default_rng([seed, grade]).normal(0, level, x.shape).astype(np.float32)
    else:
        x = x * level
    return (np.clip(x, 0, 1) * 255 + 0.5).astype(np.uint8)


def redrawn(sample: Sample, pixels: Bytes) -> Sample:
    """The sample with another first picture (H, W, 3), kept in memory; what is known of it stays."""
    return replace(sample, pictures=(held(pixels, sample.id),))


def held(pixels: Bytes, name: str) -> Picture:
    """A picture in memory, coded without loss."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="png", compress_level=1)
    return Picture(Path(name).with_suffix(".png"), data=stream.getvalue())
