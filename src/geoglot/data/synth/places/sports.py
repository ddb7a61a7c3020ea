"""Sports grounds: football, baseball, tennis, basketball, running tracks, stadiums."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from geoglot.data.synth.places.woods import trees
from geoglot.data.synth.shapes import Ring, disc, place, rect
from geoglot.data.synth.world import Sketch

WHITE = (222, 224, 218, 200)


def _lines(
    s: Sketch,
    segments: list[tuple[float, float, float, float]],
    x: float,
    y: float,
    angle: float,
    width: float = 0.25,
    z: int = 39,
) -> None:
    for a, b, c, d in segments:
        s.way(z, place([(a, b), (c, d)], x, y, angle), width, "marking", WHITE)


def _box(a: float, b: float, c: float, d: float) -> list[tuple[float, float, float, float]]:
    return [(a, b, c, b), (c, b, c, d), (c, d, a, d), (a, d, a, b)]


def football(s: Sketch, x: float, y: float, angle: float, long: float = 105.0, listed: bool = True) -> None:
    """Draw a football field: mown stripes, lines, goals' wear."""
    rng = s.rng
    wide = long * 0.65
    mown = s.rows(angle, float(rng.uniform(9, 14)), float(rng.uniform(0.02, 0.09)))
    turf = np.array(((92, 116, 66, 190), (76, 112, 64, 120), (112, 116, 78, 160))[int(rng.integers(3))]) * rng.uniform(0.85, 1.1)
    field = rect(x, y, long + 8, wide + 8, angle)
    s.add(38, field, "grass", turf, stripe=mown, plant="grass")
    h, w = long / 2, wide / 2
    segments = [*_box(-h, -w, h, w), (0.0, -w, 0.0, w)]
    for sign in (-1, 1):
        segments += [
            (sign * h, -20.1, sign * (h - 16.5), -20.1),
            (sign * h, 20.1, sign * (h - 16.5), 20.1),
            (sign * (h - 16.5), -20.1, sign * (h - 16.5), 20.1),
            (sign * (h - 5.5), -9.2, sign * (h - 5.5), 9.2),
        ]
        p = place([(sign * (h - 5), 0)], x, y, angle)[0]
        s.add(38, disc(float(p[0]), float(p[1]), 3.5, 12), "soil", tone=0.95)
    _lines(s, segments, x, y, angle)
    ring = disc(x, y, 9.15, 28)
    s.way(39, np.concatenate([ring, ring[:1]]), 0.25, "marking", WHITE)
    if listed:
        s.thing("football field", field)


def baseball(s: Sketch, x: float, y: float, angle: float, reach: float = 95.0) -> None:
    """Draw a baseball field: outfield, infield of clay, bases, backstop."""
    rng = s.rng
    home = place([(-reach * 0.55, 0)], x, y, angle)[0]
    t = np.linspace(-math.pi / 4, math.pi / 4, 20)

    def fan(radius: float, start: float = 0.0) -> Ring:
        arc = np.stack([np.cos(t), np.sin(t)], 1)
        ring = np.concatenate([arc * radius, [(start, 0.0)]])
        return place(ring, float(home[0]), float(home[1]), angle)

    clay = np.array(((172, 130, 96, 160), (186, 152, 118, 170), (158, 112, 84, 150))[int(rng.integers(3))], float)
    s.add(37, fan(reach + 5, -6), "soil", clay * 1.02)
    mown = s.rows(angle, 12.0, 0.05)
    s.add(38, fan(reach), "grass", np.array((94, 116, 66, 185)) * rng.uniform(0.85, 1.1), stripe=mown, plant="grass")
    s.add(39, fan(41.0), "soil", clay)
    base = place([(3, 0), (19.4, -16.4), (35.8, 0), (19.4, 16.4)], float(home[0]), float(home[1]), angle)
    s.add(40, base, "grass", (96, 118, 68, 185), plant="grass")
    for u, r in ((18.4, 3.0), (0.0, 4.0)):
        p = place([(u, 0)], float(home[0]), float(home[1]), angle)[0]
        s.add(41, disc(float(p[0]), float(p[1]), r, 14), "soil", clay)
    for side in (-1, 1):
        a = angle + side * math.pi / 4
        s.way(42, np.stack([home, home + reach * np.array([math.cos(a), math.sin(a)])]), 0.3, "marking", WHITE)
    s.thing("baseball field", fan(reach + 5, -6))


