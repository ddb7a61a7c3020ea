"""Shapes to pixels: which shape shows on each cell of a finer grid, its colour averaged, and the shadows of what is tall."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from geoglot.data.synth import stack
from geoglot.data.synth.stack import Frame
from geoglot.data.synth.world import DOME, FLAT, HIP, Drawing, World

MARGIN = 1  # pixels painted around a block, so that the point spread reaches across its edge
FARTHEST = 90.0  # metres that the longest shadow reaches
SOFT = 25  # centimetres above the ray where a shadow is full, at least


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
    """A painted block, MARGIN pixels wider on each side than was asked for.

    colour (H, W, 4) counts; shadow (H, W) 0-255 or None; lit: flat indices of pixels on roofs and crowns turned to the
    sun or from it, and how much that brightens them; top (H, W): the row in `which` of the shape seen at each pixel's
    middle; own (H * fine, W * fine): the same on each cell; which: numbers of shapes in the world's drawing; frame:
    where it lies.
    """

    colour: NDArray[np.uint8]
    shadow: NDArray[np.uint8] | None
    lit: tuple[NDArray[np.int64], NDArray[np.float32]] | None
    top: NDArray[np.integer[Any]]
    own: NDArray[np.integer[Any]]
    which: NDArray[np.int64]
    frame: Frame

    def of(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return an attribute of the drawing (one value a shape) on each pixel, (H, W)."""
        table: NDArray[Any] = values[self.which]
        return table.take(self.top)


def paint(world: World, inner: Frame, fine: int, sun: Sun, colour: NDArray[np.float32]) -> Layers:
    """Paint a block with `fine` x `fine` cells a pixel; `colour` (N, 4) gives each shape its counts."""
    d = world.drawing
    cast = np.array(sun.cast())
    which, tallest = stack.visible(d, inner.grown(MARGIN), min(inner.gsd) / fine, cast, FARTHEST)
    reach = np.minimum(tallest * np.abs(cast), FARTHEST)
    cells = (inner.gsd[0] / fine, inner.gsd[1] / fine)
    casts = bool(np.hypot(*reach) > 0.4 * min(cells))
    pads = [math.ceil(v / g) if casts else 0 for v, g in zip(reach, inner.gsd, strict=True)]
    # towards the sun: left, top, right, bottom
    more = (pads[0] * (cast[0] > 0), pads[1] * (cast[1] < 0), pads[0] * (cast[0] <= 0), pads[1] * (cast[1] >= 0))
    wide = inner.padded(*(int(m) + MARGIN for m in more))
    pile = stack.stacked(d, which, wide, fine)
    ids, which = pile.ids, pile.which
    h, w = inner.shape[0] + 2 * MARGIN, inner.shape[1] + 2 * MARGIN
    rows, cols = slice(more[1] * fine, (more[1] + h) * fine), slice(more[0] * fine, (more[0] + w) * fine)
    own = ids[rows, cols]
    top = np.ascontiguousarray(own[fine // 2 :: fine, fine // 2 :: fine])
    frame = inner.grown(MARGIN)
    shadow = None
    if casts:
        table = (np.minimum(d.height[which], 150) * 100).astype(np.int16)
        deep = shade(table.take(ids), cells, cast, tallest)[rows, cols]
        shadow = np.asarray(Image.fromarray(deep).reduce(fine)) if fine > 1 else deep
    return Layers(mixed(own, colour[which], fine), shadow, _lit(d, which, top, frame, sun), top, own, which, frame)


def mixed(own: NDArray[np.integer[Any]], colour: NDArray[np.float32], fine: int) -> NDArray[np.uint8]:
    """Return counts (H, W, 4) of pixels of `fine` x `fine` cells, whose shapes have colours (N, 4)."""
    table = np.clip(np.rint(colour), 0, 255).astype(np.uint8)
    flat = table.view(np.uint32)[:, 0].take(own)
    image = Image.frombuffer("CMYK", (own.shape[1], own.shape[0]), flat, "raw", "CMYK", 0, 1)
    return np.asarray(image.reduce(fine) if fine > 1 else image)


def shade(height: NDArray[np.int16], cells: tuple[float, float], cast: NDArray[np.float64], tallest: float
          ) -> NDArray[np.uint8]:  # fmt: skip
    """Return how much of each cell lies in shadow, 0-255.

    height (H, W) in centimetres; cells: metres a cell (x, y); cast: shift east and north per metre of height. Each
    cell takes the greatest height of the ray towards the sun above it, in steps that double (1, 2, 4, ... cells).
    """
    reach = float(np.hypot(*cast))
    step = min(cells)
    right, down = -cast[0] / reach * step / cells[0], cast[1] / reach * step / cells[1]  # towards the sun
    drop = step / reach * 100
    rays = height.copy()
    h, w = height.shape
    k, far = 1, min(tallest * reach, FARTHEST) / step
    while k <= max(far, 1):
        x, y = round(right * k), round(down * k)
        if abs(x) >= w or abs(y) >= h:
            break
        here = (slice(max(0, -y), h - max(0, y)), slice(max(0, -x), w - max(0, x)))
        there = (slice(max(0, y), h - max(0, -y)), slice(max(0, x), w - max(0, -x)))
        lower = rays[there] - np.int16(min(round(drop * k), 15000))
        np.maximum(rays[here], lower, out=rays[here])
        k *= 2
    rays -= height
    full = max(SOFT, round(drop))
    np.minimum(rays, full, out=rays)
    rays *= np.int16(255 * 128 // full)
    rays >>= 7
    return rays.astype(np.uint8)


def _lit(d: Drawing, which: NDArray[np.int64], top: NDArray[np.integer[Any]], frame: Frame, sun: Sun
         ) -> tuple[NDArray[np.int64], NDArray[np.float32]] | None:  # fmt: skip
    """Return flat indices of pixels on slopes, and how much brighter than level ground each slope is."""
    pixel = min(frame.gsd)
    if pixel > 5:
        return None
    averaged = np.minimum(d.side[which, 0], d.side[which, 1]) < 0.8 * pixel
    profile = np.where(averaged, FLAT, d.profile[which])
    if not profile.any():
        return None
    at = np.flatnonzero((profile != FLAT).take(top))
    row = top.ravel()[at]
    number = which[row]
    w = top.shape[1]
    x = (frame.x0 + (at % w + 0.5) * frame.gsd[0]).astype(np.float32) - d.middle[number, 0]
    y = (frame.y1 - (at // w + 0.5) * frame.gsd[1]).astype(np.float32) - d.middle[number, 1]
    axis, (a, b) = d.axis[number], d.side[number].T
    east, north = -np.array(sun.cast(), np.float32)  # its length is one over the tangent of the elevation
    dome = profile[row] == DOME
    lit = 0.30 * (x * east + y * north) / a
    c, s = np.cos(axis), np.sin(axis)
    u, v = x * c + y * s, y * c - x * s
    across = np.clip(v / (0.6 * pixel), -1, 1) * (north * c - east * s)
    along = np.sign(u) * (east * c + north * s)
    end = (profile[row] == HIP) & (np.abs(u) - (a - b) > np.abs(v))
    roof = 0.36 * np.where(end, along, across) - 0.06
    return at, np.where(dome, lit, roof).astype(np.float32)
