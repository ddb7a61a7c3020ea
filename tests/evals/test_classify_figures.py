"""The scripts that measure `classify`, on made-up features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from geoglot.evals import few_shot, transductive, unknown
from geoglot.evals.unknown import Labelled
from geoglot.tasks.classify.scores import Calibration


def made_up(scale: float = 1.0, seed: int = 0) -> Labelled:
    """Twenty classes, ten pictures each; `scale` is how near pictures come to the words of their class."""
    rng = np.random.default_rng(seed)
    texts = np.linalg.qr(rng.standard_normal((32, 20)))[0].T
    truth = np.repeat(np.arange(20), 10)
    images = scale * texts[truth] + 0.12 * rng.standard_normal((200, 32))
    images /= np.linalg.norm(images, axis=1, keepdims=True)
    return Labelled(images.astype(np.float32), texts.astype(np.float32), truth)


def test_auroc() -> None:
    assert unknown.auroc(np.array([0.1, 0.2, 0.3, 0.4]), np.array([False, False, True, True])) == 1
    assert unknown.auroc(np.array([0.4, 0.2, 0.3, 0.1]), np.array([False, True, True, False])) == 0.5
    assert unknown.auroc(np.ones(5), np.array([True, False, True, False, True])) == 0.5


def test_a_calibration_is_fitted() -> None:
    data = {"aid_rsicd": made_up(), "ucm": made_up(seed=1)}
    bank = made_up(seed=2).images
    temperature = unknown.fit_temperature(data)
    made = unknown.fit(Calibration("hash", temperature, bank), data)
    told = unknown.report(made, data["ucm"])
    assert made.slope > 0
    assert told["auroc"] > 95
    assert told["balanced"] > 85
    assert told["known right"] <= told["known right without none"]


def test_draws_of_known_classes() -> None:
    seen = [(texts.shape[0], truth) for _, texts, truth in made_up().draws()]
    assert [count for count, _ in seen] == [count for count in unknown.KNOWN for _ in range(unknown.DRAWS)]
    for count, truth in seen:
        assert set(truth) == set(range(-1, count))


def test_shots_and_intervals() -> None:
    truth = np.repeat(np.arange(4), 6)
    rows = few_shot.draw(truth, 3, np.random.default_rng(0))
    assert len(set(rows)) == 12
    assert np.bincount(truth[rows]).tolist() == [3, 3, 3, 3]
    found = few_shot.interval([70.0, 72.0, 74.0, 76.0, 78.0])
    assert found == {"mean": 74.0, "low": pytest.approx(70.1, abs=0.1), "high": pytest.approx(77.9, abs=0.1)}


def test_the_curve_is_drawn(tmp_path: Path) -> None:
    curve = {
        f"{method}, {n} a class": {"mean": 80.0 + n, "low": 79.0, "high": 99.0} for method in few_shot.COLOURS for n in (1, 4)
    }
    few_shot.plot({"split": "val", "a": {"n": 9, "words, ensemble and synonyms": 75.0} | curve}, tmp_path / "curve.png")
    with Image.open(tmp_path / "curve.png") as picture:
        assert picture.size == (few_shot.WIDTH, few_shot.HEIGHT)
        colours = {pixel for _, pixel in picture.getcolors(1 << 20)}
    assert set(few_shot.COLOURS.values()) <= colours


@pytest.mark.parametrize("case", transductive.CASES)
def test_cases_of_transduction(case: str) -> None:
    truth = made_up().truth
    drawn = list(transductive.parts(truth, case))
    assert len(drawn) == transductive.DRAWS
    for rows in drawn:
        there = len(np.unique(truth[rows]))
        if case == "two labels":
            assert there == 2
        elif case == "30 pictures":
            assert len(rows) == 30
        else:
            assert len(rows) < len(truth)
