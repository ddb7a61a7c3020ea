"""A place to a raster: painted, textured, lit, hazed, averaged over each pixel, with its exact truth."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.warp import reproject, transform_bounds
from rasterio.warp import transform as transform_coords

from geoglot.core.errors import InputError
from geoglot.data.synth import textures
from geoglot.data.synth.legend import BANDS, MATERIAL, amplitude, cover_of
from geoglot.data.synth.objects import Objects
from geoglot.data.synth.paint import MARGIN, Layers, Sun, paint
from geoglot.data.synth.stack import Frame
from geoglot.data.synth.truth import Rendered
from geoglot.data.synth.world import Packed, World
from geoglot.geo.grid import Grid
from geoglot.geo.raster import Raster
from geoglot.geo.sensors import band

BLOCK = 512
INNER = (slice(MARGIN, -MARGIN), slice(MARGIN, -MARGIN))  # what a block is asked for, of what is painted


@dataclass(frozen=True)
class Look:
    """How a picture was taken: sun, haze (0-1), colour gains (red, green, blue, nir), noise in counts.

    contrast: of the display, about PIVOT, in the visible bands.

    spread: share of a pixel's light that falls on each neighbour in a row or column (below zero where sharpened).
    """

    sun: Sun
    haze: float
    gain: tuple[float, float, float, float]
    noise: float
    contrast: float
    saturation: float
    spread: float


def look(seed: int) -> Look:
    """Return the circumstances of a picture for a seed: morning sun, some haze, a sensor's colour balance and sharpness."""
    rng = np.random.default_rng([seed, 7])
    sun = Sun(float(rng.uniform(125, 215)), float(rng.uniform(34, 60)))
    cast = rng.normal() * np.array([0.035, 0.0, -0.035, 0.0]) + rng.normal(size=4) * np.array([0.012, 0.015, 0.012, 0.05])
    gain = (np.array([0.98, 0.98, 1.0, 1.0]) + cast) * math.exp(rng.normal() * 0.13)
    return Look(
        sun, float(rng.beta(1.3, 7) * 0.45), tuple(float(g) for g in gain), float(rng.uniform(1.0, 3.2)),  # type: ignore[arg-type]
        float(rng.uniform(1.0, 1.5)), float(rng.uniform(0.45, 1.0)), float(rng.uniform(-0.12, 0.11)),
    )  # fmt: skip


def vivid(colour: NDArray[np.float32], saturation: float) -> NDArray[np.float32]:
    """Return colours (N, 4) with the visible three drawn towards their grey, or away from it."""
    grey = colour[:, :3].mean(axis=1, keepdims=True)
    return np.concatenate([grey + (colour[:, :3] - grey) * np.float32(saturation), colour[:, 3:]], axis=1)


