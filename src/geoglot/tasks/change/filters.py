"""Neighbourhoods of pixels: means of what was observed, speckle, spread."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]


def box_sum(values: NDArray[np.floating] | Bools, radius: int) -> Floats:
    """Sums over squares of 2 * radius + 1 pixels a side, of (..., H, W); what lies beyond the edge counts nothing."""
    for axis in (-1, -2):
        total = values.astype(np.float32, copy=True)
        for step in range(1, radius + 1):
            ahead, behind = [slice(None)] * values.ndim, [slice(None)] * values.ndim
            ahead[axis], behind[axis] = slice(step, None), slice(None, -step)
            if values.shape[axis] > step:
                total[tuple(behind)] += values[tuple(ahead)]
                total[tuple(ahead)] += values[tuple(behind)]
        values = total
    return values.astype(np.float32, copy=False)


def box_mean(values: Floats, valid: Bools, radius: int) -> Floats:
    """Means over squares of what was observed, of (..., H, W); 0 where nothing was."""
    if not radius:
        return np.where(valid, values, np.float32(0))
    weight = box_sum(valid, radius)
    made = box_sum(np.where(valid, values, np.float32(0)), radius)
    made /= np.maximum(weight, 1)
    return made


def lee(power: Floats, valid: Bools, radius: int, looks: float) -> Floats:
    """Power (..., H, W) without speckle of so many looks: the local mean where nothing but speckle varies (Lee 1980)."""
    mean = box_mean(power, valid, radius)
    square = box_mean(power * power, valid, radius)
    spread = np.maximum(square - mean * mean, 0)
    noise = mean * mean / looks
    share = np.clip((spread - noise) / np.maximum(spread * (1 + 1 / looks), np.maximum(1e-6 * noise, 1e-30)), 0, 1)
    made: Floats = (mean + share * (power - mean)).astype(np.float32)
    return made


def looks_of(power: Floats, valid: Bools) -> float:
    """How many looks the speckle of power (H, W) has: from the local variation where the ground is even (its lower fifth)."""
    mean = box_mean(power, valid, 2)
    square = box_mean(power * power, valid, 2)
    whole = valid & (mean > 0)
    if not whole.any():
        return 1.0
    ratio = np.maximum(square - mean * mean, 0)[whole] / mean[whole] ** 2
    return float(np.clip(1 / max(float(np.quantile(ratio, 0.2)), 1e-3), 1.0, 100.0))
