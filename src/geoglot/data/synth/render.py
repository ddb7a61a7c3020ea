"""A place to a raster: painted, textured, lit, hazed, averaged over each pixel, with its exact truth."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglot.data.synth import textures
from geoglot.data.synth.legend import BANDS, CLASSES, MATERIAL, amplitude, cover_of
from geoglot.data.synth.paint import Layers, Sun, paint
from geoglot.data.synth.shapes import Ring
from geoglot.data.synth.world import World

BLOCK = 512


@dataclass(frozen=True)
class Look:
    """How a picture was taken: sun, haze (0-1), colour gains and offset (red, green, blue, nir), noise in counts."""

    sun: Sun
    haze: float
    gain: tuple[float, float, float, float]
    noise: float
    contrast: float


@dataclass(frozen=True)
class Labelled:
    """An object in a picture: label, polygon (N, 2) and upright box x0, y0, x1, y1 in pixel edges, cut at the frame."""

    label: str
    polygon: Ring
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class Rendered:
    """A rendered scene: counts (C, H, W) uint8, cover (H, W) uint8 class numbers (see `classes`), its objects, zones.

    zones are areas of use (label, polygon in pixels), not cut at the frame.
    """

    data: NDArray[np.uint8]
    bands: tuple[str, ...]
    grid: Any
    cover: NDArray[np.uint8]
    classes: tuple[str, ...]
    objects: tuple[Labelled, ...]
    zones: tuple[Labelled, ...]
    kind: str
    gsd: float


def look(seed: int) -> Look:
    """Return the circumstances of a picture for a seed: late morning sun, some haze, a sensor's colour balance."""
    rng = np.random.default_rng([seed, 7])
    sun = Sun(float(rng.uniform(125, 215)), float(rng.uniform(34, 60)))
    gain = 1 + rng.normal(size=4) * np.array([0.05, 0.04, 0.05, 0.06])
    return Look(
        sun, float(rng.uniform(0.02, 0.16)), tuple(float(g) for g in gain), float(rng.uniform(1.0, 2.6)),  # type: ignore[arg-type]
        float(rng.uniform(0.85, 1.12)),
    )  # fmt: skip


def _brightness(world: World, layers: Layers, x0: float, y1: float, gsd: tuple[float, float],
                sun: Sun) -> NDArray[np.float32]:  # fmt: skip
    """Return the textures' factor on each pixel, (H, W)."""
    m = layers.material
    shape = m.shape
    grain = textures.sample(textures.noise("grain"), x0, y1, gsd, shape)
    mottle = textures.sample(textures.noise("mottle"), x0, y1, gsd, shape)
    centred = ((np.arange(256) - 128) / textures.SCALE).astype(np.float32)
    factor = amplitude("fine").take(m) * centred.take(grain)
    factor += amplitude("mid").take(m) * centred.take(mottle)
    woods = m == MATERIAL["forest"]
    if woods.any():
        tile = textures.crowns(round(sun.azimuth), round(sun.elevation))
        crown = textures.sample(tile, x0, y1, gsd, shape)
        other = textures.sample(tile, x0 * 0.937 + 71.3, y1 * 0.937 + 29.1, (gsd[0] * 0.937, gsd[1] * 0.937), shape)
        crown = np.where(mottle > 128, crown, other)
        factor += woods * (centred * np.float32(textures.CROWN_STD)).take(crown)
    if layers.stripe is not None:
        factor += _stripes(world, layers.stripe, x0, y1, gsd) * (m == MATERIAL["crop"])
    if world.relief is not None:
        slope = textures.field(world.relief, world.extent, x0, y1, gsd, shape)
        factor += slope * (m != MATERIAL["water"])
    factor += 1
    np.clip(factor, 0.2, 2.2, out=factor)
    return factor


def _stripes(world: World, number: NDArray[np.uint8], x0: float, y1: float,
             gsd: tuple[float, float]) -> NDArray[np.float32]:  # fmt: skip
    """Return the brightness of crop rows: a wave across each field, in whole turns of 256."""
    h, w = number.shape
    table = np.zeros((3, 256), np.float32)
    pixel = min(gsd)
    for index, s in enumerate(world.stripes):
        fade = min(max((s.period / pixel - 2.0) / 2.0, 0.0), 1.0)
        table[:, index] = 256 / s.period * math.cos(s.angle), 256 / s.period * math.sin(s.angle), s.strength * fade
    x = (x0 + (np.arange(w, dtype=np.float32) + 0.5) * gsd[0]).astype(np.float32)
    y = (y1 - (np.arange(h, dtype=np.float32) + 0.5) * gsd[1]).astype(np.float32)
    phase = table[0].take(number) * x[None, :] + table[1].take(number) * y[:, None]
    wave = np.sin(np.arange(256) * (2 * math.pi / 256)).astype(np.float32)
    return wave.take(phase.astype(np.int32) & 255) * table[2].take(number)


