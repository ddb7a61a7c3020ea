"""Calibration, several labels, rankings of classes, and paired comparison."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from geoglot.metrics.accuracy import Accuracy
from geoglot.metrics.bootstrap import paired
from geoglot.metrics.calibration import Calibration
from geoglot.metrics.multilabel import MultiLabel, average_precision


def test_rankings_give_the_first_five_and_classes() -> None:
    metric = Accuracy()
    ranking = np.array([[0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0], [1, 0, 2, 3, 4, 5]])
    metric.add(ranking, np.array([0, 0, 0]))
    metric.add(np.array([[2, 0, 1, 3, 4, 5]]), np.array([2]))
    found = metric.result()
    assert found == {"accuracy": 50.0, "balanced": pytest.approx(100 * (1 / 3 + 1) / 2), "top5": 75.0}
    assert metric.per_class() == {0: (pytest.approx(100 / 3), 3), 2: (100.0, 1)}
    only = Accuracy()
    only.add(np.array([0]), np.array([0]))
    metric.merge(only)
    assert set(metric.result()) == {"accuracy", "balanced"}


def test_calibration_by_hand() -> None:
    metric = Calibration(bins=10)
    metric.add(np.array([[0.95, 0.05], [0.95, 0.05], [0.35, 0.65]]), np.array([0, 1, 1]))
    found = metric.result()
    assert found["ece"] == pytest.approx(100 * (2 * 0.45 + 0.35) / 3)
    assert found["brier"] == pytest.approx((2 * 0.05**2 + 2 * 0.95**2 + 2 * 0.35**2) / 3)
    bins = metric.reliability()
    assert [(b.count, b.accuracy) for b in bins] == [(1, 1.0), (2, 0.5)]
    other = Calibration(bins=10)
    other.merge(metric)
    assert other.result() == found
    assert metric.result(np.array([1.0, 1.0, 0.0]))["ece"] == pytest.approx(45)


def test_average_precision_by_hand_and_with_equal_scores() -> None:
    truth = np.array([True, False, True, False])
    assert average_precision(np.array([0.9, 0.8, 0.7, 0.1]), truth) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision(np.zeros(4), truth) == pytest.approx(0.5)
    assert np.isnan(average_precision(np.zeros(4), np.zeros(4, bool)))


@settings(max_examples=50, deadline=None)
@given(arrays(np.int64, 12, elements=st.integers(0, 5)), arrays(np.bool_, 12))
def test_average_precision_is_that_of_the_sum_over_thresholds(score: np.ndarray, truth: np.ndarray) -> None:
    if not truth.any():
        return
    total, before = 0.0, 0.0
    for level in np.unique(score)[::-1]:
        recall = truth[score >= level].sum() / truth.sum()
        total += (recall - before) * truth[score >= level].mean()
        before = recall
    assert average_precision(score.astype(float), truth) == pytest.approx(total)


def test_several_labels_weighted_and_merged() -> None:
    rng = np.random.default_rng(0)
    scores, truth = rng.random((30, 4)), rng.random((30, 4)) < 0.4
    whole, part, rest = MultiLabel(), MultiLabel(), MultiLabel()
    whole.add(scores, truth)
    part.add(scores[:10], truth[:10])
    rest.add(scores[10:], truth[10:])
    ten = part.result()
    part.merge(rest)
    assert part.result() == whole.result()
    assert whole.result(np.r_[np.ones(10), np.zeros(20)]) == pytest.approx(ten)
    given_ = scores > 0.5
    f1 = 2 * (given_ & truth).sum(0) / (given_.sum(0) + truth.sum(0))
    assert whole.result()["macro_f1"] == pytest.approx(100 * f1.mean())


def test_a_pair_is_told_apart_where_its_halves_alone_are_not() -> None:
    rng = np.random.default_rng(2)
    hard = rng.random(300) < 0.5
    a, b = hard | (rng.random(300) < 0.08), hard
    found = paired(lambda w: float(np.average(a, weights=w)), lambda w: float(np.average(b, weights=w)), 300)
    assert found.value == pytest.approx(a.mean() - b.mean())
    assert 0 < found.low < found.value < found.high
    assert found.p < 0.01
    same = paired(lambda w: float(np.average(a, weights=w)), lambda w: float(np.average(a, weights=w)), 300)
    assert (same.value, same.p) == (0, 1)
