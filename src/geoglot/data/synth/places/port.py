"""Harbours: quays, basins, ships of several kinds, containers, cranes, marinas and moles."""

from __future__ import annotations

import math

import numpy as np

from geoglot.data.synth.places.halls import FLAT, hall
from geoglot.data.synth.places.streets import cars, parking, street
from geoglot.data.synth.shapes import Ring, pair, place, rect, rects, ribbon
from geoglot.data.synth.world import FLAT as LEVEL
from geoglot.data.synth.world import Sketch

HULLS = np.array(
    [(98, 54, 48, 80), (56, 58, 66, 52), (116, 114, 112, 98), (50, 70, 104, 60), (70, 100, 84, 70), (150, 70, 56, 100)], float
)
DECKS = np.array([(146, 92, 78, 110), (128, 134, 124, 110), (168, 164, 156, 140), (112, 76, 66, 96), (140, 150, 156, 125)], float)


def boats(s: Sketch, points: Ring, length: Ring, angle: Ring) -> None:
    """Draw small boats at points (N, 2) with lengths and headings (N,): white hulls, cabins, covers and masts."""
    rng, n = s.rng, len(points)
    if not n:
        return
    wide = length * rng.uniform(0.26, 0.36, n)
    hull = np.array(
        [
            (-0.5, -0.38),
            (-0.46, -0.48),
            (0.08, -0.5),
            (0.36, -0.28),
            (0.5, 0.0),
            (0.36, 0.28),
            (0.08, 0.5),
            (-0.46, 0.48),
            (-0.5, 0.38),
        ]
    )
    c, d = np.cos(angle)[:, None], np.sin(angle)[:, None]

    def turned(shape: Ring, long: Ring, across: Ring, shift: float = 0.0) -> Ring:
        u, v = shape[None, :, 0] * long[:, None] + shift * length[:, None], shape[None, :, 1] * across[:, None]
        out: Ring = np.stack([u * c - v * d, u * d + v * c], -1) + points[:, None]
        return out

    rings = turned(hull, length, wide)
    paint = np.array(
        [(236, 236, 234, 195), (226, 228, 230, 185), (70, 84, 116, 75), (196, 190, 176, 165), (120, 60, 52, 90)], float
    )
    colour = paint[rng.choice(5, n, p=(0.5, 0.28, 0.08, 0.1, 0.04))]
    s.many(60, rings, "ship", colour, height=1.2)
    s.many(
        61,
        turned(hull, length * 0.86, wide * 0.74),
        "ship",
        colour * 0.55 + np.array((92, 88, 80, 80)) * rng.uniform(0.6, 1.1, (n, 1)),
        height=1.0,
    )
    box = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)])
    cover = np.array(
        [(226, 226, 224, 185), (52, 82, 140, 85), (60, 66, 74, 60), (188, 176, 150, 150), (120, 130, 134, 110)], float
    )
    s.many(
        62,
        turned(box, length * rng.uniform(0.22, 0.5, n), wide * 0.62, float(rng.uniform(-0.16, 0.02))),
        "ship",
        cover[rng.choice(5, n, p=(0.45, 0.2, 0.12, 0.13, 0.1))],
        height=2.2,
    )
    s.many(63, turned(box, length * 0.14, wide * 0.5, 0.08), "ship", (58, 64, 74, 55), height=2.0)
    sail = rng.random(n) < 0.35
    if sail.any():
        s.many(64, turned(box, length * 0.5, np.full(n, 0.22), 0.02)[sail], "ship", (206, 206, 202, 170), height=4.0)
    s.each("ship", rings)


