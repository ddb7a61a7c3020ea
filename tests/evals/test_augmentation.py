"""The worth of drawn pictures as training data: paired figures, the arms, a run on a made-up set."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from paint_kit import Brush
from stub_kit import Seer, write

from geoglot import models
from geoglot.evals import augmentation
from geoglot.evals.augmentation import Pictures, gains, taught_with, worth
from geoglot.metrics.accuracy import Accuracy

torch.set_num_threads(1)


def blobs(seed: int, each: int, noise: float, shift: float = 0.0) -> Pictures:
    rng = np.random.default_rng(seed)
    of = np.repeat(np.arange(3), each)
    x = np.eye(3, 6)[of] + np.eye(3, 6)[(of + 1) % 3] * shift + noise * rng.normal(size=(len(of), 6))
    return Pictures((x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32), of)


def answers(right: int, count: int) -> Accuracy:
    metric = Accuracy()
    metric.add((np.arange(count) >= right).astype(np.int64), np.zeros(count, np.int64))
    return metric


def test_gains_are_paired_and_averaged_over_repeats() -> None:
    told = gains({"real": [answers(50, 100), answers(60, 100)], "both": [answers(70, 100), answers(70, 100)]}, "accuracy", 100)
    assert told["real"]["mean"] == 55
    assert told["both"]["mean"] == 70
    assert told["both"]["above real"] == 15
    assert told["both"]["above low"] > 0
    assert told["both"]["p"] < 0.05
    assert told["real"]["over repeats"] == pytest.approx(7.071, abs=1e-3)
    assert "above real" not in told["real"]


def test_arms_hold_what_they_say() -> None:
    real, made = blobs(0, 8, 0.1), blobs(1, 5, 0.1)
    sizes = {arm: len(taught_with(arm, real, made, 2, 0).of) for arm in augmentation.ARMS}
    assert sizes == {"real": 6, "drawn": 15, "both": 21}
    assert len(taught_with("real", real, made, 0, 0).of) == 24
    assert not np.array_equal(taught_with("real", real, made, 2, 0).vectors, taught_with("real", real, made, 2, 1).vectors)


def test_good_pictures_help_and_wrong_ones_do_not() -> None:
    real, held, asked = blobs(0, 20, 0.6), blobs(1, 20, 0.6), blobs(2, 40, 0.6)
    good = worth(real, blobs(3, 60, 0.6), held, asked, 1, 3)["accuracy"]
    wrong = worth(real, blobs(3, 60, 0.1, shift=3.0), held, asked, 1, 3)["accuracy"]
    assert good["both"]["above real"] > 5 > good["both"]["above real"] - good["both"]["above high"]
    assert wrong["drawn"]["above real"] < 0


def test_a_run_from_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, each=6, wrong=1)
    monkeypatch.setattr(models, "load", lambda name: Seer("seer"))
    monkeypatch.setattr(models, "opened", lambda name, device: Brush())
    given = ["brush", "aid-generation", "--eyes", "seer", "--drawn", "2", "--shots", "1,0", "--seeds", "2", "--split", "test"]
    augmentation.main([*given, "--root", str(tmp_path), "--cache", str(tmp_path / "cache")])
    told = json.loads(capsys.readouterr().out)
    assert told["drawn"] == 6
    assert told["n"] == 18
    assert told["drawn pictures by the head of all real ones"] == 100
    assert told["model"] == "brush@1"
    assert told["all real"]["accuracy"]["both"]["mean"] == pytest.approx(100 * 5 / 6, abs=0.01), "one in six has another colour"
    assert told["1 real a class"]["accuracy"]["drawn"]["mean"] > 60
    assert told["detection"].startswith("not run")
