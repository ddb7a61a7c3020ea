"""Rivers, lakes, ponds, dams and coasts."""

from __future__ import annotations

import math

import numpy as np

from geoglot.data.synth.places.woods import trees
from geoglot.data.synth.shapes import Ring, blob, place, resample, ribbon, smooth, wander
from geoglot.data.synth.world import Sketch


def river(s: Sketch, width: float = 60.0, banks: bool = True) -> Ring:
    """Draw a winding river across the place with its banks, bars of sand and trees; return its course."""
    rng = s.rng
    a, b = s.crossing()
    line = smooth(wander(rng, a, b, s.extent * float(rng.uniform(0.05, 0.16)), 4), 3)
    phase = np.linspace(0, rng.uniform(8, 20), len(line))
    widths = width * (1 + 0.18 * np.sin(phase) + 0.1 * np.sin(2.7 * phase + 1))
    sandy = rng.random() < 0.35
    if banks:
        s.way(18, line, widths + rng.uniform(8, 40), "grass", tone=0.95)
        s.way(19, line, widths + float(rng.uniform(2, 9)), "sand" if sandy else "soil", tone=0.95)
        points, angle = resample(line, 7.0)
        side = np.stack([-np.sin(angle), np.cos(angle)], 1)
        near = np.hypot(*(points[:, None] - line[None, ::4]).transpose(2, 0, 1)).argmin(axis=1) * 4
        for sign in (1, -1):
            lush = np.convolve(rng.normal(size=len(points) + 24), np.ones(25) / 5, "valid") > 0
            out = widths[near] / 2 + 5 + rng.exponential(6, len(points))
            row = (points + side * sign * out[:, None])[lush]
            row = row[np.abs(row).max(axis=1) < s.half + 50]
            trees(s, row, rng.uniform(2.0, 5.5, len(row)), 21)
    s.flood(20, ribbon(line, widths))
    s.zone("river", ribbon(line, widths))
    if sandy:
        for k in rng.integers(0, len(line), 8):
            p = line[k]
            bar = blob(rng, float(p[0]), float(p[1]), width * float(rng.uniform(0.12, 0.3)), 0.4, 40)
            s.add(21, bar, "sand", tone=float(rng.uniform(0.8, 1.0)))
    return line


def lake(s: Sketch, x: float, y: float, radius: float, label: str = "lake") -> Ring:
    """Draw a lake with a reedy shore and some trees; return its outline."""
    rng = s.rng
    ring = blob(rng, x, y, radius, 0.3, 200)
    away = ring - (x, y)
    s.add(18, ring + away * (12 / radius), "grass", tone=0.85)
    s.add(19, ring + away * (float(rng.uniform(2, 6)) / radius), "soil", tone=0.95)
    s.flood(20, ring)
    s.zone(label, ring)
    edge, _ = resample(np.concatenate([ring, ring[:1]]), 7.0)
    lush = np.convolve(rng.normal(size=len(edge) + 18), np.ones(19) / 4, "valid") > 0.3
    row = (edge + (edge - (x, y)) * (8 / radius))[lush] + rng.normal(size=(int(lush.sum()), 2)) * 3
    trees(s, row, rng.uniform(1.5, 4.5, len(row)), 21)
    return ring


def ponds(s: Sketch, count: int) -> None:
    """Dig ponds, round or square (fish ponds, basins), where the ground is free."""
    rng = s.rng
    for _ in range(count):
        x, y = (float(v) for v in rng.uniform(-s.half, s.half, 2) * 0.9)
        size = float(rng.uniform(12, 45))
        if rng.random() < 0.5:
            ring = blob(rng, x, y, size, 0.2, 40)
        else:
            a = float(rng.uniform(0, math.pi))
            ring = place([(-size, -size * 0.6), (size, -size * 0.6), (size, size * 0.6), (-size, size * 0.6)], x, y, a)
        if s.free(ring * 1.15 - np.array([x, y]) * 0.15):
            s.add(19, (ring - (x, y)) * 1.12 + (x, y), "soil", tone=0.95)
            s.flood(20, ring)
            s.reserve(ring)
            s.zone("pond", ring)


