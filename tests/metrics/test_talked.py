"""Answers, places and honesty: figures by hand, parts that add up, and what released scorers let pass."""

from __future__ import annotations

import numpy as np
import pytest

from geoglot.geo.boxes import Box
from geoglot.metrics import released
from geoglot.metrics.answers import Answers
from geoglot.metrics.grounding import Grounding
from geoglot.metrics.honesty import Honesty


def test_answers_by_type_and_what_is_not_parsed() -> None:
    metric = Answers()
    metric.add([True, False, True], ["count", "count", "presence"], [True, True, False])
    assert metric.result() == pytest.approx(
        {"accuracy": 100 / 3, "mean": 25.0, "unparsed": 100 / 3, "count": 50.0, "presence": 0.0}
    )
    assert metric.per_type() == {"count": (50.0, 2), "presence": (0.0, 1)}
    other = Answers()
    other.add([True], ["area"])
    metric.merge(other)
    assert metric.result()["accuracy"] == pytest.approx(50.0)
    assert list(metric.per_type()) == ["count", "presence", "area"]
    alone = metric.result(np.array([0, 0, 0, 1.0]))
    assert (alone["accuracy"], alone["mean"], alone["unparsed"]) == pytest.approx((100, 100, 0))


def test_places_upright_and_turned() -> None:
    metric = Grounding()
    metric.add([Box.upright(0, 0, 10, 10), None], [Box.upright(5, 0, 15, 10), Box.upright(0, 0, 2, 2)])
    found = metric.result()
    assert found["iou"] == pytest.approx(100 * (50 / 150) / 2)
    assert found["cumulative"] == pytest.approx(100 * 50 / (150 + 4))
    assert (found["acc50"], found["unparsed"]) == (0, 50)
    turned = Grounding()
    turned.add([Box(5, 5, 8, 4, 30.0)], [Box(5, 5, 8, 4, 30.0)])
    assert turned.result()["acc90"] == pytest.approx(100)
    metric.merge(turned)
    assert metric.result()["acc50"] == pytest.approx(100 / 3)
    assert metric.result(np.array([0, 0, 1.0]))["iou"] == pytest.approx(100)


def test_who_refuses_everything_has_half() -> None:
    metric = Honesty()
    metric.add([True, True, True], [True, False, False])
    assert metric.result() == {"refused": 100, "accepted": 0, "balanced": 50}
    other = Honesty()
    other.add([False], [True])
    metric.merge(other)
    assert metric.result()["refused"] == 50
    assert np.isnan(Honesty().result(np.zeros(0))["refused"])


def test_released_scorers_and_their_faults() -> None:
    assert released.contained("", "airport")
    assert released.contains("not sure", "no")
    assert released.recalled("airport or harbour or river", "river")
    assert released.first_letter("A bridge, I think", "A")
    assert not released.first_letter("none", "A")
    near = released.plus_one(np.array([[0.1, 0.1, 0.2, 0.2]]), np.array([[0.8, 0.8, 0.9, 0.9]]))
    assert near[0] > 0.03, "boxes that do not touch overlap"
    rng = np.random.default_rng(0)
    low = rng.uniform(0, 0.9, (2000, 2, 2))
    boxes = np.concatenate([low, low + rng.uniform(0.02, 1, (2000, 2, 2)) * (1 - low)], axis=2)
    assert (released.plus_one(boxes[:, 0], boxes[:, 1]) >= 0.5).mean() > 0.2, "by chance"
    assert released.parsed_only(np.array([3, np.nan]), np.array([3, 50])) == 0
