"""Roads, cars, car parks, junctions and railways."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geoglot.data.synth.places.woods import trees
from geoglot.data.synth.shapes import Ring, disc, pair, place, rect, rects, resample, ribbon, smooth, wander
from geoglot.data.synth.world import Sketch

PAINT = np.array(
    [
        (226, 226, 224, 190),
        (238, 238, 236, 200),
        (44, 46, 50, 45),
        (70, 72, 78, 66),
        (150, 152, 156, 130),
        (184, 186, 188, 155),
        (128, 36, 34, 90),
        (46, 66, 112, 80),
        (96, 92, 84, 80),
        (36, 60, 48, 60),
    ],
    float,
)
OFTEN = np.array([0.19, 0.08, 0.15, 0.13, 0.13, 0.13, 0.06, 0.07, 0.04, 0.02])
BOXES = np.array([(236, 236, 234, 200), (200, 198, 192, 170), (70, 96, 150, 110), (170, 64, 52, 120), (92, 94, 98, 85)], float)


def _at(points: Ring, u: ArrayLike, v: ArrayLike, angle: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points moved by u along their angles and by v to the left of them, as x and y."""
    c, d = np.cos(angle), np.sin(angle)
    along, left = np.asarray(u, np.float64), np.asarray(v, np.float64)
    return points[:, 0] + along * c - left * d, points[:, 1] + along * d + left * c


def cars(s: Sketch, points: ArrayLike, angle: ArrayLike, lorry: ArrayLike = False, z: int = 42) -> None:
    """Draw cars (or lorries, where `lorry` is true) at points (N, 2), heading along an angle (one or N)."""
    p = np.asarray(points, np.float64).reshape(-1, 2)
    if not len(p):
        return
    rng, n = s.rng, len(p)
    a = np.broadcast_to(np.asarray(angle, np.float64), n)
    big = np.broadcast_to(np.asarray(lorry, bool), n)
    small = ~big
    long = np.where(big, rng.choice([7.5, 10.0, 13.5, 16.0], n), rng.normal(4.45, 0.3, n))
    wide = np.where(big, 2.5, 1.84)
    colour = PAINT[rng.choice(len(PAINT), n, p=OFTEN / OFTEN.sum())] * np.exp(rng.normal(size=(n, 1)) * 0.06)
    bodies = rects(p[:, 0], p[:, 1], long, wide, a)
    if small.any():
        q, b, c = p[small], a[small], colour[small]
        s.many(z, bodies[small], "vehicle", c, height=1.1)
        s.many(z + 1, rects(*_at(q, -0.25, 0.0, b), 2.75, 1.62, b), "vehicle", c * 0.2 + (30, 34, 38, 20), height=1.3)
        s.many(z + 2, rects(*_at(q, -0.45, 0.0, b), 1.55, 1.5, b), "vehicle", np.minimum(c * 1.06, 250), height=1.5)
    if big.any():
        q, b, m = p[big], a[big], long[big]
        boxes = BOXES[rng.choice(len(BOXES), len(q), p=(0.45, 0.2, 0.13, 0.1, 0.12))]
        s.many(z, rects(*_at(q, -1.3, 0.0, b), m - 2.8, 2.5, b), "vehicle", boxes, height=3.7)
        s.many(z, rects(*_at(q, m / 2 - 1.1, 0.0, b), 2.1, 2.4, b), "vehicle", colour[big], height=2.9)
    s.each("vehicle", bodies)


