"""A generator that draws in a moment what its words name."""

from __future__ import annotations

import numpy as np
from stub_kit import COLOURS

from geoglot.core.protocols import ModelSpec
from geoglot.geo.raster import Raster
from geoglot.geo.sensors import Band

NATURAL = ("red", "green", "blue")


class Brush:
    """Draws noise in the colour of the class that the words name; every ``miss``-th picture, by its seed, in the next one's."""

    def __init__(self, miss: int = 0, native: int = 16) -> None:
        self.spec = ModelSpec("brush", "1", "ab" * 16, 0, NATURAL, native, (0.1, 90), (0.5,) * 3, (0.5,) * 3, "-", "-")
        self.native, self.miss, self.heard = native, miss, []

    def sample(self, condition, grid, seed, drawing=None):
        self.heard.append((condition, grid, seed, drawing))
        said = f"{condition.text} {condition.label}".lower()
        channel = next(channel for label, channel in COLOURS.items() if label.lower() in said)
        if self.miss and seed % self.miss == 0:
            channel = (channel + 1) % 3
        data = np.random.default_rng(seed).integers(0, 120, (3, *grid), np.uint8)
        data[channel] += 130
        return Raster(data, np.ones(grid, bool), None, tuple(Band(name, name) for name in NATURAL))