def ship(s: Sketch, x: float, y: float, length: float, angle: float, kind: str | None = None) -> None:
    """Draw a ship, bow along the angle: a container ship, bulk carrier, tanker, ferry or barge."""
    rng = s.rng
    if length <= 30:
        boats(s, np.array([(x, y)]), np.array([length]), np.array([angle]))
        return
    what = kind or str(rng.choice(["box", "bulk", "tanker", "ferry", "barge"], p=(0.25, 0.25, 0.2, 0.15, 0.15)))
    wide = length * float(rng.uniform(0.14, 0.18)) if what != "barge" else length * 0.13
    a, b = length / 2, wide / 2
    bow = 0.9 if what == "barge" else 0.72
    hull = place(
        [
            (-a, -b * 0.75),
            (-a * 0.9, -b),
            (a * bow, -b),
            (a * (bow + 0.16), -b * 0.55),
            (a, 0),
            (a * (bow + 0.16), b * 0.55),
            (a * bow, b),
            (-a * 0.9, b),
            (-a, b * 0.75),
        ],
        x,
        y,
        angle,
    )
    colour = HULLS[int(rng.integers(len(HULLS)))] if what != "ferry" else np.array((226, 228, 228, 190.0))
    deck = DECKS[int(rng.integers(len(DECKS)))]

    def block(u: float, v: float, long: float, across: float) -> Ring:
        p = place([(u, v)], x, y, angle)[0]
        return rect(float(p[0]), float(p[1]), long, across, angle)

    high = 2.0 if what == "barge" else 7.0
    s.add(60, hull, "ship", colour, height=high + 1)
    s.add(61, place(place(hull - (x, y), 0, 0, -angle) * (0.97, 0.9), x, y, angle), "ship", deck, height=high)
    white = (234, 234, 232, 195)
    if what == "ferry":
        for k, (long, across, lift) in enumerate(((1.55, 0.86, 10.0), (1.2, 0.7, 13.0), (0.35, 0.5, 15.0))):
            s.add(
                62 + k,
                block(-a * 0.08, 0, a * long, wide * across),
                "ship",
                np.array(white) * (1 - 0.06 * (k % 2)),
                height=high + lift,
            )
        s.add(66, block(-a * 0.5, 0, a * 0.12, wide * 0.3), "ship", HULLS[int(rng.integers(len(HULLS)))], height=high + 19)
    else:
        s.add(63, block(-a * 0.8, 0, length * 0.09, wide * 0.82), "ship", white, height=high + 13)
        s.add(64, block(-a * 0.86, 0, length * 0.03, wide * 0.3), "ship", colour, height=high + 17)
        _cargo(s, what, block, a, b, high, deck)
    s.thing("ship", hull)


def _cargo(s: Sketch, what: str, block, a: float, b: float, high: float, deck: Ring) -> None:  # type: ignore[no-untyped-def]
    rng = s.rng
    if what == "box":
        u, v = np.meshgrid(np.arange(-a * 0.62, a * 0.68, 13.2), np.arange(-b * 0.8, b * 0.8 - 2.4, 2.55) + 1.3)
        held = rng.random(u.shape) < 0.93
        tall = high + 2.6 * rng.integers(1, 6, u.shape[1])[None, :].repeat(len(u), 0)
        for p, q, t in zip(u[held].tolist(), v[held].tolist(), tall[held].tolist(), strict=True):
            s.add(62, block(p, q, 12.2, 2.44), "ship", FLAT[int(rng.integers(len(FLAT)))] * rng.uniform(0.55, 1.0), height=t)
    elif what in ("bulk", "barge"):
        load = np.array(
            ((62, 60, 58, 60), (168, 138, 104, 150), (126, 120, 112, 118), (136, 92, 70, 110))[int(rng.integers(4))], float
        )
        full = what == "barge" or rng.random() < 0.4
        for u in np.arange(-a * 0.55, a * 0.66, a * 0.28).tolist():
            s.add(62, block(u, 0, a * 0.22, b * 1.25), "ship", load if full else deck * 1.22, height=high + (0 if full else 2))
            if what == "bulk" and rng.random() < 0.7:
                s.add(63, block(u + a * 0.14, 0, 2.2, b * 0.7), "ship", (206, 196, 160, 170), height=high + 9)
    else:
        for v in (-0.25, 0.0, 0.25):
            s.add(62, block(a * 0.05, b * v, a * 1.5, 0.8), "ship", deck * 0.62 + 40, height=high + 1)
        for u in (-0.3, 0.1, 0.5):
            s.add(62, block(a * u, 0, 1.2, b * 1.7), "ship", deck * 0.7 + 30, height=high + 1)
        s.add(63, block(a * 0.08, 0, 5, b * 1.1), "ship", (206, 200, 180, 170), height=high + 4)


