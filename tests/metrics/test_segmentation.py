"""Classes of pixels, their boundaries, and counts: by hand, by property, and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import distance_transform_edt
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, jaccard_score

from geoglot.metrics import boundary
from geoglot.metrics.boundary import BoundaryF1
from geoglot.metrics.counting import Counting
from geoglot.metrics.segmentation import BLOCK, Segmentation

maps = arrays(np.uint8, (6, 7), elements=st.sampled_from([0, 1, 2, 3]))


@settings(max_examples=40)
@given(maps, maps)
def test_figures_are_those_of_scikit_learn(answer: np.ndarray, truth: np.ndarray) -> None:
    metric = Segmentation(4)
    metric.add(answer, truth)
    found, (t, a) = metric.result(), (truth.ravel(), answer.ravel())
    assert found["mIoU"] == pytest.approx(100 * jaccard_score(t, a, average="macro"))
    assert found["mF1"] == pytest.approx(100 * f1_score(t, a, average="macro"))
    assert found["pixel_accuracy"] == pytest.approx(100 * accuracy_score(t, a))
    assert (metric.confusion()[:, :-1] == confusion_matrix(t, a, labels=range(4))).all()
    each = jaccard_score(t, a, average=None, labels=sorted(metric.per_class()))
    assert [row["iou"] for row in metric.per_class().values()] == pytest.approx((100 * each).tolist())


@settings(max_examples=30)
@given(maps, maps, maps, maps)
def test_parts_and_weights(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> None:
    for make in (lambda: Segmentation(4, ignore=(3,), background=0), lambda: BoundaryF1(4, 1.5, ignore=(3,))):
        whole, first, second, twice = make(), make(), make(), make()
        for metric, pairs in (
            (whole, [(a, b), (c, d)]),
            (first, [(a, b)]),
            (second, [(c, d)]),
            (twice, [(a, b), (c, d), (c, d)]),
        ):
            for pair in pairs:
                metric.add(*pair)
        assert whole.result(np.array([1.0, 2.0])) == pytest.approx(twice.result(), nan_ok=True)
        assert whole.result(np.array([1.0, 0.0])) == pytest.approx(first.result(), nan_ok=True)
        first.merge(second)
        assert first.result() == pytest.approx(whole.result(), nan_ok=True)


def test_what_does_not_count_and_what_is_absent() -> None:
    truth = np.array([[0, 0, 1, 255, 9]], np.uint8)
    metric = Segmentation(4, ignore=(255, 9), background=0)
    metric.add(np.array([[0, 255, 2, 1, 1]], np.uint8), truth)
    # class 0: one of two, 1: missed, 2: answered and never true, 3: nowhere
    assert {k: row["iou"] for k, row in metric.per_class().items()} == {0: 50, 1: 0, 2: 0}
    assert metric.result() == pytest.approx({"mIoU": 50 / 3, "pixel_accuracy": 100 / 3, "mF1": 200 / 9, "mIoU_named": 0})
    with pytest.raises(ValueError, match="7 is neither"):
        metric.add(truth, np.full((1, 5), 7, np.uint8))
    with pytest.raises(ValueError, match="does not fit"):
        metric.add(truth, truth[:, :2])
    assert np.isnan(Segmentation(3).result()["mIoU"])


def test_a_picture_in_parts_is_one_picture() -> None:
    rng = np.random.default_rng(0)
    answer, truth = rng.integers(0, 3, (2, 3, BLOCK // 2))
    whole, parts = Segmentation(3), Segmentation(3)
    whole.add(answer, truth)
    for row in range(3):
        parts.add(answer[row], truth[row], more=True)
    assert len(parts.counts) == 1
    assert parts.result() == whole.result()


@settings(max_examples=40)
@given(arrays(np.bool_, (9, 11)), st.sampled_from([0.0, 1.0, 1.5, 2.0, 3.7, 40.0]))
def test_near_is_the_euclidean_distance(mask: np.ndarray, distance: float) -> None:
    wanted = distance_transform_edt(~mask) <= distance if mask.any() else np.zeros_like(mask)
    assert (boundary.near(mask, distance) == wanted).all()


def test_a_shifted_boundary() -> None:
    truth = np.zeros((20, 20), np.uint8)
    truth[:, 10:] = 1
    answer = np.roll(truth, 3, axis=1)
    answer[:, :3] = 0
    for distance, wanted in ((3.0, 100.0), (2.9, 100.0), (1.0, 0.0)):
        metric = BoundaryF1(3, distance)
        metric.add(answer, truth)
        # both pixels at a border are boundary, so that classes 0 and 1 each lie three pixels off
        assert metric.result()["boundary_f1"] == pytest.approx(wanted if distance != 2.9 else 0.0)
        assert set(metric.per_class()) == {0, 1}
    apart = BoundaryF1(2)
    apart.add(truth * 0, truth)
    assert apart.result()["boundary_f1"] == 0
    ignored = truth.copy()
    ignored[:, 9:11] = 255
    none = BoundaryF1(2)
    none.add(truth * 0, ignored)
    assert np.isnan(none.result()["boundary_f1"])


def test_counts_by_hand() -> None:
    metric = Counting()
    metric.add(np.array([3.0, 0.0, np.nan]), np.array([1.0, 0.0, 4.0]))
    rest = Counting()
    rest.add(np.array([2]), np.array([4]))
    metric.merge(rest)
    wanted = {
        "mae": 4 / 3,
        "rmse": (8 / 3) ** 0.5,
        "mape": 125,
        "bias": 0,
        "exact": 25,
        "within1": 25,
        "error": 2,
        "unanswered": 25,
    }
    assert metric.result() == pytest.approx(wanted)
    assert metric.result(np.array([2.0, 0, 0, 0])) == pytest.approx(
        {"mae": 2, "rmse": 2, "mape": 200, "bias": 2, "exact": 0, "within1": 0, "error": 2, "unanswered": 0}
    )
    assert np.isnan(Counting().result()["mae"])
