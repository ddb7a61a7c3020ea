"""Solar parks: rows of panels on the ground, with tracks, stations and a fence."""

from __future__ import annotations

import math

import numpy as np

from geoglot.data.synth.shapes import Ring, rect, rects
from geoglot.data.synth.world import Sketch


def park(s: Sketch, x: float, y: float, long: float, wide: float, angle: float) -> bool:
    """Draw a solar park on a rectangle where the ground is free; tell whether it was.

    The rows face the equator, or follow the sun from east to west; their pitch and depth are the park's own.
    """
    rng = s.rng
    ground = rect(x, y, long, wide, angle)
    if not s.free(ground):
        return False
    s.reserve(ground)
    s.zone("solar park", ground)
    dry = rng.random() < 0.4
    s.add(24, ground, "soil" if dry else "grass", tone=float(rng.uniform(0.95, 1.15)), plant="" if dry else "grass")
    deep = float(rng.choice([2.1, 3.4, 4.2, 6.4]))
    pitch = deep * float(rng.uniform(1.5, 2.4))
    tint = np.array(((40, 50, 76, 38), (34, 38, 52, 34), (56, 66, 96, 48), (70, 80, 104, 58))[int(rng.integers(4))], float)
    turn = 0.0 if rng.random() < 0.75 else math.pi / 2
    tall = 1.8 if turn == 0.0 else 1.4
    block = float(rng.uniform(60, 160))
    margin = 9.0
    us = np.arange(-long / 2 + margin, long / 2 - margin - 15, block + 5.0)
    vs = np.arange(-wide / 2 + margin, wide / 2 - margin - 10, float(rng.uniform(70, 180)) + 5.0)
    c, d = math.cos(angle), math.sin(angle)
    for i, u in enumerate(us.tolist()):
        right = min(us[i + 1] - 5.0 if i + 1 < len(us) else long / 2 - margin, long / 2 - margin)
        for j, v in enumerate(vs.tolist()):
            top = min(vs[j + 1] - 5.0 if j + 1 < len(vs) else wide / 2 - margin, wide / 2 - margin)
            if rng.random() < 0.05:
                continue
            rows = _rows(right - u, top - v, pitch, turn)
            if not len(rows):
                continue
            p = rows[:, :2] + (u, v)
            at = np.stack([x + p[:, 0] * c - p[:, 1] * d, y + p[:, 0] * d + p[:, 1] * c], 1)
            rings = rects(at[:, 0], at[:, 1], rows[:, 2], deep, angle + turn)
            s.many(33, rings, "panel", tint * np.exp(rng.normal(size=(len(rows), 1)) * 0.04), height=tall)
            s.many(34, rects(at[:, 0], at[:, 1], rows[:, 2], 0.12, angle + turn), "panel", tint + 60, height=tall)
            s.each("solar panel row", rings)
            if rng.random() < 0.3:
                q = (u - 2.5, v + 6.0)
                s.add(
                    35,
                    rect(x + q[0] * c - q[1] * d, y + q[0] * d + q[1] * c, 6, 2.6, angle),
                    "roof",
                    (214, 214, 210, 180),
                    height=2.8,
                )
    for u in us.tolist():
        s.way(25, _line(x, y, c, d, (u - 2.5, -wide / 2 + 3), (u - 2.5, wide / 2 - 3)), 3.2, "track", tone=0.95)
    fence = rect(x, y, long - 5, wide - 5, angle)
    s.way(25, np.concatenate([fence, fence[:1]]), 3.4, "track", tone=0.9)
    return True


def _rows(long: float, wide: float, pitch: float, turn: float) -> Ring:
    """Return middle x, y and length of rows that fill a rectangle from its corner, along x or (turned) along y."""
    if turn == 0.0:
        at = np.arange(pitch / 2, wide - pitch / 2, pitch)
        return np.stack([np.full(len(at), long / 2), at, np.full(len(at), long)], 1)
    at = np.arange(pitch / 2, long - pitch / 2, pitch)
    return np.stack([at, np.full(len(at), wide / 2), np.full(len(at), wide)], 1)


def _line(x: float, y: float, c: float, d: float, a: tuple[float, float], b: tuple[float, float]) -> Ring:
    return np.array([(x + p * c - q * d, y + p * d + q * c) for p, q in (a, b)])