def parking(s: Sketch, x: float, y: float, length: float, width: float, angle: float, full: float = 0.6) -> None:
    """Draw a car park: rows of bays on both sides of aisles, lines, islands with trees, cars thinning out to one end."""
    rng = s.rng
    ground = rect(x, y, length, width, angle)
    tone = float(rng.uniform(0.72, 1.2))
    s.add(36, ground, "yard", np.array((112, 112, 110, 104)) * tone)
    s.reserve(ground)
    s.zone("parking lot", ground)
    bay, aisle = float(rng.uniform(2.5, 2.9)), float(rng.uniform(6.0, 7.2))
    module = 2 * 5.0 + aisle
    rows: list[tuple[float, int]] = []
    v = -width / 2 + 0.8
    while v + 5.0 < width / 2:
        rows.append((v + 2.5, 1))
        if v + module < width / 2:
            rows.append((v + 5 + aisle + 2.5, -1))
        v += module
    along = np.arange(-length / 2 + 4, length / 2 - 4, bay)
    if not rows or not len(along):
        return
    u = np.tile(along, len(rows))
    w = np.repeat([r[0] for r in rows], len(along))
    side = np.repeat([r[1] for r in rows], len(along))
    island = (np.tile(np.arange(len(along)), len(rows)) % int(rng.integers(12, 26)) == 0) & bool(rng.random() < 0.5)
    lines = place(np.stack([u - bay / 2, w], 1), x, y, angle)
    s.many(37, rects(lines[:, 0], lines[:, 1], 0.14, 4.8, angle), "marking", (190, 190, 186, 170))
    p = place(np.stack([u, w + rng.normal(size=len(u)) * 0.25], 1), x, y, angle)
    trend = np.clip(full + (u / length) * float(rng.uniform(-0.9, 0.9)), 0.02, 0.98)
    busy = (rng.random(len(u)) < trend) & ~island
    heading = (
        angle + math.pi / 2 + math.pi * (rng.random(len(u)) < np.where(side > 0, 0.25, 0.75)) + rng.normal(size=len(u)) * 0.02
    )
    cars(s, p[busy], heading[busy])
    if island.any():
        s.many(37, rects(p[island, 0], p[island, 1], bay * 0.9, 4.8, angle), "grass", tone=0.95, plant="grass")
        trees(s, p[island], rng.uniform(1.2, 2.6, int(island.sum())))


def street(s: Sketch, line: Ring, width: float = 8.0, busy: float = 0.25, z: int = 30, planted: float = 0.0) -> None:
    """Draw a paved road with verges or pavements, markings, some cars and, if `planted`, trees along it."""
    rng = s.rng
    town = planted > 0 or width < 7
    s.way(
        z,
        line,
        width + (3.2 if town else 2.4),
        "yard" if town else "asphalt",
        np.array((150, 146, 138, 140) if town else (138, 134, 124, 132)) * rng.uniform(0.88, 1.06),
    )
    grey = np.array((104, 104, 101, 98)) * float(np.clip(rng.normal(1.0, 0.13), 0.7, 1.35))
    s.way(z + 1, line, width, "asphalt", grey)
    s.reserve(ribbon(line, width + 4))
    points, angle = resample(line, 11.0)
    if not len(points):
        return
    n = len(points)
    worn = rng.random(n) < 0.12
    patch = points[worn] + rng.normal(size=(int(worn.sum()), 2))
    s.many(
        z + 2,
        rects(patch[:, 0], patch[:, 1], rng.uniform(3, 14, len(patch)), width * 0.4, angle[worn]),
        "asphalt",
        grey * rng.uniform(0.8, 1.12, (len(patch), 1)),
    )
    if planted:
        for sign in (1, -1):
            at = np.stack(_at(points, rng.uniform(-4, 4, n), sign * (width / 2 + 1.4), angle), 1)[rng.random(n) < planted]
            trees(s, at, rng.uniform(1.5, 4.2, len(at)))
    if width > 9 or (width >= 6.5 and rng.random() < 0.5):
        s.many(z + 3, rects(points[:, 0], points[:, 1], 5.0, 0.18, angle), "road_paint")
    if width > 9:
        for sign in (1, -1):
            s.many(z + 3, rects(*_at(points, 0.0, sign * (width / 2 - 0.4), angle), 11.0, 0.16, angle), "road_paint")
    if width < 6.5:
        parked = rng.random(n) < busy * 1.6
        at = np.stack(_at(points, rng.uniform(-3, 3, n), rng.choice([-1, 1], n) * (width / 2 - 1.0), angle), 1)
        cars(s, at[parked], angle[parked])
        return
    side = rng.choice([-1, 1], n)
    at = np.stack(_at(points, rng.uniform(-3, 3, n), -side * width * 0.25, angle), 1)
    held = rng.random(n) < busy
    cars(s, at[held], (angle + np.where(side > 0, 0, math.pi))[held], rng.random(int(held.sum())) < 0.08)


