"""One place at several dates: what changed to stay, what the season changed, what merely moved, each as an exact mask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglot.core.errors import InputError
from geoglot.data.sample import Turn
from geoglot.data.synth import retell
from geoglot.data.synth.changes import Event, happen
from geoglot.data.synth.edit import TRANSIENT, covers, leveled, present
from geoglot.data.synth.instances import numbered
from geoglot.data.synth.legend import CLASS, CLASSES
from geoglot.data.synth.questions import Question
from geoglot.data.synth.scenes import BANK, HERE, Planned, View, clouded, compose
from geoglot.data.synth.seasons import season
from geoglot.data.synth.views import shot
from geoglot.data.synth.world import World
from geoglot.geo.grid import Grid

Bools = NDArray[np.bool_]
AROUND = 0.7  # share of the ships, vehicles and airplanes of a place that are there at a moment


@dataclass(frozen=True)
class Pair:
    """Two dates of a place. lasting (H, W): the land cover is another one for good, between `old` and `new` (class numbers
    without what moves, at mean water); seasonal: crops, leaves, snow or water level show another state; transient: a
    ship, vehicle or airplane is or was there. No pixel is in two masks; in none, the cover is the same.
    """  # fmt: skip

    before: View
    after: View
    old: NDArray[np.uint8]
    new: NDArray[np.uint8]
    lasting: Bools
    seasonal: Bools
    transient: Bools
    events: tuple[Event, ...]
    grounds: tuple[NDArray[np.float64], ...]  # the events' grounds, rings in pixels
    seed: int

    @cached_property
    def visible(self) -> Bools:
        """Lasting change that no cloud hides at either date."""
        return np.asarray(self.lasting & ~self.before.cloud & ~self.after.cloud)

    @cached_property
    def numbered(self) -> NDArray[np.int32]:
        """Which event each lasting change belongs to, counted from 1 (H, W)."""
        return np.where(self.lasting, numbered(self.grounds, self.lasting.shape), 0).astype(np.int32)

    def turned(self, least: float = 0.0) -> list[tuple[str, str, float]]:
        """From which class to which the lasting change went, and its share of the picture; the greatest first."""
        codes = self.old[self.lasting].astype(np.int64) * len(CLASSES) + self.new[self.lasting]
        counts = np.bincount(codes, minlength=len(CLASSES) ** 2) / self.lasting.size
        order = [int(k) for k in np.argsort(-counts) if counts[k] > least]
        return [(CLASSES[k // len(CLASSES)], CLASSES[k % len(CLASSES)], float(counts[k])) for k in order]

    @cached_property
    def captions(self) -> list[str]:
        """True sentences about what changed, and what did not."""
        return retell.captions(self)

    @cached_property
    def questions(self) -> list[Question]:
        """Questions about what changed, with their answers."""
        return retell.questions(self)

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The questions as turns of a sample."""
        return tuple(q.turn for q in self.questions)


@dataclass(frozen=True)
class Series:
    """Views of one place at dates, in order, and what changed for good between: events[k] happened before view k + 1."""

    views: tuple[View, ...]
    worlds: tuple[World, ...]
    events: tuple[tuple[Event, ...], ...]
    grid: Grid
    seed: int

    def pair(self, first: int = 0, last: int = -1) -> Pair:
        """Compare two of the views, by their numbers."""
        count = len(self.views)
        i, j = first % count, last % count
        if not i < j:
            raise InputError(f"A pair needs an earlier and a later view of the {count}, got {first} and {last}.")
        a, b = self.views[i], self.views[j]
        old, new = (covers(present(world, 0.0, 0), self.grid) for world in (self.worlds[i], self.worlds[j]))
        lasting = old != new
        moving = [CLASS[name] for name in TRANSIENT.values()]
        transient = (a.ground != b.ground) & (np.isin(a.ground, moving) | np.isin(b.ground, moving)) & ~lasting
        seasonal = ((a.ground != b.ground) | (a.state != b.state)) & ~lasting & ~transient
        events = tuple(e for step in self.events[i:j] for e in step)
        t = ~self.grid.transform
        rings = [e.ring + self.worlds[0].origin for e in events]
        grounds = tuple(r @ np.array([[t.a, t.d], [t.b, t.e]]) + (t.c, t.f) for r in rings)
        return Pair(a, b, old, new, lasting, seasonal, transient, events, grounds, self.seed)


def series(
    seed: int = 0, kind: str | None = None, *, dates: Sequence[datetime], changes: Sequence[str | None] | int = 1,
    clouds: Sequence[float] | float = 0.0, **how: Any,
) -> Series:  # fmt: skip
    """Views of one place at several dates (in order); the other arguments are those of `compose`.

    `changes`: kinds of lasting change (`changes.WORKS`; None for any), or how many of any kind, spread over the times
    between the dates. `clouds`: their share, one or one a date. `InputError` where a change finds no room.
    """
    if len(dates) < 2 or any(b <= a for a, b in pairwise(dates)):
        raise InputError("A series needs two dates or more, each later than the one before.")
    shares = [clouds] * len(dates) if isinstance(clouds, int | float) else list(clouds)
    if len(shares) != len(dates):
        raise InputError(f"{len(dates)} dates, but {len(shares)} shares of cloud: give one, or one for each date.")
    wanted = [None] * changes if isinstance(changes, int) else list(changes)
    first = compose(seed, kind, **how)
    rng = np.random.default_rng([seed, 71])
    world, grid = first.world, first.grid
    when = sorted(int(k) for k in rng.integers(0, len(dates) - 1, len(wanted)))
    worlds: list[World] = [world]
    events: list[tuple[Event, ...]] = []
    for step in range(len(dates) - 1):
        made: list[Event] = []
        for k, at in enumerate(when):
            if at == step:
                world, event = happen(world, grid, wanted[k], 1000 * seed + k)
                made.append(event)
        worlds.append(world)
        events.append(tuple(made))
    views = [
        _view(first, place, date, share, k, how) for k, (place, date, share) in enumerate(zip(worlds, dates, shares, strict=True))
    ]
    return Series(tuple(views), tuple(worlds), tuple(events), grid, seed)


def _view(first: Planned, world: World, date: datetime, clouds: float, number: int, how: dict[str, Any]) -> View:
    at = how.get("at", HERE)
    when = season(date, at, world.seed, how.get("snow"))
    seed = first.world.seed + 101 * number
    moment = leveled(present(world, AROUND, seed), BANK * when.level)
    plan = shot(first.shot.sensor, first.shot.bands, seed, when, None, first.shot.units, how.get("looks"))
    if plan.radar is not None and first.shot.radar is not None:
        plan = replace(plan, radar=first.shot.radar)  # pairs of radar pictures are taken from one orbit
    plan = clouded(plan, first.grid, clouds, how.get("haze", 0.0), how.get("cloud_kind"))
    return Planned(moment, first.grid, plan).view()


def pair(
    seed: int = 0, kind: str | None = None, *, dates: tuple[datetime, datetime], changes: Sequence[str | None] | int = 1,
    clouds: Sequence[float] | float = 0.0, **how: Any,
) -> Pair:  # fmt: skip
    """Two dates of a place and what changed between; the arguments are those of `series`."""
    return series(seed, kind, dates=dates, changes=changes, clouds=clouds, **how).pair()
