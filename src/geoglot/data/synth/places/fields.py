"""Fields and what grows on them: crops, orchards, vineyards, watered circles, bare ground."""

from __future__ import annotations

import math

import numpy as np

from geoglot.data.synth.legend import CROPS, GROWTH, LOOKS
from geoglot.data.synth.places.woods import hedge, trees
from geoglot.data.synth.shapes import Ring, blob, disc, inset, place, ragged, rect, smooth, split, wander
from geoglot.data.synth.world import DOME, Sketch

ROWS = {  # metres between rows and strength, where rows show
    "wheat": ((18.0, 0.035), (24.0, 0.045), (9.0, 0.04)),
    "maize": ((3.0, 0.07), (9.0, 0.04)),
    "rapeseed": ((24.0, 0.04), (12.0, 0.04)),
    "rice": ((6.0, 0.03),),
    "vegetables": ((1.8, 0.16), (3.2, 0.14)),
    "vineyard": ((2.4, 0.26), (3.0, 0.30)),
    "meadow": ((10.0, 0.03), (16.0, 0.04)),
    "fallow": ((2.0, 0.10), (4.0, 0.08), (9.0, 0.05)),
}


def shares(rng: np.random.Generator) -> dict[str, float]:
    """Return how common each crop is in a region: a few rule."""
    wide = np.array([4.0, 2.5, 1.2, 0.3, 1.0, 0.25, 3.0, 2.5]) * rng.gamma(0.9, size=len(CROPS))
    return dict(zip(CROPS, (wide / wide.sum()).tolist(), strict=True))


def farmland(s: Sketch, target: float = 30000.0, hedges: float = 0.3, crops: dict[str, float] | None = None) -> None:
    """Cover the whole place with fields in rows, tracks between them, some hedges, lone trees and orchards."""
    rng = s.rng
    turn = float(rng.uniform(0, math.pi / 2))
    common = crops or shares(rng)
    names, share = list(common), list(common.values())
    verge = float(rng.uniform(0.5, 3.0))
    for quad in split(rng, rect(0, 0, s.extent * 1.5, s.extent * 1.5, turn), target * 8, 0.5):
        if np.abs(quad).min(axis=0).max() > s.half + 1000 or s.covered(quad):
            continue
        s.add(0, quad, "track" if rng.random() < 0.35 else "grass", tone=rng.normal(0.9, 0.06), plant="grass")
        block = inset(quad, float(rng.uniform(2.0, 4.0)))
        strips = rng.random() < 0.3  # narrow strips side by side
        for ring in split(rng, block, target * (0.5 if strips else 1.0), 0.7, 3.0 if strips else 1.0):
            if np.abs(ring.mean(axis=0)).max() > s.half + 400 or s.covered(ring):
                continue
            name = names[int(rng.choice(len(names), p=share))]
            field(s, inset(ring, verge * float(rng.uniform(0.3, 1))), name)
            if rng.random() < hedges:
                k = int(rng.integers(4))
                hedge(s, ring[k], ring[(k + 1) % 4])
    if target < 60000 and rng.random() < 0.5:
        for _ in range(int(rng.integers(1, 3))):
            x, y = (float(v) for v in rng.uniform(-s.half, s.half, 2) * 0.8)
            orchard(s, rect(x, y, rng.uniform(80, 220), rng.uniform(60, 160), turn))


def field(s: Sketch, ring: Ring, name: str) -> None:
    """Draw one field of a crop on a quadrilateral: its headland, rows, damp and poor patches."""
    rng = s.rng
    long = ring[1] - ring[0], ring[2] - ring[1]
    edge = max(long, key=lambda e: float(np.hypot(*e)))
    along = math.atan2(edge[1], edge[0]) + math.pi / 2
    looks = LOOKS[name]
    colour = np.array(looks[int(rng.integers(len(looks)))]) * np.exp(rng.normal(size=4) * 0.04 + rng.normal() * 0.11)
    rows = ROWS[name]
    period, strength = rows[int(rng.integers(len(rows)))]
    stripe = s.rows(along, period * float(rng.uniform(0.85, 1.2)), strength * float(rng.uniform(0.5, 1.5)))
    shape = ragged(rng, ring, float(rng.uniform(0.2, 1.6)))
    s.add(1, shape, "crop", colour * rng.uniform(0.9, 1.02), stripe=stripe, plant=name)
    within = inset(ring, float(rng.uniform(6, 14)))
    s.add(2, ragged(rng, within, 0.6), "crop", colour, stripe=stripe, plant=name)
    size = math.sqrt(float(np.hypot(*(ring[2] - ring[0]))) * 40)
    for _ in range(int(rng.poisson(0.8))):
        c = rng.dirichlet(np.ones(4) * 2) @ within
        reach = 0.22 * size * float(rng.uniform(0.4, 1.1))
        if reach > 7:
            patch = blob(rng, float(c[0]), float(c[1]), reach, 0.6, 40)
            s.add(3, patch, "crop", colour * np.exp(rng.normal(size=4) * 0.02 + rng.normal() * 0.05), stripe=stripe, plant=name)


