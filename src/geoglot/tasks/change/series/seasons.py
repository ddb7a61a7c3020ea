"""The time of year of dates: which of them share a season, and whether that is enough to tell a season from a change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
YEAR = 365.25
SAME = 46.0  # days of the year between dates that still show one season: a quarter has 91
MANY = 6  # dates from which on a yearly wave can be fitted


@dataclass(frozen=True)
class Season:
    """What the dates tell of seasons. `group` (T,) numbers those of one season; `design` (T, P) has a column for each season, or
    a mean and a yearly wave; None where a season cannot matter, or cannot be told from change. `said` says which, in words."""

    group: tuple[int, ...]
    design: Doubles | None
    said: str | None


def days(times: Sequence[datetime]) -> Doubles:
    """The day of the year (T,), from 0."""
    return np.array([time.timetuple().tm_yday - 1 + time.hour / 24 for time in times], np.float64)


def apart(one: Doubles, other: Doubles) -> Doubles:
    """Days between days of the year, the shorter way round."""
    gap = np.abs(one - other) % YEAR
    return np.minimum(gap, YEAR - gap)


def year_alone(time: datetime) -> bool:
    """Whether a date is what a year without month and day is read as."""
    return (time.month, time.day, time.hour, time.minute) == (1, 1, 0, 0)


def season(times: Sequence[datetime]) -> Season:
    """What dates in order tell of seasons."""
    count = len(times)
    whole = tuple([0] * count)
    if any(year_alone(time) for time in times):
        return Season(whole, None, "dates of which the year alone is known: seasonal change cannot be told from lasting change")
    day = days(times)
    group = grouped(day)
    many = max(group) + 1
    if many == 1:
        return Season(group, None, None)
    if 2 * many <= count:
        return Season(group, np.eye(many)[list(group)], None)
    if count >= MANY:
        angle = 2 * np.pi * day / YEAR
        return Season(group, np.stack([np.ones(count), np.cos(angle), np.sin(angle)], axis=1), None)
    if many < count:
        return Season(group, np.eye(many)[list(group)], None)
    return Season(group, None, "no two dates are of one season: seasonal change cannot be told from lasting change")


def grouped(day: Doubles) -> tuple[int, ...]:
    """A season (T,) for each day of the year: the nearest neighbours are joined while all of a group lie within `SAME` days."""
    groups = [[k] for k in range(len(day))]
    while len(groups) > 1:
        best = min(
            ((max(float(apart(day[i], day[j])) for i in a for j in b), x, y)
             for x, a in enumerate(groups) for y, b in enumerate(groups[x + 1 :], x + 1)),
        )  # fmt: skip
        if best[0] > SAME:
            break
        groups[best[1]] += groups.pop(best[2])
    groups.sort(key=min)
    made = [0] * len(day)
    for number, members in enumerate(groups):
        for k in members:
            made[k] = number
    return tuple(made)
