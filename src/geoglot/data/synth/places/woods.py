"""Trees, hedges, woods and forests."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from geoglot.data.synth.legend import GROWTH
from geoglot.data.synth.shapes import Ring, area, blob, lumps, rect, resample, smooth, wander
from geoglot.data.synth.world import DOME, Sketch


def trees(s: Sketch, points: ArrayLike, radius: ArrayLike, z: int = 45, plant: str = "deciduous", material: str = "tree") -> None:
    """Draw trees at points (N, 2), their crowns' radius in metres (one or N)."""
    p = np.asarray(points, np.float64).reshape(-1, 2)
    if not len(p):
        return
    r = np.broadcast_to(np.asarray(radius, np.float64), len(p))
    colour = np.array(GROWTH.get(plant, GROWTH["deciduous"])) * np.exp(s.rng.normal(size=(len(p), 4)) * (0.06, 0.04, 0.06, 0.06))
    tone = np.exp(s.rng.normal(size=len(p)) * 0.15)
    s.many(z, lumps(s.rng, p, r), material, colour, tone=tone, height=r * 1.7 + 1, profile=DOME, plant=plant)


def hedge(s: Sketch, a: Ring, b: Ring, z: int = 6) -> None:
    """Draw a row of bushes and trees between two points."""
    length = float(np.hypot(*(b - a)))
    gap = float(s.rng.uniform(3, 10))
    at = np.arange(gap / 2, length, gap)[:, None] / length
    points = a + (b - a) * at + s.rng.normal(size=(len(at), 2)) * 0.9
    kept = points[(s.rng.random(len(at)) < 0.75) & ~s.taken(points)]
    trees(s, kept, s.rng.uniform(1.2, 4.2, len(kept)), z)


def park(s: Sketch, ring: Ring, density: float = 130.0, z: int = 33) -> None:
    """Draw grass with scattered trees and a path within a convex ring; `density` in square metres a tree."""
    rng = s.rng
    s.add(z, ring, "grass", tone=float(rng.uniform(0.85, 1.1)), plant="grass")
    middle = ring.mean(axis=0)
    s.way(z + 1, smooth(wander(rng, (ring[0] * 0.9 + middle * 0.1).tolist(), ring[2].tolist(), 12.0, 3)), 2.2, "yard", tone=1.15)
    size = abs(area(ring))
    points = rng.dirichlet(np.ones(len(ring)), int(size / density)) @ ring
    trees(s, points, rng.uniform(1.8, 5.5, len(points)))


def wood(s: Sketch, x: float, y: float, radius: float, tone: float = 1.0) -> Ring:
    """Draw a wood with a ragged edge; return its outline."""
    rng = s.rng
    ring = blob(rng, x, y, radius, 0.4, int(min(400, max(40, radius))))
    plant = "conifer" if rng.random() < 0.25 else "deciduous"
    colour = np.array(GROWTH[plant]) * np.exp(rng.normal(size=4) * 0.04)
    s.add(
        10,
        ring,
        "needles" if plant == "conifer" else "forest",
        colour,
        tone=tone * float(np.exp(rng.normal() * 0.08)),
        height=11.0,
        plant=plant,
    )
    edge, _ = resample(np.concatenate([ring, ring[:1]]), 6.0)
    edge = (edge + rng.normal(size=edge.shape) * 1.8)[~s.taken(edge)]
    edge = edge[rng.random(len(edge)) < 0.8][:800]
    trees(s, edge, rng.uniform(1.8, 5.0, len(edge)), 11, plant)
    return ring


def forest(s: Sketch, clearings: int = 6) -> None:
    """Cover the place with closed forest in patches of differing age and kind, with clearings and tracks."""
    rng = s.rng
    needles = float(rng.choice([0.0, 0.1, 0.5, 1.0]))
    whole = "needles" if rng.random() < needles else "forest"
    base = {"forest": np.array(GROWTH["deciduous"], float), "needles": np.array(GROWTH["conifer"], float)}
    plants = {"forest": "deciduous", "needles": "conifer"}
    tones = np.exp(rng.normal(size=3) * 0.16)
    s.add(0, rect(0, 0, s.extent * 1.5, s.extent * 1.5), whole, base[whole] * tones[0], height=12.0, plant=plants[whole])
    for _ in range(int(rng.integers(4, 12))):
        x, y = rng.uniform(-s.half, s.half, 2)
        kind = "needles" if rng.random() < needles else "forest"
        colour = base[kind] * np.exp(rng.normal(size=4) * 0.04) * rng.choice(tones)
        ring = blob(rng, x, y, float(rng.uniform(0.05, 0.22)) * s.extent, 0.5)
        s.add(1, ring, kind, colour, height=float(rng.uniform(9, 14)), plant=plants[kind])
    for _ in range(clearings):
        x, y = rng.uniform(-s.half, s.half, 2)
        material = str(rng.choice(["grass", "soil", "shrub"]))
        ring = blob(rng, x, y, float(rng.uniform(20, 110)), 0.5)
        s.add(12, ring, material, tone=rng.uniform(0.8, 1.05))
        edge = ring[rng.random(len(ring)) < 0.8] + rng.normal(size=(1, 2))
        trees(s, edge, rng.uniform(1.5, 4.0, len(edge)), 14, plants[whole])
    for _ in range(int(rng.integers(0, 3))):
        a, b = s.crossing()
        s.way(13, smooth(wander(rng, a, b, s.extent * 0.06)), 4.5, "track", tone=0.92)


def shelter(s: Sketch, line: Ring, gap: float = 9.0) -> None:
    """Plant an avenue: trees on both sides of a line."""
    points, angle = resample(line, gap)
    side = np.stack([-np.sin(angle), np.cos(angle)], 1)
    for sign in (1, -1):
        row = points + side * sign * gap * 0.75 + s.rng.normal(size=points.shape) * 0.4
        row = row[(s.rng.random(len(row)) < 0.85) & ~s.taken(row)]
        trees(s, row, s.rng.uniform(2.0, 4.2, len(row)))


def scatter(s: Sketch, count: int, low: float = 1.5, high: float = 5.0, reach: float = 1.0) -> None:
    """Scatter lone trees and bushes over free ground of the place."""
    points = s.rng.uniform(-s.half, s.half, (count, 2)) * reach
    points = points[~s.taken(points)]
    trees(s, points, s.rng.uniform(low, high, len(points)) * math.sqrt(float(s.rng.uniform(0.6, 1.2))), 9)