def court(s: Sketch, x: float, y: float, angle: float, label: str) -> None:
    """Draw a tennis or basketball court: surround, playing surface and lines."""
    rng = s.rng
    tennis = label == "tennis court"
    long, wide, margin = (23.8, 11.0, 4.5) if tennis else (28.0, 15.0, 1.5)
    outer, inner = (
        ((70, 108, 84, 100), (62, 92, 134, 90)),
        ((84, 118, 92, 105), (150, 92, 74, 130)),
        ((168, 108, 80, 150), (174, 112, 84, 150)),
        ((96, 110, 104, 100), (70, 118, 92, 100)),
    )[int(rng.integers(4))]
    whole = rect(x, y, long + 2 * margin + 3, wide + 2 * margin, angle)
    s.add(38, whole, "court", outer)
    s.add(39, rect(x, y, long, wide, angle), "court", inner)
    h, w = long / 2, wide / 2
    segments = _box(-h, -w, h, w)
    if tennis:
        segments += [
            (-h, -w + 1.4, h, -w + 1.4),
            (-h, w - 1.4, h, w - 1.4),
            (-6.4, 0.0, 6.4, 0.0),
            (-6.4, -w + 1.4, -6.4, w - 1.4),
            (6.4, -w + 1.4, 6.4, w - 1.4),
        ]
        s.way(41, place([(0, -w - 0.9), (0, w + 0.9)], x, y, angle), 0.3, "court", (60, 62, 60, 60), height=1.0)
    else:
        segments += [(0.0, -w, 0.0, w), *_box(-h, -2.5, -h + 5.8, 2.5), *_box(h - 5.8, -2.5, h, 2.5)]
    _lines(s, segments, x, y, angle, 0.16, 40)
    s.thing(label, whole)


def courts(s: Sketch, x: float, y: float, angle: float, count: int, label: str) -> None:
    """Draw courts side by side across the angle."""
    pitch = 18.5 if label == "tennis court" else 19.0
    for k in range(count):
        p = place([(0, (k - (count - 1) / 2) * pitch)], x, y, angle)[0]
        court(s, float(p[0]), float(p[1]), angle, label)


def oval(x: float, y: float, straight: float, radius: float, angle: float) -> Ring:
    """Return a stadium's outline: two half circles joined by straights."""
    t = np.linspace(-math.pi / 2, math.pi / 2, 20)
    right = np.stack([straight / 2 + radius * np.cos(t), radius * np.sin(t)], 1)
    return place(np.concatenate([right, -right]), x, y, angle)


def track(s: Sketch, x: float, y: float, angle: float) -> None:
    """Draw a running track of eight lanes around a football field."""
    rng = s.rng
    colour = np.array(((168, 88, 72, 150), (176, 108, 86, 150), (92, 108, 150, 110))[int(rng.integers(3))]) * rng.uniform(
        0.85, 1.1
    )
    s.add(36, oval(x, y, 84.4, 46.5, angle), "court", colour)
    for k in range(1, 8):
        ring = oval(x, y, 84.4, 36.8 + 1.22 * k, angle)
        s.way(37, np.concatenate([ring, ring[:1]]), 0.14, "marking", WHITE)
    s.add(38, oval(x, y, 84.4, 36.8, angle), "grass", (94, 114, 68, 185), plant="grass")
    football(s, x, y, angle, 100.0)
    s.thing("running track", oval(x, y, 84.4, 46.5, angle))


