import numpy as np
import pytest

from geoglot.metrics.accuracy import Accuracy
from geoglot.metrics.bootstrap import interval
from geoglot.metrics.recall import MeanRecall, ranks


def test_ranks_by_hand() -> None:
    scores = np.array([[0.9, 0.5, 0.1], [0.2, 0.2, 0.2]])
    own = np.array([[False, True, False], [True, False, False]])
    assert ranks(scores, own).tolist() == [1.0, 1.0]


def test_perfect_and_constant_models() -> None:
    texts, image = [f"text {i}" for i in range(40)], np.arange(40)
    best, flat = MeanRecall(), MeanRecall()
    best.add(np.eye(40), texts, image)
    flat.add(np.zeros((40, 40)), texts, image)
    assert best.result()["mR"] == 100
    assert flat.result()["mR"] == 0


def test_a_text_of_two_images_is_right_for_both() -> None:
    metric = MeanRecall()
    metric.add(np.array([[0.9, 0.1, 0.9], [0.8, 0.3, 0.8]]), ["water", "trees", "water"], np.array([0, 1, 1]))
    found = metric.result()
    assert found["i2t@1"] == 100
    assert found["t2i@1"] == pytest.approx(100 * 2 / 3)


def test_merge_equals_whole_and_weights_repeat() -> None:
    rng = np.random.default_rng(0)
    parts = [MeanRecall() for _ in range(3)]
    for part in parts:
        part.add(rng.normal(size=(20, 40)), [f"t{i}" for i in range(40)], np.repeat(np.arange(20), 2))
    whole = MeanRecall()
    for part in parts:
        whole.merge(part)
    assert whole.result()["mR"] == pytest.approx(np.mean([p.result()["mR"] for p in parts]))
    only_first = np.r_[np.ones(20), np.zeros(40)]
    assert whole.result(only_first) == pytest.approx(parts[0].result())


def test_accuracy_overall_balanced_and_merged() -> None:
    a, b = Accuracy(), Accuracy()
    a.add(np.array([0, 0, 1]), np.array([0, 0, 0]))
    b.add(np.array([2, -1]), np.array([2, 2]))
    a.merge(b)
    assert a.result()["accuracy"] == pytest.approx(60)
    assert a.result()["balanced"] == pytest.approx(100 * (2 / 3 + 1 / 2) / 2)


def test_interval_covers_the_mean_of_coin_flips() -> None:
    flips = np.random.default_rng(1).random(400) < 0.3
    low, high = interval(lambda w: float(np.average(flips, weights=w)), 400, draws=400)
    assert low < flips.mean() < high
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(0.21 / 400), rel=0.25)
    assert (low, high) == interval(lambda w: float(np.average(flips, weights=w)), 400, draws=400)
