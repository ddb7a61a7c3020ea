"""Large buildings: flat-roofed halls, blocks of flats, offices, schools, churches, greenhouses."""

from __future__ import annotations

import math

import numpy as np

from geoglot.data.synth.places.streets import cars, parking
from geoglot.data.synth.places.woods import park, trees
from geoglot.data.synth.shapes import Ring, area, inset, place, rect, rects
from geoglot.data.synth.world import DOME, GABLE, HIP, Sketch

FLAT = np.array(
    [
        (214, 214, 211, 185),
        (232, 231, 228, 205),
        (176, 175, 172, 155),
        (146, 144, 140, 134),
        (120, 119, 117, 110),
        (190, 182, 168, 168),
        (84, 106, 150, 115),
        (140, 74, 62, 125),
        (96, 122, 104, 110),
        (92, 92, 93, 85),
    ],
    float,
)
OFTEN = np.array([0.2, 0.16, 0.16, 0.13, 0.08, 0.1, 0.06, 0.05, 0.02, 0.04])


def roof(s: Sketch) -> Ring:
    """Choose a flat roof's colour."""
    colour: Ring = FLAT[int(s.rng.choice(len(FLAT), p=OFTEN / OFTEN.sum()))] * s.rng.uniform(0.82, 1.06)
    return colour


def hall(s: Sketch, ring: Ring, label: str = "building", height: float | None = None, low_pitch: bool = False) -> None:
    """Draw a building on a rectangle: a parapet and things on its flat roof, or (`low_pitch`) a sheet-metal roof."""
    rng = s.rng
    colour = roof(s)
    tall = float(rng.uniform(5, 13)) if height is None else height
    edge, other = ring[1] - ring[0], ring[3] - ring[0]
    angle = math.atan2(edge[1], edge[0])
    a, b = float(np.hypot(*edge)), float(np.hypot(*other))
    size = abs(area(ring))
    s.thing(label, ring)
    ribbed = s.rows(angle, float(rng.uniform(0.9, 2.2)), 0.05) if rng.random() < 0.5 else 0
    if low_pitch:
        s.add(50, ring, "roof", colour, height=tall, profile=GABLE, stripe=ribbed)
        n = int(a / 7)
        if n > 1 and rng.random() < 0.5:  # rooflights in rows
            u = (np.arange(n) + 0.5) / n
            for v in (0.27, 0.73):
                p = ring[0] + u[:, None] * edge + v * other
                s.many(52, rects(p[:, 0], p[:, 1], 1.3, b * 0.22, angle), "roof", colour * 0.4 + (110, 116, 120, 90), height=tall)
        return
    s.add(50, ring, "roof", np.minimum(colour * float(rng.uniform(0.9, 1.2)), 245), height=tall)
    s.add(51, inset(ring, 0.8), "roof", colour, height=tall - 0.7, stripe=ribbed)
    if size > 500 and rng.random() < 0.4:  # another section of roof, higher or lower
        t = float(rng.uniform(0.25, 0.6))
        part = np.array([ring[0], ring[0] + edge * t, ring[0] + edge * t + other, ring[3]])
        lift = float(rng.uniform(-1.5, 4.0))
        tint = roof(s) if rng.random() < 0.5 else colour * rng.uniform(0.8, 1.15)
        s.add(52, inset(part, 0.4), "roof", tint, height=tall + lift)
    n = int(min(40, size / 160)) + 1
    spots = rng.beta(0.8, 0.8, (n, 2)) * 0.86 + 0.07
    p = ring[0] + spots[:, :1] * edge + spots[:, 1:] * other
    big = rng.lognormal(0.55, 0.45, n)
    tint = colour * rng.uniform(0.6, 1.25, (n, 1)) * 0.7 + 0.3 * np.array((190, 190, 188, 165))
    s.many(53, rects(p[:, 0], p[:, 1], big, big * rng.uniform(0.5, 1, n), angle), "roof", tint, height=tall + 1.4)
    if size > 300 and rng.random() < 0.10:
        panels(s, inset(ring, 3.0), tall + 0.5, 54)


def panels(s: Sketch, ring: Ring, height: float, z: int) -> None:
    """Cover a quadrilateral with rows of solar panels."""
    edge, other = ring[1] - ring[0], ring[3] - ring[0]
    a, b = float(np.hypot(*edge)), float(np.hypot(*other))
    n = int(b / 2.6)
    if n < 2 or a < 6:
        return
    t = (np.arange(n) + 0.5) / n
    p = ring[0] + edge * 0.5 + t[:, None] * other
    rings = rects(p[:, 0], p[:, 1], a, 1.7, math.atan2(edge[1], edge[0]))
    s.many(z, rings, "panel", height=height)
    s.thing("rooftop solar panels", ring)