def motorway(s: Sketch, line: Ring, lanes: int = 2, busy: float = 0.35, z: int = 27, raised: float = 0.0) -> None:
    """Draw a motorway: two carriageways with a strip between, lane lines, cars and lorries; `raised` metres if on a bridge."""
    rng = s.rng
    one = lanes * 3.6 + 3.0
    offset = one / 2 + 2.0
    s.way(z, line, 2 * one + 14, "grass" if raised == 0 else "concrete", tone=0.95, height=raised * 0.8)
    s.reserve(ribbon(line, 2 * one + 14))
    grey = np.array((112, 112, 110, 106)) * rng.uniform(0.8, 1.25)
    points, angle = resample(line, 9.0)
    edge = ribbon(line, 2 * offset)
    for sign, course in ((1, edge[: len(line)]), (-1, edge[len(line) :][::-1])):
        s.way(z + 1, course, one, "asphalt", grey, height=raised)
        for k in range(lanes + 1):
            v = sign * offset + (k - lanes / 2) * 3.6
            dash = 11.0 if k in (0, lanes) else 4.0
            s.many(z + 2, rects(*_at(points, 0.0, v, angle), dash, 0.18, angle), "road_paint", height=raised)
        for k in range(lanes):
            held = rng.random(len(points)) < busy * 0.35
            at = np.stack(_at(points, rng.uniform(-2, 2, len(points)), sign * offset + (k - (lanes - 1) / 2) * 3.6, angle), 1)
            outer = k == (lanes - 1 if sign > 0 else 0)
            cars(
                s,
                at[held],
                (angle + (math.pi if sign > 0 else 0.0))[held],
                rng.random(int(held.sum())) < (0.35 if outer else 0.03),
                42,
            )
    s.way(z + 2, line, 0.6, "concrete", tone=1.05, height=raised + 0.8)


def junction(s: Sketch, x: float, y: float) -> None:
    """Draw two motorways that cross on a bridge, with loops and ramps between them."""
    rng = s.rng
    turn = float(rng.uniform(0, math.pi))
    cross = turn + math.pi / 2 + float(rng.normal() * 0.15)
    reach = s.half * 1.5
    lanes = int(rng.integers(2, 4))
    wide = (lanes * 3.6 + 5) * 2
    lines = [
        smooth(
            wander(
                rng,
                (x - reach * math.cos(a), y - reach * math.sin(a)),
                (x + reach * math.cos(a), y + reach * math.sin(a)),
                0.0,
                4,
            ),
            1,
        )
        for a in (turn, cross)
    ]
    radius = float(rng.uniform(45, 75))
    loops = rng.random(4) < (1.0 if rng.random() < 0.6 else 0.5)
    grey = np.array((120, 120, 117, 112))
    for k in range(4):
        a = turn + k * math.pi / 2 + math.pi / 4
        centre = np.array([x, y]) + (radius + wide * 0.5) * math.sqrt(2) * np.array([math.cos(a), math.sin(a)])
        s.add(25, disc(*pair(centre), radius + 60, 40), "grass", tone=0.97, plant="grass")
        if loops[k]:
            ring = disc(*pair(centre), radius, 48)
            s.way(26, np.concatenate([ring, ring[:2]]), 7.0, "asphalt", grey)
            near = place(rng.normal(size=(14, 2)) * radius * 0.3, *pair(centre))
            trees(s, near, rng.uniform(1.5, 4.0, 14))
        b, c = a - math.pi / 4, a + math.pi / 4
        far = radius * 4.5
        p, q = np.array([math.cos(b), math.sin(b)]) * far, np.array([math.cos(c), math.sin(c)]) * far
        bend = np.array([math.cos(a), math.sin(a)]) * (radius * 1.2 + wide * 0.5) * math.sqrt(2) * 1.25
        ramp = smooth(np.array([x, y]) + np.array([p, p * 0.6 + bend * 0.2, bend, q * 0.6 + bend * 0.2, q]), 4)
        s.way(26, ramp, 7.0, "asphalt", grey)
        at, angle = resample(ramp, 30.0)
        held = rng.random(len(at)) < 0.25
        cars(s, at[held], angle[held])
    motorway(s, lines[0], lanes, 0.5)
    middle = np.array([x, y])
    # Points of the line are as far apart as the place is wide: the bridge needs its own.
    over = resample(lines[1], 10.0)[0]
    deck = over[np.hypot(*(over - middle).T) < 90 + wide]
    motorway(s, lines[1], lanes, 0.5)
    motorway(s, deck, lanes, 0.5, 38, 7.0)
    s.thing("viaduct", ribbon(deck, wide))
    s.zone("junction", disc(x, y, radius * 2.5 + wide, 40))


