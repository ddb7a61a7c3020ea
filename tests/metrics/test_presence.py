"""Presence: F1 and AUC equal to scikit-learn's, merging equal to the whole."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_score, recall_score, roc_auc_score

from geoglot.metrics.presence import Presence, best_threshold


def drawn(seed: int = 0, n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.random(n) < 0.4
    return np.round(rng.normal(truth * 1.0, 1.0), 1), truth  # with ties


def test_agrees_with_scikit_learn() -> None:
    score, truth = drawn()
    made = Presence(0.4)
    made.add(score, truth)
    told, said = made.result(), score >= 0.4
    assert told["F1"] == pytest.approx(100 * f1_score(truth, said))
    assert told["precision"] == pytest.approx(100 * precision_score(truth, said))
    assert told["recall"] == pytest.approx(100 * recall_score(truth, said))
    assert told["AUC"] == pytest.approx(100 * roc_auc_score(truth, score))


def test_weights_repeat_pictures() -> None:
    score, truth = drawn(1, 40)
    weight = np.random.default_rng(2).integers(0, 4, 40)
    one, other = Presence(0.5), Presence(0.5)
    one.add(score, truth)
    other.add(np.repeat(score, weight), np.repeat(truth, weight))
    assert one.result(weight.astype(float)) == pytest.approx(other.result())


def test_parts_merge_to_the_whole() -> None:
    score, truth = drawn(3)
    whole, a, b = Presence(), Presence(), Presence()
    whole.add(score, truth)
    a.add(score[:70], truth[:70])
    b.add(score[70:], truth[70:])
    a.merge(b)
    assert a.result() == whole.result()


def test_the_best_threshold_has_the_best_f1() -> None:
    score, truth = drawn(4)
    least = best_threshold(score, truth)
    best = max(f1_score(truth, score >= value) for value in np.unique(score))
    assert f1_score(truth, score >= least) == pytest.approx(best, abs=0.02)


def test_nothing_there_has_no_figure() -> None:
    made = Presence()
    made.add(np.array([0.1, 0.9]), np.array([False, False]))
    assert np.isnan(made.result()["AUC"])