def yard(s: Sketch, ring: Ring) -> None:
    """Fill a works' yard with halls, a car park, lorries, stores, a silo and some green."""
    rng = s.rng
    s.add(33, ring, "yard", np.array((136, 131, 122, 132)) * float(rng.normal(1, 0.12)))
    angle = math.atan2(*(ring[1] - ring[0])[::-1])
    a, b = float(np.hypot(*(ring[1] - ring[0]))), float(np.hypot(*(ring[2] - ring[1])))
    n = max(1, round(a / rng.uniform(35, 110)))
    for k in range(n):
        c = ring[0] + (ring[1] - ring[0]) * ((k + 0.5) / n) + (ring[3] - ring[0]) * float(rng.uniform(0.36, 0.5))
        w, d = a / n * rng.uniform(0.5, 0.86), b * rng.uniform(0.3, 0.62)
        if n > 1 and rng.random() < 0.16:
            parking(s, float(c[0]), float(c[1]), a / n * 0.85, b * 0.7, angle, float(rng.uniform(0.2, 0.8)))
            continue
        hall(s, rect(float(c[0]), float(c[1]), w, d, angle), "industrial building", None, bool(rng.random() < 0.35))
        m = int(rng.integers(1, 14))
        p = c + place(np.stack([rng.uniform(-w / 2, w / 2, m), np.full(m, b * 0.4)], 1), 0, 0, angle)
        cars(s, p, angle + math.pi / 2, rng.random(m) < 0.4)
        if rng.random() < 0.3:
            q = c + place(rng.uniform(-1, 1, (12, 2)) * (w * 0.45, 3) + (0, -b * 0.38), 0, 0, angle)
            s.many(
                45,
                rects(q[:, 0], q[:, 1], rng.uniform(1.5, 9, 12), 2.4, angle),
                "yard",
                FLAT[rng.integers(0, len(FLAT), 12)] * 0.8,
                height=2.4,
            )
        if rng.random() < 0.2:
            q = c + place([(w / 2 + 4, -d / 4)], 0, 0, angle)[0]
            s.add(50, place(circle(3.2), float(q[0]), float(q[1])), "tank", height=14.0, profile=DOME)
    edge = ring[0] + (ring[1] - ring[0]) * rng.uniform(0, 1, (6, 1)) + rng.normal(size=(6, 2))
    trees(s, edge, rng.uniform(1.5, 3.5, 6))


def circle(radius: float) -> Ring:
    """Return a disc of 16 corners about the origin."""
    t = np.arange(16) * (math.pi / 8)
    return np.stack([np.cos(t), np.sin(t)], 1) * radius


def flats(s: Sketch, ring: Ring) -> None:
    """Draw slabs or towers of flats in green ground with parking between."""
    rng = s.rng
    park(s, ring, 180.0)
    edge, other = ring[1] - ring[0], ring[3] - ring[0]
    angle = math.atan2(edge[1], edge[0])
    a, b = float(np.hypot(*edge)), float(np.hypot(*other))
    tower = rng.random() < 0.35
    long, deep = (22.0, 20.0) if tower else (float(rng.uniform(40, 70)), 12.0)
    turn = 0.0 if tower or rng.random() < 0.6 else math.pi / 2
    u_step, v_step = (long, deep) if turn == 0 else (deep, long)
    height = float(rng.uniform(24, 45)) if tower else float(rng.uniform(10, 22))
    us = np.arange(u_step / 2 + 6, a - u_step / 2, u_step + 18.0 + height * 0.5)
    vs = np.arange(v_step / 2 + 6, b - v_step / 2, v_step + 18.0)
    for u in us.tolist():
        for v in vs.tolist():
            c = ring[0] + edge / a * u + other / b * v
            hall(
                s,
                rect(float(c[0]), float(c[1]), long, deep, angle + turn),
                "apartment building",
                height * float(rng.uniform(0.9, 1.1)),
            )
            q = place([(0, deep / 2 + 7.0)], float(c[0]), float(c[1]), angle + turn)[0]
            parking(s, float(q[0]), float(q[1]), long * 0.9, 6.4, angle + turn, 0.7)


def downtown(s: Sketch, ring: Ring) -> None:
    """Fill a block with offices and shops wall to wall, tall ones among them, around courts."""
    rng = s.rng
    s.add(33, ring, "yard", (146, 143, 137, 138))
    edge, other = ring[1] - ring[0], ring[3] - ring[0]
    angle = math.atan2(edge[1], edge[0])
    a, b = float(np.hypot(*edge)), float(np.hypot(*other))
    n, m = max(1, round(a / rng.uniform(22, 48))), max(1, round(b / rng.uniform(22, 40)))
    for i in range(n):
        for j in range(m):
            if rng.random() < 0.1:
                c = ring[0] + edge * ((i + 0.5) / n) + other * ((j + 0.5) / m)
                if rng.random() < 0.5:
                    parking(s, float(c[0]), float(c[1]), a / n * 0.9, b / m * 0.9, angle, 0.8)
                else:
                    trees(s, rng.normal(size=(6, 2)) * 5 + c, rng.uniform(1.5, 4, 6))
                continue
            u, v = (i + 0.5) / n, (j + 0.5) / m
            c = ring[0] + edge * u + other * v
            w, d = a / n * float(rng.uniform(0.75, 0.99)), b / m * float(rng.uniform(0.75, 0.99))
            tall = float(min(8 + rng.gamma(1.6, 7.0), 70))
            hall(s, rect(float(c[0]), float(c[1]), w, d, angle), "commercial building", tall)
            if tall > 30:
                hall(s, rect(float(c[0]), float(c[1]), w * 0.6, d * 0.6, angle), "commercial building", tall + 6)


