"""Open land and water: fields, woods, lakes, rivers, coasts, bare ground."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from geoglot.data.synth.shapes import Ring, blob, disc, inset, lumps, place, rect, resample, ribbon, smooth, split, wander
from geoglot.data.synth.world import DOME, Sketch

CROPS = {
    "green": ((74, 92, 58, 205), 4.0),
    "lush": ((86, 110, 64, 215), 2.0),
    "young": ((112, 122, 80, 175), 2.0),
    "ripe": ((172, 154, 110, 165), 2.0),
    "stubble": ((158, 144, 114, 152), 1.5),
    "ploughed": ((122, 101, 80, 108), 2.0),
    "dry": ((146, 128, 100, 135), 1.5),
    "meadow": ((94, 107, 72, 185), 3.0),
}


def farmland(s: Sketch, target: float = 30000.0, hedges: float = 0.3, angle: float | None = None) -> None:
    """Cover the whole place with fields in rows, tracks between them, some hedges and lone trees."""
    rng = s.rng
    turn = float(rng.uniform(0, math.pi / 2)) if angle is None else angle
    names = list(CROPS)
    share = np.array([w for _, w in CROPS.values()]) * rng.gamma(1.2, size=len(names))
    share /= share.sum()
    for quad in split(rng, rect(0, 0, s.extent * 1.5, s.extent * 1.5, turn), target * 8, 0.4):
        s.add(0, quad, "track" if rng.random() < 0.35 else "grass", tone=rng.normal(0.92, 0.05))
        for ring in split(rng, inset(quad, 3.5), target, 0.7):
            if np.abs(ring.mean(axis=0)).max() > s.half + 400:
                continue
            name = names[int(rng.choice(len(names), p=share))]
            _field(s, inset(ring, 1.2), name)
            if rng.random() < hedges:
                k = int(rng.integers(4))
                hedge(s, ring[k], ring[(k + 1) % 4])


def _field(s: Sketch, ring: Ring, name: str) -> None:
    rng = s.rng
    edge = ring[1] - ring[0] if np.hypot(*(ring[1] - ring[0])) > np.hypot(*(ring[2] - ring[1])) else ring[2] - ring[1]
    along = math.atan2(edge[1], edge[0]) + math.pi / 2
    colour = np.array(CROPS[name][0]) * np.exp(rng.normal(size=4) * 0.025 + rng.normal() * 0.10)
    period, strength = ((1.6, 0.16), (3.0, 0.12), (9.0, 0.06), (20.0, 0.05))[int(rng.integers(4))]
    if len(s.stripes) < 255 or rng.random() < 0.5:
        stripe = s.rows(along, period * float(rng.uniform(0.8, 1.3)), strength * float(rng.uniform(0.6, 1.4)))
    else:
        stripe = 0
    s.add(1, ring, "crop", colour * 0.94, stripe=stripe)
    s.add(2, inset(ring, 7.0), "crop", colour, stripe=stripe)
    if rng.random() < 0.25:
        c = ring.mean(axis=0)
        size = 0.25 * math.sqrt(float(np.hypot(*(ring[2] - ring[0]))) * 40)
        if size > 8:
            patch = blob(rng, float(c[0]), float(c[1]), size, 0.5, 32)
            s.add(3, patch, "crop", colour * np.exp(rng.normal(size=4) * 0.025), stripe=stripe)


def hedge(s: Sketch, a: Ring, b: Ring) -> None:
    """Draw a row of bushes and trees between two points."""
    length = float(np.hypot(*(b - a)))
    gap = float(s.rng.uniform(5, 12))
    at = np.arange(gap / 2, length, gap)[:, None] / length
    points = a + (b - a) * at + s.rng.normal(size=(len(at), 2)) * 0.8
    kept = points[(s.rng.random(len(at)) < 0.75) & ~s.taken(points)]
    trees(s, kept, s.rng.uniform(2.0, 4.6, len(kept)), z=6)


def trees(s: Sketch, points: ArrayLike, radius: ArrayLike, z: int = 45, plant: str = "deciduous",
          material: str = "tree") -> None:  # fmt: skip
    """Draw trees at points (N, 2), their crowns' radius in metres (one or N)."""
    p = np.asarray(points, np.float64).reshape(-1, 2)
    r = np.broadcast_to(np.asarray(radius, np.float64), len(p))
    tone = np.exp(s.rng.normal(size=len(p)) * 0.16)
    rings = lumps(s.rng, p, r)
    s.many(z, rings, material, tone=tone, height=r * 1.9, profile=DOME, plant=plant)


