"""What covers the ground at each date: classes by indices of levelled values, or by words; their areas, and whether they hold.

Water is where the water index (green against short-wave infrared, else against near infrared) passes one threshold for all
dates: Otsu's over all of them together, kept between -0.1 and 0.3, because water lies above 0 of reflectance. Without green it is
where the near infrared is dark. Vegetation is what else passes Otsu's threshold of the vegetation index.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglot.geo.areas import pixel_areas
from geoglot.geo.grid import Grid, Window
from geoglot.tasks.change.kinds import index
from geoglot.tasks.change.said import classes_of, onto_first
from geoglot.tasks.change.series.seasons import Season
from geoglot.tasks.change.series.stack import Stack
from geoglot.tasks.change.threshold import Histogram, otsu
from geoglot.text.templates import NONE

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
Bytes = NDArray[np.uint8]
NODATA = 255
WET = (-0.1, 0.3)  # between which the threshold of a water index lies
Cover = Callable[[Window, Floats, Bools], Bytes]


@dataclass(frozen=True)
class Classes:
    """Names of classes, values 1 and on, and how to give them to a window's pixels (T, h, w): 0 none, 255 not observed."""

    names: tuple[str, ...]
    cover: Cover
    report: dict[str, Any]


def by_words(stack: Stack, labels: Any, model: Any, progress: bool) -> Classes:
    """Classes that a model gives each scene by words, as `segment` does."""
    maps = [classes_of(scene, labels, model, progress) for scene in stack.scenes]
    reads = [maps[0].read, *(onto_first(pair, one) for pair, one in zip(stack.pairs, maps[1:], strict=True))]

    def cover(window: Window, values: Floats, seen: Bools) -> Bytes:
        return np.where(seen, np.stack([read(window) for read in reads]), NODATA).astype(np.uint8)

    return Classes(tuple(maps[0].names), cover, {"by": "words", "model": maps[0].model})


def by_indices(stack: Stack) -> Classes | None:
    """Water, vegetation and other ground by the bands there are; None where they tell neither."""
    at = {band.common: k for k, band in reversed(list(enumerate(stack.bands))) if band.common}
    nir, dark = at.get("nir", at.get("nir08")), at.get("swir16", at.get("swir22"))
    if stack.first.sensor.radar or nir is None:
        return None
    wet = _water(at.get("green"), nir, dark)
    green = None if "red" not in at else (nir, at["red"])
    limits = _limits(stack, wet, green, "green" in at)
    names = ("water", "vegetation", "other") if green else ("water", "other")

    def cover(window: Window, values: Floats, seen: Bools) -> Bytes:
        made = np.full(seen.shape, len(names), np.uint8)
        for k, part in enumerate(values):
            if green is not None:
                made[k][index(part, *green) > limits["vegetation"]] = 2
            made[k][wet(part) > limits["water"]] = 1
        return np.where(seen, made, NODATA).astype(np.uint8)

    how = "near infrared, dark" if "green" not in at else f"green against {'short-wave' if dark is not None else 'near'} infrared"
    return Classes(names, cover, {"by": "indices", "water": how, "thresholds": {k: round(v, 4) for k, v in limits.items()}})


def _water(green: int | None, nir: int, dark: int | None) -> Callable[[Floats], Floats]:
    """The water index (h, w) of values (C, h, w)."""
    if green is None:
        return lambda values: -values[nir]
    other = nir if dark is None else dark
    return lambda values: index(values, green, other)


def _limits(stack: Stack, wet: Callable[[Floats], Floats], green: tuple[int, int] | None, bounded: bool) -> dict[str, float]:
    """One threshold for all dates, of water and of what grows outside of it."""
    water, plants = [], []
    for values, seen in stack.sample():
        for part, known in zip(values, seen, strict=True):
            water.append(wet(part[:, None])[0][known])
            if green is not None:
                plants.append(index(part[:, None], *green)[0][known])
    wets = np.concatenate(water)
    limit = _otsu(wets)
    found = {"water": float(np.clip(limit, *WET)) if bounded else limit}
    if green is not None:
        found["vegetation"] = _otsu(np.concatenate(plants)[wets <= found["water"]])
    return found