def shops(s: Sketch, ring: Ring) -> None:
    """Draw a shopping centre: one or two large halls beside a large car park."""
    rng = s.rng
    s.add(33, ring, "yard", (126, 124, 119, 118))
    edge, other = ring[1] - ring[0], ring[3] - ring[0]
    angle = math.atan2(edge[1], edge[0])
    a, b = float(np.hypot(*edge)), float(np.hypot(*other))
    share = float(rng.uniform(0.35, 0.5))
    c = ring[0] + edge * 0.5 + other * (share / 2 + 0.03)
    hall(s, rect(float(c[0]), float(c[1]), a * 0.9, b * share, angle), "commercial building", float(rng.uniform(7, 11)))
    c = ring[0] + edge * 0.5 + other * (share + (1 - share) / 2 + 0.03)
    parking(s, float(c[0]), float(c[1]), a * 0.94, b * (1 - share) * 0.84, angle, float(rng.uniform(0.25, 0.9)))


def church(s: Sketch, x: float, y: float, angle: float) -> None:
    """Draw a church: nave, transept and tower in a yard with trees."""
    rng = s.rng
    long = float(rng.uniform(26, 46))
    ground = rect(x, y, long + 30, long * 0.9 + 14, angle)
    park(s, ground, 110.0)
    colour = np.array(
        ((112, 104, 98, 112), (140, 92, 76, 130), (96, 118, 110, 110), (88, 90, 94, 90))[int(rng.integers(4))], float
    )
    wide = long * 0.36

    def at(u: float, v: float = 0.0) -> tuple[float, float]:
        p = place([(u, v)], x, y, angle)[0]
        return float(p[0]), float(p[1])

    s.add(50, rect(*at(0), long, wide, angle), "roof", colour, height=13.0, profile=GABLE)
    s.add(51, rect(*at(long * 0.2), wide * 1.9, wide * 0.7, angle + math.pi / 2), "roof", colour, height=12.0, profile=GABLE)
    s.add(52, place(circle(wide * 0.42), *at(long * 0.5)), "roof", colour * 0.95, height=10.0, profile=DOME)
    s.add(53, rect(*at(-long * 0.5), wide * 0.6, wide * 0.6, angle), "roof", colour * 0.85, height=28.0, profile=HIP)
    s.thing(
        "church",
        place(
            [(-long * 0.56, -wide * 0.5), (long * 0.62, -wide * 0.5), (long * 0.62, wide * 0.5), (-long * 0.56, wide * 0.5)],
            x,
            y,
            angle,
        ),
    )


def school(s: Sketch, ring: Ring) -> None:
    """Draw a school: wings around courts, a paved yard, a lawn and a car park."""
    rng = s.rng
    park(s, ring, 260.0)
    edge, other = ring[1] - ring[0], ring[3] - ring[0]
    angle = math.atan2(edge[1], edge[0])
    a, b = float(np.hypot(*edge)), float(np.hypot(*other))
    c = ring[0] + edge * 0.34 + other * 0.5
    w, d = a * 0.5, b * 0.62
    s.add(35, rect(float(c[0]), float(c[1]), w * 1.15, d * 1.15, angle), "yard", tone=1.05)
    wings = [(0, -d / 2 + 7, w, 14), (-w / 2 + 7, 0, 14, d), (w / 2 - 7, 0, 14, d), (0, d / 2 - 7, w, 14), (0, 0, w, 12)]
    tint = float(rng.uniform(7, 12))
    for k in rng.permutation(5)[: int(rng.integers(2, 4))].tolist():
        u, v, long, deep = wings[k]
        q = place([(u, v)], float(c[0]), float(c[1]), angle)[0]
        hall(s, rect(float(q[0]), float(q[1]), long, deep, angle), "school building", tint)
    c = ring[0] + edge * 0.8 + other * 0.5
    if rng.random() < 0.5:
        parking(s, float(c[0]), float(c[1]), b * 0.7, 17, angle + math.pi / 2, 0.7)
    s.zone("school", ring)


def greenhouses(s: Sketch, ring: Ring) -> None:
    """Cover a quadrilateral with glasshouses side by side."""
    rng = s.rng
    s.add(33, ring, "yard", tone=0.95)
    edge, other = ring[1] - ring[0], ring[3] - ring[0]
    angle = math.atan2(edge[1], edge[0])
    n = max(2, int(float(np.hypot(*other)) / 9.6))
    t = ((np.arange(n) + 0.5) / n)[rng.random(n) < 0.95]
    p = ring[0] + edge * 0.5 + t[:, None] * other
    rings = rects(p[:, 0], p[:, 1], float(np.hypot(*edge)) * 0.94, 9.0, angle)
    s.many(50, rings, "glass", np.array((196, 208, 208, 150)) * rng.uniform(0.85, 1.1, (len(p), 1)), height=5.0, profile=GABLE)
    s.each("greenhouse", rings)