def dam(s: Sketch, line: Ring, width: float) -> None:
    """Dam a river: a reservoir above a wall with a road on it, a spillway and the narrow river below."""
    rng = s.rng
    k = int(len(line) * rng.uniform(0.45, 0.55))
    p, d = line[k], line[min(k + 3, len(line) - 1)] - line[max(k - 3, 0)]
    angle = math.atan2(d[1], d[0])
    above = line[: k + 1]
    grown = width * (
        1 + np.minimum(np.arange(len(above))[::-1], 60) / 60 * -0.55 + 4.5 * np.exp(-np.arange(len(above))[::-1] / 40)
    )
    s.way(22, above, grown + 14, "soil", tone=1.1)
    s.flood(22, ribbon(above, grown))
    s.zone("reservoir", ribbon(above, grown))
    long = float(grown[-1]) + 60
    wall = place(
        [(-9, -long / 2), (9, -long / 2), (24, -long / 2 + 25), (24, long / 2 - 25), (9, long / 2), (-9, long / 2)],
        float(p[0]),
        float(p[1]),
        angle,
    )
    s.fill(23, wall, "concrete", tone=0.92)
    deck = place([(-9, -long / 2), (-1, -long / 2), (-1, long / 2), (-9, long / 2)], float(p[0]), float(p[1]), angle)
    s.add(24, deck, "asphalt", height=12.0)
    s.add(25, place([(2, -12), (40, -16), (40, 16), (2, 12)], float(p[0]), float(p[1]), angle), "concrete", tone=1.12)
    s.thing("dam", wall)


def surf(s: Sketch, line: Ring, width: float) -> None:
    """Draw a broken line of breaking waves with the wash behind it."""
    points, _ = resample(line, 5.0)
    swell = np.convolve(s.rng.normal(size=len(points) + 8), np.ones(9) / 3, "valid")
    widths = np.maximum(width * (0.6 + 0.7 * swell), 0.0) + 0.01
    pale = 0.35 * s.water + 0.65 * np.array((236, 240, 238, 90))
    jag = points + s.rng.normal(size=points.shape) * width * 0.08
    s.way(21, points, widths * 2.2, "water", 0.75 * s.water + 0.25 * pale)
    s.way(21, jag, widths, "water", pale)


def coast(s: Sketch, beach: bool = True) -> tuple[Ring, float]:
    """Flood one side of the place; return the shore line and the direction out to sea (radians)."""
    rng = s.rng
    out = float(rng.uniform(0, 2 * math.pi))
    r, offset = s.half * 1.6, float(rng.uniform(-0.15, 0.3)) * s.half
    line = place(smooth(wander(rng, (offset, -r), (offset, r), s.extent * 0.05, 7), 1), 0, 0, out)
    far = place([(3 * r, 1.2 * r), (3 * r, -1.2 * r)], 0, 0, out)
    toward = place([(1, 0)], 0, 0, out)[0]
    if beach:
        wide = float(rng.uniform(15, 70))
        t = np.arange(len(line))[:, None]
        dune = line - toward * (wide * (1 + 0.25 * np.sin(t / rng.uniform(9, 25)) + 0.12 * np.sin(t / 3.1)))
        s.add(19, np.concatenate([dune - toward * 6, far]), "shrub", (150, 142, 104, 150))
        s.add(19, np.concatenate([dune, far]), "sand")
        s.add(19, np.concatenate([line - toward * 7, far]), "sand", tone=0.84)
        s.add(19, np.concatenate([line - toward * 3, far]), "sand", tone=0.72)
        brush = dune - toward * rng.uniform(2, 30, (len(dune), 1))
        brush = brush[rng.random(len(brush)) < 0.4]
        trees(s, brush, rng.uniform(1.0, 3.0, len(brush)), 21)
    sea = np.concatenate([line, far])
    s.flood(20, sea)
    s.zone("sea", sea)
    if beach:
        for off in (2.0, 9.0, 22.0, 40.0)[: int(rng.integers(1, 5))]:
            surf(s, smooth(line, 1) + toward * off * float(rng.uniform(0.8, 1.3)), 5.0 / (1 + off / 18))
    return line, out
