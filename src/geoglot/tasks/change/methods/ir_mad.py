"""IR-MAD (Nielsen 2007): what remains of the difference after all that linear gains and offsets of the bands explain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geoglot.tasks.change.filters import Floats, box_mean
from geoglot.tasks.change.pair import SAMPLE, Block, Pair
from geoglot.tasks.change.variates import Moments, Variates, iterated


@dataclass(frozen=True)
class Options:
    """`smooth`: radius in pixels of the mean of the values of both dates, before they are combined."""

    smooth: int = 0


def halo(how: Options) -> int:
    """Pixels around a block."""
    return how.smooth


def _points(block: Block, how: Options) -> tuple[Floats, Floats]:
    one, other = (block.inner(box_mean(v, block.valid, how.smooth)) for v in (block.before, block.after))
    return one[:, block.seen].T, other[:, block.seen].T


def fit(pair: Pair, how: Options) -> dict[str, Floats]:
    """Iterate on a sample; of a larger scene the last covariances are then taken over all of it, block by block."""
    parts = [_points(block, how) for block in pair.sample(how.smooth)]
    x, y = (np.concatenate(values) for values in zip(*parts, strict=True))
    found = iterated(x, y)
    if pair.shape[0] * pair.shape[1] > SAMPLE:
        moments = Moments(2 * len(pair.bands))
        for window in pair.windows():
            one, other = _points(pair.read(window, how.smooth), how)
            moments.add(np.concatenate([one, other], axis=1), found.weights(one, other))
        found = Variates.of(moments)
    return {name: np.asarray(getattr(found, name)) for name in ("mean", "first", "second", "rho")}


def score(block: Block, known: dict[str, Floats], how: Options) -> Floats:
    """The root of the chi-square over its degrees of freedom."""
    one, other = (block.inner(box_mean(v, block.valid, how.smooth)) for v in (block.before, block.after))
    count = len(known["rho"])
    gap = np.tensordot(known["first"].T, one - known["mean"][:count, None, None], 1)
    gap -= np.tensordot(known["second"].T, other - known["mean"][count:, None, None], 1)
    weight = 1 / (2 * (1 - known["rho"]) * count)
    return np.sqrt(np.tensordot(weight, gap * gap, 1)).astype(np.float32)
