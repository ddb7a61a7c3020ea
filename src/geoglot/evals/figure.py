"""One measured figure with its interval, and how to take it from a metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglot.metrics.bootstrap import interval

Setting = str | float


@dataclass(frozen=True)
class Figure:
    """A value of a metric under a setting; ``low`` and ``high`` bound its 95 % interval, None where it has none.

    ``n`` counts what was sampled: pictures, places or draws, as ``over`` says.
    """

    of: Mapping[str, Setting]
    metric: str
    value: float
    n: int
    low: float | None = None
    high: float | None = None
    over: str = "pictures"

    def plain(self) -> dict[str, Any]:
        """Give it as values for JSON, rounded to what the interval can carry."""
        bounds = {"low": self.low, "high": self.high}
        rounded = {name: round(value, 3) for name, value in bounds.items() if value is not None}
        return {**self.of, "metric": self.metric, "value": round(self.value, 3), **rounded, "n": self.n, "over": self.over}


def measured(
    metric: Any, key: str, of: Mapping[str, Setting], count: int, group: NDArray[np.int64] | None = None, over: str = "pictures"
) -> Figure:
    """Take a figure of a metric with its bootstrap interval over ``count`` samples.

    ``group`` (count,) numbers what is drawn as a whole, so that samples of one place come and go together.
    """
    if group is None:
        low, high = interval(lambda weight: metric.result(weight)[key], count)
        size = count
    else:
        names, member = np.unique(group, return_inverse=True)
        size = len(names)
        low, high = interval(lambda weight: metric.result(weight[member])[key], size)
    return Figure(of, key, float(metric.result()[key]), size, low, high, over)


def spread(values: Sequence[float], metric: str, of: Mapping[str, Setting], over: str = "draws") -> Figure:
    """Take the mean of repeated figures with Student's interval of that mean; without one where there is no repeat."""
    array = np.asarray(values, dtype=np.float64)
    mean = float(array.mean())
    if len(array) < 2:
        return Figure(of, metric, mean, 1, over=over)
    from scipy.stats import t

    half = float(t.ppf(0.975, len(array) - 1)) * float(array.std(ddof=1)) / len(array) ** 0.5
    return Figure(of, metric, mean, len(array), max(0.0, mean - half), min(100.0, mean + half), over)
