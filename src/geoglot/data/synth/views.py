"""One place as different instruments see it: cameras, multispectral and panchromatic sensors, thermal bands, radar.

Pixels are made block by block on a lattice that begins at the grid's corner, whatever part of it is asked for: any
tiling of a grid shows the same pixels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from geoglot.core.errors import InputError
from geoglot.data.synth import radar, spectra
from geoglot.data.synth.clouds import Sky, Veil, hazed, veil
from geoglot.data.synth.legend import BANDS, cover_of
from geoglot.data.synth.paint import mixed
from geoglot.data.synth.render import BLOCK, HAZE, INNER, SHADE, Ground, Look, ground, look, picture, spread, vivid
from geoglot.data.synth.seasons import Season, dressed, lit, states
from geoglot.data.synth.stack import Frame
from geoglot.data.synth.world import World
from geoglot.geo.grid import Grid, Window
from geoglot.geo.sensors import UNKNOWN, Band, Sensor, band, rescaled, sensor

Floats = NDArray[np.float32]
Units = Literal["decibels", "power", "amplitude"]
CLOUD_COUNTS = np.array([247, 249, 251, 235], np.float32)  # a thick cloud before a camera
THERMAL = {"lwir": 11.0, "lwir11": 10.9, "lwir12": 12.0}  # micrometres of bands that no sensor needs to be named for
WARMTH = (0.00341802, 149.0)  # scale and offset of the operators' temperatures
COUNTS = (70.0, 3800.0)  # what a sensor without a published scaling records of no light and of reflectance 1
AMPLITUDE = 4000.0  # counts of a power of 1


@dataclass(frozen=True)
class Shot:
    """How a picture is taken: sensor, bands, circumstances; `sky` None for a clear one, `units` for radar alone."""

    sensor: Sensor
    bands: tuple[Band, ...]
    style: Look
    seed: int
    season: Season | None = None
    sky: Sky | None = None
    radar: radar.Radar | None = None
    units: Units = "decibels"

    @property
    def shown(self) -> bool:
        """Whether the picture is one for the eye, in counts 0 to 255."""
        return self.sensor.id in ("rgb", "naip", "unknown") and all(b.common in BANDS for b in self.bands)

    @property
    def dtype(self) -> np.dtype[Any]:
        """What the values are kept in."""
        if self.radar is not None:
            return np.dtype(np.uint16 if self.units == "amplitude" else np.float32)
        return np.dtype(np.uint8 if self.shown else np.uint16)


@dataclass(frozen=True)
class Exposed:
    """Pixels of a part of a grid (C, H, W) and what is exactly true of each (H, W).

    cover: class beneath any cloud; plant; state: of what grows, a number of `seasons.STATES`; cloud, shade: bool.
    """

    data: NDArray[Any]
    cover: NDArray[np.uint8]
    plant: NDArray[np.uint8]
    state: NDArray[np.uint8]
    cloud: NDArray[np.bool_]
    shade: NDArray[np.bool_]


def bands_of(name: str | None, wanted: tuple[str, ...] | None) -> tuple[Sensor, tuple[Band, ...]]:
    """The sensor and bands of a request: the sensor's usual file where no bands are named, red, green and blue by default.

    `NotFoundError` for an unknown sensor, `InputError` for a band that cannot be rendered.
    """
    if name is None:
        found = tuple(Band(n, n, THERMAL[n]) if n in THERMAL else band(n) for n in wanted or BANDS[:3])
        # cameras' bands stay counts; others become reflectance in ten-thousandths
        if any(b.common not in BANDS for b in found):
            found = tuple(rescaled(b, *WARMTH) if (b.wavelength or 0) > 7 else rescaled(b, 1e-4, 0.0) for b in found)
        kind = UNKNOWN if wanted else sensor("rgb")
    else:
        kind = sensor(name)
        layout = kind.layouts[0] if kind.layouts else tuple(b.name for b in kind.bands if b.wavelength)
        if kind.id == "worldview" and wanted is None:
            layout = kind.layouts[-1]
        found = tuple(band(n, kind) for n in wanted or layout)
        found = tuple(rescaled(b, *WARMTH) if (b.wavelength or 0) > 7 else b for b in found)
    if not found:
        raise InputError(f"The bands of {kind.title} are not known: name them.")
    for b in found:
        if not kind.radar:
            spectra.weights(b)
        elif b.name not in ("VV", "VH", "HH", "HV"):
            raise InputError(f"A radar has the bands VV, VH, HH and HV, not {b.name}.")
    return kind, found


def shot(
    kind: Sensor, bands: tuple[Band, ...], seed: int = 0, season: Season | None = None, sky: Sky | None = None,
    units: Units = "decibels", looks: float | None = None,
) -> Shot:  # fmt: skip
    """A shot with the circumstances that a seed settles; the sun is the season's where one is given."""
    style = look(seed)
    if season is not None and not kind.radar:
        style = replace(style, sun=lit(season))
    eye = None
    if kind.radar:
        rng = np.random.default_rng([seed, 43])
        heading, incidence = float(rng.choice([78.0, 282.0])), float(rng.uniform(30, 44))
        eye = radar.Radar(heading, incidence, looks or (4.4 if kind.id == "sentinel-1" else 2.0))
    return Shot(kind, bands, style, seed, season, None if kind.radar else sky, eye, units)


