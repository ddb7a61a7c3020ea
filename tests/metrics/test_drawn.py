"""Distances between sets of drawn and real pictures: against scipy on the same features, in parts, and where they are zero."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import linalg

from geoglot.metrics.fid import Frechet, Moments
from geoglot.metrics.kid import Kernel, discrepancy

NONE = np.zeros((0, 12), np.float32)


def features(seed: int, count: int, width: int = 12) -> np.ndarray:
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(count, width)) @ np.random.default_rng(seed + 100).normal(size=(width, width))
    return (mixed + seed).astype(np.float32)


def by_scipy(x: np.ndarray, y: np.ndarray) -> float:
    x, y = x.astype(np.float64), y.astype(np.float64)
    one, two = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = linalg.sqrtm(one @ two)
    return float(((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(one + two - 2 * np.real(root)))


def fid(real: np.ndarray, drawn: np.ndarray) -> float:
    metric = Frechet()
    metric.add(real, drawn)
    return metric.result()["fid"]


@pytest.mark.parametrize("width", [3, 12, 60])
def test_frechet_equals_scipy_on_the_same_features(width: int) -> None:
    real, drawn = features(1, 300, width), features(2, 200, width)
    assert fid(real, drawn) == pytest.approx(by_scipy(real, drawn), rel=1e-6)


def test_frechet_of_fewer_rows_than_columns_equals_scipy() -> None:
    real, drawn = features(1, 30, 60), features(2, 25, 60)
    assert fid(real, drawn) == pytest.approx(by_scipy(real, drawn), rel=1e-3), "scipy's root of a singular matrix is not exact"


def test_frechet_is_nought_of_one_set_and_takes_parts() -> None:
    real, drawn = features(1, 101), features(2, 77)
    assert fid(real, real) == pytest.approx(0, abs=1e-6)
    assert fid(real, real + 2) == pytest.approx(12 * 4, rel=1e-4)
    whole, other = Frechet(), Frechet()
    whole.add(real[:40], NONE)
    whole.add(real[40:41], drawn[:5])
    other.add(real[41:], drawn[5:])
    whole.merge(other)
    assert whole.result()["fid"] == pytest.approx(fid(real, drawn), rel=1e-9)
    assert whole.real.count == 101


def test_moments_of_a_far_mean_stay_exact() -> None:
    rows = features(1, 64).astype(np.float64) + 1e6
    held = Moments()
    for part in np.array_split(rows, 7):
        held.add(part)
    np.testing.assert_allclose(held.covariance, np.cov(rows, rowvar=False), rtol=1e-6)
    one = Moments()
    one.add(rows[:1])
    with pytest.raises(ValueError, match="two rows"):
        _ = one.covariance


def test_kernel_distance_by_hand_and_its_mean() -> None:
    x, y = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[1.0, 1.0], [0.0, 0.0]])
    # k(x1, x2) = 1; k(y1, y2) = 1; k(x, y1) = 1.5^3, k(x, y2) = 1
    assert discrepancy(x, y) == pytest.approx(1 + 1 - 2 * (2 * 1.5**3 + 2) / 4)
    same = [discrepancy(features(1, 400)[:50], features(1, 400)[50 * k : 50 * k + 50]) for k in range(1, 8)]
    assert min(same) < 0 < max(same), "unbiased: around nought for one distribution"


def test_kernel_distance_in_blocks() -> None:
    real, drawn = features(1, 90) / 10, features(2, 60) / 10
    one, two = Kernel(20, 30), Kernel(20, 30)
    one.add(real, drawn)
    two.add(real[:10], drawn[:0])
    other = Kernel()
    other.add(real[10:], drawn)
    two.merge(other)
    assert one.result() == two.result()
    assert one.result()["kid_deviation"] > 0
    all_rows = Kernel(3, 1000)
    all_rows.add(real[:60], drawn)
    assert all_rows.result()["kid"] == pytest.approx(discrepancy(real[:60], drawn))
    assert all_rows.result()["kid_deviation"] == pytest.approx(0, abs=1e-12)
    few = Kernel()
    few.add(real, drawn[:1])
    with pytest.raises(ValueError, match="two rows"):
        few.result()
