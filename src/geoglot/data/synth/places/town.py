"""Where people live and work: streets, houses, gardens, works and cars."""

from __future__ import annotations

import math

import numpy as np

from geoglot.data.synth.places.land import tree
from geoglot.data.synth.shapes import Ring, area, inset, place, rect, resample, ribbon
from geoglot.data.synth.world import Sketch

ROOFS = np.array(
    [(150, 92, 74, 140), (132, 84, 70, 130), (120, 116, 112, 112), (96, 94, 94, 92), (168, 160, 150, 160),
     (142, 122, 100, 140), (82, 84, 90, 80), (188, 184, 176, 175)],
    float,
)  # fmt: skip
FLAT = np.array(
    [(206, 206, 202, 180), (168, 168, 168, 150), (74, 108, 176, 120), (140, 138, 134, 130), (186, 178, 164, 165),
     (150, 70, 60, 130), (225, 224, 220, 200), (112, 116, 120, 105)],
    float,
)  # fmt: skip
PAINT = np.array([(222, 222, 222, 190), (60, 62, 68, 60), (150, 150, 154, 130), (150, 48, 44, 90), (52, 74, 128, 80)],
                 float)  # fmt: skip


def gable(s: Sketch, x: float, y: float, length: float, width: float, angle: float, colour: Ring, height: float) -> None:
    """Draw a house with a ridge along its length: two roof faces lit differently."""
    s.add(50, rect(x, y, length, width, angle), "roof", colour, height=height)
    for side in (1, -1):
        half = place([(-length / 2, 0), (length / 2, 0), (length / 2, side * width / 2), (-length / 2, side * width / 2)],
                     x, y, angle)  # fmt: skip
        s.add(51, half, "roof", colour, facing=angle + side * math.pi / 2)
    s.thing("house", rect(x, y, length, width, angle))


def hall(s: Sketch, ring: Ring, label: str = "building", height: float | None = None) -> None:
    """Draw a flat-roofed building with a parapet and things on its roof."""
    rng = s.rng
    colour = FLAT[int(rng.integers(len(FLAT)))] * rng.uniform(0.85, 1.05)
    tall = float(rng.uniform(6, 14)) if height is None else height
    s.add(50, ring, "roof", colour * 1.08, height=tall)
    s.add(51, inset(ring, 0.9), "roof", colour)
    centre = ring.mean(axis=0)
    for _ in range(int(min(14, abs(area(ring)) / 250))):
        t = rng.dirichlet(np.ones(4)) @ ring
        p = centre + (t - centre) * 0.9
        size = float(rng.uniform(1.2, 3.5))
        angle = math.atan2(*(ring[1] - ring[0])[::-1])
        s.add(52, rect(*p, size, size * 0.8, angle), "roof", colour * rng.uniform(0.75, 1.2), height=1.5)
    s.thing(label, ring)


def car(s: Sketch, x: float, y: float, angle: float, lorry: bool = False) -> None:
    """Draw a car or a lorry."""
    colour = PAINT[int(s.rng.integers(len(PAINT)))]
    long, wide = (11.0, 2.6) if lorry else (4.4, 1.9)
    ring = rect(x, y, long, wide, angle)
    s.add(48, ring, "vehicle", colour, height=3.2 if lorry else 1.4)
    if not lorry:
        s.add(49, rect(x, y, 2.0, 1.6, angle), "vehicle", colour * 0.55)
    s.thing("vehicle", ring)


def parking(s: Sketch, x: float, y: float, length: float, width: float, angle: float, full: float = 0.6) -> None:
    """Draw a car park with rows of bays."""
    s.add(36, rect(x, y, length, width, angle), "yard", (112, 112, 110, 104))
    s.reserve(rect(x, y, length, width, angle))
    for v in np.arange(-width / 2 + 4, width / 2 - 2, 8.2):
        for u in np.arange(-length / 2 + 2, length / 2 - 2, 2.8):
            if s.rng.random() < full:
                p = place([(u, v)], x, y, angle)[0]
                car(s, float(p[0]), float(p[1]), angle + math.pi / 2)
            edge = place([(u - 1.4, v)], x, y, angle)[0]
            s.add(37, rect(float(edge[0]), float(edge[1]), 0.15, 4.8, angle), "marking", (190, 190, 186, 170))


