"""When a pixel changed for good: piecewise-constant, seasonal and passing courses, weighed against each other.

A course is a linear model of the whitened values of a pixel over its dates. Each has a cost, RSS + P * C * log(n) for P columns,
C bands and n dates (as BIC has, with known noise), and what matters is how much cheaper the best course with a lasting step is
than the best without. In small what BFAST (Verbesselt et al. 2010) and CCDC (Zhu and Woodcock 2014) do with long series; made for
two to a few dozen dates, of which any may be missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from geoglot.tasks.change.series.seasons import Season

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
Bytes = NDArray[np.uint8]
COURSES = ("steady", "lasting", "newest", "seasonal", "lasting and seasonal", "passing", "undecided")
STEADY, LASTING, NEWEST, SEASONAL, BOTH, PASSING, UNDECIDED = range(len(COURSES))
LASTS = (LASTING, NEWEST, BOTH)  # what counts as lasting change
RUNS = 8  # dates up to which a passing state of any length is looked for; of more, of two dates at most


@dataclass(frozen=True)
class Course:
    """A model of a pixel over its dates: an orthonormal basis (n, P) of its columns, what it is, which date shows it first."""

    basis: NDArray[np.float64]
    kind: int
    first: int


@dataclass(frozen=True)
class Found:
    """For each pixel (N,): the best course, the number of the date that shows the step first (0 for none), and by how much (the
    root of the gain) the best lasting and the best other course are better than what is plainer; NaN with one date or none."""

    lasting: Floats  # root of the gain of a step over whatever does not last
    other: Floats  # root of the gain of a season or a passing state over no change at all
    step: Bytes  # the kind of the best lasting course
    first: Bytes
    rest: Bytes  # the kind of the best other course


def courses(season: Season, seen: Sequence[int]) -> list[Course]:
    """All courses that can be told apart with the dates that were seen, the plainer first."""
    n = len(seen)
    one = np.ones((n, 1))
    waves = _season(season, seen)
    rank = 0 if waves is None else _basis(waves).shape[1]  # with as many seasons as dates no season can be told from a step
    made = [Course(_basis(one), STEADY, 0)]
    steps = [np.array([[float(k >= b)] for k in range(n)]) for b in range(1, n)]
    for b, step in enumerate(steps, 1):
        both = np.concatenate([one, step], axis=1)
        if waves is None:
            made.append(Course(_basis(both), NEWEST if b == n - 1 else LASTING, seen[b]))
        elif _within(step, waves):
            made.append(Course(_basis(both), UNDECIDED, seen[b]))
        else:
            made.append(Course(_basis(both), NEWEST if b == n - 1 else LASTING, seen[b]))
            if rank + 1 < n:
                made.append(Course(_basis(np.concatenate([waves, step], axis=1)), BOTH, seen[b]))
    if waves is not None and rank < n and not (rank == 2 and any(_within(step, waves) for step in steps)):
        made.append(Course(_basis(waves), SEASONAL, 0))
    for run in _runs(n):
        if waves is None or not (rank in (2, n) and _within(run, waves)):
            made.append(Course(_basis(np.concatenate([one, run], axis=1)), PASSING, 0))
    return made


def fit(values: Floats, valid: Bools, season: Season) -> Found:
    """Weigh courses for whitened values (T, C, N) where observed (T, N)."""
    count, bands, size = values.shape
    lasting, other = np.full(size, np.nan, np.float32), np.full(size, np.nan, np.float32)
    step, first, rest = (np.zeros(size, np.uint8) for _ in range(3))
    weight = np.left_shift(1, np.arange(count, dtype=np.int64))
    pattern = weight @ valid.astype(np.int64)
    for code in np.unique(pattern):
        seen = tuple(int(k) for k in range(count) if code >> k & 1)
        if len(seen) < 2:
            continue
        at = np.flatnonzero(pattern == code)
        part = values[list(seen)][:, :, at]
        made = _best(part, _known(season.group, season, seen), bands)
        lasting[at], other[at], step[at], first[at], rest[at] = made
    return Found(lasting, other, step, first, rest)


def decided(found: Found, limit: float) -> tuple[Bytes, Bytes]:
    """The course of each pixel (N,), and the date that shows its step first: those of which the gain passes `limit`."""
    lasts = found.lasting > limit
    moves = ~lasts & (found.other > limit)
    course = np.where(lasts, found.step, np.where(moves, found.rest, STEADY)).astype(np.uint8)
    return course, np.where(lasts, found.first, 0).astype(np.uint8)


def _best(values: Floats, known: Sequence[Course], bands: int) -> tuple[Floats, Floats, Bytes, Bytes, Bytes]:
    """Gains and kinds of values (n, C, N)."""
    n, _, size = values.shape
    total = np.einsum("tcn,tcn->n", values, values)
    low = np.full(size, np.inf)  # of what lasts
    plain = np.full(size, np.inf)  # of what does not
    still = np.zeros(size)
    step, first, rest = (np.zeros(size, np.uint8) for _ in range(3))
    flat = values.reshape(n, -1)
    for course in known:
        share = (course.basis.T.astype(np.float32) @ flat).reshape(course.basis.shape[1], bands, size)
        cost = total - np.einsum("pcn,pcn->n", share, share) + course.basis.shape[1] * bands * np.log(n)
        if course.kind == STEADY:
            still = cost
        if course.kind in LASTS:
            better = cost < low
            low, step, first = (
                np.where(better, cost, low),
                np.where(better, course.kind, step),
                np.where(better, course.first, first),
            )
        else:
            better = cost < plain
            plain, rest = np.where(better, cost, plain), np.where(better, course.kind, rest)
    lasting = np.sqrt(np.maximum(plain - low, 0)) if np.isfinite(low).any() else np.zeros(size)
    other = np.sqrt(np.maximum(still - plain, 0))
    return lasting.astype(np.float32), other.astype(np.float32), *(part.astype(np.uint8) for part in (step, first, rest))


@lru_cache(maxsize=4096)
def _planned(group: tuple[int, ...], design: bytes, width: int, seen: tuple[int, ...]) -> list[Course]:
    made = np.frombuffer(design).reshape(len(group), width) if width else None
    return courses(Season(group, made, None), seen)


def _known(group: tuple[int, ...], season: Season, seen: tuple[int, ...]) -> list[Course]:
    design = season.design
    if design is None:
        return _planned(group, b"", 0, seen)
    return _planned(group, np.ascontiguousarray(design).tobytes(), design.shape[1], seen)


def _season(season: Season, seen: Sequence[int]) -> NDArray[np.float64] | None:
    """The columns of seasons at the dates that were seen; None where they are of one season, or seasons say nothing."""
    group = [season.group[k] for k in seen]
    if season.design is None or len(set(group)) < 2:
        return None
    part = season.design[list(seen)]
    part = part[:, np.any(part != 0, axis=0)]
    if _basis(part).shape[1] < len(seen):
        return part
    return np.array([[float(own == other) for other in sorted(set(group))] for own in group])  # too few for a wave


def _runs(n: int) -> Iterator[NDArray[np.float64]]:
    """States that come and go: a date or several between the first and the last."""
    longest = n - 2 if n <= RUNS else 2
    for a in range(1, n - 1):
        for b in range(a, min(a + longest, n - 1)):
            yield np.array([[float(a <= k <= b)] for k in range(n)])


def _basis(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """An orthonormal basis of columns."""
    u, s, _ = np.linalg.svd(columns, full_matrices=False)
    made: NDArray[np.float64] = u[:, s > 1e-9 * s[0]]
    return made


def _within(column: NDArray[np.float64], columns: NDArray[np.float64]) -> bool:
    """Whether a column (n, 1) is a sum of others."""
    basis = _basis(columns)
    return bool(np.abs(column - basis @ (basis.T @ column)).max() < 1e-6)
