"""What kind of change: vegetation and water by their indices where the bands allow, else brighter or darker."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from geoglot.geo.sensors import Band
from geoglot.tasks.change.filters import Floats

KINDS = ("brighter", "darker", "vegetation loss", "vegetation gain", "water gain", "water loss", "other")  # 1 and on in a map
OTHER = len(KINDS)
PLANTS = 0.1  # of the vegetation index that is more than a season's noise
WET = 0.15  # of the water index


def kinds(one: Floats, other: Floats, bands: Sequence[Band]) -> NDArray[np.uint8]:
    """The kind (h, w) that a change from `one` to `other` (C, h, w) would be of, 1 and on in `KINDS`."""
    made = np.where((other - one).mean(axis=0) >= 0, 1, 2).astype(np.uint8)
    at = {band.common: k for k, band in reversed(list(enumerate(bands))) if band.common}
    nir = at.get("nir", at.get("nir08"))
    if nir is not None and "red" in at:
        gap = index(other, nir, at["red"]) - index(one, nir, at["red"])
        made[gap < -PLANTS] = 3
        made[gap > PLANTS] = 4
    if nir is not None and "green" in at:
        first, last = index(one, at["green"], nir), index(other, at["green"], nir)
        # bright roofs have a water index above 0 too; water is dark
        sank, rose = other[nir] < 0.8 * one[nir], one[nir] < 0.8 * other[nir]
        made[(last - first > WET) & (last > 0) & (first < 0) & sank & (other.sum(axis=0) < one.sum(axis=0))] = 5
        made[(first - last > WET) & (first > 0) & (last < 0) & rose & (one.sum(axis=0) < other.sum(axis=0))] = 6
    return made


def index(values: Floats, high: int, low: int) -> Floats:
    """The normalised difference of two bands; 0 where both are dark."""
    total = values[high] + values[low]
    made: Floats = np.where(total > 0, (values[high] - values[low]) / np.where(total > 0, total, 1), 0).astype(np.float32)
    return np.clip(made, -1, 1)