SHADE = np.array([0.62, 0.55, 0.45, 0.70], np.float32)  # what a full shadow takes away
HAZE = np.array([150.0, 160.0, 172.0, 120.0], np.float32)
SHALLOW = np.array([34.0, 38.0, 22.0, 4.0], np.float32)


def _block(world: World, x0: float, y1: float, gsd: tuple[float, float], shape: tuple[int, int], channels: list[int],
           style: Look, rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:  # fmt: skip
    fine = 2 if min(gsd) <= 2.0 else 3 if min(gsd) <= 6.0 else 4
    layers = paint(world, x0, y1, gsd, shape, fine, style.sun)
    factor = _brightness(world, layers, x0, y1, gsd, style.sun)
    shallow = None
    if world.shallow is not None and (layers.material == MATERIAL["water"]).any():
        shallow = textures.field(world.shallow, world.extent, x0, y1, gsd, shape)
        shallow = shallow * (layers.material == MATERIAL["water"])
    out = np.empty((len(channels), *shape), np.uint8)
    clear = 1 - style.haze
    normal = np.clip(np.rint(np.random.default_rng(5).normal(size=256) * style.noise * 4), -120, 120) / 4
    spread = normal.astype(np.float32)
    for k, c in enumerate(channels):
        v = layers.colour[..., c].astype(np.float32)
        if shallow is not None:
            v += shallow * SHALLOW[c]
        v *= factor
        if layers.shadow is not None:
            v *= (1 - SHADE[c] / 255 * np.arange(256, dtype=np.float32)).take(layers.shadow)
        haze = style.haze * (0.25 if c == 3 else 1.0)
        gain = style.gain[c] * (1 - haze) / clear * clear * style.contrast
        v *= gain
        v += haze * HAZE[c] + 100 * (1 - style.contrast) * (c != 3)
        v += spread.take(np.frombuffer(rng.bytes(v.size), np.uint8)).reshape(shape)
        np.clip(v, 0, 255, out=v)
        out[k] = v
    return out, cover_of().take(layers.material)


def _objects(world: World, x0: float, y1: float, gsd: tuple[float, float], shape: tuple[int, int], zones: bool
             ) -> tuple[Labelled, ...]:  # fmt: skip
    h, w = shape
    out = []
    for thing in world.zones if zones else world.things:
        p = (thing.ring - (x0, y1)) / (gsd[0], -gsd[1])
        a, b = p.min(axis=0), p.max(axis=0)
        centre = (a + b) / 2
        within = bool((centre > 0).all()) and centre[0] < w and centre[1] < h
        if not within and not (zones and a[0] < w and a[1] < h and b[0] > 0 and b[1] > 0):
            continue
        c, e = np.clip(a, 0, (w, h)), np.clip(b, 0, (w, h))
        out.append(Labelled(thing.label, p, (float(c[0]), float(c[1]), float(e[0]), float(e[1]))))
    return tuple(out)


def render(world: World, grid: Any = None, gsd: float = 1.0, size: tuple[int, int] = (512, 512),
           at: tuple[float, float] = (0.0, 0.0), bands: tuple[str, ...] = ("red", "green", "blue"),
           seed: int = 0) -> Rendered:  # fmt: skip
    """Render a place on a grid, or on (height, width) pixels of `gsd` metres around `at` (metres from its middle)."""
    h, w = size
    x0, y1 = at[0] - w * gsd / 2, at[1] + h * gsd / 2
    step = (gsd, gsd)
    if grid is not None:
        h, w = grid.shape
        t = grid.transform
        x0, y1, step = t.c - world.origin[0], t.f - world.origin[1], (t.a, -t.e)
    style = look(seed)
    channels = [BANDS.index(band) for band in bands]
    data = np.empty((len(channels), h, w), np.uint8)
    cover = np.empty((h, w), np.uint8)
    for top in range(0, h, BLOCK):
        for left in range(0, w, BLOCK):
            shape = (min(BLOCK, h - top), min(BLOCK, w - left))
            rng = np.random.default_rng([seed, top, left])
            place = (slice(top, top + shape[0]), slice(left, left + shape[1]))
            values, classes = _block(world, x0 + left * step[0], y1 - top * step[1], step, shape, channels, style, rng)
            data[:, place[0], place[1]] = values
            cover[place] = classes
    things = _objects(world, x0, y1, step, (h, w), False)
    zones = _objects(world, x0, y1, step, (h, w), True)
    return Rendered(data, bands, grid, cover, CLASSES, things, zones, world.kind, step[0])
