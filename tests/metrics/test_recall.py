import numpy as np
import pytest

from geoglot.metrics.accuracy import Accuracy
from geoglot.metrics.bootstrap import interval
from geoglot.metrics.recall import Gallery, MeanRecall, found


def test_hits_by_hand() -> None:
    scores = np.array([[0.9, 0.5, 0.1], [0.2, 0.2, 0.2], [0.7, 0.7, 0.3]])
    own = np.array([[False, True, False], [True, False, False], [True, False, True]])
    assert found(scores, own, (1, 2)) == pytest.approx(np.array([[0, 1], [1 / 3, 2 / 3], [0.5, 1]]))


def test_equal_scores_are_drawn_at_random() -> None:
    rng = np.random.default_rng(3)
    scores = rng.integers(0, 4, (1, 12)).astype(float)
    own = np.zeros((1, 12), bool)
    own[0, [1, 4, 7]] = True
    shuffled = scores + rng.random((4000, 12)) * 1e-3
    drawn = [((np.argsort(-shuffled, axis=1)[:, :k, None] == np.array([1, 4, 7])).any((1, 2))).mean() for k in (1, 3, 5)]
    assert found(scores, own, (1, 3, 5))[0] == pytest.approx(drawn, abs=0.03)


def test_perfect_and_constant_models() -> None:
    texts, image = [f"text {i}" for i in range(40)], np.arange(40)
    best, flat = MeanRecall(), MeanRecall()
    best.add(np.eye(40), texts, image)
    flat.add(np.zeros((40, 40)), texts, image)
    assert best.result()["mR"] == 100
    assert flat.result()["mR"] == pytest.approx(100 * (1 + 5 + 10) / 3 / 40)


def test_a_text_of_two_images_is_right_for_both() -> None:
    metric = MeanRecall()
    metric.add(np.array([[0.9, 0.1, 0.9], [0.8, 0.3, 0.8]]), ["water", "trees", "water"], np.array([0, 1, 1]))
    found = metric.result()
    assert found["i2t@1"] == 100
    assert found["t2i@1"] == pytest.approx(100 * 2 / 3)


def test_galleries_differ_in_what_is_right() -> None:
    scores = np.array([[0.9, 0.1, 0.9, 0.9], [0.95, 0.3, 0.95, 0.95]])
    texts, image = ["water", "trees", "water", "water"], np.array([0, 1, 1, 1])
    rows, shared = MeanRecall("rows"), MeanRecall("shared")
    rows.add(scores, texts, image)
    shared.add(scores, texts, image)
    # the first picture's own row is one of three with the same words, the second has two of them
    assert rows.result()["i2t@1"] == pytest.approx(100 * (1 / 3 + 2 / 3) / 2)
    assert rows.result()["t2i@1"] == pytest.approx(100 * 3 / 4)
    assert shared.result()["i2t@1"] == 100
    assert shared.result()["t2i@1"] == 100


@pytest.mark.parametrize("gallery", ["distinct", "rows", "shared"])
def test_merge_equals_whole_and_weights_repeat(gallery: Gallery) -> None:
    rng = np.random.default_rng(0)
    parts = [MeanRecall(gallery) for _ in range(3)]
    for part in parts:
        part.add(rng.normal(size=(20, 40)), [f"t{i}" for i in range(40)], np.repeat(np.arange(20), 2))
    whole = MeanRecall(gallery)
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
