"""Shapes to pixels: colours, materials, stripes and shadows drawn on a finer grid and averaged."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from geoglot.data.synth.legend import MATERIAL, MATERIALS
from geoglot.data.synth.world import Drawing, World


@dataclass(frozen=True)
class Sun:
    """Where the light comes from: degrees clockwise from north, degrees above the horizon."""

    azimuth: float
    elevation: float

    def cast(self) -> tuple[float, float]:
        """Return the shift east and north of a shadow, per metre of height."""
        reach = 1 / math.tan(math.radians(self.elevation))
        a = math.radians(self.azimuth)
        return -math.sin(a) * reach, -math.cos(a) * reach


@dataclass(frozen=True)
class Layers:
    """A painted block: colour (H, W, 4), shadow (H, W) 0-255, material and stripe number (H, W)."""

    colour: NDArray[np.uint8]
    shadow: NDArray[np.uint8] | None
    material: NDArray[np.uint8]
    stripe: NDArray[np.uint8] | None


def _hull(ring: NDArray[np.float64], shift: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what a convex counter-clockwise ring sweeps when moved by a shift."""
    step = np.roll(ring, -1, axis=0) - ring
    front = step[:, 1] * shift[0] - step[:, 0] * shift[1] > 0  # the edge after each corner faces the way of the shift
    back = np.roll(front, 1)
    out: list[NDArray[np.float64]] = []
    for corner, before, after in zip(ring, back.tolist(), front.tolist(), strict=True):
        if before and after:
            out.append(corner + shift)
        elif before:
            out += [corner + shift, corner]
        elif after:
            out += [corner, corner + shift]
        else:
            out.append(corner)
    return np.array(out)


def _visible(d: Drawing, box: tuple[float, float, float, float], cell: float, reach: float) -> NDArray[np.int64]:
    """Return the shapes that can touch a block; those smaller than a cell kept with a chance equal to their share."""
    x0, y0, x1, y1 = box
    far = d.height * reach + 1.0
    b = d.box
    seen = (b[:, 2] + far > x0) & (b[:, 0] - far < x1) & (b[:, 3] + far > y0) & (b[:, 1] - far < y1)
    long = np.maximum(b[:, 2] - b[:, 0], b[:, 3] - b[:, 1])
    chance = (np.arange(len(b), dtype=np.uint64) * np.uint64(2654435761) % np.uint64(2**32)).astype(np.float64) / 2**32
    seen &= (long >= cell) | (d.size / cell**2 > chance)
    return np.flatnonzero(seen)


def _inks(d: Drawing, which: NDArray[np.int64], sun: Sun) -> list[tuple[int, ...]]:
    facing = d.facing[which]
    turn = math.radians(90 - sun.azimuth) - facing
    lit = np.where(np.isnan(facing), 1.0, 1.0 + 0.24 * np.cos(np.nan_to_num(turn)))
    values = np.clip(np.rint(d.colour[which] * lit[:, None]), 0, 255).astype(int)
    return [tuple(v) for v in values.tolist()]


def paint(world: World, x0: float, y1: float, gsd: tuple[float, float], shape: tuple[int, int], fine: int,
          sun: Sun) -> Layers:  # fmt: skip
    """Paint the block whose upper left corner is x0, y1 (metres) with `fine` x `fine` cells a pixel."""
    h, w = shape
    d = world.drawing
    dx, dy = gsd[0] / fine, gsd[1] / fine
    cast = np.array(sun.cast())
    reach = float(np.hypot(*cast))
    which = _visible(d, (x0, y1 - h * gsd[1], x0 + w * gsd[0], y1), min(dx, dy), reach)
    soil = MATERIALS[MATERIAL["grass"]].colour
    colour = Image.new("CMYK", (w * fine, h * fine), tuple(round(v) for v in soil))
    material = Image.new("L", colour.size, MATERIAL["grass"])
    shadow = Image.new("L", colour.size)
    stripe = Image.new("L", colour.size)
    pens = [ImageDraw.Draw(image) for image in (colour, material, shadow, stripe)]
    scale = np.array([1 / dx, -1 / dy])
    origin = np.array([x0 + dx / 2, y1 - dy / 2])
    shaded = striped = False
    away = cast / max(reach, 1e-9)
    fields, water = MATERIAL["crop"], MATERIAL["water"]
    for index, ink in zip(which.tolist(), _inks(d, which, sun), strict=True):
        ring = d.coords[d.starts[index] : d.starts[index + 1]]
        tall = float(d.height[index])
        if d.shift[index]:
            ring = ring + away * float(d.shift[index])
        points = ((ring - origin) * scale).ravel().tolist()
        if tall * reach > 0.6 * dx:
            pens[2].polygon(((_hull(ring, cast * tall) - origin) * scale).ravel().tolist(), fill=255)
            pens[2].polygon(points, fill=0)
            shaded = True
        m = int(d.material[index])
        pens[0].polygon(points, fill=ink)
        pens[1].polygon(points, fill=m)
        if shaded and m == water:  # what stood here before the water came casts no shadow
            pens[2].polygon(points, fill=0)
        if m == fields:
            pens[3].polygon(points, fill=int(d.stripe[index]))
            striped = True
    half = fine // 2
    return Layers(
        np.asarray(colour.reduce(fine) if fine > 1 else colour),
        np.asarray(shadow.reduce(fine) if fine > 1 else shadow) if shaded else None,
        np.ascontiguousarray(np.asarray(material)[half::fine, half::fine]),
        np.ascontiguousarray(np.asarray(stripe)[half::fine, half::fine]) if striped else None,
    )