def marina(s: Sketch, x: float, y: float, angle: float, fingers: int, length: float) -> None:
    """Draw landing stages reaching out along the angle, boats moored on both sides."""
    rng = s.rng
    boat = float(rng.uniform(7, 14))
    gap = boat * 2 + float(rng.uniform(9, 20))
    wood = np.array((168, 160, 148, 150)) * rng.uniform(0.8, 1.2)
    full = float(rng.uniform(0.45, 0.97))
    for k in range(fingers):
        foot = place([(0, (k - (fingers - 1) / 2) * gap)], x, y, angle)[0]
        tip = foot + length * float(rng.uniform(0.75, 1.0)) * np.array([math.cos(angle), math.sin(angle)])
        if not s.wet([(foot + tip) / 2, tip]).all():
            continue
        s.way(40, np.array([foot, tip]), 2.4, "pier", wood, height=1.0)
        berths = np.arange(boat * 0.6, length * 0.75 - 2, boat * 0.40)
        u, side = np.repeat(berths, 2), np.tile([1.0, -1.0], len(berths))
        long = boat * rng.uniform(0.6, 1.05, len(u))
        p = foot + place(np.stack([u + rng.normal(size=len(u)) * 0.2, side * (1.6 + long / 2)], 1), 0, 0, angle)
        held = (rng.random(len(u)) < full) & s.wet(p)
        heading = angle + side * math.pi / 2 + math.pi * (rng.random(len(u)) < 0.35) + rng.normal(size=len(u)) * 0.03
        boats(s, p[held], long[held], heading[held])
        if rng.random() < 0.7:
            q = foot + place(np.stack([berths - boat * 0.2, np.zeros(len(berths))], 1), 0, 0, angle)
            s.many(40, rects(q[:, 0], q[:, 1], 0.8, boat * 1.3, angle), "pier", wood * 0.95, height=0.8)


