"""A metric of several samples a picture, which come and go together when pictures are drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Grouped:
    """A `metric` of samples, of which `picture` (N,) says which picture each belongs to; weights are those of pictures."""

    metric: Any
    picture: NDArray[np.int64]

    def result(self, weight: NDArray[np.float64] | None = None) -> dict[str, float]:
        """Give the metric's figures; ``weight`` (P,) repeats pictures, as a bootstrap does."""
        found: dict[str, float] = self.metric.result(None if weight is None else weight[self.picture])
        return found
