"""Wilson's interval, against the values of its closed form and scipy's."""

from __future__ import annotations

import pytest
from scipy.stats import binomtest

from geoglot.metrics.bootstrap import wilson


@pytest.mark.parametrize(("right", "count"), [(0, 5), (3, 5), (12, 12), (40, 100)])
def test_wilson(right: int, count: int) -> None:
    wanted = binomtest(right, count).proportion_ci(method="wilson")
    assert wilson(right / count, count) == pytest.approx((wanted.low, wanted.high), abs=1e-4)
