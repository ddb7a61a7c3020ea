"""Airfields: runways with their markings, taxiways, aprons, airplanes of several kinds, terminals, hangars."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from geoglot.data.synth.places.halls import hall
from geoglot.data.synth.places.streets import cars, parking, street
from geoglot.data.synth.shapes import Ring, disc, pair, place, ragged, rect, rects, resample, smooth
from geoglot.data.synth.world import DOME, Sketch

At = Callable[[float, float], tuple[float, float]]
LIVERY = np.array(
    [(232, 233, 234, 205), (240, 240, 240, 210), (206, 210, 214, 185), (226, 222, 210, 195), (120, 124, 128, 110)], float
)
FINS = np.array(
    [(60, 80, 140, 90), (170, 60, 56, 120), (210, 210, 214, 180), (70, 110, 90, 90), (206, 150, 60, 150), (40, 44, 60, 40)], float
)


def _engines(
    s: Sketch,
    centre: tuple[float, float],
    h: float,
    angle: float,
    side: int,
    spots: list[tuple[float, float]],
    level: int,
    colour: NDArray[np.float64],
) -> None:
    for u, v in spots:
        engine = [
            (u + 0.12 * h, side * (v - 0.04 * h)),
            (u + 0.12 * h, side * (v + 0.04 * h)),
            (u - 0.1 * h, side * (v + 0.035 * h)),
            (u - 0.1 * h, side * (v - 0.035 * h)),
        ]
        s.add(level, place(engine, *centre, angle), "airplane", colour, height=3.0)


def _fin_and_cockpit(s: Sketch, x: float, y: float, length: float, angle: float) -> None:
    h = length / 2
    fin = FINS[int(s.rng.integers(len(FINS)))]
    s.add(
        66,
        place([(-h, -0.018 * h), (-h * 0.66, -0.008 * h), (-h * 0.66, 0.008 * h), (-h, 0.018 * h)], x, y, angle),
        "airplane",
        fin,
        height=12.0 if length > 25 else 8.0,
    )
    s.add(
        65,
        place([(h * 0.86, -0.045 * h), (h * 0.91, -0.035 * h), (h * 0.91, 0.035 * h), (h * 0.86, 0.045 * h)], x, y, angle),
        "airplane",
        (60, 66, 74, 60),
        height=5.0,
    )


def airplane(s: Sketch, centre: tuple[float, float], length: float, angle: float) -> None:
    """Draw an airplane seen from above, nose along the angle: an airliner, a rear-engined jet or a small propeller plane."""
    x, y = centre
    rng = s.rng
    h, n = length / 2, float(rng.uniform(0.92, 1.08))
    if length < 14:
        _small_plane(s, x, y, length, angle)
        return
    rear = length < 30 and rng.random() < 0.6
    sweep, span = (0.5, 0.78) if rear else (float(rng.uniform(0.48, 0.66)), 0.95 * n)
    slim = float(rng.uniform(0.085, 0.105)) if length > 25 else 0.11
    white = LIVERY[int(rng.choice(len(LIVERY), p=(0.35, 0.3, 0.18, 0.1, 0.07)))]
    body = [
        (-h, -0.02 * h),
        (-h * 0.6, -slim * 0.9 * h),
        (h * 0.8, -slim * h),
        (h * 0.95, -slim * 0.5 * h),
        (h, 0),
        (h * 0.95, slim * 0.5 * h),
        (h * 0.8, slim * h),
        (-h * 0.6, slim * 0.9 * h),
        (-h, 0.02 * h),
    ]
    tip = h * (0.28 - sweep)
    for side in (1, -1):
        wing = [
            (h * 0.28, side * 0.08 * h),
            (tip, side * span * h),
            (tip - 0.1 * h, side * span * h),
            (-h * 0.06, side * 0.3 * h),
            (-h * 0.14, side * 0.08 * h),
        ]
        tail = [
            (-h * 0.72, side * 0.04 * h),
            (-h * 0.93, side * 0.36 * h),
            (-h * 1.0, side * 0.36 * h),
            (-h * 0.94, side * 0.04 * h),
        ]
        at = (-h * 0.5, 0.17 * h) if rear else (h * 0.06, 0.33 * h)
        spots = [at] if rear or length < 55 else [at, (-h * 0.1, 0.58 * h)]
        _engines(s, (x, y), h, angle, side, spots, 61 if rear else 59, white * 0.72)
        s.add(60, place(wing, x, y, angle), "airplane", white * 0.9, height=4.0)
        flap = [
            (tip - 0.02 * h, side * span * h * 0.97),
            (tip - 0.1 * h, side * span * h * 0.97),
            (-h * 0.06, side * 0.3 * h),
            (h * 0.02, side * 0.3 * h),
        ]
        s.add(61, place(flap, x, y, angle), "airplane", white * 0.78, height=4.0)
        s.add(62, place(tail, x, y, angle), "airplane", white * 0.92, height=6.0)
    s.add(63, place(body, x, y, angle), "airplane", white * 0.92, height=5.0)
    crest = np.asarray(body) * (0.97, 0.5)
    s.add(64, place(crest, x, y, angle), "airplane", np.minimum(white * 1.05, 250), height=5.5)
    _fin_and_cockpit(s, x, y, length, angle)
    ring = [(h, 0), (tip, span * h), (-h, 0.36 * h), (-h, -0.36 * h), (tip, -span * h)]
    s.thing("airplane", place(ring, x, y, angle))


def _small_plane(s: Sketch, x: float, y: float, length: float, angle: float) -> None:
    rng = s.rng
    h = length / 2
    colour = np.array([(236, 236, 234, 205), (222, 222, 216, 190), (200, 90, 74, 140), (90, 110, 160, 110)], float)[
        rng.integers(4)
    ]
    s.add(
        60,
        rect(*pair(place([(h * 0.3, 0)], x, y, angle)[0]), h * 0.36, h * 2.6, angle),
        "airplane",
        (236, 236, 234, 205),
        height=2.6,
    )
    s.add(
        62,
        rect(*pair(place([(-h * 0.85, 0)], x, y, angle)[0]), h * 0.25, h * 0.8, angle),
        "airplane",
        (230, 230, 228, 200),
        height=1.8,
    )
    s.add(
        61,
        place(
            [
                (-h, -h * 0.04),
                (h * 0.1, -h * 0.14),
                (h * 0.9, -h * 0.12),
                (h, 0),
                (h * 0.9, h * 0.12),
                (h * 0.1, h * 0.14),
                (-h, h * 0.04),
            ],
            x,
            y,
            angle,
        ),
        "airplane",
        colour,
        height=2.2,
    )
    s.thing("airplane", place([(h, 0), (h * 0.48, h * 1.3), (-h, h * 0.4), (-h, -h * 0.4), (h * 0.48, -h * 1.3)], x, y, angle))


def _runway(s: Sketch, x: float, y: float, long: float, wide: float, angle: float) -> None:
    """Draw a runway: shoulders, worn touch-down zones, thresholds, numbers, centre line, aiming points, edge lines."""
    rng = s.rng
    s.add(35, rect(x, y, long + 120, wide + 14, angle), "runway", np.array((130, 128, 122, 125)) * rng.uniform(0.85, 1.15))
    s.add(36, rect(x, y, long, wide, angle), "runway", tone=float(rng.uniform(0.7, 1.4)))

    def many(u: Ring, v: Ring | float, long: float, across: float, material: str = "runway_paint", **how: object) -> None:
        p = place(np.stack(np.broadcast_arrays(u, v), 1), x, y, angle)
        s.many(38 if material == "runway_paint" else 37, rects(p[:, 0], p[:, 1], long, across, angle), material, **how)  # type: ignore[arg-type]

    n = int(long / 45)
    many(
        rng.uniform(-long / 2, long / 2, n),
        rng.normal(size=n) * wide * 0.2,
        40,
        wide * 0.16,
        "runway",
        tone=np.exp(rng.normal(size=n) * 0.05),
    )
    for sign in (1, -1):
        worn = np.arange(long * 0.04, long * 0.26, 14.0)
        many(
            sign * (long / 2 - worn),
            rng.normal(size=len(worn)) * 2.0,
            90,
            5,
            "runway",
            colour=(76, 76, 75, 74),
            tone=np.exp(rng.normal(size=len(worn)) * 0.1),
        )
        bars = np.arange(-wide * 0.42, wide * 0.43, wide * 0.09)
        many(np.full(len(bars), sign * (long / 2 - 24)), bars, 30, wide * 0.045)
        for v in (-2.6, 2.6):
            many(np.array([sign * (long / 2 - 62)]), v, 9, 1.1)
            many(np.array([sign * (long / 2 - 62 + 3.5), sign * (long / 2 - 62 - 3.5)]), v + 1.4, 1.2, 3)
        if wide > 28:
            many(np.full(2, sign * (long / 2 - 320)), np.array([-wide * 0.2, wide * 0.2]), 50, 6)
            for k, u in enumerate((170.0, 470.0, 620.0)):
                v = np.array([-1, 1])[:, None] * (wide * 0.2 + np.arange(3 - k) * 2.2)[None]
                many(np.full(v.size, sign * (long / 2 - u)), v.ravel(), 22, 1.6)
    many(np.arange(-long / 2 + 90, long / 2 - 80, 50.0), 0.0, 30, 0.9)
    for v in (-wide * 0.47, wide * 0.47):
        s.add(38, rect(*pair(place([(0, v)], x, y, angle)[0]), long - 10, 0.9, angle), "runway_paint")


def airfield(s: Sketch, centre: tuple[float, float], angle: float, long: float = 2000.0) -> None:
    """Draw an airfield: one or two runways, taxiways, apron with parked airplanes, terminal, hangars and a car park."""
    rng = s.rng
    x, y = centre
    small = long < 1100 or rng.random() < 0.2
    wide, gap = (
        (float(rng.choice([18.0, 23.0, 30.0])), 90.0)
        if small
        else (float(rng.choice([45.0, 60.0])), float(rng.uniform(110, 190)))
    )
    side = float(rng.choice([-1, 1]))

    def at(u: float, v: float) -> tuple[float, float]:
        p = place([(u, side * v)], x, y, angle)[0]
        return float(p[0]), float(p[1])

    depth = float(rng.uniform(60, 110)) if small else float(rng.uniform(160, 240))
    ground = rect(*at(0, gap * 0.5 + depth * 0.6), long + 260, gap + 2 * depth + 330, angle)
    s.fill(24, ragged(rng, ground, 2.0, 40.0), "grass", tone=float(rng.uniform(0.92, 1.2)), plant="grass")
    s.reserve(ground)
    s.zone("airfield", ground)
    if not small and rng.random() < 0.35:
        away = float(rng.uniform(150, 260))  # a second runway, on the far side
        beside = rect(*at(0, -away / 2), long * 0.8 + 200, away + 140, angle)
        s.fill(24, beside, "grass", plant="grass")
        s.reserve(beside)
        _runway(s, *at(float(rng.uniform(-0.1, 0.1)) * long, -away), long * 0.8, wide, angle)
        s.add(34, rect(*at(long * 0.25, -away / 2), 24, away, angle), "runway", (134, 132, 126, 128))
    _runway(s, x, y, long, wide, angle)
    _taxiways(s, at, angle, long, gap, 12.0 if small else 23.0)
    shift = float(rng.uniform(-0.25, 0.25)) * long
    apron = float(rng.uniform(0.2, 0.32) if small else rng.uniform(0.32, 0.5)) * long
    _apron(s, at, angle, (shift, gap + 10, apron, depth), small)
    edge = gap + 10 + depth
    if small:
        for k in range(int(rng.integers(3, 9))):
            u = shift - apron / 2 + (k + 0.5) * apron / 8
            hall(s, rect(*at(u, edge + 16), apron / 9, 22, angle), "hangar", 8.0, bool(rng.random() < 0.7))
    else:
        _terminal(s, at, angle, (shift, edge, apron))
        for end in (1, -1):
            for k in range(int(rng.integers(1, 4))):
                u = shift + end * (apron / 2 + 60 + 95 * k)
                s.add(34, rect(*at(u, gap + 55), 92, 90, angle), "concrete", tone=float(rng.uniform(0.8, 1.05)))
                hall(s, rect(*at(u, gap + 100), 80, float(rng.uniform(45, 70)), angle), "hangar", 15.0, bool(rng.random() < 0.5))
    parking(
        s,
        *at(shift, edge + (60 if small else 150)),
        apron * float(rng.uniform(0.4, 0.8)),
        30 if small else 84,
        angle,
        float(rng.uniform(0.3, 0.9)),
    )
    street(s, np.array([at(-long * 0.6, edge + (90 if small else 205)), at(long * 0.6, edge + (90 if small else 205))]), 8.5)


def _taxiways(s: Sketch, at: At, angle: float, long: float, gap: float, wide: float) -> None:
    rng = s.rng
    grey = np.array((138, 136, 130, 130)) * rng.uniform(0.8, 1.15)
    yellow = (196, 176, 90, 160)
    s.add(35, rect(*at(0, gap), long, wide, angle), "runway", grey)
    s.add(38, rect(*at(0, gap), long, 0.6, angle), "runway_paint", yellow)
    ends = [-long / 2 + wide / 2, long / 2 - wide / 2]
    for u in (*ends, *rng.uniform(-0.35, 0.35, 1) * long):
        s.add(34, rect(*at(float(u), gap / 2), wide + 1, gap, angle), "runway", grey * 0.98)
        s.add(38, rect(*at(float(u), gap / 2), 0.6, gap, angle), "runway_paint", yellow)
    if wide > 15:
        for sign in (-1, 1):  # fast exits leave the runway at a slant
            u = sign * long * float(rng.uniform(0.12, 0.3))
            course = np.array([at(u, 0), at(u + sign * 60, 20), at(u + sign * 190, gap - 25), at(u + sign * 260, gap)])
            s.way(34, smooth(course, 3), wide, "runway", grey)
            s.way(38, smooth(course, 3), 0.6, "runway_paint", yellow)


def _apron(s: Sketch, at: At, angle: float, place_of: tuple[float, float, float, float], small: bool) -> None:
    """Draw an apron of concrete slabs with stains and lead-in lines, and park airplanes on it."""
    rng = s.rng
    u0, v0, wide, deep = place_of
    tint = np.array(
        ((160, 158, 152, 156), (148, 146, 141, 142), (170, 164, 152, 162), (120, 120, 118, 116))[int(rng.integers(4))], float
    )
    s.add(34, rect(*at(u0, v0 + deep / 2), wide, deep, angle), "concrete", tint)
    slab = float(rng.uniform(6, 14))
    n = int(wide * deep / 900)
    p = np.array([at(u, v) for u, v in zip(u0 + rng.uniform(-0.5, 0.5, n) * wide, v0 + rng.uniform(0, 1, n) * deep, strict=True)])
    s.many(
        35,
        rects(p[:, 0], p[:, 1], slab * rng.integers(1, 6, n), slab * rng.integers(1, 4, n), angle),
        "concrete",
        tint * np.exp(rng.normal(size=(n, 1)) * 0.035),
    )
    for u in np.arange(-wide / 2, wide / 2 + 1, slab).tolist():
        s.add(36, rect(*at(u0 + u, v0 + deep / 2), 0.35, deep, angle), "concrete", tint * 0.86)
    for v in np.arange(0, deep, slab).tolist():
        s.add(36, rect(*at(u0, v0 + v), wide, 0.35, angle), "concrete", tint * 0.86)
    stain = p[rng.random(len(p)) < 0.4]
    s.many(
        36,
        np.stack([disc(q[0], q[1], r, 9) for q, r in zip(stain.tolist(), rng.uniform(0.8, 4, len(stain)).tolist(), strict=True)])
        if len(stain)
        else np.zeros((0, 3, 2)),
        "concrete",
        tint * 0.72,
    )
    inward = math.atan2(at(0, 1)[1] - at(0, 0)[1], at(0, 1)[0] - at(0, 0)[0])
    low, high = (7.5, 12.5) if small else (34.0, 66.0)
    full = float(rng.uniform(0.3, 0.95))
    for row, nose in ((deep - 6, inward), (deep * 0.42, inward + math.pi * int(rng.integers(2)))):
        u = -wide * 0.46
        size = (low, high) if row > deep * 0.5 else (low * (1 if small else 0.45), high * (1 if small else 0.6))
        while u < wide * 0.46:
            long = float(rng.uniform(*size))
            if rng.random() < full * (1.0 if row > deep * 0.5 else 0.6):
                v = v0 + row - long / 2 - 2
                s.add(
                    37, rect(*at(u0 + u + long / 2, v0 + row - long * 0.7), 0.5, long, angle), "runway_paint", (196, 176, 90, 160)
                )
                airplane(s, at(u0 + u + long / 2, v), long, nose + float(rng.normal() * 0.03))
                spot = np.array(at(u0 + u + long * 0.95, v + 4)) + rng.normal(size=(3, 2)) * 5
                if not small:
                    cars(s, spot, rng.uniform(0, 6.3, 3), rng.random(3) < 0.3)
            u += long * float(rng.uniform(1.0, 1.35)) + 4


def _terminal(s: Sketch, at: At, angle: float, place_of: tuple[float, float, float]) -> None:
    """Draw a terminal: a long hall, or one with piers over the apron, boarding bridges, a tower."""
    rng = s.rng
    u0, edge, apron = place_of
    hall(s, rect(*at(u0, edge + 38), apron * float(rng.uniform(0.5, 0.85)), float(rng.uniform(36, 64)), angle), "terminal", 16.0)
    for u in np.arange(-apron * 0.38, apron * 0.38, float(rng.uniform(50, 70))).tolist():
        s.add(56, rect(*at(u0 + u, edge + 2), 3.5, 24, angle), "roof", (196, 196, 194, 170), height=7.0)
    if rng.random() < 0.5:
        hall(s, rect(*at(u0 + float(rng.uniform(-0.2, 0.2)) * apron, edge - 8), 24, 66, angle), "terminal", 13.0)
    p = at(u0 + apron * float(rng.uniform(-0.3, 0.3)), edge + 78)
    s.add(57, disc(*p, 7, 12), "roof", (206, 206, 202, 180), height=38.0, profile=DOME)
    road = np.array([at(u0 - apron * 0.5, edge + 92), at(u0 + apron * 0.5, edge + 92)])
    street(s, road, 13.0, 0.4)
    points, a = resample(road, 9.0)
    cars(s, points, a)