def _otsu(values: Floats) -> float:
    if not values.size:
        return 0.0
    counts = Histogram.between(float(values.min()), float(values.max()))
    counts.add(values)
    return otsu(counts)


@dataclass
class Tally:
    """Pixels and square metres (T, K + 1) of classes by date, nothing-of-these first, and how many pixels hold their class.

    A pixel holds when no class is left and come back to at a later date, save with the season: where all dates of each time
    of year show one class. Only pixels that were observed at three dates or more are asked.
    """

    names: tuple[str, ...]
    dates: int
    season: Season
    pixels: NDArray[np.int64] = field(init=False)
    ground: NDArray[np.float64] = field(init=False)
    asked: int = 0
    held: int = 0

    def __post_init__(self) -> None:
        self.pixels = np.zeros((self.dates, len(self.names) + 1), np.int64)
        self.ground = np.zeros((self.dates, len(self.names) + 1))

    def add(self, classes: Bytes, each: NDArray[np.float64]) -> None:
        """Take in classes (T, h, w) of a window, and the square metres (h, 1) of its pixels."""
        count = len(self.names) + 1
        area = np.broadcast_to(each, classes.shape[1:])
        for k, part in enumerate(classes):
            seen = part < count
            self.pixels[k] += np.bincount(part[seen], minlength=count)
            self.ground[k] += np.bincount(part[seen], weights=area[seen], minlength=count)
        enough = (classes != NODATA).sum(axis=0) >= 3
        self.asked += int(enough.sum())
        self.held += int((enough & holds(classes, self.season)).sum())

    def rows(self, dates: Sequence[str], known: bool) -> list[dict[str, Any]]:
        """Date, label, pixels, share of what was observed, and area in square metres."""
        order = [(k, name) for k, name in enumerate((NONE, *self.names))]
        total = np.maximum(self.pixels.sum(axis=1), 1)
        return [
            {
                "date": date,
                "label": name,
                "pixels": int(self.pixels[t, k]),
                "share": float(self.pixels[t, k] / total[t]),
                "area": float(self.ground[t, k]) if known else None,
            }
            for t, date in enumerate(dates)
            for k, name in (*order[1:], order[0])
            if k or self.pixels[:, 0].any()
        ]

    @property
    def consistency(self) -> float | None:
        """The share that holds; None with fewer than three dates."""
        return self.held / self.asked if self.asked else None


def holds(classes: Bytes, season: Season) -> Bools:
    """Whether pixels (h, w) of classes (T, h, w) never come back to a class that they left, or do so with the season alone."""
    back = np.zeros(classes.shape[1:], np.bool_)
    last = classes[0].copy()
    for k in range(1, len(classes)):
        now = classes[k]
        known = now != NODATA
        moved = known & (last != NODATA) & (now != last)
        back |= moved & (classes[:k] == now).any(axis=0)
        last = np.where(known, now, last)
    if max(season.group) == 0:
        return ~back
    yearly = np.ones_like(back)
    for group in set(season.group):
        part = classes[[k for k, own in enumerate(season.group) if own == group]]
        low = np.where(part == NODATA, NODATA, part).min(axis=0)
        high = np.where(part == NODATA, 0, part).max(axis=0)
        yearly &= (low >= high) | (low == NODATA)
    return ~back | yearly


def ground(grid: Grid | None, window: Window) -> NDArray[np.float64]:
    """Square metres (h, 1) of the pixels of a window's rows."""
    row, col, height, width = window
    if grid is None:
        return np.zeros((height, 1))
    made = pixel_areas(grid, np.arange(row, row + height, dtype=np.float64) + 0.5, np.array([col + width / 2]))
    return np.nan_to_num(made)
