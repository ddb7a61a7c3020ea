"""Overlap of many boxes and suppression: against shapely, against a loop, by property."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import example, given, settings
from hypothesis import strategies as st

from geoglot.core.errors import InputError
from geoglot.geo import boxes as one
from geoglot.geo import iou

places, lengths, angles = st.floats(-500, 500), st.floats(0.5, 300), st.floats(-720, 720)
turned = st.tuples(places, places, lengths, lengths, angles)
# corners and edges in common, at quarter turns: what clipping gets wrong first
squares = st.tuples(*[st.integers(0, 4)] * 2, *[st.integers(1, 4)] * 2, st.sampled_from([0, 45, 90, -90, 30]))


def polygons(rows: np.ndarray) -> np.ndarray:
    return shapely.polygons(iou.corners(rows))


def by_shapely(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    p, q = polygons(a)[:, None], polygons(b)[None, :]
    # on a fine grid: without one GEOS 3.13 says 0 of two squares at 30 degrees with the centre and two sides in common
    common = shapely.area(shapely.intersection(p, q, grid_size=1e-9))
    return common / (shapely.area(p) + shapely.area(q) - common)


@settings(max_examples=40)
@given(st.lists(turned, min_size=1, max_size=6), st.lists(turned, min_size=1, max_size=6))
def test_oriented_overlap_is_that_of_polygons(a: list, b: list) -> None:
    left, right = np.array(a), np.array(b)
    found = iou.iou(left, right)
    assert found == pytest.approx(by_shapely(left, right), abs=1e-7)
    assert found == pytest.approx(iou.iou(right, left).T, abs=1e-9)
    assert np.diag(iou.iou(left, left)) == pytest.approx(1)


@settings(max_examples=40)
@given(st.lists(squares, min_size=1, max_size=6), st.lists(squares, min_size=1, max_size=6))
@example([(0, 0, 2, 2, 0)], [(2, 0, 2, 2, 90)])
@example([(0, 0, 4, 2, 0)], [(0, 0, 2, 4, 90)])
@example([(3, 1, 2, 2, 30)], [(3, 1, 3, 2, 30)])
def test_shared_edges_and_corners(a: list, b: list) -> None:
    left, right = np.array(a, dtype=float), np.array(b, dtype=float)
    assert iou.iou(left, right) == pytest.approx(by_shapely(left, right), abs=1e-7)


@settings(max_examples=30)
@given(st.lists(turned, min_size=1, max_size=5))
def test_rows_are_those_of_boxes(rows: list) -> None:
    made = [one.Box.oriented(*row) for row in rows]
    assert iou.corners(one.oriented(made)) == pytest.approx(np.array([box.corners() for box in made]))
    assert iou.hulls(one.oriented(made)) == pytest.approx(one.upright(made))
    assert iou.areas(one.oriented(made)) == pytest.approx(np.array([box.area for box in made]))


def test_upright_overlap_by_hand_and_of_nothing() -> None:
    a = np.array([[0, 0, 2, 2], [5, 5, 5, 9], [0, 0, 1, 1]])
    b = np.array([[1, 0, 3, 2], [0, 0, 2, 2]])
    assert iou.iou(a, b) == pytest.approx(np.array([[1 / 3, 1], [0, 0], [0, 0.25]]))
    assert iou.intersections(a, b)[0] == pytest.approx([2, 4])
    assert iou.iou(a, np.zeros((0, 4))).shape == (3, 0)
    assert iou.iou(np.zeros((0, 5)), np.zeros((2, 5))).shape == (0, 2)
    assert iou.iou(np.array([[0, 0, 0, 4, 0]]), np.array([[0, 0, 2, 2, 0]])) == 0
    assert len(iou.suppress(np.zeros((0, 4)), np.zeros(0))) == 0


def test_boxes_of_millions_of_pixels_away_keep_their_overlap() -> None:
    a, b = np.array([[0, 0, 40, 20, 30.0]]), np.array([[3, 2, 40, 20, 25.0]])
    far = np.array([[4e6, 7e6, 0, 0, 0]])
    assert iou.iou(a + far, b + far) == pytest.approx(iou.iou(a, b), abs=1e-9)


def by_loop(boxes: np.ndarray, scores: np.ndarray, labels: np.ndarray, overlap: float) -> list[int]:
    kept: list[int] = []
    close = (iou.iou(boxes, boxes) > overlap) & (labels[:, None] == labels)
    for i in np.argsort(-scores, kind="stable").tolist():
        if not close[i, kept].any():
            kept.append(i)
    return kept


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.sampled_from([4, 5]), st.sampled_from([0.0, 0.3, 0.7]))
def test_suppression_is_the_greedy_loop(seed: int, kind: int, overlap: float) -> None:
    rng = np.random.default_rng(seed)
    centre, size = rng.uniform(0, 60, (40, 2)), rng.uniform(5, 30, (40, 2))
    boxes = np.concatenate([centre, size, rng.uniform(-90, 90, (40, 1))], 1)
    boxes = boxes if kind == 5 else np.concatenate([centre - size / 2, centre + size / 2], 1)
    scores, labels = rng.integers(0, 10, 40) / 10, rng.integers(0, 2, 40)
    found = iou.suppress(boxes, scores, labels, overlap)
    assert found.tolist() == by_loop(boxes, scores, labels, overlap)
    assert iou.suppress(boxes, scores, labels, overlap, most=3).tolist() == found[:3].tolist()
    assert iou.suppress(boxes, scores, None, overlap).tolist() == by_loop(boxes, scores, np.zeros(40), overlap)
    # what stays, stays when it is asked again
    assert iou.suppress(boxes[found], scores[found], labels[found], overlap).tolist() == list(range(len(found)))


def test_suppression_over_many_blocks() -> None:
    rng = np.random.default_rng(0)
    centre = rng.uniform(0, 400, (1500, 2))
    boxes, scores = np.concatenate([centre, centre + 20], 1), rng.random(1500)
    assert iou.suppress(boxes, scores, overlap=0.4).tolist() == by_loop(boxes, scores, np.zeros(1500), 0.4)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: iou.iou(np.zeros((1, 4)), np.zeros((1, 5))),
        lambda: iou.iou(np.zeros(4), np.zeros((1, 4))),
        lambda: iou.suppress(np.zeros((2, 4)), np.zeros(1)),
        lambda: iou.suppress(np.full((2, 4), np.nan), np.zeros(2)),
    ],
)
def test_boxes_that_cannot_be_compared_are_refused(wrong) -> None:
    with pytest.raises(InputError):
        wrong()
