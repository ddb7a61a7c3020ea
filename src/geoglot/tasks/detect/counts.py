"""How many there are: from scores to chances, and from chances to an interval of the count.

A head is calibrated on pictures with known objects: the chance that a box is right follows from its score by a logistic curve,
and so does the share of objects that get a box at all. The number of right boxes, each right with its own chance and apart from
the others, has a Poisson-binomial distribution; divided by the share of objects that get a box it is the number of objects.
Some classes are found better than others: how far their sums were off on the pictures of the calibration widens the interval,
which matters for large counts. What it leaves out: other imagery, or a word that the head was not taught, may be found better
or worse than what it was calibrated on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.9
EXACT = 2000  # boxes up to which the distribution is worked out; beyond it is a normal one, to four digits
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Calibration:
    """Chance that a box is right, sigmoid(slope * logit(score) + bias), the share of objects that have a box at all, and the
    standard deviation among classes of the logarithm of how far their sums are off."""

    slope: float = 1.0
    bias: float = 0.0
    recall: float = 1.0
    spread: float = 0.0

    @classmethod
    def of(cls, told: Mapping[str, float]) -> Calibration | None:
        """The calibration that a head's card tells, None where it tells none."""
        return cls(told["slope"], told["bias"], told["recall"], told["spread"]) if "slope" in told else None

    def chances(self, scores: NDArray[np.floating]) -> Floats:
        """Chances (N,) that boxes of some scores (N,) are right."""
        p = np.clip(np.asarray(scores, dtype=np.float64), 1e-6, 1 - 1e-6)
        found: Floats = 1 / (1 + np.exp(-(self.slope * np.log(p / (1 - p)) + self.bias)))
        return found


@dataclass(frozen=True)
class Count:
    """Of one label: ``boxes`` that were given, the ``expected`` number of objects, and the interval of that number."""

    boxes: int
    expected: float | None = None
    low: int | None = None
    high: int | None = None


def count(boxes: int, scores: NDArray[np.floating], known: Calibration | None, level: float = LEVEL) -> Count:
    """The count of one label; ``scores`` (N,) are those of all boxes that were found, also of those too weak to be given."""
    if known is None:
        return Count(boxes)
    chances, share = known.chances(scores), max(known.recall, 1e-3)
    low, high = (edge / share for edge in interval(chances, level))
    expected = float(chances.sum()) / share
    wide = _normal((1 - level) / 2) * known.spread * expected
    below, above = (float(np.hypot(expected - edge, wide)) - abs(expected - edge) for edge in (low, high))
    return Count(boxes, expected, max(0, int(np.floor(low - below))), int(np.ceil(high + above)))


def interval(chances: Floats, level: float = LEVEL) -> tuple[int, int]:
    """The least and the greatest number of right boxes within the middle ``level`` of the Poisson-binomial distribution."""
    tail = (1 - level) / 2
    if len(chances) > EXACT:
        half = _normal(tail) * float(np.sqrt((chances * (1 - chances)).sum()))
        middle = float(chances.sum())
        return max(0, int(np.floor(middle - half))), min(len(chances), int(np.ceil(middle + half)))
    shares = np.ones(1)
    for chance in chances.tolist():
        shares = np.concatenate([shares * (1 - chance), [0.0]]) + np.concatenate([[0.0], shares * chance])
    reached = np.cumsum(shares)
    return int(np.searchsorted(reached, tail)), min(int(np.searchsorted(reached, 1 - tail)), len(chances))


def _normal(tail: float) -> float:
    """How many deviations above its mean a normal variable has a tail of this share."""
    from statistics import NormalDist

    return NormalDist().inv_cdf(1 - tail)