def orchard(s: Sketch, ground: Ring, gap: float | None = None) -> bool:
    """Plant rows of fruit trees on a rectangle where the ground is free; tell whether it was."""
    rng = s.rng
    if not s.free(ground):
        return False
    s.reserve(ground)
    s.zone("orchard", ground)
    bare = rng.random() < 0.35
    s.add(4, ragged(rng, ground, 0.8), "soil" if bare else "grass", tone=rng.uniform(0.9, 1.1), plant="" if bare else "grass")
    a, b = ground[1] - ground[0], ground[3] - ground[0]
    long, wide = float(np.hypot(*a)), float(np.hypot(*b))
    step = gap or float(rng.uniform(3.5, 9.0))
    across = step * float(rng.uniform(1.0, 1.5))
    u, v = np.meshgrid(np.arange(step, long - step / 2, step) / long, np.arange(across, wide - across / 2, across) / wide)
    points = ground[0] + u.reshape(-1, 1) * a + v.reshape(-1, 1) * b
    points = points[rng.random(len(points)) > 0.04] + 0.0
    points += rng.normal(size=points.shape) * 0.25
    radius = step * float(rng.uniform(0.28, 0.46)) * np.exp(rng.normal(size=len(points)) * 0.14)
    trees(s, points, radius, 7, "orchard", "fruit")
    return True


def orchards(s: Sketch) -> None:
    """Cover the place with blocks of orchards, vineyards and some fields between."""
    rng = s.rng
    turn = float(rng.uniform(0, math.pi / 2))
    vines = float(rng.choice([0.0, 0.25, 0.8]))
    for quad in split(rng, rect(0, 0, s.extent * 1.5, s.extent * 1.5, turn), float(rng.uniform(9000, 40000)), 0.5):
        if np.abs(quad.mean(axis=0)).max() > s.half + 300:
            continue
        s.add(0, quad, "track" if rng.random() < 0.5 else "grass", tone=rng.normal(0.95, 0.05), plant="grass")
        block, kind = inset(quad, float(rng.uniform(2.5, 4.5))), rng.random()
        if kind < 0.15:
            field(s, block, str(rng.choice(["meadow", "fallow", "vegetables"])))
        elif kind < 0.15 + 0.85 * vines:
            field(s, block, "vineyard")
            s.zone("vineyard", block)
        else:
            orchard(s, block)


def pivots(s: Sketch, count: int) -> None:
    """Draw circular fields watered by centre pivots, on bare ground."""
    rng = s.rng
    radius = float(rng.uniform(180, 400))
    step = radius * 2.08
    n = int(s.extent / step)
    sites = [(i, j) for i in range(n) for j in range(n)]
    names = ("maize", "wheat", "vegetables", "fallow", "meadow")
    for index in rng.permutation(len(sites))[:count].tolist():
        i, j = sites[index]
        x, y = (i + 0.5) * step - s.half, (j + 0.5) * step - s.half
        name = names[int(rng.integers(len(names)))]
        looks = LOOKS[name]
        colour = np.array(looks[int(rng.integers(len(looks)))]) * np.exp(rng.normal() * 0.1)
        s.add(4, disc(x, y, radius, 72), "crop", colour, plant=name)
        s.zone("pivot field", disc(x, y, radius, 72))
        for k in range(1, 7):  # wheel tracks
            ring = disc(x, y, radius * k / 7, 60)
            s.way(5, np.concatenate([ring, ring[:1]]), 1.2, "crop", colour * 0.88, plant=name)
        for _ in range(int(rng.integers(0, 3))):
            a, b = rng.uniform(0, 6.3), rng.uniform(0.3, 2.6)
            t = np.linspace(a, a + b, 24)
            wedge = np.concatenate([[(x, y)], np.stack([x + radius * np.cos(t), y + radius * np.sin(t)], 1)])
            other = names[int(rng.integers(len(names)))]
            s.add(4, wedge, "crop", np.array(GROWTH[other]) * rng.uniform(0.8, 1.1), plant=other)
        arm = float(rng.uniform(0, 6.3))
        s.way(6, np.array([(x, y), (x + radius * math.cos(arm), y + radius * math.sin(arm))]), 1.5, "yard", tone=1.3)