def pivots(s: Sketch, count: int) -> None:
    """Draw circular fields watered by centre pivots, on bare ground."""
    rng = s.rng
    radius = float(rng.uniform(180, 400))
    step = radius * 2.08
    n = int(s.extent / step)
    sites = [(i, j) for i in range(n) for j in range(n)]
    for index in rng.permutation(len(sites))[:count].tolist():
        i, j = sites[index]
        x, y = (i + 0.5) * step - s.half, (j + 0.5) * step - s.half
        name = list(CROPS)[int(rng.integers(len(CROPS)))]
        colour = np.array(CROPS[name][0]) * np.exp(rng.normal() * 0.1)
        s.add(4, disc(x, y, radius, 72), "crop", colour)
        for _ in range(int(rng.integers(0, 3))):
            a, b = rng.uniform(0, 6.3), rng.uniform(0.3, 2.6)
            t = np.linspace(a, a + b, 24)
            wedge = np.concatenate([[(x, y)], np.stack([x + radius * np.cos(t), y + radius * np.sin(t)], 1)])
            s.add(4, wedge, "crop", np.array(CROPS["ripe"][0]) * rng.uniform(0.7, 1.1))


def wood(s: Sketch, x: float, y: float, radius: float, tone: float = 1.0) -> Ring:
    """Draw a wood with a ragged edge and its shadow; return its outline."""
    ring = blob(s.rng, x, y, radius, 0.4, int(min(400, max(40, radius))))
    s.add(10, ring, "forest", tone=tone * float(np.exp(s.rng.normal() * 0.08)))
    edge, _ = resample(np.concatenate([ring, ring[:1]]), 9.0)
    edge = edge[~s.taken(edge)]
    edge = edge[s.rng.random(len(edge)) < 0.8][:500]
    trees(s, edge, s.rng.uniform(2.5, 5.0, len(edge)), z=11)
    return ring


def forest(s: Sketch, clearings: int = 6) -> None:
    """Cover the place with closed forest in patches of differing age, with clearings and tracks."""
    rng = s.rng
    tones = np.exp(rng.normal(size=3) * 0.13)
    s.add(0, rect(0, 0, s.extent * 1.5, s.extent * 1.5), "forest", tone=float(tones[0]))
    for _ in range(int(rng.integers(4, 12))):
        x, y = rng.uniform(-s.half, s.half, 2)
        colour = np.array((50, 66, 46, 140)) * np.exp(rng.normal(size=4) * 0.025) * rng.choice(tones)
        s.add(1, blob(rng, x, y, float(rng.uniform(0.05, 0.22)) * s.extent, 0.5), "forest", colour)
    for _ in range(clearings):
        x, y = rng.uniform(-s.half, s.half, 2)
        material = str(rng.choice(["grass", "soil", "shrub"]))
        s.add(12, blob(rng, x, y, float(rng.uniform(20, 110)), 0.4), material, tone=rng.uniform(0.85, 1.05))
    for _ in range(int(rng.integers(1, 4))):
        a, b = crossing(s)
        s.add(13, ribbon(smooth(wander(rng, a, b, s.extent * 0.06)), 4.5), "track")


def bare(s: Sketch, desert: bool = False) -> None:
    """Cover the place with bare ground: soil, scrub and washes."""
    rng = s.rng
    base = np.array((192, 164, 130, 190) if desert else (152, 132, 108, 152)) * np.exp(rng.normal(size=4) * 0.05)
    s.add(0, rect(0, 0, s.extent * 1.5, s.extent * 1.5), "sand" if desert else "soil", base)
    for _ in range(int(rng.integers(15, 40))):
        x, y = rng.uniform(-s.half, s.half, 2)
        ring = blob(rng, x, y, float(rng.uniform(0.01, 0.12)) * s.extent, 0.6)
        s.add(1, ring, "sand" if desert else "shrub", base * np.exp(rng.normal() * 0.07))
    for _ in range(int(rng.integers(2, 6))):
        a, b = crossing(s)
        s.add(2, ribbon(smooth(wander(rng, a, b, s.extent * 0.1)), float(rng.uniform(5, 18))), "soil", base * 1.12)


