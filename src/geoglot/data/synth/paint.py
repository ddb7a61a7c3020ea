"""Shapes to pixels: colours, materials, stripes and shadows drawn on a finer grid and averaged."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from geoglot.data.synth.legend import MATERIAL, MATERIALS
from geoglot.data.synth.world import Drawing, World

Points = NDArray[np.float64]
LIGHT = 255  # in place of a material: a play of light on what lies below, which moves with the sun
MARGIN = 1  # pixels painted around a block, so that the point spread reaches across its edge


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
class Frame:
    """A block of pixels on the ground: upper left corner x0, y1 (metres), pixel size (dx, dy), shape (h, w)."""

    x0: float
    y1: float
    gsd: tuple[float, float]
    shape: tuple[int, int]

    def grown(self, pixels: int) -> Frame:
        """The block with some pixels more on each side."""
        h, w = self.shape
        dx, dy = self.gsd
        return Frame(self.x0 - pixels * dx, self.y1 + pixels * dy, self.gsd, (h + 2 * pixels, w + 2 * pixels))

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, bottom, right, top in metres."""
        (h, w), (dx, dy) = self.shape, self.gsd
        return self.x0, self.y1 - h * dy, self.x0 + w * dx, self.y1


@dataclass(frozen=True)
class Layers:
    """A painted block: colour (H, W, 4), shadow (H, W) 0-255 or None, material (H, W), stripe number (H, W) or None."""

    colour: NDArray[np.uint8]
    shadow: NDArray[np.uint8] | None
    material: NDArray[np.uint8]
    stripe: NDArray[np.uint8] | None


def _visible(d: Drawing, box: tuple[float, float, float, float], cell: float, reach: float) -> NDArray[np.int64]:
    """Return the shapes that can touch a block; those smaller than a cell kept with a chance equal to their share."""
    x0, y0, x1, y1 = box
    far = d.height * reach + np.abs(d.shift) + 1.0
    b = d.box
    seen = np.flatnonzero((b[:, 2] + far > x0) & (b[:, 0] - far < x1) & (b[:, 3] + far > y0) & (b[:, 1] - far < y1))
    long = np.maximum(b[seen, 2] - b[seen, 0], b[seen, 3] - b[seen, 1])
    chance = (seen.astype(np.uint64) * np.uint64(2654435761) % np.uint64(2**32)).astype(np.float64) / 2**32
    kept: NDArray[np.int64] = seen[(long >= cell) | (d.size[seen] / cell**2 > chance)]
    return kept


def _inks(d: Drawing, which: NDArray[np.int64], sun: Sun, saturation: float) -> list[tuple[int, ...]]:
    """Return the colours of shapes as drawn: faces lit by their direction, colours more or less vivid."""
    turn = math.radians(90 - sun.azimuth) - d.facing[which]
    lit = np.where(np.isnan(turn), 1.0, 1.0 + 0.24 * np.cos(np.nan_to_num(turn)))
    colour = d.colour[which] * lit[:, None]
    grey = colour[:, :3].mean(axis=1, keepdims=True)
    colour[:, :3] = grey + (colour[:, :3] - grey) * saturation
    return [tuple(v) for v in np.clip(np.rint(colour), 0, 255).astype(int).tolist()]


def _sweep(points: Points, first: NDArray[np.bool_], shift: Points) -> tuple[Points, NDArray[np.int64]]:
    """Return what convex counter-clockwise rings sweep when each corner is moved by its shift.

    points, shift (M, 2); first (M,) marks each ring's first corner. Also returns how many corners each corner became.
    """
    starts = np.flatnonzero(first)
    after = np.arange(1, len(points) + 1)
    after[np.append(starts[1:], len(points)) - 1] = starts
    step = points[after] - points
    front = step[:, 1] * shift[:, 0] - step[:, 0] * shift[:, 1] > 0  # the edge from this corner on faces the way
    back = np.empty_like(front)
    back[after] = front
    count = 1 + (front != back)
    moved = np.repeat(back, count)
    second = np.cumsum(count)[count == 2] - 1
    moved[second] = front[count == 2]
    return np.repeat(points, count, axis=0) + np.repeat(shift, count, axis=0) * moved[:, None], count