def bare(s: Sketch, desert: bool = False) -> None:
    """Cover the place with bare ground: soil, scrub and washes, or sand in dunes."""
    rng = s.rng
    sands = ((200, 166, 122, 190), (190, 138, 98, 190), (208, 186, 150, 200))
    soils = ((164, 132, 96, 152), (152, 112, 78, 140), (166, 148, 116, 160))
    base = np.array((sands if desert else soils)[int(rng.integers(3))]) * np.exp(rng.normal(size=4) * 0.03)
    dunes = s.rows(float(rng.uniform(0, math.pi)), float(rng.uniform(60, 160)), 0.05) if desert and rng.random() < 0.5 else 0
    s.add(0, rect(0, 0, s.extent * 1.5, s.extent * 1.5), "sand" if desert else "soil", base, stripe=dunes)
    for _ in range(int(rng.integers(15, 40))):
        x, y = rng.uniform(-s.half, s.half, 2)
        ring = blob(rng, x, y, float(rng.uniform(0.01, 0.12)) * s.extent, 0.6)
        s.add(1, ring, "sand" if desert else "shrub", base * np.exp(rng.normal() * 0.07), stripe=dunes)
    for _ in range(int(rng.integers(2, 6))):
        a, b = s.crossing()
        s.way(2, smooth(wander(rng, a, b, s.extent * 0.1)), float(rng.uniform(3, 14)), "soil", base * 1.12)
    if not desert or rng.random() < 0.3:
        points = rng.uniform(-s.half, s.half, (int(1500 * (s.extent / 2000) ** 2 * rng.random()), 2))
        trees(s, points, rng.uniform(0.6, 2.2, len(points)), 3)


def quarry(s: Sketch, x: float, y: float, radius: float) -> None:
    """Dig a quarry: benches going down, a pool at the bottom, heaps, a haul road and a plant."""
    rng = s.rng
    rock = np.array(((186, 176, 158, 180), (170, 150, 124, 168), (150, 148, 144, 150))[int(rng.integers(3))], float)
    ring = blob(rng, x, y, radius, 0.35, 120)
    if not s.free(ring):
        return
    s.reserve(ring)
    s.zone("quarry", ring)
    away = ring - (x, y)
    steps = int(rng.integers(3, 7))
    for k in range(steps):
        share = 1 - 0.16 * k
        level = (x, y) + away * share + rng.normal(size=away.shape) * radius * 0.01
        s.add(12 + k, level, "rock", rock * rng.uniform(0.88, 1.1), height=float(3.5 * (steps - k)))
        s.add(
            12 + k, (x, y) + (level - (x, y)) * 0.965, "rock", rock * rng.uniform(0.7, 0.85), height=float(3.5 * (steps - k) - 3)
        )
    if rng.random() < 0.6:
        pool = blob(rng, x, y, radius * 0.25, 0.4, 48)
        s.add(20, pool, "water", (88, 128, 124, 20))
    heaps = place(rng.uniform(-0.4, 0.4, (int(rng.integers(4, 14)), 2)) * radius, x, y)
    sizes = rng.uniform(4, 14, len(heaps))
    for p, r in zip(heaps.tolist(), sizes.tolist(), strict=True):
        s.add(21, blob(rng, p[0], p[1], r, 0.15, 16), "rock", rock * rng.uniform(1.0, 1.2), height=r * 0.6, profile=DOME)
    s.way(22, smooth(wander(rng, (x, y), (x + radius * 1.6, y + radius * 0.7), radius * 0.3, 3)), 7.0, "track")
