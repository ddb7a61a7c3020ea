"""Harbours with ships, tank farms and airfields."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np

from geoglot.data.synth.places.town import FLAT, car, hall, parking, street
from geoglot.data.synth.shapes import Ring, disc, place, rect, resample, ribbon
from geoglot.data.synth.world import Sketch


def ship(s: Sketch, x: float, y: float, length: float, angle: float) -> None:
    """Draw a ship or boat, bow along the angle, with deck, cargo or cabin."""
    rng = s.rng
    wide = length * float(rng.uniform(0.15, 0.2)) if length > 30 else length * float(rng.uniform(0.27, 0.34))
    a, b = length / 2, wide / 2
    hull = place([(-a, -b * 0.8), (-a * 0.7, -b), (a * 0.55, -b), (a * 0.85, -b * 0.5), (a, 0), (a * 0.85, b * 0.5),
                  (a * 0.55, b), (-a * 0.7, b), (-a, b * 0.8)], x, y, angle)  # fmt: skip
    if length <= 30:
        s.add(60, hull, "ship", (228, 228, 226, 190), height=1.5)
        p = place([(-a * 0.25, 0)], x, y, angle)[0]
        tone = rng.choice([0.4, 0.65, 0.9])
        s.add(61, rect(float(p[0]), float(p[1]), a * 0.9, b * 1.2, angle), "ship", (120, 124, 140, 110), tone=tone)
        s.thing("ship", hull)
        return
    colour = np.array([(96, 52, 46, 80), (60, 62, 70, 55), (120, 118, 116, 100), (52, 72, 104, 60)])[rng.integers(4)]
    s.add(60, hull, "ship", colour, height=9.0)
    deck = place(place(hull - (x, y), 0, 0, -angle) * (0.96, 0.86), x, y, angle)
    s.add(61, deck, "ship", np.array([(146, 92, 78, 110), (128, 134, 124, 110), (168, 164, 156, 140)])[rng.integers(3)])
    p = place([(-a * 0.8, 0)], x, y, angle)[0]
    s.add(63, rect(float(p[0]), float(p[1]), length * 0.1, wide * 0.8, angle), "ship", (232, 232, 230, 200), height=14)
    boxes = rng.random() < 0.5
    for u in np.arange(-a * 0.6, a * 0.6, 13.5 if boxes else length * 0.16):
        for v in np.arange(-b * 0.62, b * 0.7, 2.6) if boxes else (0.0,):
            p = place([(u, v)], x, y, angle)[0]
            if boxes:
                c = FLAT[int(rng.integers(len(FLAT)))] * rng.uniform(0.6, 1)
                s.add(62, rect(float(p[0]), float(p[1]), 12.2, 2.4, angle), "ship", c)
            else:
                s.add(62, rect(float(p[0]), float(p[1]), length * 0.12, wide * 0.6, angle), "ship", colour * 1.25)
    s.thing("ship", hull)


def marina(s: Sketch, x: float, y: float, angle: float, fingers: int, length: float) -> None:
    """Draw landing stages reaching out along the angle, boats moored on both sides."""
    rng = s.rng
    boat = float(rng.uniform(9, 15))
    gap = boat * 2 + 16
    for k in range(fingers):
        foot = place([(0, (k - (fingers - 1) / 2) * gap)], x, y, angle)[0]
        tip = foot + length * np.array([math.cos(angle), math.sin(angle)])
        if not s.wet([(foot + tip) / 2, tip]).all():
            continue
        s.add(40, ribbon(np.array([foot, tip]), 2.6), "pier")
        for u in np.arange(boat * 0.6, length - 2, boat * 0.42):
            for side in (1, -1):
                long = boat * float(rng.uniform(0.7, 1.0))
                p = foot + place([(u, side * (1.8 + long / 2))], 0, 0, angle)[0]
                if rng.random() < 0.82 and s.wet([p])[0]:
                    flip = math.pi if rng.random() < 0.3 else 0.0
                    ship(s, float(p[0]), float(p[1]), long, angle + side * math.pi / 2 + flip)


def harbour(s: Sketch, line: Ring, out: float) -> None:
    """Build a port on a shore: a basin with quays, ships alongside, sheds, cranes' yards, a mole and a marina."""
    rng = s.rng
    shore = line[np.abs(line).max(axis=1) < s.half * 0.75]
    if len(shore) < 4:
        return
    foot = shore[int(rng.integers(len(shore) // 4, max(3 * len(shore) // 4, len(shore) // 4 + 1)))]
    x, y = float(foot[0]), float(foot[1])
    along = out + math.pi / 2
    unit = min(1.0, s.extent / 2500)
    long, deep = 900 * unit, 260 * unit
    land = place([(-deep, -long / 2), (deep * 0.35, -long / 2), (deep * 0.35, long / 2), (-deep, long / 2)], x, y, out)
    s.fill(24, land, "yard")
    s.zone("harbour", place([(-deep, -long / 2), (deep * 2.2, -long / 2), (deep * 2.2, long / 2), (-deep, long / 2)],
                            x, y, out))  # fmt: skip
    edge = deep * 0.35
    piers = int(rng.integers(2, 4))
    wide, reach = 70 * unit, 330 * unit
    for k in range(piers):
        v = (k + 0.5) / piers * long - long / 2
        pier = place([(edge - 2, v - wide / 2), (edge + reach, v - wide / 2), (edge + reach, v + wide / 2),
                      (edge - 2, v + wide / 2)], x, y, out)  # fmt: skip
        s.fill(25, pier, "concrete")
        _quay(s, x, y, out, edge + reach / 2, v, reach, wide)
    for v in np.arange(-long / 2 + 60, long / 2 - 40, 115.0):
        for u in (-deep * 0.75, -deep * 0.22, deep * 0.15):
            p = place([(u, v)], x, y, out)[0]
            if rng.random() < (0.6 if u < 0 else 0.0):
                hall(s, rect(float(p[0]), float(p[1]), rng.uniform(60, 100), deep * 0.28, along), "industrial building")
            elif rng.random() < 0.75:
                corner = place([(-50, -deep * 0.12)], float(p[0]), float(p[1]), along)[0]
                stacks(s, float(corner[0]), float(corner[1]), 100, deep * 0.24, along)
    street(s, place([(-deep * 0.5, -long / 2), (-deep * 0.5, long / 2)], x, y, out), 9)
    p = place([(edge, long / 2 + 110)], x, y, out)[0]
    q = place([(edge - 40, long / 2 + 110)], x, y, out)[0]
    s.fill(24, rect(float(q[0]), float(q[1]), 80, 230, out), "concrete")
    marina(s, float(p[0]), float(p[1]), out, 5, 150 * unit)
    mole = place([(edge, -long / 2 - 60), (edge + 380 * unit, -long / 2 - 50), (edge + 560 * unit, -long / 2 + 160 * unit)],
                 x, y, out)  # fmt: skip
    s.fill(24, ribbon(mole, 16), "pier", tone=0.85)
    for _ in range(int(rng.integers(2, 6))):
        p = place([(edge + reach + rng.uniform(80, 500), rng.uniform(-long, long) * 0.6)], x, y, out)[0]
        if s.wet(rect(float(p[0]), float(p[1]), 160, 60)).all():
            ship(s, float(p[0]), float(p[1]), float(rng.uniform(30, 130)), float(rng.uniform(0, 6.28)))
    s.reserve(land)


def stacks(s: Sketch, x: float, y: float, long: float, wide: float, angle: float) -> None:
    """Draw stacks of shipping containers in rows along the angle, from a corner."""
    rng = s.rng
    for row in np.arange(0, max(wide, 3.0), 8.5):
        for u in np.arange(0, long - 13, 13.2):
            if rng.random() < 0.3:
                continue
            height = 2.6 * float(rng.integers(1, 5))
            for k in range(int(rng.integers(1, 4))):
                p = place([(u + 6.1, row + 2.5 * k)], x, y, angle)[0]
                colour = FLAT[int(rng.integers(len(FLAT)))] * rng.uniform(0.5, 0.95)
                s.add(45, rect(float(p[0]), float(p[1]), 12.2, 2.4, angle), "yard", colour, height=height)


def crane(s: Sketch, x: float, y: float, angle: float) -> None:
    """Draw a quay crane: two legs and a boom over the water."""
    colour = np.array([(178, 96, 60, 120), (86, 110, 150, 100), (190, 188, 182, 160)])[s.rng.integers(3)]
    c, d = math.cos(angle), math.sin(angle)
    s.add(66, rect(x + 14 * c, y + 14 * d, 62, 2.6, angle), "yard", colour, height=24)
    for side in (-7.0, 7.0):
        s.add(65, rect(x - side * d, y + side * c, 18, 1.8, angle), "yard", colour, height=18)
    s.add(67, rect(x - 8 * c, y - 8 * d, 9, 7, angle), "yard", colour * 1.1, height=26)


def _quay(s: Sketch, x: float, y: float, out: float, u: float, v: float, reach: float, wide: float) -> None:
    """Moor ships on both sides of a pier, stack boxes and put a shed on it."""
    rng = s.rng
    p = place([(u, v)], x, y, out)[0]
    hall(s, rect(float(p[0]), float(p[1]), reach * 0.6, wide * 0.3, out), "industrial building")
    for side in (1, -1):
        at = u - reach / 2 + 12.0
        while at < u + reach / 2 - 45:
            long = float(min(rng.uniform(45, 170), u + reach / 2 - at))
            p = place([(at + long / 2, v + side * (wide / 2 + long * 0.1 + 2.5))], x, y, out)[0]
            if rng.random() < 0.85 and s.wet([p])[0]:
                ship(s, float(p[0]), float(p[1]), long, out + (math.pi if rng.random() < 0.5 else 0))
            at += long + rng.uniform(8, 25)
        p = place([(u - reach * 0.45, v + side * wide * 0.3)], x, y, out)[0]
        stacks(s, float(p[0]), float(p[1]), reach * 0.85, wide * 0.12, out)
        for w in rng.uniform(u - reach * 0.4, u + reach * 0.4, int(rng.integers(1, 4))):
            p = place([(w, v + side * wide * 0.42)], x, y, out)[0]
            crane(s, float(p[0]), float(p[1]), out + side * math.pi / 2)


def tank(s: Sketch, x: float, y: float, radius: float) -> None:
    """Draw a storage tank: rim, roof (fixed or floating, with the rim's shadow on it) and its shadow on the ground."""
    rng = s.rng
    tone = float(rng.uniform(0.86, 1.08))
    height = min(float(rng.uniform(0.35, 0.6)) * radius + 4, 17.0)
    s.add(50, disc(x, y, radius), "tank", tone=tone, height=height)
    if rng.random() < 0.45:
        sunk = float(rng.uniform(0.1, 0.4)) * radius
        s.add(51, disc(x, y, radius * 0.95), "tank", (110, 110, 108, 100), tone=tone)
        s.add(52, disc(x, y, radius * 0.95 - sunk / 2), "tank", (196, 194, 186, 180), tone=tone)
    else:
        s.add(51, disc(x, y, radius * 0.93), "tank", tone=tone * 1.04)
        s.add(52, disc(x, y, radius * 0.5), "tank", tone=tone * 1.09)
        s.add(53, disc(x, y, max(0.8, radius * 0.06)), "tank", tone=tone * 0.75)
    s.thing("storage tank", disc(x, y, radius))


def tanks(s: Sketch, x: float, y: float, angle: float, rows: int = 4, columns: int = 6) -> None:
    """Draw a tank farm: bunds with tanks in rows, pipes, a pump house and a road around."""
    rng = s.rng
    cell = float(rng.uniform(46, 70))
    wide, deep = columns * cell, rows * cell
    ground = rect(x, y, wide + 30, deep + 30, angle)
    s.fill(24, ground, "yard" if rng.random() < 0.5 else "soil", tone=1.08)
    s.reserve(ground)
    s.zone("tank farm", ground)
    line = np.concatenate([rect(x, y, wide + 18, deep + 18, angle), rect(x, y, wide + 18, deep + 18, angle)[:1]])
    for a, b in pairwise(line):
        street(s, np.linspace(a, b, 3), 6, 0.02)
    for i in range(columns):
        big = float(rng.uniform(0.26, 0.42)) * cell
        for j in range(rows):
            p = place([((i + 0.5) * cell - wide / 2, (j + 0.5) * cell - deep / 2)], x, y, angle)[0]
            s.add(35, rect(float(p[0]), float(p[1]), cell * 0.94, cell * 0.94, angle), "soil", (168, 158, 140, 160))
            s.add(36, rect(float(p[0]), float(p[1]), cell * 0.88, cell * 0.88, angle), "grass" if i % 3 else "yard")
            if rng.random() < 0.06:
                continue
            if rng.random() < 0.18:
                for u, v in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
                    q = p + place([(u, v)], 0, 0, angle)[0] * cell * 0.21
                    tank(s, float(q[0]), float(q[1]), cell * 0.15)
            else:
                tank(s, float(p[0]), float(p[1]), big)
    for j in range(rows + 1):
        p = place([(0, j * cell - deep / 2)], x, y, angle)[0]
        s.add(37, rect(float(p[0]), float(p[1]), wide, 1.6, angle), "yard", (186, 184, 178, 165))


def airplane(s: Sketch, centre: tuple[float, float], length: float, angle: float) -> None:
    """Draw an airliner seen from above, nose along the angle."""
    x, y = centre
    h, n = length / 2, float(s.rng.uniform(0.94, 1.06))
    body = [(-h, -0.02 * h), (-h * 0.6, -0.09 * h), (h * 0.8, -0.1 * h), (h * 0.95, -0.05 * h), (h, 0),
            (h * 0.95, 0.05 * h), (h * 0.8, 0.1 * h), (-h * 0.6, 0.09 * h), (-h, 0.02 * h)]  # fmt: skip
    for side in (1, -1):
        wing = [(h * 0.28, side * 0.08 * h), (-h * 0.32, side * 0.95 * h * n), (-h * 0.44, side * 0.95 * h * n),
                (-h * 0.12, side * 0.08 * h)]  # fmt: skip
        tail = [(-h * 0.72, side * 0.04 * h), (-h * 0.93, side * 0.36 * h), (-h * 1.0, side * 0.36 * h),
                (-h * 0.94, side * 0.04 * h)]  # fmt: skip
        engine = [(h * 0.16, side * 0.3 * h), (h * 0.16, side * 0.37 * h), (-h * 0.06, side * 0.37 * h),
                  (-h * 0.06, side * 0.3 * h)]  # fmt: skip
        s.add(60, place(wing, x, y, angle), "airplane", (206, 208, 212, 180), height=4)
        s.add(61, place(tail, x, y, angle), "airplane", (210, 212, 216, 180), height=5)
        s.add(59, place(engine, x, y, angle), "airplane", (170, 172, 178, 150), height=3)
    s.add(62, place(body, x, y, angle), "airplane", height=4.5)
    fin = s.rng.choice(np.array([(60, 80, 140, 90), (170, 60, 56, 120), (210, 210, 214, 180)]))
    s.add(63, place([(-h, -0.025 * h), (-h * 0.7, 0), (-h, 0.025 * h)], x, y, angle), "airplane", fin)
    ring = [(h, 0), (-h * 0.32, 0.95 * h * n), (-h, 0.36 * h), (-h, -0.36 * h), (-h * 0.32, -0.95 * h * n)]
    s.thing("airplane", place(ring, x, y, angle))


def _runway(s: Sketch, x: float, y: float, long: float, wide: float, angle: float) -> None:
    s.add(35, rect(x, y, long + 120, wide + 14, angle), "runway", (130, 128, 122, 125))
    s.add(36, rect(x, y, long, wide, angle), "runway", tone=float(s.rng.uniform(0.8, 1.25)))
    for sign in (1, -1):
        for u in np.arange(long * 0.04, long * 0.26, 28.0):
            p = place([(sign * (long / 2 - u), s.rng.normal() * 1.5)], x, y, angle)[0]
            s.add(37, rect(float(p[0]), float(p[1]), 120, 9, angle), "runway", (84, 84, 83, 82), tone=1.06)
        for v in np.arange(-wide * 0.4, wide * 0.42, wide * 0.09):
            p = place([(sign * (long / 2 - 24), v)], x, y, angle)[0]
            s.add(38, rect(float(p[0]), float(p[1]), 30, wide * 0.045, angle), "runway_paint")
        for v in (-wide * 0.2, wide * 0.2):
            p = place([(sign * (long / 2 - 320), v)], x, y, angle)[0]
            s.add(38, rect(float(p[0]), float(p[1]), 50, 5, angle), "runway_paint")
    for u in np.arange(-long / 2 + 70, long / 2 - 60, 50.0):
        p = place([(u, 0)], x, y, angle)[0]
        s.add(38, rect(float(p[0]), float(p[1]), 30, 1.0, angle), "runway_paint")


def airfield(s: Sketch, centre: tuple[float, float], angle: float, long: float = 2000.0) -> None:
    """Draw an airfield: runway, taxiways, apron with parked airplanes, terminal, hangars and a car park."""
    rng = s.rng
    x, y = centre
    wide, gap = 45.0, 190.0

    def at(u: float, v: float) -> tuple[float, float]:
        p = place([(u, v)], x, y, angle)[0]
        return float(p[0]), float(p[1])

    ground = rect(*at(0, gap * 0.9), long + 260, 760, angle)
    s.fill(24, ground, "grass", tone=float(rng.uniform(0.95, 1.25)))
    s.reserve(ground)
    s.zone("airfield", ground)
    _runway(s, x, y, long, wide, angle)
    s.add(35, rect(*at(0, gap), long, 22, angle), "runway", (138, 136, 130, 130))
    for u in (-long / 2 + 15, -long / 5, long / 5, long / 2 - 15):
        s.add(34, rect(*at(u, gap / 2), 24, gap, angle), "runway", (134, 132, 126, 128))
    s.add(38, rect(*at(0, gap), long, 0.6, angle), "runway_paint", (196, 176, 90, 160))
    apron, depth = long * 0.42, 210.0
    s.add(34, rect(*at(0, gap + 10 + depth / 2), apron, depth, angle), "concrete", tone=float(rng.uniform(0.95, 1.15)))
    for u in np.arange(-apron / 2, apron / 2 + 1, 25.0):
        s.add(36, rect(*at(u, gap + 10 + depth / 2), 0.5, depth, angle), "concrete", tone=0.86)
    for v in np.arange(0, depth, 25.0):
        s.add(36, rect(*at(0, gap + 10 + v), apron, 0.5, angle), "concrete", tone=0.86)
    hall(s, rect(*at(0, gap + depth + 46), apron * 0.7, 60, angle), "terminal", 16)
    _parked(s, at, angle, apron, gap + depth)
    for side in (1, -1):
        for k in range(2):
            hall(s, rect(*at(side * (apron / 2 + 60 + 95 * k), gap + 80), 80, 62, angle), "hangar", 14)
    parking(s, *at(0, gap + depth + 150), apron * 0.6, 84, angle)
    street(s, np.array([at(-long * 0.6, gap + depth + 105), at(long * 0.6, gap + depth + 105)]), 9)
    car(s, *at(apron * 0.45, gap + 60), angle)


def _parked(s: Sketch, at: Callable[[float, float], tuple[float, float]], angle: float, apron: float, edge: float) -> None:
    """Park airplanes nose to the terminal and a row of smaller ones outside."""
    rng = s.rng
    u = -apron * 0.35
    while u < apron * 0.35:
        long = float(rng.uniform(32, 58))
        if rng.random() < 0.8:
            airplane(s, at(u + long / 2, edge - 24 - long / 2), long, angle + math.pi / 2)
        u += long * 1.05 + 6
    for u in np.arange(-apron * 0.44, apron * 0.44, 62.0):
        if rng.random() < 0.45:
            long = float(rng.uniform(18, 38))
            airplane(s, at(u, edge - 145), long, angle + math.pi * rng.choice([0.5, 1.5]) + rng.normal() * 0.1)


def bridge(s: Sketch, line: Ring, wide: float = 12.0) -> None:
    """Lift the parts of a road that cross water: a deck with a shadow; each run is listed as a bridge."""
    points, _ = resample(line, 6.0)
    wet = s.wet(points)
    start = None
    for k, over in enumerate([*wet.tolist(), False]):
        if over and start is None:
            start = max(k - 3, 0)
        elif not over and start is not None:
            run = points[start : min(k + 3, len(points))]
            start = None
            if len(run) < 5:
                continue
            s.add(41, ribbon(run, wide), "asphalt", (172, 168, 160, 160), height=7)
            s.add(42, ribbon(run, wide - 3), "asphalt")
            s.add(43, ribbon(run, 0.3), "road_paint")
            s.thing("bridge", ribbon(run, wide))
