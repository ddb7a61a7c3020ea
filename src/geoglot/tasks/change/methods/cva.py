"""Change vector analysis: the length of the difference of the bands, each over the spread of what did not change."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geoglot.tasks.change.filters import Floats, box_mean
from geoglot.tasks.change.pair import Block, Pair


@dataclass(frozen=True)
class Options:
    """`smooth`: radius in pixels of the mean of the differences, before their length is taken."""

    smooth: int = 0


def halo(how: Options) -> int:
    """Pixels around a block."""
    return how.smooth


def fit(pair: Pair, how: Options) -> dict[str, Floats]:
    """The middle and the spread of each band's difference, by median and median absolute deviation."""
    found = []
    for block in pair.sample(how.smooth):
        gap = block.inner(box_mean(block.after - block.before, block.valid, how.smooth))
        found.append(gap[:, block.seen])
    gaps = np.concatenate(found, axis=1)
    middle = np.median(gaps, axis=1)
    spread = 1.4826 * np.median(np.abs(gaps - middle[:, None]), axis=1)
    floor = 1e-6 + 0.05 * np.std(gaps, axis=1)  # a band that is nearly everywhere the same tells nothing by a step of one
    return {"middle": middle.astype(np.float32), "spread": np.maximum(spread, floor).astype(np.float32)}


def score(block: Block, known: dict[str, Floats], how: Options) -> Floats:
    """Root mean square over the bands of standardised differences."""
    gap = box_mean(block.after - block.before, block.valid, how.smooth)
    unit = (gap - known["middle"][:, None, None]) / known["spread"][:, None, None]
    return block.inner(np.sqrt((unit * unit).mean(axis=0)))
