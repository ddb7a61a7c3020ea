"""Radar as decibels: complex values, detected amplitude, linear power, or decibels already, decided once a scene."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from geoglot.geo import files

if TYPE_CHECKING:
    from geoglot.geo.scene import Scene

Floats = NDArray[np.float32]
Units = Literal["amplitude", "power", "decibels"]
_TINY = 1e-10  # power below which radar is silent (-100 dB)
# Noise removal leaves a few negative values in linear power; in decibels most of a scene is negative.
_NEGATIVE = 0.25


def units(scene: Scene) -> Units:
    """What a radar scene's values are: integers are amplitudes, other numbers power, or decibels if many are negative."""
    if not scene.dtype.startswith("float"):
        return "amplitude"
    layer = scene.layers[0]
    dataset = scene.dataset(layer.href)
    values = files.sample(dataset, layer.index)
    values = values[np.isfinite(values)]
    nodata = dataset.nodatavals[layer.index - 1]
    if nodata is not None:
        values = values[values != np.asarray(nodata).astype(values.dtype)]
    return "decibels" if values.size and (values < 0).mean() > _NEGATIVE else "power"


def decibels(data: NDArray[Any], kind: Units) -> tuple[Floats, NDArray[np.bool_]]:
    """Decibels (C, H, W) of values, and where (H, W) there is an echo at all: products fill their borders with zeros."""
    values = data.astype(np.float32)
    if kind == "decibels":
        return values, np.ones(values.shape[1:], dtype=np.bool_)
    return log(np.square(values) if kind == "amplitude" else values), np.asarray((values != 0).any(axis=0))


def log(power: NDArray[Any]) -> Floats:
    """Ten times the decimal logarithm of power."""
    result: Floats = (10 * np.log10(np.maximum(power, _TINY))).astype(np.float32)
    return result