def roundabout(s: Sketch, x: float, y: float, radius: float, arms: int = 4) -> None:
    """Draw a roundabout with its arms, a green middle and cars on it."""
    rng = s.rng
    turn = float(rng.uniform(0, 6.3))
    for k in range(arms):
        a = turn + k * 2 * math.pi / arms + rng.normal() * 0.1
        course = np.array([(x, y), (x + math.cos(a) * radius * 4, y + math.sin(a) * radius * 4)])
        street(s, np.linspace(course[0], course[1], 6), 8.0, 0.2)
    s.add(36, disc(x, y, radius + 1.5, 40), "yard", (150, 146, 138, 140))
    s.add(37, disc(x, y, radius, 40), "asphalt")
    s.add(38, disc(x, y, radius * 0.52, 32), "grass", plant="grass")
    s.add(39, disc(x, y, radius * 0.2, 16), "garden", tone=0.9)
    trees(s, rng.normal(size=(5, 2)) * radius * 0.18 + (x, y), rng.uniform(1.2, 2.4, 5))
    t = rng.uniform(0, 6.3, 4)
    at = np.stack([x + np.cos(t) * radius * 0.76, y + np.sin(t) * radius * 0.76], 1)
    cars(s, at, t + math.pi / 2)
    s.thing("roundabout", disc(x, y, radius, 40))


def railway(s: Sketch, line: Ring, tracks: int = 2, trains: int = 1, z: int = 32) -> None:
    """Draw a railway: ballast, rails and trains of coaches or wagons."""
    rng = s.rng
    wide = tracks * 4.6 + 3.4
    s.way(z, line, wide + 5, "grass", tone=0.85)
    s.way(z + 1, line, wide, "rail", tone=float(rng.uniform(0.85, 1.15)))
    s.reserve(ribbon(line, wide + 5))
    s.zone("railway", ribbon(line, wide + 5))
    for k in range(tracks):
        edge = ribbon(line, 2 * abs((k - (tracks - 1) / 2) * 4.6) + 1e-6)
        course = edge[: len(line)] if k >= tracks / 2 else edge[len(line) :][::-1]
        s.way(z + 2, course, 1.9, "rail", (98, 86, 76, 84))
        for off in (-0.75, 0.75):
            both = ribbon(course, 1.5)
            s.way(z + 3, both[: len(course)] if off > 0 else both[len(course) :][::-1], 0.22, "rail", (150, 146, 142, 130))
        if rng.random() < trains / tracks:
            train(s, course)


def train(s: Sketch, course: Ring) -> None:
    """Put a train of coaches or wagons on a track."""
    rng = s.rng
    long = float(rng.choice([14.0, 18.0, 25.0]))
    points, angle = resample(course, long + 1.2)
    count = int(rng.integers(3, 20))
    if len(points) < 4:
        return
    start = int(rng.integers(0, max(1, len(points) - count)))
    p, a = points[start : start + count], angle[start : start + count]
    colour = BOXES[int(rng.integers(len(BOXES)))] if long > 20 else BOXES[rng.integers(0, len(BOXES), len(p))]
    s.many(50, rects(p[:, 0], p[:, 1], long, 2.9, a), "vehicle", np.broadcast_to(colour, (len(p), 4)) * 0.85, height=4.0)
    s.many(51, rects(p[:, 0], p[:, 1], long * 0.94, 1.4, a), "vehicle", np.broadcast_to(colour, (len(p), 4)), height=4.2)
    s.each("railway carriage", rects(p[:, 0], p[:, 1], long, 2.9, a))


def bridge(s: Sketch, line: Ring, wide: float = 12.0, label: str = "bridge") -> None:
    """Lift the parts of a road that cross water: a deck with rails and a shadow; each run is listed."""
    points, _ = resample(line, 6.0)
    wet = s.wet(points)
    tone = float(s.rng.uniform(0.8, 1.15))
    start = None
    for k, over in enumerate([*wet.tolist(), False]):
        if over and start is None:
            start = max(k - 3, 0)
        elif not over and start is not None:
            run = points[start : min(k + 3, len(points))]
            start = None
            if len(run) < 5:
                continue
            s.way(38, run, wide, "asphalt", np.array((176, 172, 164, 162)) * tone, height=4.5)
            s.way(39, run, wide - 2.2, "asphalt", np.array((112, 112, 109, 104)) * tone, height=3.9)
            s.way(40, run, 0.3, "road_paint", height=3.9)
            p, a = resample(run, 13.0)
            held = s.rng.random(len(p)) < 0.3
            cars(s, p[held] + (0.4, 0.4), a[held])
            s.thing(label, ribbon(run, wide))
