"""Where change begins: Otsu's threshold, or one that so many unchanged pixels pass by chance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
BINS = 1 << 15


@dataclass
class Histogram:
    """Counts of scores between `low` and `high`, in even steps."""

    low: float
    high: float
    counts: NDArray[np.int64]

    @classmethod
    def between(cls, low: float, high: float) -> Histogram:
        """An empty one."""
        return cls(low, high if high > low else low + 1.0, np.zeros(BINS, np.int64))

    def add(self, values: NDArray[np.floating]) -> None:
        """Count values."""
        place = (values.astype(np.float64) - self.low) * (BINS / (self.high - self.low))
        self.counts += np.bincount(np.clip(place, 0, BINS - 1).astype(np.int64), minlength=BINS)

    @cached_property
    def edges(self) -> Doubles:
        """The upper edge of each bin."""
        return np.linspace(self.low, self.high, BINS + 1)[1:]

    def quantile(self, share: float) -> float:
        """The score below which so much lies."""
        total = np.cumsum(self.counts)
        at = int(np.searchsorted(total, share * total[-1]))
        before = total[at - 1] if at else 0
        part = (share * total[-1] - before) / max(int(self.counts[at]), 1)
        step = (self.high - self.low) / BINS
        return float(self.edges[at] - step * (1 - part))


def otsu(scores: Histogram, power: int = 1) -> float:
    """The threshold with the greatest variance between what is below and above it (Otsu 1979), of scores to a power."""
    step = (scores.high - scores.low) / BINS
    middle = (scores.edges - step / 2) ** power
    below = np.cumsum(scores.counts)
    sums = np.cumsum(scores.counts * middle)
    above = below[-1] - below
    with np.errstate(invalid="ignore", divide="ignore"):
        gap = sums / below - (sums[-1] - sums) / above
        spread = np.where((below > 0) & (above > 0), below * above * gap * gap, -1.0)
    best = np.flatnonzero(spread == spread.max())
    return float(scores.edges[best].mean())


def clipped(scores: Histogram, share: float = 0.995) -> Histogram:
    """The same with what lies above a quantile put at it: a few glints, or clouds, do not draw Otsu's threshold up to them."""
    top = int(np.searchsorted(np.cumsum(scores.counts), share * scores.counts.sum()))
    counts = scores.counts.copy()
    counts[top] += counts[top + 1 :].sum()
    counts[top + 1 :] = 0
    return Histogram(scores.low, scores.high, counts)


def false_alarm(scores: Histogram, rate: float) -> float:
    """The threshold that a share `rate` of the unchanged pixels passes.

    Squares of scores of unchanged pixels are taken to follow a gamma distribution (a sum of squared normal differences, such as
    the chi-square of IR-MAD, does), fitted to the lower half of all scores, where change is rare: quantiles 0.15 and 0.45.
    """
    from scipy.special import gammaincinv as gamma_quantile  # takes a third of a second to import

    low, high = scores.quantile(0.15) ** 2, scores.quantile(0.45) ** 2
    if not high > 0:
        return scores.quantile(1 - rate)
    wanted = max(low, 1e-12 * high) / high
    a, b = 0.05, 200.0
    for _ in range(60):  # the ratio of the quantiles rises with the shape
        shape = math.sqrt(a * b)
        if gamma_quantile(shape, 0.15) / gamma_quantile(shape, 0.45) < wanted:
            a = shape
        else:
            b = shape
    scale = high / gamma_quantile(shape, 0.45)
    return math.sqrt(scale * float(gamma_quantile(shape, 1 - rate)))


def chi_square_above(degrees: int, values: NDArray[np.floating]) -> Doubles:
    """The probability that a chi-square variable passes values (...)."""
    from scipy.special import chdtrc

    made: Doubles = chdtrc(degrees, values.astype(np.float64))
    return made
