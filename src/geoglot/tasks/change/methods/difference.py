"""Plain differencing: the mean over the bands of the absolute difference of the file's values; radar as amplitudes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geoglot.tasks.change.filters import Floats, box_mean
from geoglot.tasks.change.pair import Block, Pair


@dataclass(frozen=True)
class Options:
    """`smooth`: radius in pixels of the mean of the scores."""

    smooth: int = 0


def halo(how: Options) -> int:
    """Pixels around a block."""
    return how.smooth


def fit(pair: Pair, how: Options) -> dict[str, Floats]:
    """Whether values are decibels is all there is to know."""
    return {"radar": np.array(pair.radar, np.float32)}


def score(block: Block, known: dict[str, Floats], how: Options) -> Floats:
    """The mean absolute difference."""
    before, after = block.before, block.after
    if known["radar"]:
        before, after = (np.power(np.float32(10), values / 20) for values in (before, after))
    return block.inner(box_mean(np.abs(after - before).mean(axis=0), block.valid, how.smooth))