def harbour(s: Sketch, line: Ring, out: float) -> None:
    """Build a port on a shore: piers, a basin or a long quay; ships, sheds, containers, cranes, a mole, a marina."""
    rng = s.rng
    shore = line[np.abs(line).max(axis=1) < s.half * 0.75]
    if len(shore) < 4:
        return
    foot = shore[int(rng.integers(len(shore) // 4, max(3 * len(shore) // 4, len(shore) // 4 + 1)))]
    x, y = float(foot[0]), float(foot[1])
    unit = min(1.0, s.extent / 2500) * float(rng.uniform(0.75, 1.15))
    long, deep = 900 * unit, float(rng.uniform(180, 300)) * unit
    land = place([(-deep, -long / 2), (deep * 0.35, -long / 2), (deep * 0.35, long / 2), (-deep, long / 2)], x, y, out)
    s.fill(24, land, "yard", tone=float(rng.uniform(0.85, 1.15)))
    s.zone("harbour", place([(-deep, -long / 2), (deep * 2.2, -long / 2), (deep * 2.2, long / 2), (-deep, long / 2)], x, y, out))
    edge = deep * 0.35
    layout = str(rng.choice(["piers", "quay", "basin"], p=(0.45, 0.3, 0.25)))
    reach = 330 * unit * float(rng.uniform(0.6, 1.1))
    _moorings(s, (x, y), out, layout, (long, deep, edge, reach), unit)
    _sheds(s, (x, y), out, (long, deep))
    street(s, place([(-deep * 0.5, -long / 2), (-deep * 0.5, long / 2)], x, y, out), 9)
    sign = float(rng.choice([-1, 1]))
    small = int(rng.integers(2, 7))
    q, p = place([(edge - 40, sign * (long / 2 + 110)), (edge, sign * (long / 2 + 110))], x, y, out)
    s.fill(24, rect(*pair(q), 80, 230, out), "concrete", tone=float(rng.uniform(0.8, 1.0)))
    parking(s, *pair(place([(edge - 55, sign * (long / 2 + 110))], x, y, out)[0]), 120, 34, out + math.pi / 2, 0.5)
    marina(s, *pair(p), out, small, 150 * unit * float(rng.uniform(0.7, 1.3)))
    s.zone("harbour", rect(*pair(place([(edge + 60, sign * (long / 2 + 110))], x, y, out)[0]), 280, 220, out))
    bend = sign * -1.0
    mole = place(
        [
            (edge, bend * (long / 2 + 60)),
            (edge + 380 * unit, bend * (long / 2 + 50)),
            (edge + 560 * unit, bend * (long / 2 - 160 * unit)),
        ],
        x,
        y,
        out,
    )
    if rng.random() < 0.75:
        s.fill(24, ribbon(mole, float(rng.uniform(9, 20))), "rock", tone=0.85, height=2.0)
        s.way(25, mole, 4.0, "pier", tone=1.0, height=2.5)
    for _ in range(int(rng.integers(3, 9))):
        p = place([(edge + reach + rng.uniform(60, 500), rng.uniform(-long, long) * 0.6)], x, y, out)[0]
        if s.wet(rect(*pair(p), 160, 60)).all():
            ship(s, *pair(p), float(np.exp(rng.uniform(math.log(8), math.log(150)))), float(rng.uniform(0, 6.28)))
    s.reserve(land)


def _moorings(
    s: Sketch, foot: tuple[float, float], out: float, layout: str, size: tuple[float, float, float, float], unit: float
) -> None:
    """Lay out the quays: fingers into the water, one long quay, or a basin between two arms."""
    rng = s.rng
    x, y = foot
    long, _, edge, reach = size

    def block(u0: float, u1: float, v0: float, v1: float) -> None:
        s.fill(25, place([(u0, v0), (u1, v0), (u1, v1), (u0, v1)], x, y, out), "concrete", tone=float(rng.uniform(0.82, 1.02)))

    if layout == "piers":
        piers = int(rng.integers(2, 5))
        wide = 70 * unit * float(rng.uniform(0.6, 1.3))
        for k in range(piers):
            v = (k + 0.5) / piers * long - long / 2 + float(rng.normal() * 10)
            far = reach * float(rng.uniform(0.7, 1.05))
            block(edge - 2, edge + far, v - wide / 2, v + wide / 2)
            p = place([(edge + far / 2, v)], x, y, out)[0]
            if rng.random() < 0.6:
                hall(s, rect(*pair(p), far * 0.6, wide * 0.3, out), "industrial building", 10.0)
            for side in (1, -1):
                berth(s, x, y, out, (edge + 12, edge + far), v + side * wide / 2, side, wide * 0.4)
    elif layout == "quay":
        block(edge - 40, edge + 30, -long / 2, long / 2)
        turn = out + math.pi / 2
        berth(s, x + (edge + 30) * math.cos(out), y + (edge + 30) * math.sin(out), turn, (-long / 2, long / 2), 0.0, -1, 30.0)
    else:
        arm = 60 * unit
        for v, side in ((-long * 0.3, 1), (long * 0.3, -1)):
            block(edge - 2, edge + reach, v - arm / 2, v + arm / 2)
            berth(s, x, y, out, (edge + 12, edge + reach), v + side * arm / 2, side, arm * 0.6)
            berth(s, x, y, out, (edge + 12, edge + reach), v - side * arm / 2, -side, 0.0)
        p = place([(edge, 0)], x, y, out)[0]
        marina(s, *pair(p), out, int(rng.integers(2, 6)), reach * 0.6)


def berth(s: Sketch, x: float, y: float, along: float, span: tuple[float, float], v: float, side: int, yard: float) -> None:
    """Moor ships along a quay between two distances along a direction; containers and cranes stand behind it."""
    rng = s.rng
    at, end = span
    while at < end - 30:
        long = float(min(np.exp(rng.uniform(math.log(28), math.log(170))), end - at))
        p = place([(at + long / 2, v + side * (long * 0.085 + 2.0))], x, y, along)[0]
        if rng.random() < 0.8 and s.wet([p])[0]:
            ship(s, *pair(p), long, along + (math.pi if rng.random() < 0.5 else 0))
        at += long + float(rng.uniform(6, 60))
    if yard < 8:
        return
    if rng.random() < 0.6:
        p = place([(span[0], v - side * (yard * 0.5 + (yard * 0.3 if side > 0 else 0)))], x, y, along)[0]
        stacks(s, *pair(p), span[1] - span[0] - 8, yard * 0.4, along)
    tint = np.array([(178, 96, 60, 120), (86, 110, 150, 100), (190, 188, 182, 160), (196, 166, 70, 150)])[rng.integers(4)]
    for w in rng.uniform(span[0] + 15, span[1] - 15, int(rng.integers(0, 5))).tolist():
        p = place([(w, v - side * 8)], x, y, along)[0]
        crane(s, *pair(p), along + side * math.pi / 2, tint)


def _sheds(s: Sketch, foot: tuple[float, float], out: float, size: tuple[float, float]) -> None:
    rng = s.rng
    long, deep = size
    along = out + math.pi / 2
    pitch = float(rng.uniform(80, 140))
    for v in np.arange(-long / 2 + 60, long / 2 - 40, pitch).tolist():
        for u in (-deep * 0.75, -deep * 0.22, deep * 0.15):
            p = place([(u, v)], *foot, out)[0]
            chance = rng.random()
            if chance < 0.5 and u < 0:
                hall(
                    s,
                    rect(*pair(p), pitch * rng.uniform(0.5, 0.85), deep * rng.uniform(0.18, 0.3), along),
                    "industrial building",
                    None,
                    bool(rng.random() < 0.5),
                )
            elif chance < 0.75:
                corner = place([(-pitch * 0.42, -deep * 0.12)], *pair(p), along)[0]
                stacks(s, *pair(corner), pitch * 0.85, deep * 0.24, along)
            elif chance < 0.85:
                parking(s, *pair(p), pitch * 0.8, deep * 0.22, along, 0.5)
            else:
                q = rng.normal(size=(9, 2)) * (pitch * 0.2, deep * 0.05)
                cars(s, place(q, *pair(p), along), along + rng.choice([0, math.pi / 2], 9), rng.random(9) < 0.7)


def stacks(s: Sketch, x: float, y: float, long: float, wide: float, angle: float) -> None:
    """Draw stacks of shipping containers in rows along the angle, from a corner."""
    rng = s.rng
    bays, rows = np.arange(0, long - 13, 13.0), np.arange(0, max(wide, 3.0), 2.55)
    rows = rows[np.arange(len(rows)) % 7 < 5]  # lanes between blocks
    u, v = (m.ravel() for m in np.meshgrid(bays, rows))
    if not len(u):
        return
    held = rng.random(len(u)) < np.repeat(rng.beta(1.2, 0.7, 1), len(u))
    p = place(np.stack([u + 6.1, v + 1.3], 1), x, y, angle)[held]
    colour = FLAT[rng.integers(0, len(FLAT), len(p))] * rng.uniform(0.5, 0.95, (len(p), 1))
    s.many(45, rects(p[:, 0], p[:, 1], 12.2, 2.44, angle), "yard", colour, height=2.6 * rng.integers(1, 5, len(p)), profile=LEVEL)


def crane(s: Sketch, x: float, y: float, angle: float, colour: Ring) -> None:
    """Draw a quay crane: two legs and a boom over the water."""
    c, d = math.cos(angle), math.sin(angle)
    s.add(69, rect(x + 14 * c, y + 14 * d, 62, 1.6, angle), "yard", colour, height=9.0)
    s.add(69, rect(x + 14 * c - 5 * d, y + 14 * d + 5 * c, 62, 1.2, angle), "yard", colour, height=9.0)
    for side in (-8.0, 8.0):
        s.add(68, rect(x - side * d, y + side * c, 18, 1.6, angle), "yard", colour, height=8.0)
    s.add(70, rect(x - 8 * c, y - 8 * d, 9, 7, angle), "yard", np.minimum(colour * 1.1, 240), height=11.0)