def street(s: Sketch, line: Ring, width: float = 8.0, cars: float = 0.25, z: int = 30) -> None:
    """Draw a paved road with pavements and some cars."""
    s.add(z, ribbon(line, width + 3.0), "asphalt", (150, 147, 140, 140))
    s.add(z + 1, ribbon(line, width), "asphalt", tone=float(s.rng.normal(1.0, 0.05)))
    s.reserve(ribbon(line, width + 4))
    if width >= 7:
        points, angles = resample(line, 12.0)
        for p, a in zip(points, angles, strict=True):
            s.add(z + 2, rect(float(p[0]), float(p[1]), 5.0, 0.25, float(a)), "road_paint")
            if s.rng.random() < cars:
                side = s.rng.choice([-1, 1]) * width * 0.24
                q = p + side * np.array([-math.sin(a), math.cos(a)])
                car(s, float(q[0]), float(q[1]), float(a), lorry=bool(s.rng.random() < 0.08))


def _plot(s: Sketch, ring: Ring, dense: float) -> None:
    """Draw a house, its garden, drive and trees on a plot whose first edge is at the street."""
    rng = s.rng
    front, back = ring[1] - ring[0], ring[3] - ring[0]
    a, b = float(np.hypot(*front)), float(np.hypot(*back))
    angle = math.atan2(front[1], front[0])
    colour = np.array((96, 102, 72, 150)) * np.exp(rng.normal(size=4) * 0.025 + rng.normal() * 0.12)
    s.add(34, inset(ring, 0.4), "garden", colour)
    wide, deep = min(a * rng.uniform(0.55, 0.85), 16.0), min(b * rng.uniform(0.3, 0.45), 12.0)
    centre = ring[0] + front * 0.5 + back * (0.14 + 0.5 * deep / b)
    turn = angle if rng.random() < 0.75 else angle + math.pi / 2
    if turn != angle:
        wide, deep = deep, wide
    roof = s.palette[int(rng.integers(len(s.palette)))] * np.exp(rng.normal() * 0.08)
    gable(s, float(centre[0]), float(centre[1]), wide, deep, turn, roof, float(rng.uniform(4.5, 8)))
    drive = ring[0] + front * rng.uniform(0.05, 0.2) + back * 0.12
    s.add(35, rect(float(drive[0]), float(drive[1]), b * 0.24, 3.0, angle + math.pi / 2), "yard", tone=1.1)
    for _ in range(int(rng.poisson(2.2 * (1.3 - dense)))):
        t = ring[0] + front * rng.uniform(0.1, 0.9) + back * rng.uniform(0.55, 0.95)
        tree(s, float(t[0]), float(t[1]), float(rng.uniform(1.6, 4.2)))
    if rng.random() < 0.06:
        t = ring[0] + front * rng.uniform(0.3, 0.7) + back * 0.75
        s.add(36, rect(float(t[0]), float(t[1]), 8, 4, angle), "garden", (92, 170, 196, 40))


def _block(s: Sketch, ring: Ring, dense: float, works: float) -> None:
    rng = s.rng
    if not s.free(ring):
        return
    s.reserve(ring)
    kind = rng.random()
    if kind < works:
        s.add(33, ring, "yard", tone=float(rng.normal(1, 0.06)))
        _halls(s, ring)
        return
    if kind > 0.95:
        s.add(33, ring, "grass")
        for _ in range(int(abs(area(ring)) / 160)):
            p = rng.dirichlet(np.ones(4)) @ ring
            tree(s, float(p[0]), float(p[1]), float(rng.uniform(2.5, 5)))
        return
    s.add(33, ring, "garden", (118, 114, 92, 140))
    left, right = (ring[0] + ring[3]) / 2, (ring[1] + ring[2]) / 2
    lot = float(rng.uniform(11, 15)) if dense > 0.6 else float(rng.uniform(17, 30))
    for a, b, c, d in ((ring[0], ring[1], right, left), (ring[2], ring[3], left, right)):
        count = max(1, int(np.hypot(*(b - a)) / lot))
        for k in range(count):
            if rng.random() < 0.96:
                t, u = k / count, (k + 1) / count
                _plot(s, np.array([a + (b - a) * t, a + (b - a) * u, d + (c - d) * u, d + (c - d) * t]), dense)


