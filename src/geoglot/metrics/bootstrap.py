"""Intervals by resampling."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray


def interval(
    figure: Callable[[NDArray[np.float64]], float], count: int, draws: int = 1000, level: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """Give the percentile bootstrap interval of a figure of weighted samples (Efron 1979).

    ``figure`` takes how often each of ``count`` samples was drawn. Same seed, same interval.
    """
    rng = np.random.default_rng(seed)
    even = np.full(count, 1 / count)
    values = [figure(rng.multinomial(count, even).astype(float)) for _ in range(draws)]
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
