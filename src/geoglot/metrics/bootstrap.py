"""Intervals of figures: by resampling, and for shares of few samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Figure = Callable[[NDArray[np.float64]], float]


@dataclass(frozen=True)
class Difference:
    """How far one figure lies above another: the difference, its interval, and the two-sided bootstrap p-value."""

    value: float
    low: float
    high: float
    p: float


def interval(figure: Figure, count: int, draws: int = 1000, level: float = 0.95, seed: int = 0) -> tuple[float, float]:
    """Give the percentile bootstrap interval of a figure of weighted samples (Efron 1979).

    ``figure`` takes how often each of ``count`` samples was drawn. Same seed, same interval.
    """
    return _middle(_draw(figure, count, draws, seed), level)


def paired(a: Figure, b: Figure, count: int, draws: int = 1000, level: float = 0.95, seed: int = 0) -> Difference:
    """Compare two figures of the same samples: every draw is given to both, so what they share cancels.

    The p-value is twice the smaller share of draws on one side of zero, a draw at zero counting half (Efron and
    Tibshirani 1993), and at least 1 / draws.
    """
    whole = np.ones(count)
    values = _draw(lambda weight: a(weight) - b(weight), count, draws, seed)
    below = float(np.mean(values < 0) + 0.5 * np.mean(values == 0))
    low, high = _middle(values, level)
    return Difference(a(whole) - b(whole), low, high, float(np.clip(2 * min(below, 1 - below), 1 / draws, 1)))


def _draw(figure: Figure, count: int, draws: int, seed: int) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    even = np.full(count, 1 / count)
    return np.array([figure(rng.multinomial(count, even).astype(float)) for _ in range(draws)])


def _middle(values: NDArray[np.float64], level: float) -> tuple[float, float]:
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def wilson(share: float, count: int, z: float = 1.96) -> tuple[float, float]:
    """Give the score interval of a share in [0, 1] of ``count`` independent samples (Wilson 1927).

    It holds for few samples and near 0 and 1, where a bootstrap of all-right answers claims to be sure.
    """
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * float(np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2)))
    return max(0.0, middle - half), min(1.0, middle + half)