def _halls(s: Sketch, ring: Ring) -> None:
    """Fill a yard with large flat buildings, lorries and cars."""
    rng = s.rng
    angle = math.atan2(*(ring[1] - ring[0])[::-1])
    a, b = float(np.hypot(*(ring[1] - ring[0]))), float(np.hypot(*(ring[2] - ring[1])))
    n = max(1, round(a / 60))
    for k in range(n):
        c = ring[0] + (ring[1] - ring[0]) * ((k + 0.5) / n) + (ring[3] - ring[0]) * 0.42
        w, d = a / n * rng.uniform(0.55, 0.85), b * rng.uniform(0.4, 0.62)
        hall(s, rect(float(c[0]), float(c[1]), w, d, angle), "industrial building")
        for _ in range(int(rng.integers(1, 6))):
            p = c + place([(rng.uniform(-w / 2, w / 2), b * 0.40)], 0, 0, angle)[0]
            car(s, float(p[0]), float(p[1]), angle + math.pi / 2, lorry=bool(rng.random() < 0.6))


def town(s: Sketch, x: float, y: float, across: float, dense: float = 0.6, works: float = 0.06,
         label: str = "town") -> None:  # fmt: skip
    """Draw a settlement on a street grid around x, y, as far as the ground is free."""
    rng = s.rng
    angle = float(rng.uniform(0, math.pi / 2))
    long, deep = (float(rng.uniform(110, 180)), 58.0 + 30 * (1 - dense)) if works < 0.5 else (150.0, 90.0)
    reach = across / 2
    s.palette = ROOFS[rng.permutation(len(ROOFS))[: int(rng.integers(2, 6))]]
    us, vs = np.arange(-reach, reach + 1, long), np.arange(-reach, reach + 1, deep)
    used: list[Ring] = []
    for u in us[:-1]:
        for v in vs[:-1]:
            r = math.hypot(u + long / 2, v + deep / 2) / reach
            ring = place([(u + 6, v + 6), (u + long - 6, v + 6), (u + long - 6, v + deep - 6), (u + 6, v + deep - 6)],
                         x, y, angle)  # fmt: skip
            if r > 1.0 + 0.12 * rng.normal() or np.abs(ring.mean(axis=0)).max() > s.half + 100 or not s.free(ring):
                continue
            cell = place([(u, v), (u + long, v), (u + long, v + deep), (u, v + deep)], x, y, angle)
            s.add(29, cell, "garden", (110, 112, 84, 150))
            used.append(cell)
            _block(s, ring, dense, works)
    for cell in used:
        for k in range(4):
            line = np.linspace(cell[k], cell[(k + 1) % 4], 3)
            street(s, line, 7.0, 0.12)
        s.zone(label, cell)


def farmstead(s: Sketch, x: float, y: float) -> None:
    """Draw a farm: a house, barns, a yard and trees, if the ground is free."""
    rng = s.rng
    angle = float(rng.uniform(0, math.pi))
    plot = rect(x, y, 80, 60, angle)
    if not s.free(plot):
        return
    s.reserve(plot)
    s.add(33, plot, "garden")
    s.add(34, rect(x, y, 44, 30, angle), "yard")
    for u, v, long, wide in ((-18, -16, 30, 13), (16, -14, 24, 12), (0, 17, 14, 9)):
        p = place([(u, v)], x, y, angle)[0]
        roof = ROOFS[int(rng.integers(len(ROOFS)))]
        gable(s, float(p[0]), float(p[1]), long, wide, angle, roof, 6.0)
    for _ in range(9):
        p = place([(rng.uniform(-38, 38), rng.choice([-27, 27]))], x, y, angle)[0]
        tree(s, float(p[0]), float(p[1]), float(rng.uniform(2.5, 5)))
