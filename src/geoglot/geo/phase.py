"""How far one picture lies off another, to a fraction of a pixel: phase correlation of several windows, and their agreement.

The cross-power spectrum keeps the phase alone (Kuglin and Hines 1975), low frequencies with more weight, because high ones are
aliased; its peak is refined by evaluating the inverse transform on a finer and finer grid (Guizar-Sicairos et al. 2008).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

SHARPNESS = 0.17  # standard deviation in cycles a pixel of the weight of frequencies
AGREE = 0.75  # pixels within which a window has to agree with the median
LEAST_PEAK = 0.08  # of a window that counts, 1 where one is the other moved; pictures that share nothing have 0.03
ALONE = 0.2  # of one or two windows, with which no others can agree


@dataclass(frozen=True)
class Shift:
    """What is at (row, column) of the first picture is at (row + down, column + across) of the second, in pixels.

    `quality` is the share of the windows that agree, times their mean peak: 0 for nothing in common, 1 for the same picture
    moved. `reliable` says whether to act on it.
    """

    down: float
    across: float
    quality: float
    windows: int
    reliable: bool

    @property
    def length(self) -> float:
        """Pixels."""
        return float(np.hypot(self.down, self.across))


def edges(picture: NDArray[np.floating]) -> Doubles:
    """Gradient magnitude (H, W): an edge stays where it is when fields on both sides change their brightness."""
    down, across = np.gradient(picture.astype(np.float64))
    made: Doubles = np.hypot(down, across)
    return made


def correlate(first: NDArray[np.floating], second: NDArray[np.floating]) -> tuple[float, float, float]:
    """Rows and columns by which `second` lies off `first` (H, W each), and the height of the peak from 0 to 1."""
    height, width = first.shape
    taper = np.hanning(height)[:, None] * np.hanning(width)
    a, b = (np.fft.fft2((picture - picture.mean()) * taper) for picture in (first, second))
    cross = b * np.conj(a)
    size = np.abs(cross)
    rows, cols = np.fft.fftfreq(height), np.fft.fftfreq(width)
    weight = np.exp(-(rows[:, None] ** 2 + cols**2) / (2 * SHARPNESS**2))
    weight[0, 0] = 0.0
    cross = np.where(size > 1e-12 * max(size.max(), 1e-300), cross / np.maximum(size, 1e-300), 0) * weight
    plane = np.fft.ifft2(cross).real
    at = np.unravel_index(int(plane.argmax()), plane.shape)
    down, across = (float(n - side if n > side / 2 else n) for n, side in zip(at, plane.shape, strict=True))
    for step in (0.1, 0.01):
        near = np.arange(-10, 11) * step
        v, u = down + near, across + near
        left = np.exp(2j * np.pi * v[:, None] * rows)
        right = np.exp(2j * np.pi * cols[:, None] * u)
        fine = (left @ cross @ right).real
        i, j = np.unravel_index(int(fine.argmax()), fine.shape)
        down, across = float(v[i]), float(u[j])
    return down, across, float(fine[i, j] / weight.sum())


def agreed(found: Sequence[tuple[float, float, float]]) -> Shift:
    """One shift of what several windows say (see `correlate`): the median of those that agree with the median."""
    table = np.array([row for row in found if row[2] >= LEAST_PEAK]).reshape(-1, 3)
    if not len(table):
        return Shift(0.0, 0.0, 0.0, len(found), False)
    middle = np.median(table[:, :2], axis=0)
    near = np.hypot(*(table[:, :2] - middle).T) <= AGREE
    if not near.any():
        return Shift(float(middle[0]), float(middle[1]), 0.0, len(found), False)
    down, across = np.median(table[near, :2], axis=0)
    share, peak = float(near.sum() / len(found)), float(table[near, 2].mean())
    reliable = share >= 0.5 and (int(near.sum()) > 2 or peak >= ALONE)
    return Shift(float(down), float(across), share * peak, len(found), reliable)


def moved(values: Floats, down: float, across: float) -> Floats:
    """Values (C, H, W) at places moved by parts of a pixel (-1 to 1), by cubic convolution (Keys 1981); edges are repeated."""
    for axis, part in ((1, down), (2, across)):
        if part:
            values = _slid(values, axis, part)
    return values


def _slid(values: Floats, axis: int, part: float) -> Floats:
    base = int(np.floor(part))
    t = part - base
    taps = (
        ((-0.5 * t + 1.0) * t - 0.5) * t,
        (1.5 * t - 2.5) * t * t + 1.0,
        ((-1.5 * t + 2.0) * t + 0.5) * t,
        (0.5 * t - 0.5) * t * t,
    )
    length = values.shape[axis]
    total = np.zeros_like(values)
    for k, weight in enumerate(taps):
        at = np.clip(np.arange(length) + base + k - 1, 0, length - 1)
        total += np.float32(weight) * np.take(values, at, axis=axis)
    return total