def stadium(s: Sketch, x: float, y: float, angle: float) -> None:
    """Draw a stadium: a field or a track within stands, roofed on some sides, floodlights around."""
    rng = s.rng
    with_track = rng.random() < 0.5
    straight, inner = (86.0, 50.0) if with_track else (60.0, 45.0)
    depth = float(rng.uniform(22, 42))
    s.add(34, oval(x, y, straight, inner + depth + 24, angle), "yard", (150, 147, 140, 145))
    seats = np.array(
        ((70, 90, 150, 100), (160, 66, 60, 120), (150, 148, 144, 140), (190, 190, 186, 170))[int(rng.integers(4))], float
    )
    for k in range(6):  # rows of seats fall towards the field
        ring = oval(x, y, straight, inner + depth * (1 - k / 6), angle)
        s.add(50 + k, ring, "roof", seats * (1 + 0.07 * (-1) ** k), height=3.0 + 13.0 * (1 - k / 6))
    s.add(56, oval(x, y, straight, inner, angle), "grass", (96, 112, 72, 180), plant="grass")
    if with_track:
        s.add(57, oval(x, y, 84.4, 46.5, angle), "court", (168, 88, 72, 150))
        s.add(58, oval(x, y, 84.4, 36.8, angle), "grass", (92, 116, 66, 185), plant="grass")
    long = 100.0
    h, w = long / 2, long * 0.325
    mown = s.rows(angle, 11.0, 0.09)
    s.add(59, rect(x, y, long + 5, 2 * w + 5, angle), "grass", (88, 116, 64, 190), stripe=mown, plant="grass")
    _lines(
        s,
        [*_box(-h, -w, h, w), (0.0, -w, 0.0, w), *_box(-h, -20.0, -h + 16.5, 20.0), *_box(h - 16.5, -20.0, h, 20.0)],
        x,
        y,
        angle,
        0.3,
        60,
    )
    for side in (1, -1):
        if rng.random() < 0.75:
            v = side * (inner + depth * 0.6)
            p = place([(0, v)], x, y, angle)[0]
            s.add(
                61,
                rect(float(p[0]), float(p[1]), straight + inner * 0.9, depth * 0.75, angle),
                "roof",
                (226, 226, 222, 200),
                height=22.0,
            )
    s.thing("football field", rect(x, y, long, 2 * w, angle))
    s.thing("stadium", oval(x, y, straight, inner + depth, angle))


def ground(s: Sketch, x: float, y: float, long: float, wide: float, angle: float) -> None:
    """Draw what sport fits on a rectangle: fields and courts of several kinds, side by side."""
    rng = s.rng
    base = rect(x, y, long, wide, angle)
    s.add(35, base, "grass", tone=float(rng.uniform(0.9, 1.15)), plant="grass")
    s.zone("sports ground", base)
    fits: list[tuple[float, float, Callable[[float, float], None]]] = [
        (182, 98, lambda u, v: track(s, u, v, angle)),
        (116, 78, lambda u, v: football(s, u, v, angle, float(rng.uniform(92, 108)))),
        (112, 124, lambda u, v: baseball(s, u, v, angle + float(rng.choice([0.0, math.pi / 2, math.pi])), 82.0)),
        (40, 58, lambda u, v: courts(s, u, v, angle, 3, "tennis court")),
        (36, 42, lambda u, v: courts(s, u, v, angle, 2, "basketball court")),
        (40, 22, lambda u, v: courts(s, u, v, angle, 1, "tennis court")),
    ]
    at = -long / 2 + 3
    while at < long / 2 - 36:
        room = [f for f in fits if f[0] <= long / 2 - at and f[1] <= wide]
        if not room:
            break
        size, _, draw = room[int(rng.integers(min(3, len(room))))]
        p = place([(at + size / 2, float(rng.normal() * 2))], x, y, angle)[0]
        draw(float(p[0]), float(p[1]))
        at += size + float(rng.uniform(2, 14))
    n = int(long / 9)
    edge = place(
        np.stack([np.linspace(-long / 2, long / 2, n), np.full(n, wide / 2 - 2)], 1) + rng.normal(size=(n, 2)), x, y, angle
    )
    edge = edge[rng.random(n) < 0.6]
    trees(s, edge, rng.uniform(1.5, 4.0, len(edge)))
