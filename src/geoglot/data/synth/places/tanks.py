"""Storage tanks and the farms they stand in."""

from __future__ import annotations

import numpy as np

from geoglot.data.synth.places.halls import hall
from geoglot.data.synth.places.streets import cars, street
from geoglot.data.synth.places.woods import trees
from geoglot.data.synth.shapes import Ring, disc, pair, place, ragged, rect
from geoglot.data.synth.world import DOME, Sketch

SHELLS = np.array(
    [(226, 225, 219, 200), (206, 205, 199, 185), (188, 182, 170, 165), (150, 148, 144, 135), (176, 190, 186, 150)], float
)


def tank(s: Sketch, x: float, y: float, radius: float, colour: Ring | None = None, floating: bool | None = None) -> None:
    """Draw a storage tank: shell, roof (domed, ribbed, or floating below the rim, which shades it), stairs, shadow."""
    rng = s.rng
    base = (SHELLS[int(rng.integers(len(SHELLS)))] if colour is None else colour) * float(rng.uniform(0.92, 1.06))
    height = float(np.clip(rng.uniform(0.45, 0.8) * radius + 5, 6, 20))
    count = int(min(48, 12 + 1.2 * radius))
    floats = rng.random() < 0.4 if floating is None else floating
    if floats:
        s.add(50, disc(x, y, radius, count), "tank", np.minimum(base * 1.1, 240), height=height)
        sunk = float(rng.uniform(1.0, 0.75 * height))
        roof = base * float(rng.uniform(0.65, 0.95))
        s.add(51, disc(x, y, radius * 0.965, count), "tank", roof * 0.8, height=height - sunk)
        s.add(52, disc(x, y, radius * 0.9, count), "tank", roof, height=height - sunk)
        a = float(rng.uniform(0, 6.3))
        end = (x + 0.55 * radius * np.cos(a), y + 0.55 * radius * np.sin(a))
        s.way(
            53,
            np.array([(x + 0.95 * radius * np.cos(a), y + 0.95 * radius * np.sin(a)), end]),
            0.8,
            "tank",
            base * 0.7,
            height=height - sunk,
        )
    else:
        s.add(50, disc(x, y, radius, count), "tank", base, height=height, profile=DOME)
        s.add(51, disc(x, y, radius * 0.97, count), "tank", np.minimum(base * 1.03, 244), height=height, profile=DOME)
        if radius > 6:
            ring = disc(x, y, radius * 0.94, count)
            s.way(52, np.concatenate([ring, ring[:1]]), 0.3, "tank", base * 0.72, height=height)
        s.add(53, disc(x, y, max(0.6, radius * 0.05), 8), "tank", base * 0.6, height=height)
        a = float(rng.uniform(0, 6.3))
        s.way(53, np.array([(x, y), (x + radius * np.cos(a), y + radius * np.sin(a))]), 0.5, "tank", base * 0.7, height=height)
    s.thing("storage tank", disc(x, y, radius, count))


def _bund(s: Sketch, p: Ring, cell: float, angle: float, kind: int) -> None:
    x, y = p.tolist()
    inner = np.array(
        ((150, 138, 118, 148), (98, 106, 76, 155), (160, 156, 148, 152), (128, 120, 108, 126))[kind]
    ) * s.rng.uniform(0.88, 1.1)
    s.add(
        35,
        rect(x, y, cell * 0.97, cell * 0.97, angle),
        "soil",
        np.array((166, 158, 142, 160)) * s.rng.uniform(0.9, 1.1),
        height=1.4,
    )
    s.add(36, rect(x, y, cell * 0.90, cell * 0.90, angle), "garden" if kind == 1 else "yard", inner)


def tanks(s: Sketch, x: float, y: float, angle: float, rows: int = 4, columns: int = 6) -> None:
    """Draw a tank farm: tanks of several sizes in bunds, pipes, pump houses and roads around."""
    rng = s.rng
    cell = float(rng.uniform(34, 78))
    wide, deep = columns * cell, rows * cell
    ground = rect(x, y, wide + 44, deep + 44, angle)
    s.fill(24, ragged(rng, ground, 2.0), "yard" if rng.random() < 0.5 else "soil", tone=float(rng.uniform(0.9, 1.12)))
    s.reserve(ground)
    s.zone("tank farm", ground)
    bunds, kind = rng.random() < 0.7, int(rng.integers(4))
    shell = SHELLS[int(rng.integers(len(SHELLS)))] if rng.random() < 0.7 else None
    line = rect(x, y, wide + 16, deep + 16, angle)
    for k in range(4):
        street(s, np.linspace(line[k], line[(k + 1) % 4], 3), 5.5, 0.01)
    for i in range(columns):
        big = float(rng.uniform(0.24, 0.44)) * cell
        if i and rng.random() < 0.3:
            u = i * cell - wide / 2
            street(s, place([(u, -deep / 2), (u, deep / 2)], x, y, angle), 4.5, 0.0, 37)
        floating = None if rng.random() < 0.5 else bool(rng.random() < 0.5)
        for j in range(rows):
            shift = rng.normal(size=2) * (0.0 if bunds else 0.04 * cell)
            p = place([((i + 0.5) * cell - wide / 2, (j + 0.5) * cell - deep / 2)], x, y, angle)[0] + shift
            if bunds:
                _bund(s, p, cell, angle, kind)
            chance = rng.random()
            if chance < 0.10:
                if chance < 0.04:
                    hall(s, rect(*pair(p), cell * 0.5, cell * 0.3, angle), "building", 5.0)
                continue
            if chance < 0.26:
                n = int(rng.integers(2, 4))
                t = (np.arange(n) - (n - 1) / 2) * cell * 0.9 / n
                for q in (p + place(np.stack(np.meshgrid(t, t), -1).reshape(-1, 2), 0, 0, angle)).tolist():
                    tank(s, q[0], q[1], cell * 0.36 / n, shell)
            else:
                tank(s, *pair(p), big * float(rng.uniform(0.9, 1.05)), shell, floating)
    _pipes(s, x, y, angle, (wide, deep), rows, cell)
    edge = place(rng.uniform(-0.5, 0.5, (40, 2)) * (wide + 40, 0) + (0, deep / 2 + 16), x, y, angle)
    trees(s, edge[rng.random(40) < 0.4], 2.5)


def _pipes(s: Sketch, x: float, y: float, angle: float, size: tuple[float, float], rows: int, cell: float) -> None:
    rng = s.rng
    wide, deep = size
    for j in range(rows + 1):
        for k in range(int(rng.integers(1, 4))):
            v = j * cell - deep / 2 + k * 1.3
            p = place([(-wide / 2, v), (wide / 2, v)], x, y, angle)
            s.way(37, p, 0.6, "yard", np.array((186, 184, 178, 165)) * rng.uniform(0.7, 1.1), height=0.8)
    p = place(np.stack([rng.uniform(-wide / 2, wide / 2, 6), np.full(6, -deep / 2 - 14)], 1), x, y, angle)
    cars(s, p, angle, rng.random(6) < 0.7)
    q = place([(wide * float(rng.uniform(-0.4, 0.4)), -deep / 2 - 15)], x, y, angle)[0]
    hall(s, rect(*pair(q), 26, 10, angle), "building", 5.0)