def crossing(s: Sketch) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return two points beyond opposite sides of the place."""
    a = s.rng.uniform(0, 2 * math.pi)
    b = a + math.pi + s.rng.normal() * 0.2
    r = s.half * 1.5
    return (r * math.cos(a), r * math.sin(a)), (r * math.cos(b), r * math.sin(b))


def river(s: Sketch, width: float = 60.0, banks: bool = True) -> Ring:
    """Draw a winding river across the place with its banks; return its course."""
    rng = s.rng
    a, b = crossing(s)
    line = smooth(wander(rng, a, b, s.extent * 0.13, 4), 3)
    phase = np.linspace(0, rng.uniform(8, 20), len(line))
    widths = width * (1 + 0.18 * np.sin(phase) + 0.1 * np.sin(2.7 * phase + 1))
    if banks:
        s.add(18, ribbon(line, widths + 14), "grass", tone=0.95)
        s.add(19, ribbon(line, widths + 5), "soil", tone=1.05)
        for p, _ in zip(*resample(line, 14.0), strict=True):
            if rng.random() < 0.55:
                q = p + rng.normal(size=2) * 3 + rng.choice([-1, 1]) * _normal(line, p) * (width * 0.62 + 8)
                trees(s, q, float(rng.uniform(2.5, 5.5)), z=21)
    s.flood(20, ribbon(line, widths))
    s.zone("river", ribbon(line, widths))
    return line


def _normal(line: Ring, p: Ring) -> Ring:
    k = int(np.clip(np.argmin(np.hypot(*(line - p).T)), 1, len(line) - 2))
    d = line[k + 1] - line[k - 1]
    n: Ring = np.array([-d[1], d[0]]) / max(float(np.hypot(*d)), 1e-9)
    return n


def lake(s: Sketch, x: float, y: float, radius: float) -> Ring:
    """Draw a lake with a reedy shore; return its outline."""
    ring = blob(s.rng, x, y, radius, 0.3, 200)
    s.add(18, place(ring - (x, y), x, y) * 1.0 + (ring - (x, y)) * (12 / radius), "grass", tone=0.85)
    s.add(19, ring + (ring - (x, y)) * (4 / radius), "soil", tone=0.95)
    s.flood(20, ring)
    s.zone("lake", ring)
    return ring


def surf(s: Sketch, line: Ring, width: float) -> None:
    """Draw a broken line of breaking waves."""
    points, _ = resample(line, 6.0)
    swell = np.convolve(s.rng.normal(size=len(points) + 8), np.ones(9) / 3, "valid")
    widths = np.maximum(width * (0.7 + 0.6 * swell), 0.0)
    pale = 0.5 * (s.water + np.array((225, 228, 226, 90)))
    s.add(21, ribbon(points, widths * 1.6), "water", 0.6 * s.water + 0.4 * pale)
    s.add(21, ribbon(points, widths), "water", pale * 1.15)


def coast(s: Sketch, beach: bool = True) -> tuple[Ring, float]:
    """Flood one side of the place; return the shore line and the direction out to sea (radians)."""
    rng = s.rng
    out = float(rng.uniform(0, 2 * math.pi))
    r, offset = s.half * 1.6, float(rng.uniform(-0.15, 0.3)) * s.half
    line = place(wander(rng, (offset, -r), (offset, r), s.extent * 0.05, 8), 0, 0, out)
    far = place([(3 * r, 1.2 * r), (3 * r, -1.2 * r)], 0, 0, out)
    toward = place([(1, 0)], 0, 0, out)[0]
    if beach:
        wide = float(rng.uniform(15, 60))
        s.add(19, np.concatenate([line - toward * wide, far]), "sand")
        s.add(19, np.concatenate([line - toward * 5, far]), "sand", tone=0.82)
    sea = np.concatenate([line, far])
    s.flood(20, sea)
    s.zone("sea", sea)
    if beach:
        for off in (4.0, 9.0, 18.0)[: int(rng.integers(1, 4))]:
            surf(s, smooth(line, 1) + toward * off, 5.0 / (1 + off / 9))
    return line, out