def _polygons(points: Points, counts: NDArray[np.int64], frame: Frame, fine: int) -> list[list[float]]:
    """Return rings as flat lists of x, y in cells of the fine grid, as Pillow wants them (whole numbers are middles)."""
    dx, dy = frame.gsd[0] / fine, frame.gsd[1] / fine
    flat = ((points - (frame.x0, frame.y1)) * (1 / dx, -1 / dy) - 0.5).ravel().tolist()
    ends = (2 * np.cumsum(counts)).tolist()
    return [flat[a:b] for a, b in zip([0, *ends[:-1]], ends, strict=True)]


def _rings(d: Drawing, which: NDArray[np.int64]) -> tuple[Points, NDArray[np.int64]]:
    counts = d.starts[which + 1] - d.starts[which]
    offset = np.cumsum(counts) - counts
    index = np.arange(int(counts.sum())) + np.repeat(d.starts[which] - offset, counts)
    return d.coords[index], counts


def paint(world: World, inner: Frame, fine: int, sun: Sun, saturation: float) -> Layers:
    """Paint a block with `fine` x `fine` cells a pixel and average it with a triangular point spread of two pixels."""
    frame = inner.grown(MARGIN)
    h, w = frame.shape
    d = world.drawing
    cast = np.array(sun.cast())
    reach = float(np.hypot(*cast))
    cell = min(frame.gsd) / fine
    which = _visible(d, frame.box, cell, reach)
    points, counts = _rings(d, which)
    points = points + np.repeat(d.shift[which].astype(np.float64), counts)[:, None] * (cast / reach)
    rings = _polygons(points, counts, frame, fine)
    tall = d.height[which] * reach > 0.6 * cell
    shadows = _shadows(points, counts, tall, d.height[which], cast, frame, fine)
    size = (w * fine, h * fine)
    ground = MATERIAL["grass"]
    colour = Image.new("CMYK", size, tuple(round(v) for v in MATERIALS[ground].colour))
    images = [colour, Image.new("L", size, ground), Image.new("L", size), Image.new("L", size)]
    materials = np.where(d.shift[which] == 0, d.material[which], LIGHT).tolist()
    _draw(images, rings, shadows, _inks(d, which, sun, saturation), materials, d.stripe[which].tolist(), tall.tolist())
    half = MARGIN * fine + fine // 2
    cut = (slice(half, half + inner.shape[0] * fine, fine), slice(half, half + inner.shape[1] * fine, fine))
    striped = bool((d.material[which] == MATERIAL["crop"]).any())
    return Layers(
        _shrink(colour, w, h),
        _shrink(images[2], w, h) if tall.any() else None,
        np.ascontiguousarray(np.asarray(images[1])[cut]),
        np.ascontiguousarray(np.asarray(images[3])[cut]) if striped else None,
    )


def _shadows(points: Points, counts: NDArray[np.int64], tall: NDArray[np.bool_], height: NDArray[np.float32], cast: Points,
             frame: Frame, fine: int) -> list[list[float]]:  # fmt: skip
    """Return the outlines of the shadows of the tall shapes, in their order."""
    if not tall.any():
        return []
    member = np.repeat(tall, counts)
    sizes = counts[tall]
    first = np.zeros(int(sizes.sum()), bool)
    first[np.cumsum(sizes) - sizes] = True
    shift = np.repeat(height[tall].astype(np.float64), sizes)[:, None] * cast
    swept, grown = _sweep(points[member], first, shift)
    return _polygons(swept, np.add.reduceat(grown, np.flatnonzero(first)), frame, fine)


def _draw(images: list[Image.Image], rings: list[list[float]], shadows: list[list[float]], inks: list[tuple[int, ...]],
          materials: list[int], stripes: list[int], tall: list[bool]) -> None:  # fmt: skip
    colour, material, shadow, stripe = (ImageDraw.Draw(image).polygon for image in images)
    crop, water = MATERIAL["crop"], MATERIAL["water"]
    waiting = iter(shadows)
    for ring, ink, m, number, high in zip(rings, inks, materials, stripes, tall, strict=True):
        if high:
            shadow(next(waiting), fill=255)
            shadow(ring, fill=0)
        elif m == water:  # what stood here before the water came casts no shadow
            shadow(ring, fill=0)
        colour(ring, fill=ink)
        if m != LIGHT:
            material(ring, fill=m)
        if m == crop:
            stripe(ring, fill=number)


def _shrink(image: Image.Image, w: int, h: int) -> NDArray[np.uint8]:
    small = image if image.size == (w, h) else image.resize((w, h), Image.Resampling.BILINEAR)
    return np.asarray(small)[MARGIN : h - MARGIN, MARGIN : w - MARGIN]
