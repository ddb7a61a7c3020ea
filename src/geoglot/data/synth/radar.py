"""Radar pictures of a place: backscatter by surface, layover and shadow of what is tall, bright corners, speckle.

Values are power (sigma nought); the geometry is that of a side-looking radar with ground-range pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoglot.data.synth.legend import MATERIAL, MATERIALS
from geoglot.data.synth.paint import Sun, paint
from geoglot.data.synth.render import spread
from geoglot.data.synth.seasons import field_numbers, mixed_up
from geoglot.data.synth.stack import Frame
from geoglot.data.synth.world import World

Floats = NDArray[np.float32]
ECHO = {  # decibels in like and in cross polarisation at an incidence of about 35 degrees
    "water": (-22.0, -29.0), "pool": (-20.0, -28.0), "soil": (-13.0, -22.0), "grass": (-12.5, -20.0),
    "crop": (-11.0, -17.5), "forest": (-7.5, -13.0), "needles": (-8.0, -13.5), "glass": (-8.0, -18.0),
    "tree": (-7.0, -12.5), "fruit": (-8.5, -14.5), "asphalt": (-19.0, -27.0), "track": (-15.0, -24.0),
    "roof": (-6.0, -16.0), "tank": (1.0, -12.0), "ship": (6.0, -5.0), "airplane": (2.0, -9.0), "vehicle": (-1.0, -11.0),
    "concrete": (-17.0, -25.0), "yard": (-14.0, -22.0), "runway": (-20.0, -28.0), "runway_paint": (-20.0, -28.0),
    "sand": (-17.0, -26.0), "pier": (-10.0, -18.0), "marking": (-17.0, -25.0), "garden": (-10.0, -16.5),
    "shrub": (-11.0, -18.0), "rail": (-8.0, -18.0), "panel": (-5.0, -18.0), "court": (-18.0, -26.0), "rock": (-9.0, -17.0),
    "road_paint": (-19.0, -27.0),
}  # fmt: skip
HARD = ("roof", "ship", "airplane", "vehicle", "tank", "yard", "panel", "rail", "glass")
FLOOR = 10**-2.6  # noise of the receiver
CORNER = 9.0  # decibels of the corner between ground and a wall of ten metres that faces the radar
WALL = 2.0  # metres of height that make a wall


@dataclass(frozen=True)
class Radar:
    """How a radar looks: direction in degrees clockwise from north, incidence in degrees, looks averaged, polarisation."""

    heading: float = 78.0
    incidence: float = 36.0
    looks: float = 4.0

    @property
    def light(self) -> Sun:
        """The radar as a lamp, for shadows."""
        return Sun((self.heading + 180) % 360, 90 - self.incidence)


def echoes(cross: bool) -> Floats:
    """Power of each material (256,), in like or cross polarisation."""
    table = np.full(256, 10**-1.2, np.float32)
    for index, material in enumerate(MATERIALS):
        table[index] = 10 ** (ECHO.get(material.name, (-12.0, -20.0))[cross] / 10)
    return table


def backscatter(world: World, frame: Frame, radar: Radar, crosses: tuple[bool, ...], rng: np.random.Generator, wind: float = 1.0
                ) -> Floats:  # fmt: skip
    """Power (C, H, W) of a block in polarisations (False like, True cross); `wind` roughens water, 1 a light breeze."""
    d = world.drawing
    fine = 2
    away = np.array((math.sin(math.radians(radar.heading)), math.cos(math.radians(radar.heading))))
    lean = 1 / math.tan(math.radians(radar.incidence))
    pad = [math.ceil(min(d.tallest, 60.0) * lean * abs(v) / g) + 1 for v, g in zip(away, frame.gsd, strict=True)]
    wide = frame.padded(pad[0], pad[1], pad[0], pad[1])
    layers = paint(world, wide, fine, radar.light, d.colour)
    own = layers.own
    height = np.minimum(d.height[layers.which], 60).take(own)
    material = d.material[layers.which]
    rough = _rough(world, layers.which)
    cells = (frame.gsd[0] / fine, frame.gsd[1] / fine)
    lit = _lit(layers.shadow, own.shape, fine)
    out = []
    for cross in crosses:
        table = echoes(cross)
        table[MATERIAL["water"]] *= wind
        power = (table.take(material) * rough).astype(np.float32).take(own)
        if not cross:
            power += _corners(height, away)
        power = _laid_over(power * np.where(height > WALL, 1.0, lit), height, away * lean, cells)
        h, w = power.shape
        mean = power.reshape(h // fine, fine, w // fine, fine).mean(axis=(1, 3))
        seen = mean[pad[1] : h // fine - pad[1], pad[0] : w // fine - pad[0]]  # MARGIN wider than asked for, for the point spread
        speckle = rng.standard_gamma(radar.looks, seen.shape).astype(np.float32) / np.float32(radar.looks)
        out.append(spread((seen + np.float32(FLOOR)) * speckle, 0.14))
    return np.stack(out).astype(np.float32)


def _rough(world: World, which: NDArray[np.int64]) -> Floats:
    """A factor for each shape of a block: fields differ by moisture, roofs and ships by their corners."""
    d = world.drawing
    chance = mixed_up(field_numbers(d)[which], world.seed + 19)
    odd = np.isin(d.material[which], [MATERIAL[name] for name in HARD])
    deviation = np.where(odd, 5.0, 1.6)
    return np.asarray(10 ** (deviation * 1.7 * (chance - 0.5) * 2 / 10), np.float32)


def _lit(shadow: NDArray[np.uint8] | None, shape: tuple[int, int], fine: int) -> Floats:
    if shadow is None:
        return np.ones(shape, np.float32)
    return np.repeat(np.repeat(1 - shadow.astype(np.float32) / 255, fine, 0), fine, 1)


def _corners(height: Floats, away: NDArray[np.float64]) -> Floats:
    """Power of the corners where level ground meets a wall that faces the radar, on the cell in front of the wall."""
    # the cell behind, as the radar looks: columns grow eastwards, rows southwards
    steps = [(0, 1 if away[0] > 0 else -1, abs(away[0])), (-1 if away[1] > 0 else 1, 0, abs(away[1]))]
    out = np.zeros_like(height)
    for down, right, facing in steps:
        rise = np.roll(height, (-down, -right), (0, 1)) - height
        wall = (rise > WALL) & (height < WALL)
        out += np.where(wall, np.float32(10 ** (CORNER / 10) / 10) * rise * np.float32(facing**3), 0)
    return out


def _laid_over(power: Floats, height: Floats, lean: NDArray[np.float64], cells: tuple[float, float]) -> Floats:
    """Move what is high towards the radar: its echo comes back as early as that of ground in front of it."""
    tall = np.flatnonzero(height > WALL)
    if not len(tall):
        return power
    h, w = power.shape
    up = height.ravel()[tall]
    col = tall % w - np.rint(up * lean[0] / cells[0]).astype(np.int64)
    row = tall // w + np.rint(up * lean[1] / cells[1]).astype(np.int64)
    moved = power.ravel()[tall]
    left = power.copy()
    left.ravel()[tall] = moved * 0.03  # the ground behind hides; what remains is its weak double echo
    inside = (col >= 0) & (col < w) & (row >= 0) & (row < h)
    added = np.bincount(row[inside] * w + col[inside], moved[inside], h * w)
    return (left + added.reshape(h, w)).astype(np.float32)
