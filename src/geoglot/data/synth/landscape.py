"""Places of several kinds, composed from the parts in `places` and seeded."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from geoglot.core.errors import InputError
from geoglot.data.synth.places import land, town, works
from geoglot.data.synth.shapes import resample, smooth, wander
from geoglot.data.synth.world import Sketch, World
from geoglot.geo.grid import Grid


def _open_country(s: Sketch, woods: float = 1.0, fields: float = 30000.0) -> None:
    """Fields, woods and farms wherever nothing else is; to be called last."""
    rng = s.rng
    land.farmland(s, fields * float(np.exp(rng.normal() * 0.4)), hedges=float(rng.uniform(0.05, 0.5)))
    for _ in range(int(rng.poisson(3 * woods * (s.extent / 2000) ** 2))):
        x, y = rng.uniform(-s.half, s.half, 2)
        land.wood(s, float(x), float(y), float(rng.uniform(30, 160)))
    for _ in range(int(rng.poisson(5 * (s.extent / 2000) ** 2))):
        x, y = rng.uniform(-s.half, s.half, 2)
        town.farmstead(s, float(x), float(y))


def _spot(s: Sketch, spread: float) -> tuple[float, float]:
    """A random point within a share of the place around its middle."""
    x, y = s.rng.uniform(-s.half, s.half, 2) * spread
    return float(x), float(y)


def _road(s: Sketch, width: float = 8.0) -> None:
    """A main road across the place, on bridges over narrow water; none where every course meets too much."""
    for _ in range(8):
        a, b = land.crossing(s)
        line = smooth(wander(s.rng, a, b, s.extent * 0.05, 4), 3)
        points, _ = resample(line, 20.0)
        shown = points[np.abs(points).max(axis=1) < s.half]
        if len(shown) and s.wet(shown).mean() < 0.12 and s.taken(shown).mean() < 0.2:
            town.street(s, points, width, 0.1, z=27)
            works.bridge(s, line, width + 4)
            return


def harbour(s: Sketch) -> None:
    """A coast with a port, ships, tanks by the water and a town behind."""
    line, out = land.coast(s, beach=bool(s.rng.random() < 0.5))
    works.harbour(s, line, out)
    shore = line[np.abs(line).max(axis=1) < s.half * 0.85]
    if len(shore):
        p = shore[int(s.rng.choice([len(shore) // 8, 7 * len(shore) // 8]))]
        inland = p - 170 * np.array([math.cos(out), math.sin(out)])
        works.tanks(s, float(inland[0]), float(inland[1]), out + math.pi / 2, 3, int(s.rng.integers(4, 8)))
    back = -0.55 * s.half * np.array([math.cos(out), math.sin(out)])
    town.town(s, (float(back[0]), float(back[1])), s.extent * 0.5, 0.75, 0.12)
    _road(s)
    _open_country(s, 0.7)


def tankfarm(s: Sketch) -> None:
    """Storage tanks by a river or a shore."""
    rng = s.rng
    if rng.random() < 0.5:
        line, out = land.coast(s, beach=False)
        toward = np.array([math.cos(out), math.sin(out)])
    else:
        line = land.river(s, float(rng.uniform(80, 200)))
        toward = np.array([0.0, 0.0])
    for k in range(int(rng.integers(1, 4))):
        shore = line[np.abs(line).max(axis=1) < s.half * 0.8]
        if not len(shore):
            break
        i = int(len(shore) * (k + 0.5) / 3) % len(shore)
        d = line[min(i + 2, len(line) - 1)] - line[max(i - 2, 0)]
        angle = math.atan2(d[1], d[0])
        away = -toward if toward.any() else np.array([-math.sin(angle), math.cos(angle)])
        p = shore[i] + away * 270
        works.tanks(s, float(p[0]), float(p[1]), angle, int(rng.integers(2, 5)), int(rng.integers(3, 8)))
    town.town(s, _spot(s, 0.6), s.extent * 0.35, 0.4, 0.9, "industrial area")
    _road(s)
    _open_country(s, 0.6)


def river(s: Sketch) -> None:
    """Fields along a river, with a bridge and a village."""
    land.river(s, float(s.rng.uniform(35, 150)))
    for _ in range(int(s.rng.integers(1, 3))):
        _road(s)
    town.town(s, _spot(s, 0.6), s.extent * 0.22, 0.35, 0.0)
    _open_country(s)


def farmland(s: Sketch) -> None:
    """Nothing but fields, hedges, woods and farms."""
    _road(s, 6.0)
    if s.rng.random() < 0.25:
        land.pivots(s, int(s.rng.integers(4, 30)))
        land.bare(s)
        return
    _open_country(s, 0.8, float(np.exp(s.rng.uniform(math.log(6000), math.log(90000)))))


def houses(s: Sketch) -> None:
    """A town, dense or sparse, with some works."""
    rng = s.rng
    dense = float(rng.uniform(0.1, 1.0))
    if rng.random() < 0.4:
        land.river(s, float(rng.uniform(20, 60)))
    _road(s, 14.0)
    town.town(s, _spot(s, 0.15), s.extent * float(rng.uniform(0.7, 1.2)), dense, 0.06)
    town.town(s, _spot(s, 0.8), s.extent * 0.5, 0.5, 0.9, "industrial area")
    _open_country(s, 1.0, 12000)


def airfield(s: Sketch) -> None:
    """An airfield among fields and a village."""
    rng = s.rng
    works.airfield(s, _spot(s, 0.15), float(rng.uniform(0, math.pi)), min(2000.0, s.extent * 0.8))
    town.town(s, _spot(s, 0.8), s.extent * 0.35, 0.5, 0.2)
    _open_country(s, 0.8)


def forest(s: Sketch) -> None:
    """Closed forest with clearings, sometimes a lake."""
    land.forest(s, int(s.rng.integers(2, 14)))
    if s.rng.random() < 0.6:
        for _ in range(int(s.rng.integers(1, 4))):
            x, y = s.rng.uniform(-s.half, s.half, 2) * 0.8
            land.lake(s, float(x), float(y), float(s.rng.uniform(0.04, 0.16)) * s.extent)


def lakes(s: Sketch) -> None:
    """Lakes among fields and woods."""
    for _ in range(int(s.rng.integers(2, 6))):
        x, y = s.rng.uniform(-s.half, s.half, 2) * 0.9
        land.lake(s, float(x), float(y), float(s.rng.uniform(0.03, 0.15)) * s.extent)
    _road(s)
    _open_country(s, 2.5)


def woods(s: Sketch) -> None:
    """A lake in closed forest."""
    land.forest(s, int(s.rng.integers(2, 8)))
    land.lake(s, *_spot(s, 0.3), float(s.rng.uniform(0.16, 0.22)) * s.extent)
    land.lake(s, *_spot(s, 0.9), float(s.rng.uniform(0.04, 0.1)) * s.extent)


def country(s: Sketch) -> None:
    """A wide stretch of country: a river, villages and a town, woods, lakes and roads."""
    rng = s.rng
    land.river(s, float(rng.uniform(80, 160)))
    for _ in range(3):
        land.lake(s, *_spot(s, 0.9), float(rng.uniform(0.01, 0.03)) * s.extent)
    for _ in range(3):
        _road(s, 12.0)
    town.town(s, _spot(s, 0.3), min(0.25 * s.extent, 2600.0), 0.6, 0.1)
    for _ in range(5):
        town.town(s, _spot(s, 0.9), float(rng.uniform(400, 900)), 0.35, 0.05)
    for _ in range(int(rng.integers(4, 9))):
        x, y = _spot(s, 0.95)
        land.wood(s, x, y, float(rng.uniform(0.02, 0.09)) * s.extent)
    _open_country(s, 0.4, 45000)


def beach(s: Sketch) -> None:
    """A sandy coast."""
    land.coast(s, beach=True)
    town.town(s, _spot(s, 0.6), s.extent * 0.3, 0.3, 0.0)
    _open_country(s, 1.5)


def desert(s: Sketch) -> None:
    """Bare ground: desert or scrub, with a track."""
    land.bare(s, bool(s.rng.random() < 0.6))
    _hills(s, 0.12)


def hills(s: Sketch) -> None:
    """Slopes with woods and meadows, lit from one side."""
    if s.rng.random() < 0.5:
        land.forest(s, int(s.rng.integers(5, 20)))
    else:
        land.bare(s)
        for _ in range(int(s.rng.integers(3, 12))):
            x, y = s.rng.uniform(-s.half, s.half, 2)
            land.wood(s, float(x), float(y), float(s.rng.uniform(0.03, 0.12)) * s.extent)
    _hills(s, 0.3)


def _hills(s: Sketch, strength: float) -> None:
    n = 256
    f = np.hypot(np.fft.fftfreq(n)[:, None], np.fft.rfftfreq(n)[None])
    f[0, 0] = 1
    z = np.fft.irfft2(f**-1.9 * np.exp(-(f / 0.2) ** 2) * (s.rng.normal(size=f.shape) + 1j * s.rng.normal(size=f.shape)),
                      s=(n, n))  # fmt: skip
    z = -np.abs(z / z.std())  # ridges
    slope = (np.roll(z, 1, 1) - z) + (np.roll(z, 1, 0) - z)
    s.relief = (strength * np.clip(slope / slope.std(), -2.2, 2.2)).astype(np.float32)


KINDS: dict[str, Callable[[Sketch], None]] = {
    f.__name__: f
    for f in (harbour, tankfarm, river, farmland, houses, airfield, forest, woods, lakes, country, beach, desert, hills)
}


def landscape(seed: int, kind: str | None = None, extent: float = 2500.0, lonlat: tuple[float, float] = (6.1, 52.3)
              ) -> World:  # fmt: skip
    """Make a place of a kind (a random one by default), `extent` metres across, around a longitude and latitude."""
    rng = np.random.default_rng([seed, 1])
    name = kind or list(KINDS)[int(rng.integers(len(KINDS)))]
    if name not in KINDS:
        raise InputError(f"There is no kind of place {name!r}: choose from {', '.join(KINDS)}.")
    sketch = Sketch(rng, extent)
    KINDS[name](sketch)
    grid = Grid.at(*lonlat, 1.0, 2)
    x, y = grid.transform * (1, 1)
    return sketch.world(seed, name, grid.crs, (round(x / 10) * 10.0, round(y / 10) * 10.0))
