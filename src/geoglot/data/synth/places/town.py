"""Where people live and work: streets, houses, gardens, works and cars."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from geoglot.data.synth.places.land import trees
from geoglot.data.synth.shapes import Ring, area, inset, place, rect, resample, ribbon, runs, unturned
from geoglot.data.synth.world import GABLE, Sketch

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


def gable(s: Sketch, x: float, y: float, long: float, wide: float, angle: float, colour: Ring, height: float,
          listed: bool = True) -> None:  # fmt: skip
    """Draw a house with a ridge along its length: two roof faces lit differently."""
    whole = rect(x, y, long, wide, angle)
    s.add(50, whole, "roof", colour, height=height, profile=GABLE)
    if listed:
        s.thing("house", whole)


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
        s.add(52, rect(float(p[0]), float(p[1]), size, size * 0.8, angle), "roof", colour * rng.uniform(0.75, 1.2), height=1.5)
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
    for row in range(int(width / 8.2)):
        v = -width / 2 + 3 + 16.4 * (row // 2) + (row % 2) * 5.2  # pairs of rows, a lane between the pairs
        if v > width / 2 - 2:
            break
        for u in np.arange(-length / 2 + 2, length / 2 - 2, 2.7):
            if s.rng.random() < full:
                p = place([(u, v)], x, y, angle)[0]
                car(s, float(p[0]), float(p[1]), angle + math.pi / 2)
            edge = place([(u - 1.35, v)], x, y, angle)[0]
            s.add(37, rect(float(edge[0]), float(edge[1]), 0.15, 4.8, angle), "marking", (190, 190, 186, 170))


def street(s: Sketch, line: Ring, width: float = 8.0, cars: float = 0.25, z: int = 30) -> None:
    """Draw a paved road with verges and some cars."""
    s.way(z, line, width + 2.4, "asphalt", (138, 134, 124, 132))
    s.way(z + 1, line, width, "asphalt", tone=float(s.rng.normal(1.0, 0.05)))
    s.reserve(ribbon(line, width + 4))
    if width < 6.5:
        return
    points, angles = resample(line, 12.0)
    mark = s.rng.random() < 0.5 or width > 9
    chance = s.rng.random(len(points)) < cars
    for p, a, busy in zip(points.tolist(), angles.tolist(), chance.tolist(), strict=True):
        if mark:
            s.add(z + 2, rect(p[0], p[1], 5.0, 0.2, a), "road_paint")
        if busy:
            side = (1 if s.rng.random() < 0.5 else -1) * width * 0.27
            car(s, p[0] - side * math.sin(a), p[1] + side * math.cos(a), a, lorry=bool(s.rng.random() < 0.06))


def _house(s: Sketch, x: float, y: float, long: float, deep: float, angle: float) -> None:
    """Draw a house, plain, with a wing, or flat-roofed."""
    rng = s.rng
    roof = s.palette[int(rng.integers(len(s.palette)))] * math.exp(rng.normal() * 0.08)
    height = float(rng.uniform(4.5, 8))
    kind = rng.random()
    if kind < 0.16:
        s.add(50, rect(x, y, long, deep, angle), "roof", roof * 1.06, height=height)
        s.add(51, rect(x, y, long - 1.2, deep - 1.2, angle), "roof", roof)
        s.thing("house", rect(x, y, long, deep, angle))
        return
    gable(s, x, y, long, deep, angle, roof, height)
    if kind > 0.6:
        side = 1 if rng.random() < 0.5 else -1
        u, v = float(rng.uniform(-0.3, 0.3)) * long, side * deep * 0.55
        c, d = math.cos(angle), math.sin(angle)
        gable(s, x + u * c - v * d, y + u * d + v * c, deep * 0.9, long * 0.4, angle + math.pi / 2, roof, height * 0.9, False)


def _plot(s: Sketch, ring: Ring, dense: float) -> None:
    """Draw a house, its garden, drive and trees on a plot whose first edge is at the street."""
    rng = s.rng
    front, back = ring[1] - ring[0], ring[3] - ring[0]
    a, b = math.hypot(*front), math.hypot(*back)
    angle = math.atan2(front[1], front[0])
    s.add(34, inset(ring, 0.3), "garden", np.array((96, 99, 74, 148)) * math.exp(rng.normal() * 0.13))
    wide, deep = min(a * rng.uniform(0.55, 0.9), 17.0), min(b * rng.uniform(0.3, 0.5), 12.0)
    centre = (ring[0] + front * 0.5 + back * (0.12 + 0.5 * deep / b + 0.08 * (1 - dense) * rng.random())).tolist()
    turn = angle + rng.normal() * 0.02
    if rng.random() < 0.25:
        wide, deep, turn = deep, wide, turn + math.pi / 2
    _house(s, centre[0], centre[1], wide, deep, turn)
    if rng.random() < 0.7:
        drive = (ring[0] + front * rng.uniform(0.05, 0.2) + back * 0.12).tolist()
        s.add(35, rect(drive[0], drive[1], b * 0.24, 3.0, angle + math.pi / 2), "yard", tone=1.1)
    for _ in range(int(rng.poisson(3.2 * (1.25 - dense)))):
        t = (ring[0] + front * rng.uniform(0.1, 0.9) + back * rng.uniform(0.55, 0.98)).tolist()
        trees(s, t, float(rng.uniform(1.6, 4.6)))
    if rng.random() < 0.3:
        t = (ring[0] + front * rng.uniform(0.2, 0.8) + back * rng.uniform(0.8, 0.95)).tolist()
        s.add(50, rect(t[0], t[1], 3.5, 2.8, angle), "roof", (132, 122, 112, 118), height=2.2)
    if rng.random() < 0.05:
        t = (ring[0] + front * rng.uniform(0.3, 0.7) + back * 0.72).tolist()
        s.add(36, rect(t[0], t[1], 8, 4, angle), "garden", (92, 170, 196, 40))


def _block(s: Sketch, ring: Ring, dense: float, works: float) -> None:
    """Fill the ground between four streets: works, a park, or two rows of plots back to back."""
    rng = s.rng
    s.reserve(ring)
    kind = rng.random()
    if kind < works:
        s.add(33, ring, "yard", tone=float(rng.normal(1, 0.06)))
        _halls(s, ring)
        return
    if kind > 0.955:
        s.add(33, ring, "grass")
        for p in rng.dirichlet(np.ones(4), int(abs(area(ring)) / 130)) @ ring:
            trees(s, p, float(rng.uniform(2.5, 5)))
        return
    s.add(33, ring, "garden", (112, 110, 88, 140))
    left, right = (ring[0] + ring[3]) / 2, (ring[1] + ring[2]) / 2
    lot = float(rng.uniform(10, 15)) if dense > 0.6 else float(rng.uniform(16, 26 + 14 * (1 - dense)))
    built = 0.97 if dense > 0.3 else 0.85
    for a, b, c, d in ((ring[0], ring[1], right, left), (ring[2], ring[3], left, right)):
        count = max(1, int(math.hypot(*(b - a)) / lot))
        cuts = (np.arange(count + 1) + np.pad(rng.normal(size=max(count - 1, 0)) * 0.08, 1)) / count
        for t, u in runs(cuts):
            plot = np.array([a + (b - a) * t, a + (b - a) * u, d + (c - d) * u, d + (c - d) * t])
            if rng.random() < built:
                _plot(s, plot, dense)
            else:
                s.add(34, plot, "grass")


def _halls(s: Sketch, ring: Ring) -> None:
    """Fill a yard with large flat buildings, lorries and cars."""
    rng = s.rng
    angle = math.atan2(*(ring[1] - ring[0])[::-1])
    a, b = float(np.hypot(*(ring[1] - ring[0]))), float(np.hypot(*(ring[2] - ring[1])))
    n = max(1, round(a / rng.uniform(40, 90)))
    for k in range(n):
        c = ring[0] + (ring[1] - ring[0]) * ((k + 0.5) / n) + (ring[3] - ring[0]) * 0.42
        w, d = a / n * rng.uniform(0.5, 0.85), b * rng.uniform(0.35, 0.66)
        hall(s, rect(float(c[0]), float(c[1]), w, d, angle), "industrial building")
        for _ in range(int(rng.integers(1, 8))):
            p = c + place([(rng.uniform(-w / 2, w / 2), b * 0.40)], 0, 0, angle)[0]
            car(s, float(p[0]), float(p[1]), angle + math.pi / 2, lorry=bool(rng.random() < 0.6))


def _nodes(s: Sketch, x: float, y: float, us: Ring, vs: Ring, angle: float) -> Ring:
    """Return the street corners (U, V, 2): a grid turned, bent by slow waves and shaken a little."""
    rng = s.rng
    u, v = np.meshgrid(us, vs, indexing="ij")
    bend, k, phase = rng.uniform(0, 45), 2 * math.pi / rng.uniform(500, 1400), rng.uniform(0, 6.3, 2)
    u2 = u + bend * np.sin(k * v + phase[0]) + rng.normal(size=u.shape) * 4
    v2 = v + bend * np.sin(k * u + phase[1]) + rng.normal(size=u.shape) * 4
    return place(np.stack([u2, v2], -1).reshape(-1, 2), x, y, angle).reshape(*u.shape, 2)


def town(s: Sketch, centre: tuple[float, float], across: float, dense: float = 0.6, works: float = 0.06,
         label: str = "town") -> None:  # fmt: skip
    """Draw a settlement on a bent street grid around a point, as far as the ground is free."""
    rng = s.rng
    x, y = centre
    long, deep = (float(rng.uniform(110, 190)), 56.0 + 34 * (1 - dense)) if works < 0.5 else (150.0, 90.0)
    reach = across / 2
    s.palette = ROOFS[rng.permutation(len(ROOFS))[: int(rng.integers(2, 6))]]
    us, vs = np.arange(-reach, reach + 1, long), np.arange(-reach, reach + 1, deep)
    if len(us) < 2 or len(vs) < 2:
        return
    nodes = _nodes(s, x, y, us, vs, float(rng.uniform(0, math.pi / 2)))
    used = np.zeros((len(us) - 1, len(vs) - 1), bool)
    cells = {}
    for i, j in np.ndindex(used.shape):
        cell = np.array([nodes[i, j], nodes[i + 1, j], nodes[i + 1, j + 1], nodes[i, j + 1]])
        middle = cell.mean(axis=0)
        r = math.hypot(middle[0] - x, middle[1] - y) / reach
        if r > 1.0 + 0.12 * rng.normal() or np.abs(middle).max() > s.half + 100 or not s.free(inset(cell, 6)):
            continue
        used[i, j], cells[i, j] = True, cell
    for cell in cells.values():
        s.add(28, cell, "garden", (106, 106, 82, 145))
        s.zone(label, cell)
        _block(s, unturned(cell, 5.5), dense, works)
    _streets(s, nodes, used)


def _streets(s: Sketch, nodes: Ring, used: NDArray[np.bool_]) -> None:
    """Draw the lines of the street grid along every cell that is built."""
    padded = np.pad(used, 1)
    across = padded[1:-1, :-1] | padded[1:-1, 1:]  # (U - 1, V): edge from node i to i + 1 on line j
    along = padded[:-1, 1:-1] | padded[1:, 1:-1]  # (U, V - 1)
    lines = [(across[:, j], nodes[:, j]) for j in range(nodes.shape[1])]
    lines += [(along[i], nodes[i]) for i in range(nodes.shape[0])]
    for built, points in lines:
        width = float(s.rng.choice([6.0, 6.5, 7.0, 9.5], p=[0.35, 0.3, 0.25, 0.1]))
        edges = np.flatnonzero(np.diff(np.concatenate([[0], built.astype(int), [0]])))
        for a, b in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            street(s, points[a : b + 1], width, 0.12)


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
        trees(s, p, float(rng.uniform(2.5, 5)))