def blocks(shape: tuple[int, int], part: Window) -> Iterator[Window]:
    """The blocks of a grid of `shape` that a part of it touches."""
    row, col, height, width = part
    for top in range(row // BLOCK * BLOCK, row + height, BLOCK):
        for left in range(col // BLOCK * BLOCK, col + width, BLOCK):
            yield top, left, min(BLOCK, shape[0] - top), min(BLOCK, shape[1] - left)


def expose(world: World, grid: Grid, how: Shot, part: Window | None = None) -> Exposed:
    """Take the picture of a grid, or of a part of it (row, column, height, width); the same pixels either way."""
    if grid.crs != world.crs or grid.rotated or grid.transform.e >= 0:
        raise InputError("Views are taken on north-up grids in the place's own reference system: make one with `world.grid`.")
    row, col, h, w = part or (0, 0, *grid.shape)
    if row < 0 or col < 0 or h < 1 or w < 1 or row + h > grid.shape[0] or col + w > grid.shape[1]:
        raise InputError(f"The part {(row, col, h, w)} leaves the grid of {grid.shape[0]} x {grid.shape[1]} pixels.")
    camera = _Camera(world, how)
    maps = np.zeros((5, h, w), np.uint8)
    data = np.empty((len(how.bands), h, w), how.dtype)
    step = (grid.transform.a, -grid.transform.e)
    x0, y1 = grid.transform.c - world.origin[0], grid.transform.f - world.origin[1]
    for top, left, high, wide in blocks(grid.shape, (row, col, h, w)):
        frame = Frame(x0 + left * step[0], y1 - top * step[1], step, (high, wide))
        values, truth = camera.block(frame, np.random.default_rng([how.seed, top, left]))
        a, b = max(top, row), min(top + high, row + h)
        c, e = max(left, col), min(left + wide, col + w)
        own, there = (slice(a - top, b - top), slice(c - left, e - left)), (slice(a - row, b - row), slice(c - col, e - col))
        data[:, there[0], there[1]] = values[:, own[0], own[1]]
        maps[:, there[0], there[1]] = truth[:, own[0], own[1]]
    cover, plant, state, cloud, shade = maps
    return Exposed(data, cover, plant, state, cloud > 0, shade > 0)


class _Camera:
    """What is the same for all blocks of a picture."""

    def __init__(self, world: World, how: Shot) -> None:
        self.world, self.how = world, how
        base = world.drawing.colour if how.season is None else dressed(world, how.season)
        self.colour = vivid(base, how.style.saturation if how.shown else 0.85)
        self.state = np.zeros(len(base), np.uint8) if how.season is None else states(world, how.season)
        self.mix = [] if how.radar else [spectra.weights(b) for b in how.bands]
        self.used = sorted({c for mix in self.mix for c in mix})
        self.more = None
        if any(c > 3 for c in self.used) and not how.shown:
            high = max(0.1, math.sin(math.radians(how.style.sun.elevation)))
            air = 293.0 if how.season is None else 273.0 + 22 * high
            self.more = spectra.further(world, base, air, high)
        self.cloud = np.array([spectra.cloud(b) for b in how.bands], np.float32).T if not how.radar else None

    def block(self, frame: Frame, rng: np.random.Generator) -> tuple[NDArray[Any], NDArray[np.uint8]]:
        """Values (C, H, W) and the five maps (5, H, W) of a block."""
        how, world = self.how, self.world
        g = ground(world, frame, how.style.sun, self.colour)
        truth = np.zeros((5, *frame.shape), np.uint8)
        truth[0], truth[1] = cover_of().take(g.material[INNER]), g.layers.of(world.drawing.plant)[INNER]
        if how.season is not None:
            truth[2] = g.layers.of(self.state)[INNER]
        over = None
        if how.sky is not None:
            x, y = world.origin
            over = how.sky.over(replace(frame, x0=frame.x0 + x, y1=frame.y1 + y))
            truth[3], truth[4] = over.cloud, over.shaded
        if how.radar is not None:
            return self._echo(frame, rng), truth
        if how.shown:
            return self._seen(g, over, rng), truth
        return self._measured(g, over, rng), truth

    def _seen(self, g: Ground, over: Veil | None, rng: np.random.Generator) -> NDArray[np.uint8]:
        channels = [BANDS.index(str(b.common)) for b in self.how.bands]
        data = picture(g, channels, self.how.style, rng)
        sky = self.how.sky
        if over is None or sky is None:
            return data
        values = hazed(data.astype(np.float32), sky.haze, HAZE[channels] + 30)
        values = veil(values, over, CLOUD_COUNTS[channels], SHADE[channels])
        return np.clip(np.rint(values), 0, 255).astype(np.uint8)

    def _measured(self, g: Ground, over: Veil | None, rng: np.random.Generator) -> NDArray[np.uint16]:
        assert self.cloud is not None
        channels = {c: self._channel(g, c) for c in self.used}
        values = np.stack([sum(share * channels[c] for c, share in mix.items()) for mix in self.mix]).astype(np.float32)
        white, dim, light = self.cloud
        if over is not None and self.how.sky is not None:
            values = veil(hazed(values, self.how.sky.haze, light), over, white, dim)
        normal = np.random.default_rng(5).normal(size=256).astype(np.float32)
        out = np.empty(values.shape, np.uint16)
        for k, b in enumerate(self.how.bands):
            noise = normal.take(np.frombuffer(rng.bytes(values[k].size), np.uint8)).reshape(values[k].shape)
            v = values[k] + noise * (0.15 if (b.wavelength or 0) > 7 else np.float32(0.0012) + 0.006 * values[k])
            dn = COUNTS[0] + COUNTS[1] * v if b.scale == 1.0 else (v - b.offset) / b.scale
            out[k] = np.clip(np.rint(dn), 1, 65535)
        return out

    def _channel(self, g: Ground, c: int) -> Floats:
        """Reflectance (or kelvins) of a block in one of the channels that bands are mixed from."""
        layers = g.layers
        if c < 4:
            counts = layers.colour[..., c].astype(np.float32)
        else:
            assert self.more is not None
            counts = mixed(layers.own, self.more[layers.which], 2)[..., c - 4].astype(np.float32)
        shade = 1.0 if layers.shadow is None else 1 - layers.shadow * np.float32((*SHADE, 0.75, 0.8, 0.82, 0.0)[c] / 255)
        if c == 7:
            kelvin = spectra.reflectance(counts, 7) + (0 if layers.shadow is None else layers.shadow * np.float32(-4 / 255))
            return spread(kelvin + 2 * (g.factor - 1), 0.2)
        return spread(spectra.reflectance(counts * np.minimum(g.factor, 1.8) * shade, c), self.how.style.spread)

    def _echo(self, frame: Frame, rng: np.random.Generator) -> NDArray[Any]:
        eye, wind = self.how.radar, float(np.random.default_rng([self.how.seed, 47]).uniform(0.4, 3.0))
        assert eye is not None
        power = radar.backscatter(self.world, frame, eye, tuple(b.name in ("VH", "HV") for b in self.how.bands), rng, wind)
        if self.how.units == "power":
            return power
        if self.how.units == "amplitude":
            return np.clip(np.rint(AMPLITUDE * np.sqrt(power)), 1, 65535).astype(np.uint16)
        return (10 * np.log10(power)).astype(np.float32)
