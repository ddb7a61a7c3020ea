"""Bringing one date's values to those of the other: moved onto it, and levelled band by band on what did not change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from geoglot.core.errors import InputError
from geoglot.geo.phase import Shift, agreed, correlate, edges
from geoglot.tasks.change.pair import Pair, spread
from geoglot.tasks.change.variates import iterated

Floats = NDArray[np.float32]
Level = Literal["invariant", "none"]
LEVELS: tuple[Level, ...] = get_args(Level)
SIDES, COUNT = (128, 256), 25  # of the windows that are compared: the smaller ones on small scenes
FAR = 0.25  # of a window: what is farther off cannot be told
_POINTS = 2**18


def level_of(name: str) -> Level:
    """The way to level of a name. Raises InputError."""
    for known in LEVELS:
        if name == known:
            return known
    raise InputError(f"Values are levelled by {' or '.join(LEVELS)}, got {name!r}.")


def register(pair: Pair) -> Shift:
    """How far the second scene lies off the first, from windows all over it; `pair.shift` is left as it is.

    Twice: the second time with the windows moved by what the first time found, so that they show the same ground.
    """
    kept = pair.shift
    try:
        pair.shift = _measure(pair)
        if not pair.shift.reliable or pair.shift.length < 0.02:
            return pair.shift
        more, first = _measure(pair), pair.shift
        if not more.reliable or more.length > first.length:
            return Shift(first.down, first.across, first.quality, first.windows, False)
        return Shift(first.down + more.down, first.across + more.across, more.quality, more.windows, True)
    finally:
        pair.shift = kept


def _measure(pair: Pair) -> Shift:
    side = min(SIDES[min(pair.shape) >= 4 * SIDES[0]], *pair.shape)
    found = []
    for window in spread(pair.shape, side, COUNT):
        block = pair.read(window)
        rows, cols = np.flatnonzero(block.valid.any(axis=1)), np.flatnonzero(block.valid.any(axis=0))
        if len(rows) < 32 or len(cols) < 32:
            continue
        cut = slice(rows[0], rows[-1] + 1), slice(cols[0], cols[-1] + 1)
        if block.valid[cut].mean() < 0.7:
            continue
        one, other = (_grey(values[:, *cut], block.valid[cut]) for values in (block.before, block.after))
        if not (np.ptp(one) and np.ptp(other)):
            continue
        # brightness tells more than edges, but where fields have become darker that were brighter, or between radar and optical
        down, across, peak = max(correlate(one, other), correlate(edges(one), edges(other)), key=lambda found: found[2])
        if max(abs(down), abs(across)) > FAR * side:
            peak = 0.0
        found.append((down, across, peak))
    return agreed(found)


def _grey(values: Floats, valid: NDArray[np.bool_]) -> Floats:
    """The mean of bands brought to unit spread (H, W); their median where nothing was observed."""
    total = np.zeros(valid.shape, np.float32)
    for band in values:
        middle = np.median(band[valid])
        width = max(float(np.std(band[valid])), 1e-12)
        total += np.where(valid, np.clip((band - middle) / width, -4, 4), 0).astype(np.float32)
    return total


def levels(pair: Pair, how: Level) -> tuple[Floats | None, Floats | None]:
    """Gain and offset (C,) that bring the second scene's values to the first's; None for none.

    Pixels count by the probability that they did not change, by IR-MAD (Canty and Nielsen 2008); the lines are reduced
    major axes, for both dates have noise. Of radar, in decibels, only the offset is taken, from the median.
    """
    if how == "none" or pair.crossed:
        return None, None
    x, y = pair.points(_POINTS)
    count = len(pair.bands)
    if len(x) < 10 * count + 10:
        return None, None
    if pair.radar:
        return np.ones(count, np.float32), np.median(x - y, axis=0).astype(np.float32)
    weight = iterated(x, y).weights(x, y)
    gain, offset = np.ones(count, np.float32), np.zeros(count, np.float32)
    for k in range(count):
        gain[k], offset[k] = line(y[:, k], x[:, k], weight)
    return gain, offset


def line(x: Floats, y: Floats, weight: NDArray[np.floating]) -> tuple[float, float]:
    """Gain and offset that bring `x` to `y` (N,) by their means and spreads: the reduced major axis, for both have noise."""
    mx, my = np.average(x, weights=weight), np.average(y, weights=weight)
    sx, sy = (np.sqrt(np.average((v - m) ** 2, weights=weight)) for v, m in ((x, mx), (y, my)))
    if not sx > 1e-12 or not sy > 1e-12:
        return 1.0, float(my - mx)
    gain = float(np.clip(sy / sx, 0.2, 5.0))
    return gain, float(my - gain * mx)


def told(pair: Pair) -> dict[str, Any]:
    """What was measured of a pair, as a report holds it."""
    shift, gsd = pair.shift, pair.before.gsd
    found = {
        "down": round(shift.down, 3),
        "across": round(shift.across, 3),
        "metres": None if gsd is None else round(shift.length * gsd, 2),
        "quality": round(shift.quality, 3),
        "windows": shift.windows,
        "used": shift.reliable,
    }
    lines = {"gain": pair.gain, "offset": pair.offset}
    return {"shift": found} | {name: None if line is None else [round(float(v), 6) for v in line] for name, line in lines.items()}


def taken(pair: Pair, report: Mapping[str, Any]) -> None:
    """Take up what an earlier run told."""
    found = report["shift"]
    pair.shift = Shift(found["down"], found["across"], found["quality"], found["windows"], found["used"])
    for name in ("gain", "offset"):
        setattr(pair, name, None if report[name] is None else np.array(report[name], np.float32))
