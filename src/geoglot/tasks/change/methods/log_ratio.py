"""Log-ratio of radar: decibels after less decibels before, of power without speckle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from geoglot.tasks.change.filters import Floats, box_mean, lee, looks_of
from geoglot.tasks.change.pair import Block, Pair

RADAR_ONLY = True


@dataclass(frozen=True)
class Options:
    """`filter`: local means of power, Lee's filter, or none, within `radius` pixels; `smooth`: radius of the scores' mean."""

    filter: Literal["mean", "lee", "none"] = "mean"
    radius: int = 3
    smooth: int = 0


def halo(how: Options) -> int:
    """Pixels around a block."""
    return how.radius + how.smooth


def fit(pair: Pair, how: Options) -> dict[str, Floats]:
    """The looks of the speckle of both dates, and the middle of the log-ratio."""
    looks, found = [], []
    for block in pair.sample(halo(how)):
        looks.append([looks_of(_power(v[0]), block.valid) for v in (block.before, block.after)])
    known = {"looks": np.median(np.array(looks), axis=0).astype(np.float32), "middle": np.zeros(1, np.float32)}
    for block in pair.sample(halo(how), 2**18):
        found.append(block.inner(signed(block, known, how).mean(axis=0))[block.seen])
    known["middle"] = np.median(np.concatenate(found), keepdims=True).astype(np.float32)
    return known


def signed(block: Block, known: dict[str, Floats], how: Options) -> Floats:
    """The log-ratio (C, h, w) in decibels, above 0 where it became brighter."""
    one, other = (
        10 * np.log10(np.maximum(_still(_power(values), block, float(looks), how), 1e-10))
        for values, looks in zip((block.before, block.after), known["looks"], strict=True)
    )
    made: Floats = (other - one - known["middle"][0]).astype(np.float32)
    return made


def score(block: Block, known: dict[str, Floats], how: Options) -> Floats:
    """The absolute log-ratio, its root mean square over the polarisations."""
    gap = signed(block, known, how)
    return block.inner(box_mean(np.sqrt((gap * gap).mean(axis=0)), block.valid, how.smooth))


def _power(decibels: Floats) -> Floats:
    made: Floats = np.power(np.float32(10), decibels / 10)
    return made


def _still(power: Floats, block: Block, looks: float, how: Options) -> Floats:
    if how.filter == "mean":
        return box_mean(power, block.valid, how.radius)
    return lee(power, block.valid, how.radius, looks) if how.filter == "lee" else power
