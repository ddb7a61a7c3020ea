"""Places of several kinds, composed from the parts in `places` and seeded."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from geoglot.core.errors import InputError
from geoglot.data.synth.places import airport, fields, halls, port, solar, sports, streets, tanks, town, water, woods
from geoglot.data.synth.shapes import pair, rect, resample, smooth, wander
from geoglot.data.synth.world import Sketch, World
from geoglot.geo.grid import Grid


def _open_country(s: Sketch, trees: float = 1.0, size: float = 50000.0) -> None:
    """Fields, woods, farms, and now and then a pond or a solar park wherever nothing else is; to be called last."""
    rng = s.rng
    area = (s.extent / 2000) ** 2
    if rng.random() < 0.12 * min(area, 2):
        x, y = _spot(s, 0.85)
        solar.park(s, x, y, float(rng.uniform(150, 420)), float(rng.uniform(110, 300)), float(rng.normal() * 0.15))
    fields.farmland(s, size * float(np.exp(rng.normal() * 0.7)), hedges=float(rng.uniform(0.05, 0.5)))
    for _ in range(int(rng.poisson(3 * trees * area))):
        woods.wood(s, *_spot(s, 1.0), float(rng.uniform(30, 160)))
    for _ in range(int(rng.poisson(5 * area))):
        town.farmstead(s, *_spot(s, 1.0))
    water.ponds(s, int(rng.poisson(1.2 * min(area, 4))))
    woods.scatter(s, int(70 * trees * min(area, 9)))


def _green(s: Sketch) -> None:
    """Grass and trees wherever nothing else is, as in a city; to be called last."""
    s.add(0, rect(0, 0, s.extent * 1.5, s.extent * 1.5), "garden", (104, 106, 80, 150), plant="grass")
    woods.scatter(s, int(1500 * (s.extent / 2000) ** 2), 1.5, 5.0)


def _spot(s: Sketch, spread: float) -> tuple[float, float]:
    """A random point within a share of the place around its middle."""
    x, y = s.rng.uniform(-s.half, s.half, 2) * spread
    return float(x), float(y)


def _road(s: Sketch, width: float = 8.0) -> None:
    """A main road across the place, on bridges over narrow water; none where every course meets too much."""
    for _ in range(8):
        a, b = s.crossing()
        line = smooth(wander(s.rng, a, b, s.extent * 0.05, 4), 3)
        points, _ = resample(line, 20.0)
        shown = points[np.abs(points).max(axis=1) < s.half]
        if len(shown) and s.wet(shown).mean() < 0.12 and s.taken(shown).mean() < 0.2:
            streets.street(s, points, width, 0.1, z=27)
            streets.bridge(s, line, width + 4)
            if s.rng.random() < 0.2:
                woods.shelter(s, shown)
            return


def _rails(s: Sketch, tracks: int = 2) -> None:
    """A railway across the place, on bridges over water."""
    a, b = s.crossing()
    line, _ = resample(smooth(wander(s.rng, a, b, s.extent * 0.04, 3), 3), 15.0)
    streets.railway(s, line, tracks)
    streets.bridge(s, line, 11.0, "railway bridge")


def harbour(s: Sketch) -> None:
    """A coast with a port, ships, tanks by the water and a town behind."""
    line, out = water.coast(s, beach=bool(s.rng.random() < 0.5))
    port.harbour(s, line, out)
    shore = line[np.abs(line).max(axis=1) < s.half * 0.85]
    if len(shore):
        p = shore[int(s.rng.choice([len(shore) // 8, 7 * len(shore) // 8]))]
        inland = p - 170 * np.array([math.cos(out), math.sin(out)])
        tanks.tanks(s, float(inland[0]), float(inland[1]), out + math.pi / 2, 3, int(s.rng.integers(4, 8)))
    back = -0.55 * s.half * np.array([math.cos(out), math.sin(out)])
    if s.rng.random() < 0.3:
        _rails(s)
    town.town(s, (float(back[0]), float(back[1])), s.extent * 0.5, 0.75, 0.12, core=float(s.rng.uniform(0, 0.4)))
    _road(s)
    _open_country(s, 0.7)


def tankfarm(s: Sketch) -> None:
    """Storage tanks by a river or a shore."""
    rng = s.rng
    if rng.random() < 0.5:
        line, out = water.coast(s, beach=False)
        toward = np.array([math.cos(out), math.sin(out)])
    else:
        line = water.river(s, float(rng.uniform(80, 200)))
        toward = np.array([0.0, 0.0])
    for k in range(int(rng.integers(1, 4))):
        shore = line[np.abs(line).max(axis=1) < s.half * 0.8]
        if not len(shore):
            break
        i = int(len(shore) * (k + 0.5) / 3) % len(shore)
        d = line[min(i + 2, len(line) - 1)] - line[max(i - 2, 0)]
        angle = math.atan2(d[1], d[0])
        away = -toward if toward.any() else np.array([-math.sin(angle), math.cos(angle)])
        p = shore[i] + away * float(rng.uniform(200, 280))
        tanks.tanks(s, float(p[0]), float(p[1]), angle, int(rng.integers(2, 5)), int(rng.integers(3, 8)))
    town.town(s, _spot(s, 0.6), s.extent * 0.35, 0.4, 0.9, "industrial area")
    _road(s)
    _open_country(s, 0.6)


def river(s: Sketch) -> None:
    """Fields along a river, with a bridge and a village."""
    water.river(s, float(s.rng.uniform(35, 150)))
    for _ in range(int(s.rng.integers(1, 3))):
        _road(s)
    town.town(s, _spot(s, 0.6), s.extent * 0.22, 0.35, 0.0)
    _open_country(s)


def reservoir(s: Sketch) -> None:
    """A river dammed to a reservoir between woods and meadows."""
    width = float(s.rng.uniform(20, 45))
    line = water.river(s, width)
    water.dam(s, line, width)
    _open_country(s, 3.0, 40000)
    _hills(s, 0.12)


def farmland(s: Sketch) -> None:
    """Nothing but fields, hedges, woods and farms."""
    _road(s, 6.0)
    if s.rng.random() < 0.25:
        fields.pivots(s, int(s.rng.integers(4, 30)))
        fields.bare(s)
        return
    _open_country(s, 0.8, float(np.exp(s.rng.uniform(math.log(6000), math.log(90000)))))


def orchards(s: Sketch) -> None:
    """Orchards and vineyards in blocks, with farms."""
    _road(s, 6.0)
    for _ in range(4):
        town.farmstead(s, *_spot(s, 0.9))
    fields.orchards(s)


def houses(s: Sketch) -> None:
    """A town, dense or sparse, with some works."""
    rng = s.rng
    dense = float(rng.uniform(0.1, 1.0))
    if rng.random() < 0.4:
        water.river(s, float(rng.uniform(20, 60)))
    _road(s, 14.0)
    if rng.random() < 0.3:
        _rails(s)
    town.town(
        s, _spot(s, 0.15), s.extent * float(rng.uniform(0.7, 1.2)), dense, 0.06, core=float(rng.uniform(0, 0.5)) * (dense > 0.4)
    )
    town.town(s, _spot(s, 0.8), s.extent * 0.5, 0.5, 0.9, "industrial area")
    _open_country(s, 1.0, 12000)


def suburb(s: Sketch) -> None:
    """Houses in large gardens among trees."""
    rng = s.rng
    _road(s, 8.0)
    town.town(s, _spot(s, 0.1), s.extent * float(rng.uniform(0.8, 1.2)), float(rng.uniform(0.0, 0.25)), 0.01)
    woods.scatter(s, int(800 * (s.extent / 2000) ** 2))
    _open_country(s, 3.0, 15000)


def city(s: Sketch) -> None:
    """The middle of a city: offices, shops, flats, squares, a stadium, a railway."""
    rng = s.rng
    if rng.random() < 0.4:
        water.river(s, float(rng.uniform(40, 110)), banks=False)
    _rails(s, int(rng.integers(2, 7)))
    x, y = _spot(s, 0.5)
    if rng.random() < 0.7:
        ground = rect(x, y, 330, 280)
        sports.stadium(s, x, y, float(rng.uniform(0, math.pi)))
        s.reserve(ground)
    for _ in range(2):
        streets.roundabout(s, *_spot(s, 0.6), float(rng.uniform(16, 34)), int(rng.integers(3, 6)))
    town.town(s, _spot(s, 0.1), s.extent * 1.4, float(rng.uniform(0.6, 1.0)), 0.05, core=float(rng.uniform(0.7, 1.0)))
    _green(s)


def works(s: Sketch) -> None:
    """An industrial area: halls, yards, car parks, a railway, greenhouses."""
    rng = s.rng
    _rails(s, int(rng.integers(1, 4)))
    _road(s, 12.0)
    town.town(s, _spot(s, 0.2), s.extent * float(rng.uniform(0.7, 1.1)), 0.5, 0.92, "industrial area")
    _open_country(s, 0.5, 15000)


def leisure(s: Sketch) -> None:
    """Sports grounds, a stadium and schools at the edge of a town."""
    rng = s.rng
    angle = float(rng.uniform(0, math.pi))
    for k in range(int(rng.integers(2, 5))):
        x, y = _spot(s, 0.25 if k == 0 else 0.6)
        ground = rect(x, y, 320, 150, angle)
        if s.free(ground):
            s.reserve(ground)
            sports.ground(s, x, y, 310, 140, angle)
    x, y = _spot(s, 0.6)
    if s.free(rect(x, y, 330, 280)) and rng.random() < 0.6:
        s.reserve(rect(x, y, 330, 280))
        sports.stadium(s, x, y, angle)
    _road(s, 9.0)
    town.town(s, _spot(s, 0.3), s.extent * 0.8, float(rng.uniform(0.3, 0.8)), 0.03)
    _open_country(s, 1.5, 15000)


def solarpark(s: Sketch) -> None:
    """Solar parks among fields."""
    rng = s.rng
    _road(s, 6.0)
    for k in range(int(rng.integers(1, 4))):
        x, y = _spot(s, 0.2 if k == 0 else 0.8)
        solar.park(s, x, y, float(rng.uniform(250, 900)), float(rng.uniform(180, 600)), float(rng.normal() * 0.12))
    if rng.random() < 0.3:
        fields.bare(s, bool(rng.random() < 0.5))
    else:
        _open_country(s, 0.8)


def junction(s: Sketch) -> None:
    """Motorways that cross, with loops and ramps, among fields and a town."""
    rng = s.rng
    streets.junction(s, *_spot(s, 0.15))
    town.town(s, _spot(s, 0.9), s.extent * 0.6, 0.6, 0.4)
    streets.roundabout(s, *_spot(s, 0.9), float(rng.uniform(16, 30)))
    _open_country(s, 1.0)


def station(s: Sketch) -> None:
    """A railway yard with trains, platforms and sheds in a town."""
    rng = s.rng
    angle = float(rng.uniform(0, math.pi))
    tracks = int(rng.integers(5, 16))
    step = np.array([math.cos(angle), math.sin(angle)])
    line = np.linspace(-1.5 * s.half, 1.5 * s.half, 60)[:, None] * step
    streets.railway(s, line, tracks, max(2, tracks // 2))
    side = np.array([-step[1], step[0]]) * (tracks * 2.3 + 26)
    s.reserve(rect(*pair(side), 420, 60, angle))
    halls.hall(s, rect(*pair(side), 130, 26, angle), "railway station", 14.0)
    for k in range(1, min(tracks, 7), 2):
        p = np.array([-step[1], step[0]]) * ((k - tracks / 2) * 4.6)
        s.add(46, rect(*pair(p), 300, 3.6, angle), "concrete", tone=0.95, height=1.0)
        s.add(55, rect(*pair(p), 190, 3.9, angle), "roof", (150, 148, 146, 140), height=5.0)
    town.town(s, _spot(s, 0.1), s.extent, float(rng.uniform(0.5, 1.0)), 0.2, core=float(rng.uniform(0.2, 0.8)))
    _open_country(s, 0.7, 12000)


def quarry(s: Sketch) -> None:
    """A quarry with benches among woods and fields."""
    for k in range(int(s.rng.integers(1, 4))):
        fields.quarry(s, *_spot(s, 0.2 if k == 0 else 0.8), float(s.rng.uniform(0.06, 0.18)) * s.extent)
    _road(s, 7.0)
    _open_country(s, 2.0, 20000)


def airfield(s: Sketch) -> None:
    """An airfield among fields and a village."""
    rng = s.rng
    airport.airfield(s, _spot(s, 0.15), float(rng.uniform(0, math.pi)), min(float(rng.uniform(1500, 2600)), s.extent * 0.8))
    town.town(s, _spot(s, 0.8), s.extent * 0.35, 0.5, 0.2)
    _open_country(s, 0.8)


def forest(s: Sketch) -> None:
    """Closed forest with clearings, sometimes a lake."""
    woods.forest(s, int(s.rng.integers(2, 14)))
    if s.rng.random() < 0.6:
        for _ in range(int(s.rng.integers(1, 4))):
            water.lake(s, *_spot(s, 0.8), float(s.rng.uniform(0.04, 0.16)) * s.extent)


def lakes(s: Sketch) -> None:
    """Lakes among fields and woods."""
    for _ in range(int(s.rng.integers(2, 6))):
        water.lake(s, *_spot(s, 0.9), float(s.rng.uniform(0.03, 0.15)) * s.extent)
    _road(s)
    _open_country(s, 2.5)


def country(s: Sketch) -> None:
    """A wide stretch of country: a river, villages and a town, woods, lakes and roads."""
    rng = s.rng
    water.river(s, float(rng.uniform(80, 160)))
    for _ in range(3):
        water.lake(s, *_spot(s, 0.9), float(rng.uniform(0.01, 0.03)) * s.extent)
    for _ in range(3):
        _road(s, 12.0)
    town.town(s, _spot(s, 0.3), min(0.25 * s.extent, 2600.0), 0.6, 0.1, core=0.3)
    for _ in range(5):
        town.town(s, _spot(s, 0.9), float(rng.uniform(400, 900)), 0.35, 0.05)
    for _ in range(int(rng.integers(4, 9))):
        woods.wood(s, *_spot(s, 0.95), float(rng.uniform(0.02, 0.09)) * s.extent)
    _open_country(s, 0.4, 45000)


def beach(s: Sketch) -> None:
    """A sandy coast."""
    water.coast(s, beach=True)
    town.town(s, _spot(s, 0.6), s.extent * 0.3, 0.3, 0.0)
    _open_country(s, 1.5)


def desert(s: Sketch) -> None:
    """Bare ground: desert or scrub, with a track."""
    fields.bare(s, bool(s.rng.random() < 0.6))
    _hills(s, 0.07)


def lakeside(s: Sketch) -> None:
    """A lake in closed forest."""
    woods.forest(s, int(s.rng.integers(2, 8)))
    water.lake(s, *_spot(s, 0.3), float(s.rng.uniform(0.16, 0.22)) * s.extent)
    water.lake(s, *_spot(s, 0.9), float(s.rng.uniform(0.04, 0.1)) * s.extent)


def hills(s: Sketch) -> None:
    """Slopes with woods and meadows, lit from one side."""
    if s.rng.random() < 0.5:
        woods.forest(s, int(s.rng.integers(5, 20)))
    else:
        fields.bare(s)
        for _ in range(int(s.rng.integers(3, 12))):
            woods.wood(s, *_spot(s, 1.0), float(s.rng.uniform(0.03, 0.12)) * s.extent)
    _hills(s, 0.3)


def _hills(s: Sketch, strength: float) -> None:
    n = 256
    f = np.hypot(np.fft.fftfreq(n)[:, None], np.fft.rfftfreq(n)[None])
    f[0, 0] = 1
    z = np.fft.irfft2(
        f**-1.9 * np.exp(-((f / 0.2) ** 2)) * (s.rng.normal(size=f.shape) + 1j * s.rng.normal(size=f.shape)), s=(n, n)
    )
    z = -np.abs(z / z.std())  # ridges
    slope = (np.roll(z, 1, 1) - z) + (np.roll(z, 1, 0) - z)
    s.relief = (strength * np.clip(slope / slope.std(), -2.2, 2.2)).astype(np.float32)


PARTS = (
    harbour,
    tankfarm,
    river,
    farmland,
    houses,
    airfield,
    forest,
    lakeside,
    lakes,
    country,
    beach,
    desert,
    hills,
    orchards,
    suburb,
    city,
    works,
    leisure,
    solarpark,
    junction,
    station,
    quarry,
    reservoir,
)
KINDS: dict[str, Callable[[Sketch], None]] = {{"lakeside": "woods"}.get(f.__name__, f.__name__): f for f in PARTS}


def landscape(seed: int, kind: str | None = None, extent: float = 2500.0, lonlat: tuple[float, float] = (6.1, 52.3)) -> World:
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
