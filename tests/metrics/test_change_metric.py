"""Change metrics: agreement with scikit-learn on labelled pixels, parts that add up, and edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics

from geoglot.metrics.change import UNKNOWN, Change

truths = arrays(np.uint8, (6, 8), elements=st.sampled_from([0, 1, UNKNOWN]))
answers = arrays(np.uint8, (6, 8), elements=st.sampled_from([0, 1]))


@given(answers, truths)
def test_agrees_with_scikit_learn(found: np.ndarray, truth: np.ndarray) -> None:
    metric = Change()
    metric.add(found, truth)
    made = metric.result()
    known = truth != UNKNOWN
    if not known.any():
        assert all(math.isnan(value) for value in made.values())
        return
    y, p = truth[known], found[known]
    assert made["f1"] == pytest.approx(100 * metrics.f1_score(y, p, zero_division=0))
    assert made["iou"] == pytest.approx(100 * metrics.jaccard_score(y, p, zero_division=0))
    assert made["precision"] == pytest.approx(100 * metrics.precision_score(y, p, zero_division=0))
    assert made["recall"] == pytest.approx(100 * metrics.recall_score(y, p, zero_division=0))
    assert made["accuracy"] == pytest.approx(100 * metrics.accuracy_score(y, p))
    if len(set(y) | set(p)) > 1:  # scikit-learn has no kappa of a single class
        assert made["kappa"] == pytest.approx(100 * metrics.cohen_kappa_score(y, p))


@given(answers, truths, answers, truths)
def test_parts_add_up(a: np.ndarray, x: np.ndarray, b: np.ndarray, y: np.ndarray) -> None:
    whole, one, other, rows = Change(), Change(), Change(), Change()
    whole.add(a, x)
    whole.add(b, y)
    one.add(a, x)
    other.add(b, y)
    one.merge(other)
    for part in (slice(0, 2), slice(2, 6)):
        rows.add(a[part], x[part], more=part.start > 0)
    rows.add(b, y)
    assert np.array_equal(whole.table(), one.table())
    assert np.array_equal(np.stack(whole.counts), np.stack(rows.counts))
    assert np.array_equal(whole.table(np.array([2.0, 0.0])), 2 * whole.counts[0])


def test_no_data_is_not_found() -> None:
    metric = Change()
    metric.add(np.array([255, 255, 1]), np.array([1, 0, 1]))
    made = metric.result()
    assert (made["recall"], made["precision"]) == (50, 100)
    with pytest.raises(ValueError, match="does not fit"):
        metric.add(np.zeros(2, int), np.zeros(3, int))