def _signed(texture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return a texture's brightness in standard deviations from its mean."""
    v = texture.astype(np.float32)
    v -= 128
    v *= np.float32(1 / textures.SCALE)
    return v


def _brightness(world: World, layers: Layers, material: NDArray[np.uint8], sun: Sun) -> NDArray[np.float32]:
    """Return the textures' factor on each pixel of a painted block, (H, W)."""
    frame, shape = layers.frame, material.shape
    x0, y1, gsd = frame.x0, frame.y1, frame.gsd
    mottle = textures.sample(textures.noise("mottle"), x0, y1, gsd, shape)
    known = world.drawing.material[layers.which]
    factor = _signed(textures.sample(textures.noise("grain"), x0, y1, gsd, shape))
    factor *= amplitude("fine")[known].take(layers.top)
    more = _signed(mottle)
    more *= amplitude("mid")[known].take(layers.top)
    factor += more
    centred = ((np.arange(256) - 128) / textures.SCALE).astype(np.float32)
    for kind in ("forest", "needles"):
        woods = np.flatnonzero(material == MATERIAL[kind])
        if len(woods):
            tile = textures.crowns(kind, 10 * round(sun.azimuth / 10), 5 * round(sun.elevation / 5))
            crown = textures.sample(tile, x0, y1, gsd, shape).ravel()[woods]
            other = textures.sample(tile, x0 * 0.937 + 71.3, y1 * 0.937 + 29.1, (gsd[0] * 0.937, gsd[1] * 0.937), shape)
            crown = np.where(mottle.ravel()[woods] > 128, crown, other.ravel()[woods])
            factor.ravel()[woods] += (centred * np.float32(textures.CROWN_STD)).take(crown)
    _stripes(world, layers, factor)
    if layers.lit is not None:
        factor.ravel()[layers.lit[0]] += layers.lit[1]
    if world.relief is not None:
        slope = textures.field(world.relief, world.extent, x0, y1, gsd, shape)
        factor += slope * (material != MATERIAL["water"])
    factor += 1
    np.clip(factor, 0.2, 2.2, out=factor)
    return factor


def _stripes(world: World, layers: Layers, factor: NDArray[np.float32]) -> None:
    """Add the brightness of rows to the factor (H, W): a wave across each striped shape."""
    frame = layers.frame
    east, north, period, strength = world.rows.astype(np.float32)
    strength = strength * np.clip((period / min(frame.gsd) - 2) / 2, 0, 1)
    if not strength.any():
        return
    turns = 256 / period
    known = world.drawing.stripe[layers.which]
    table = np.stack([turns * east, turns * north, strength])[:, known]
    at = np.flatnonzero(table[2].take(layers.top) > 0)
    w = factor.shape[1]
    row = layers.top.ravel()[at]
    x = (frame.x0 + (np.arange(w, dtype=np.float32) + 0.5) * frame.gsd[0]).astype(np.float32)
    y = (frame.y1 - (np.arange(factor.shape[0], dtype=np.float32) + 0.5) * frame.gsd[1]).astype(np.float32)
    phase = table[0].take(row) * x.take(at % w) + table[1].take(row) * y.take(at // w)
    wave = np.sin(np.arange(256) * (2 * math.pi / 256)).astype(np.float32)
    factor.ravel()[at] += wave.take(phase.astype(np.int32) & 255) * table[2].take(row)


PIVOT = 105.0  # counts that contrast leaves as they are
SHADE = np.array([0.66, 0.60, 0.52, 0.72], np.float32)  # what a full shadow takes away
HAZE = np.array([150.0, 160.0, 172.0, 120.0], np.float32)
SHALLOW = np.array([34.0, 38.0, 22.0, 4.0], np.float32)


def spread(v: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """Let each pixel share its light with its neighbours; (H, W) to (H - 2, W - 2)."""
    v = v[:, 1:-1] * np.float32(1 - 2 * share) + (v[:, :-2] + v[:, 2:]) * np.float32(share)
    return v[1:-1] * np.float32(1 - 2 * share) + (v[:-2] + v[2:]) * np.float32(share)


@lru_cache(maxsize=1)
def _noise() -> NDArray[np.float32]:
    return np.random.default_rng(5).normal(size=(BLOCK + 256, BLOCK + 256)).astype(np.float32)


def _grainy(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return white noise of unit deviation, (H, W): a part of one table, chosen at random."""
    row, col = rng.integers(0, 256, 2)
    return _noise()[row : row + shape[0], col : col + shape[1]]


@dataclass(frozen=True)
class Ground:
    """A painted block under its sun, MARGIN pixels wider on each side: material (H, W), the textures' factor on each
    pixel, and how shallow the water is (0-1), None without any.
    """  # fmt: skip

    layers: Layers
    material: NDArray[np.uint8]
    factor: NDArray[np.float32]
    shallow: NDArray[np.float32] | None


def ground(world: World, frame: Frame, sun: Sun, colour: NDArray[np.float32]) -> Ground:
    """Paint a block and light it; `colour` (N, 4) gives each shape its counts."""
    layers = paint(world, frame, 2, sun, colour)
    material = layers.of(world.drawing.material)
    factor = _brightness(world, layers, material, sun)
    shallow = None
    wet = material == MATERIAL["water"]
    if world.shallow is not None and wet.any():
        own = layers.frame
        shallow = textures.field(world.shallow, world.extent, own.x0, own.y1, own.gsd, material.shape) * wet
    return Ground(layers, material, factor, shallow)


def picture(g: Ground, channels: list[int], style: Look, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return display counts (C, H, W) of a block as a camera sees it."""
    layers, factor, shallow = g.layers, g.factor, g.shallow
    out = np.empty((len(channels), *(side - 2 * MARGIN for side in g.material.shape)), np.uint8)
    soft = style.spread + 0.09 * max(0.0, 1 - min(layers.frame.gsd))  # pictures from the air are softer at the pixel
    dark = None if layers.shadow is None else layers.shadow.astype(np.float32)
    for k, c in enumerate(channels):
        v = layers.colour[..., c].astype(np.float32)
        if shallow is not None:
            v += shallow * SHALLOW[c]
        v *= factor
        haze = style.haze * (0.25 if c == 3 else 1.0)
        contrast = 1.0 if c == 3 else style.contrast
        gain = style.gain[c] * (1 - haze) * contrast
        if dark is None:
            v *= np.float32(gain)
        else:
            light = dark * np.float32(-gain * SHADE[c] / 255)
            light += np.float32(gain)
            v *= light
        v = spread(v, soft)
        v += _grainy(v.shape, rng) * np.float32(style.noise) + np.float32(contrast * haze * HAZE[c] + PIVOT * (1 - contrast))
        np.clip(v, 0, 255, out=v)
        out[k] = v
    return out


def objects(things: Packed, world: World, grid: Grid, partly: bool) -> Objects:
    """Return the things whose middle lies in the frame (or any part of them, if `partly`), in its pixels."""
    points = things.corners
    t = ~grid.transform
    turn, shift = np.array([[t.a, t.d], [t.b, t.e]]), np.array([t.c, t.f])
    if grid.crs == world.crs and not grid.rotated:
        shift = np.array(world.origin) @ turn + shift
        return Objects(things.labels, points, things.starts, things.boxes, (turn, shift), grid.shape, partly)
    points = points + world.origin
    if len(points):
        points = np.stack(transform_coords(world.crs, grid.crs, points[:, 0], points[:, 1]), 1)
    return Objects(things.labels, points, things.starts, None, (turn, shift), grid.shape, partly)


def render(world: World, grid: Grid, bands: tuple[str, ...] = ("red", "green", "blue"), seed: int = 0,
           time: datetime | None = None) -> Rendered:  # fmt: skip
    """Render a place on a grid; the seed settles sun, haze, colour balance and noise, not the place.

    On a grid in another CRS than the world's, or a rotated one, the picture is warped from the world's own.
    """
    unknown = [name for name in bands if name not in BANDS]
    if unknown or not bands:
        raise InputError(f"The renderer knows the bands {', '.join(BANDS)}, not {', '.join(unknown) or 'none'}.")
    if grid.crs != world.crs or grid.rotated:
        return _warped(world, grid, bands, seed, time)
    h, w = grid.shape
    t = grid.transform
    x0, y1, step = t.c - world.origin[0], t.f - world.origin[1], (t.a, -t.e)
    style = look(seed)
    channels = [BANDS.index(name) for name in bands]
    data = np.empty((len(channels), h, w), np.uint8)
    cover, plant = np.empty((h, w), np.uint8), np.empty((h, w), np.uint8)
    colour = vivid(world.drawing.colour, style.saturation)
    for top in range(0, h, BLOCK):
        for left in range(0, w, BLOCK):
            shape = (min(BLOCK, h - top), min(BLOCK, w - left))
            rng = np.random.default_rng([seed, top, left])
            place = (slice(top, top + shape[0]), slice(left, left + shape[1]))
            frame = Frame(x0 + left * step[0], y1 - top * step[1], step, shape)
            g = ground(world, frame, style.sun, colour)
            data[:, place[0], place[1]] = picture(g, channels, style, rng)
            cover[place], plant[place] = cover_of().take(g.material[INNER]), g.layers.of(world.drawing.plant)[INNER]
    raster = Raster(data, np.ones((h, w), bool), grid, tuple(band(name) for name in bands), time)
    things = objects(world.packed[0], world, grid, True)
    return Rendered(raster, cover, things, objects(world.packed[1], world, grid, True), world.kind, grid.gsd, plant=plant)


def _warped(world: World, grid: Grid, bands: tuple[str, ...], seed: int, time: datetime | None) -> Rendered:
    left, bottom, right, top = transform_bounds(grid.crs, world.crs, *grid.bounds)
    step = grid.gsd
    shape = (math.ceil((top - bottom) / step) + 2, math.ceil((right - left) / step) + 2)
    own = Grid(world.crs, Affine(step, 0, left - step, 0, -step, top + step), shape)
    flat = render(world, own, bands, seed, time)
    data = np.empty((len(bands), *grid.shape), np.uint8)
    cover, plant = np.empty(grid.shape, np.uint8), np.empty(grid.shape, np.uint8)
    frame = {"src_transform": own.transform, "src_crs": own.crs, "dst_transform": grid.transform, "dst_crs": grid.crs}
    reproject(flat.raster.data, data, resampling=Resampling.bilinear, **frame)
    for seen, out in ((flat.cover, cover), (flat.plant, plant)):
        reproject(seen, out, resampling=Resampling.nearest, **frame)
    raster = Raster(data, np.ones(grid.shape, bool), grid, flat.raster.bands, time)
    things = objects(world.packed[0], world, grid, True)
    return Rendered(raster, cover, things, objects(world.packed[1], world, grid, True), world.kind, step, plant=plant)
