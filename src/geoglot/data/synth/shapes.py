"""Rings on the ground: rectangles, discs, blobs, ribbons and lines, in metres (x east, y north)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

Ring = NDArray[np.float64]  # (N, 2), not closed


def place(points: ArrayLike, x: float, y: float, angle: float = 0.0) -> Ring:
    """Turn points about the origin by an angle (radians, counter-clockwise), then move them to x, y."""
    c, s = math.cos(angle), math.sin(angle)
    moved: Ring = np.asarray(points, np.float64) @ np.array([[c, s], [-s, c]]) + (x, y)
    return moved


def pair(point: ArrayLike) -> tuple[float, float]:
    """Return a point as two numbers."""
    x, y = np.asarray(point, np.float64)
    return float(x), float(y)


def rect(x: float, y: float, length: float, width: float, angle: float = 0.0) -> Ring:
    """Return a rectangle centred on x, y whose length lies along the angle."""
    c, s = math.cos(angle) / 2, math.sin(angle) / 2
    ax, ay, bx, by = length * c, length * s, -width * s, width * c
    return np.array([(x - ax - bx, y - ay - by), (x + ax - bx, y + ay - by), (x + ax + bx, y + ay + by),
                     (x - ax + bx, y - ay + by)])  # fmt: skip


@lru_cache(maxsize=128)
def _unit(count: int) -> Ring:
    t = np.arange(count) * (2 * math.pi / count)
    return np.stack([np.cos(t), np.sin(t)], 1)


def disc(x: float, y: float, radius: float, count: int = 0) -> Ring:
    """Return a circle as a polygon of `count` corners (0: by its size)."""
    ring: Ring = _unit(count or int(min(48, 8 + 1.2 * radius))) * radius + (x, y)
    return ring


def lumps(rng: np.random.Generator, points: Ring, radius: ArrayLike, count: int = 8) -> NDArray[np.float64]:
    """Return roundish convex outlines, no two alike, about points (N, 2) with radii (one or N), (N, count, 2)."""
    n = len(points)
    r = np.broadcast_to(np.asarray(radius, np.float64), n)[:, None] * (1.04 + 0.03 * rng.uniform(-1, 1, (n, count)))
    t = np.arange(count) * (2 * math.pi / count) + rng.uniform(0, 2 * math.pi, (n, 1))
    long, turn = np.exp(rng.uniform(-0.22, 0.22, (n, 1))), rng.uniform(0, math.pi, (n, 1))
    u, v = np.cos(t) * r * long, np.sin(t) * r / long
    c, s = np.cos(turn), np.sin(turn)
    return np.stack([u * c - v * s, u * s + v * c], -1) + points[:, None]


def rects(x: ArrayLike, y: ArrayLike, length: ArrayLike, width: ArrayLike, angle: ArrayLike = 0.0) -> NDArray[np.float64]:
    """Return rectangles (N, 4, 2) as `rect` does, from numbers or arrays of N."""
    x, y, length, width, angle = np.broadcast_arrays(
        *(np.atleast_1d(np.asarray(v, np.float64)) for v in (x, y, length, width, angle))
    )
    c, s = np.cos(angle) / 2, np.sin(angle) / 2
    ax, ay, bx, by = length * c, length * s, -width * s, width * c
    return np.stack([np.stack([x - ax - bx, y - ay - by], -1), np.stack([x + ax - bx, y + ay - by], -1),
                     np.stack([x + ax + bx, y + ay + by], -1), np.stack([x - ax + bx, y - ay + by], -1)], 1)  # fmt: skip


def blob(rng: np.random.Generator, x: float, y: float, radius: float, rough: float = 0.35, count: int = 96) -> Ring:
    """Return an irregular closed outline around x, y: a circle disturbed by a few harmonics."""
    t = np.arange(count) * (2 * math.pi / count)
    r = np.zeros(count)
    for k in range(2, 20):
        r += rng.normal() / k**1.4 * np.cos(k * t + rng.uniform(0, 2 * math.pi))
    stretch = rng.uniform(0.75, 1.3)
    r = radius * np.exp(np.clip(rough * r, -1.2, 1.2))
    return place(np.stack([r * np.cos(t) * stretch, r * np.sin(t) / stretch], 1), x, y, rng.uniform(0, math.pi))


def ribbon(line: ArrayLike, width: float | NDArray[np.float64]) -> Ring:
    """Return the outline of a line (N, 2) drawn with a width (one, or one a point)."""
    p = np.asarray(line, np.float64)
    along = np.gradient(p, axis=0)
    along /= np.maximum(np.hypot(along[:, 0], along[:, 1])[:, None], 1e-9)
    side = np.stack([-along[:, 1], along[:, 0]], 1) * (np.broadcast_to(width, len(p))[:, None] / 2)
    return np.concatenate([p + side, (p - side)[::-1]])


def wander(rng: np.random.Generator, start: Sequence[float], end: Sequence[float], sway: float, levels: int = 6) -> Ring:
    """Return a winding line between two points: midpoints displaced by about `sway` metres, halving each level."""
    p = np.array([start, end], np.float64)
    for level in range(levels):
        middle = (p[1:] + p[:-1]) / 2
        step = p[1:] - p[:-1]
        normal = np.stack([-step[:, 1], step[:, 0]], 1) / np.maximum(np.hypot(step[:, 0], step[:, 1])[:, None], 1e-9)
        middle += normal * (rng.normal(size=(len(middle), 1)) * sway * 0.5**level)
        merged = np.empty((len(p) + len(middle), 2))
        merged[0::2], merged[1::2] = p, middle
        p = merged
    return p


def smooth(line: Ring, rounds: int = 2) -> Ring:
    """Cut the corners of an open line (Chaikin), its ends kept."""
    p = line
    for _ in range(rounds):
        cut = np.empty((2 * len(p) - 2, 2))
        cut[0::2], cut[1::2] = 0.75 * p[:-1] + 0.25 * p[1:], 0.25 * p[:-1] + 0.75 * p[1:]
        p = np.concatenate([p[:1], cut, p[-1:]])
    return p


def resample(line: Ring, step: float) -> tuple[Ring, NDArray[np.float64]]:
    """Return points every `step` metres along a line and the direction there (radians)."""
    seg = np.hypot(*np.diff(line, axis=0).T)
    at = np.concatenate([[0.0], np.cumsum(seg)])
    want = np.arange(step / 2, at[-1], step)
    points = np.stack([np.interp(want, at, line[:, 0]), np.interp(want, at, line[:, 1])], 1)
    index = np.clip(np.searchsorted(at, want) - 1, 0, len(line) - 2)
    d = line[index + 1] - line[index]
    return points, np.arctan2(d[:, 1], d[:, 0])


def area(ring: Ring) -> float:
    """Return the signed area of a ring in square metres, positive when counter-clockwise."""
    x, y = ring[:, 0], ring[:, 1]
    return float(0.5 * np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))


def inside(points: ArrayLike, ring: Ring) -> NDArray[np.bool_]:
    """Tell which points (N, 2) lie within a ring (even-odd rule)."""
    p = np.atleast_2d(np.asarray(points, np.float64))
    a, b = ring, np.roll(ring, -1, axis=0)
    crosses = (a[None, :, 1] > p[:, None, 1]) != (b[None, :, 1] > p[:, None, 1])
    rise = np.where(b[:, 1] == a[:, 1], 1e-12, b[:, 1] - a[:, 1])
    x = a[None, :, 0] + (p[:, None, 1] - a[None, :, 1]) * ((b - a)[:, 0] / rise)[None]
    return np.asarray((np.sum(crosses & (p[:, None, 0] < x), axis=1) % 2).astype(bool))


def split(rng: np.random.Generator, quad: Ring, target: float, spread: float = 0.6, narrow: float = 1.0) -> list[Ring]:
    """Cut a convex quadrilateral again and again until the parts are about `target` square metres, and so narrow."""
    out: list[Ring] = []
    todo = [quad]
    while todo:
        q = todo.pop()
        if abs(area(q)) < target * math.exp(rng.normal() * spread):
            out.append(q)
            continue
        a = np.hypot(*(q[1] - q[0])) + np.hypot(*(q[2] - q[3]))
        b = np.hypot(*(q[2] - q[1])) + np.hypot(*(q[3] - q[0]))
        q = q if a * narrow * rng.uniform(0.75, 1.35) > b else np.roll(q, -1, axis=0)
        t = rng.uniform(0.35, 0.65)
        u = min(max(t + rng.normal() * 0.03, 0.25), 0.75)
        m, n = q[0] + (q[1] - q[0]) * t, q[3] + (q[2] - q[3]) * u
        todo += [np.array([q[0], m, n, q[3]]), np.array([m, q[1], q[2], n])]
    return out


def inset(ring: Ring, margin: float) -> Ring:
    """Shrink a small convex ring towards its middle by about `margin` metres."""
    centre = ring.mean(axis=0)
    away = ring - centre
    reach = np.maximum(np.hypot(away[:, 0], away[:, 1])[:, None], 1e-9)
    shrunk: Ring = centre + away * np.maximum(1 - 1.3 * margin / reach, 0.05)
    return shrunk


def ragged(rng: np.random.Generator, ring: Ring, sway: float = 1.2, step: float = 18.0) -> Ring:
    """Return a ring whose straight edges waver by about `sway` metres and whose corners are cut."""
    points, angle = resample(np.concatenate([ring, ring[:1]]), step)
    if len(points) < 6:
        return ring
    push = np.convolve(rng.normal(size=len(points) + 2), (0.3, 0.6, 0.3), "valid") * sway
    moved: Ring = points + np.stack([-np.sin(angle), np.cos(angle)], 1) * push[:, None]
    return moved


def unturned(quad: Ring, margin: float) -> Ring:
    """Move each side of a counter-clockwise quadrilateral inwards by `margin` metres, directions kept."""
    step = np.roll(quad, -1, axis=0) - quad
    step /= np.maximum(np.hypot(step[:, 0], step[:, 1])[:, None], 1e-9)
    before = np.roll(step, 1, axis=0)
    bend = np.abs(before[:, 0] * step[:, 1] - before[:, 1] * step[:, 0])[:, None]
    moved: Ring = quad + (step - before) * (margin / np.maximum(bend, 0.4))
    return moved


def runs(cuts: NDArray[np.float64]) -> list[tuple[float, float]]:
    """Return neighbouring pairs of a sorted row of numbers."""
    values = cuts.tolist()
    return list(pairwise(values))
