"""Several dates as one: blocks of all of them on the grid of the first, moved and levelled to it, with the noise between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglot.core.errors import InputError
from geoglot.geo.grid import Grid, Window
from geoglot.geo.scene import Scene
from geoglot.geo.sensors import Band
from geoglot.tasks.change import level
from geoglot.tasks.change.asked import Settings, dated, paired
from geoglot.tasks.change.filters import box_mean
from geoglot.tasks.change.pair import COLUMNS, ROWS, VALUES, Pair, inside, spread
from geoglot.tasks.change.series.seasons import YEAR, apart, days, year_alone
from geoglot.tasks.change.variates import iterated

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
MOST = 60  # dates: which of them a pixel was observed at is one number
SAMPLE, SAMPLED = 2**18, 2**26  # pixels of which the noise is measured, and values of them at most
SIDE = 128  # of their windows


@dataclass
class Stack:
    """Dates of a place in order. `pairs` are the first scene with each later one; `radius` pixels of neighbourhood are averaged.

    `whiten` (C, C) turns levelled values into ones of unit noise.
    """

    first: Scene
    pairs: tuple[Pair, ...]
    radius: int
    order: tuple[int, ...] = ()  # of the dates, among the scenes as they were named
    whiten: Floats | None = None

    @property
    def scenes(self) -> tuple[Scene, ...]:
        """All of them."""
        return self.first, *(pair.after for pair in self.pairs)

    @property
    def times(self) -> tuple[datetime, ...]:
        """Their dates."""
        return tuple(scene.time for scene in self.scenes if scene.time is not None)

    @property
    def grid(self) -> Grid | None:
        """That of the first."""
        return self.first.grid

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the first."""
        return self.first.shape

    @property
    def bands(self) -> tuple[Band, ...]:
        """What is compared."""
        return self.pairs[0].bands

    def __len__(self) -> int:
        return len(self.pairs) + 1

    def read(self, window: Window, halo: int = 0) -> tuple[Floats, Bools]:
        """Levelled values (T, C, h, w) and what was observed (T, h, w), with `halo` pixels around the window."""
        row, col, height, width = window
        wide = row - halo, col - halo, height + 2 * halo, width + 2 * halo
        parts = [inside(self.first, self.pairs[0].first, wide), *(pair.levelled(wide) for pair in self.pairs)]
        return np.stack([values for values, _ in parts]), np.stack([seen for _, seen in parts])

    def smooth(self, window: Window) -> tuple[Floats, Bools]:
        """Values (T, C, h, w) averaged over neighbourhoods of what was observed, and what was observed (T, h, w)."""
        values, seen = self.read(window, self.radius)
        made = np.stack([box_mean(v, s, self.radius) for v, s in zip(values, seen, strict=True)])
        r = self.radius
        inner = slice(r, made.shape[-2] - r), slice(r, made.shape[-1] - r)
        return made[..., *inner], seen[:, *inner]

    def whitened(self, window: Window) -> tuple[Floats, Bools]:
        """Values (T, C, h * w) of unit noise around those of the first date that was seen, and what was observed (T, h * w)."""
        assert self.whiten is not None
        values, seen = self.smooth(window)
        flat, valid = values.reshape(*values.shape[:2], -1), seen.reshape(len(seen), -1)
        start = np.take_along_axis(flat, valid.argmax(axis=0)[None, None], axis=0)  # small numbers keep their digits
        made = np.einsum("dc,tcn->tdn", self.whiten, np.where(valid[:, None], flat - start, np.float32(0)))
        return made.astype(np.float32), valid

    def windows(self) -> list[Window]:
        """Windows that cover the first scene, row by row, smaller with more dates."""
        height, width = self.shape
        cols = min(width, COLUMNS)
        rows = int(np.clip(VALUES // (4 * len(self) * len(self.bands) * cols), 16, ROWS))
        return [
            (top, left, min(rows, height - top), min(cols, width - left))
            for top in range(0, height, rows)
            for left in range(0, width, cols)
        ]

    def sample(self) -> Iterator[tuple[Floats, Bools]]:
        """Smoothed values (T, C, N) and what was observed (T, N), evenly over the scene."""
        most = min(SAMPLE, SAMPLED // (len(self) * len(self.bands)))
        small = self.shape[0] * self.shape[1] <= most
        for window in self.windows() if small else spread(self.shape, SIDE, most // SIDE**2):
            values, seen = self.smooth(window)
            yield values.reshape(*values.shape[:2], -1), seen.reshape(len(seen), -1)

    def measure(self) -> None:
        """Measure the noise of ground that did not change, and set `whiten`.

        Each date is compared with that of the most similar time of year. The covariance of their differences is taken over
        the pixels that IR-MAD thinks unchanged, by that probability; it is scaled so that the median pixel is an ordinary one.
        """
        from scipy.special import gammaincinv as gamma_quantile  # takes a third of a second to import

        parts = list(self.sample())
        values, seen = (np.concatenate([part[k] for part in parts], axis=-1) for k in (0, 1))
        found, gaps = [], []
        for k, other in partners(self.times):
            both = seen[k] & seen[other]
            x, y = values[k][:, both].T, values[other][:, both].T
            if len(x) < 10 * len(self.bands) + 10:
                continue
            weight = iterated(x, y).weights(x, y) + 1e-9
            gap = (y - x).astype(np.float64)
            gap -= np.average(gap, axis=0, weights=weight)
            found.append((gap * weight[:, None]).T @ gap / weight.sum() / 2)
            gaps.append(gap.astype(np.float32))
        if not found:
            raise InputError("The dates share too few observed pixels to tell change from noise: take scenes that overlap more.")
        noise = np.mean(found, axis=0)
        noise += np.diag(1e-4 * np.diag(noise) + 1e-12)
        inverse = np.linalg.inv(noise)
        ordinary = np.concatenate([np.einsum("nc,cd,nd->n", gap, inverse, gap) / 2 for gap in gaps])
        expected = 2 * gamma_quantile(len(self.bands) / 2, 0.5)
        scale = max(float(np.median(ordinary)) / expected, 1e-9)
        values_, vectors = np.linalg.eigh(noise * scale)
        self.whiten = (vectors / np.sqrt(values_)).T.astype(np.float32)


def partners(times: Sequence[datetime]) -> list[tuple[int, int]]:
    """For each date the one of the nearest time of year, of two the nearer in time; each pair once."""
    day = days(times)
    known = not any(year_alone(time) for time in times)
    made = set()
    for k, time in enumerate(times):
        others = [j for j in range(len(times)) if j != k]
        far = {j: abs((times[j] - time).days) / YEAR for j in others}
        best = min(others, key=lambda j: (round(float(apart(day[j], day[k])) / 15) if known else 0, far[j]))
        made.add((min(k, best), max(k, best)))
    return sorted(made)


def stacked(sources: Sequence[Any], asked: Settings, dates: Sequence[str] | None, radius: int | None) -> Stack:
    """Open and check dates of a place, and put them in order. Raises what `paired` raises, and `InputError` for dates that are
    missing or the same."""
    if not 2 <= len(sources) <= MOST:
        raise InputError(f"A series has 2 to {MOST} scenes, got {len(sources)}.")
    if dates is not None and len(dates) != len(sources):
        raise InputError(f"{len(sources)} scenes, but {len(dates)} dates: give one for each, in the order of the scenes.")
    scenes = [
        source if isinstance(source, Scene) else Scene.open(source, asked.sensor, asked.bands)  # type: ignore[arg-type]
        for source in sources
    ]
    if len({scene.href for scene in scenes}) < len(scenes):
        raise InputError("A scene is named twice: a series has each of its dates once.")
    for scene, said in zip(scenes, dates if dates is not None else [None] * len(scenes), strict=True):
        if said is not None:
            dated(scene, said)
        if scene.time is None:
            raise InputError(f"{scene.id} does not tell its date: name the dates of all scenes (--dates), in their order.")
    rank = sorted(range(len(scenes)), key=lambda k: scenes[k].time)  # type: ignore[arg-type,return-value]
    order = [scenes[k] for k in rank]
    for one, other in pairwise(order):
        if one.time.date() == other.time.date():  # type: ignore[union-attr]
            raise InputError(f"{one.id} and {other.id} are of the same date, {one.time:%Y-%m-%d}: a series has one scene a date.")
    pairs = [paired(order[0], scene, asked) for scene in order[1:]]
    if any(pair.crossed for pair in pairs):
        raise InputError("A series is of radar or of optical scenes: their values cannot be followed from one to the other.")
    shared = [k for k in pairs[0].first if all(k in pair.first for pair in pairs)]
    if not shared:
        raise InputError("No band is common to all dates: leave out the scenes that differ, or name the bands (--bands).")
    pairs = [_only(pair, shared) for pair in pairs]
    if order != scenes:
        pairs[0].assumptions.append("the scenes were put in the order of their dates")
    if radius is None:
        radius = 2 if order[0].sensor.radar else 1
    made = Stack(order[0], tuple(pairs), radius, tuple(rank))
    _check_copies(made)
    return made


def _check_copies(stack: Stack) -> None:
    """Raise `InputError` where two later dates hold the same pixels, by a few windows; `paired` has looked at the first."""
    same = {(i, j): 0 for j in range(1, len(stack)) for i in range(1, j)}
    for window in spread(stack.shape, SIDE, 4):
        values, seen = stack.read(window)
        for i, j in list(same):
            both = seen[i] & seen[j]
            if not np.array_equal(values[i][:, both], values[j][:, both]):
                del same[i, j]
            elif (i, j) in same:
                same[i, j] += int(both.sum())
    for (i, j), many in same.items():
        if many:
            names = stack.scenes[i].id, stack.scenes[j].id
            raise InputError(f"{names[0]} and {names[1]} hold the same pixels: one of them is a copy of the other.")


def _only(pair: Pair, shared: Sequence[int]) -> Pair:
    """The same pair with these bands of the first only."""
    at = [pair.first.index(k) for k in shared]
    second, bands = tuple(pair.second[k] for k in at), tuple(pair.bands[k] for k in at)
    return replace(pair, first=tuple(shared), second=second, bands=bands)


def align(stack: Stack, register: bool, how: level.Level) -> list[dict[str, Any]]:
    """Measure shifts and levels of all dates; what was found out, a row a date after the first."""
    told = []
    for pair in stack.pairs:
        if register:
            pair.shift = level.register(pair)
        pair.gain, pair.offset = level.levels(pair, how)
        told.append(level.told(pair))
    return told
