"""Lasting changes of a place: what is built, cleared, filled or flooded, each on ground of its own, and its words."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from shapely.geometry import Polygon

from geoglot.core.errors import InputError
from geoglot.data.synth.edit import append, covers
from geoglot.data.synth.legend import CLASS
from geoglot.data.synth.places.halls import hall
from geoglot.data.synth.places.solar import park
from geoglot.data.synth.places.streets import parking, street
from geoglot.data.synth.places.town import ROOFS, houses
from geoglot.data.synth.shapes import Ring, blob, rect
from geoglot.data.synth.world import Sketch, World
from geoglot.geo.grid import Grid

OPEN = ("crops", "grass", "bare", "sand", "orchard")
SITES = 320  # cells along the longer side of the map in which free ground is looked for


@dataclass(frozen=True)
class Event:
    """A lasting change: its kind, the ground it took (a ring in metres from the place's origin), and what it made there."""

    kind: str
    ring: Ring
    built: str  # words for what was there afterwards
    told: tuple[str, ...]  # sentences about it, in the past tense


@dataclass(frozen=True)
class Work:
    """How a kind of lasting change is made: on which covers, how many metres long, how wide for its length, by which builder."""

    on: tuple[str, ...]
    long: tuple[float, float]
    wide: float
    build: Callable[[Sketch, float, float, float, float, float], None]
    built: str
    told: tuple[str, ...]


def _houses(s: Sketch, x: float, y: float, long: float, wide: float, angle: float) -> None:
    """Rows of houses with gardens on both sides of streets."""
    s.add(0, rect(x, y, long, wide, angle), "garden", plant="grass")
    s.palette = ROOFS[s.rng.permutation(len(ROOFS))[:3]]
    c, d = math.cos(angle), math.sin(angle)
    rows = max(1, int(wide / 58))
    for v in ((np.arange(rows) + 0.5) / rows - 0.5) * wide:
        ends = np.array([(-long / 2 + 3, v), (long / 2 - 3, v)]) @ np.array([[c, d], [-d, c]]) + (x, y)
        street(s, np.linspace(ends[0], ends[1], 6), 6.0, 0.1, 30)
        u = np.tile(np.arange(-long / 2 + 11, long / 2 - 8, 19.0), 2)
        w = v + np.repeat([-16.0, 16.0], len(u) // 2)
        middle = np.stack([x + u * c - w * d, y + u * d + w * c], 1)
        houses(s, middle, s.rng.uniform(10, 14, len(u)), s.rng.uniform(8, 10, len(u)), np.full(len(u), angle))
    s.zone("town", rect(x, y, long, wide, angle))


def _halls(s: Sketch, x: float, y: float, long: float, wide: float, angle: float) -> None:
    """Industrial halls in a paved yard."""
    s.add(0, rect(x, y, long, wide, angle), "yard")
    count = max(1, round(long / 85))
    for k in range(count):
        u = ((k + 0.5) / count - 0.5) * long
        ring = rect(x + u * math.cos(angle), y + u * math.sin(angle), long / count * 0.72, wide * 0.6, angle)
        hall(s, ring, "industrial building", low_pitch=bool(s.rng.random() < 0.3))
    s.zone("industrial area", rect(x, y, long, wide, angle))


def _solar(s: Sketch, x: float, y: float, long: float, wide: float, angle: float) -> None:
    """A solar park."""
    park(s, x, y, long, wide, angle)


def _road(s: Sketch, x: float, y: float, long: float, wide: float, angle: float) -> None:
    """A straight road with verges."""
    s.add(0, rect(x, y, long, wide, angle), "grass", tone=0.95, plant="grass")
    reach = (long / 2 - 2) * np.array((math.cos(angle), math.sin(angle)))
    middle = np.array((x, y))
    street(s, np.linspace(middle - reach, middle + reach, 20), max(wide * 0.6, 7.0))


def _parking(s: Sketch, x: float, y: float, long: float, wide: float, angle: float) -> None:
    """A car park."""
    parking(s, x, y, long, wide, angle)


def _clearing(s: Sketch, x: float, y: float, long: float, wide: float, angle: float) -> None:
    """Bare ground with stumps and tracks where trees stood."""
    s.add(0, blob(s.rng, x, y, min(long, wide) * 0.36, 0.25), "soil", tone=float(s.rng.uniform(0.85, 1.05)))


def _lake(s: Sketch, x: float, y: float, long: float, wide: float, angle: float) -> None:
    """Water with a bare rim."""
    ring = blob(s.rng, x, y, min(long, wide) * 0.34, 0.2)
    s.add(0, (x, y) + (ring - (x, y)) * 1.08, "soil", tone=0.95)
    s.add(1, ring, "water", s.water)
    s.zone("lake", ring)


def _filled(s: Sketch, x: float, y: float, long: float, wide: float, angle: float) -> None:
    """Ground raised from the water: bare, with a paved edge."""
    s.add(0, rect(x, y, long, wide, angle), "concrete")
    s.add(1, rect(x, y, long - 8, wide - 8, angle), "soil", tone=1.05)


WORKS = {
    "houses": Work(OPEN, (90, 260), 0.8, _houses, "houses", ("new houses were built", "a new residential area was built")),
    "industrial buildings": Work(OPEN, (90, 240), 0.6, _halls, "industrial buildings",
                                 ("industrial buildings were put up", "new warehouses were built")),
    "solar park": Work(OPEN, (90, 320), 0.7, _solar, "a solar park",
                       ("a solar park was built", "rows of solar panels were put up")),
    "road": Work((*OPEN, "forest"), (260, 700), 0.05, _road, "a road", ("a road was built", "a new road was laid")),
    "car park": Work(OPEN, (70, 160), 0.6, _parking, "a car park",
                     ("a car park was laid out", "ground was paved for a car park")),
    "clearing": Work(("forest",), (110, 400), 0.9, _clearing, "a clearing", ("forest was cleared", "trees were felled")),
    "lake": Work(OPEN, (110, 400), 0.9, _lake, "a lake", ("a lake was made", "ground was flooded for a new lake")),
    "filled land": Work(("water",), (80, 260), 0.7, _filled, "new land",
                        ("land was won from the water", "the shore was moved by filling up water")),
}  # fmt: skip


def happen(world: World, grid: Grid, kind: str | None, seed: int) -> tuple[World, Event]:
    """Let one lasting change happen within a grid: of a kind, or of one that finds room, drawn by the seed.

    `InputError` where the kind is unknown or there is no free ground for it.
    """
    if kind is not None and kind not in WORKS:
        raise InputError(f"There is no change {kind!r}: choose from {', '.join(WORKS)}.")
    rng = np.random.default_rng([seed, 59])
    coarse, cover = _map(world, grid)
    names = [kind] if kind else [list(WORKS)[int(k)] for k in rng.permutation(len(WORKS))]
    for name in names:
        plan = WORKS[name]
        for shrink in (1.0, 0.7, 0.5):
            limit = 0.45 * min(s * grid.gsd for s in grid.shape)
            least = max(plan.long[0] * 0.5, 14 * grid.gsd)
            long = max(min(float(rng.uniform(*plan.long)) * shrink, limit), min(least, limit))
            wide = max(long * plan.wide, 11.0)
            spot = _site(coarse, cover, plan.on, long, wide, rng)
            if spot is not None:
                return _made(world, name, plan, (*spot, long, wide), rng, seed)
    what = f"a change of kind {kind!r}" if kind else "any lasting change"
    raise InputError(f"There is no free ground for {what} in this picture: choose another place, seed or size.")


def _map(world: World, grid: Grid) -> tuple[Grid, NDArray[np.uint8]]:
    step = max(1.0, max(grid.shape) / SITES)
    coarse = grid.scaled(max(8, round(grid.shape[0] / step)), max(8, round(grid.shape[1] / step)))
    local = replace(world, things=(), zones=())
    return coarse, covers(local, coarse)


def _site(
    grid: Grid, cover: NDArray[np.uint8], on: tuple[str, ...], long: float, wide: float, rng: np.random.Generator
) -> tuple[float, float, float] | None:
    """A middle (metres of the grid's system) and direction for a rectangle that lies wholly on some covers; None without room."""
    free = np.isin(cover, [CLASS[name] for name in on])
    h, w = free.shape
    t = grid.transform
    for _ in range(60):
        angle = float(rng.uniform(0, math.pi))
        us, vs = np.meshgrid(np.linspace(-0.5, 0.5, 25) * (long + 8), np.linspace(-0.5, 0.5, 13) * (wide + 8))
        du = (us * math.cos(angle) - vs * math.sin(angle)).ravel() / t.a
        dv = (us * math.sin(angle) + vs * math.cos(angle)).ravel() / t.e
        reach = np.array([np.abs(du).max(), np.abs(dv).max()])
        if (2 * reach >= (w, h)).any():
            continue
        cols = rng.uniform(reach[0], w - reach[0], 40)
        rows = rng.uniform(reach[1], h - reach[1], 40)
        fits = (
            free[(rows[:, None] + dv).astype(int).clip(0, h - 1), (cols[:, None] + du).astype(int).clip(0, w - 1)].mean(axis=1)
            > 0.985
        )
        if fits.any():
            k = int(np.flatnonzero(fits)[0])
            x, y = t * (cols[k], rows[k])
            return float(x), float(y), angle
    return None


def _made(
    world: World, name: str, plan: Work, where: tuple[float, float, float, float, float], rng: np.random.Generator, seed: int
) -> tuple[World, Event]:
    x, y, angle, long, wide = where
    x, y = x - world.origin[0], y - world.origin[1]
    s = Sketch(np.random.default_rng([seed, 61]), world.extent)
    plan.build(s, x, y, long, wide, angle)
    made = s.world(world.seed, world.kind, world.crs, world.origin)
    d = made.drawing
    first = d.coords[d.starts[1] : d.starts[2]]  # what lies lowest above the sketch's own ground is the ground that is taken
    outline = np.asarray(Polygon(first).buffer(0).exterior.coords)[:-1]
    told = tuple(plan.told[int(k)] for k in rng.permutation(len(plan.told)))
    return append(world, made, [outline]), Event(name, outline, plan.built, told)
