"""The other studies on tiny data: each runs through, writes its report, and compares what it says it compares."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("matplotlib", reason="studies need the extra [train]")

from study_kit import common, data, read

from geoglot.train.loop import TrainConfig
from geoglot.zoo import study_language, study_pretraining, study_robustness, study_shift, study_shots

__all__ = ["common", "data"]

SHORT = TrainConfig(steps=3, warmup=1, ema=0.0, precision="no")


def test_shift_measures_every_pair_of_regions(common: dict[str, object], tmp_path: Path) -> None:
    study_shift.run(study_shift.Recipe.build({**common, "draws": 2, "places": 1}), tmp_path / "out")
    told = read(tmp_path / "out")
    pairs = [one["pair"] for one in told["figures"] if one["on"] == "harvey" and one["tower"] == "nano tower"]
    assert sorted(pairs) == ["east to east", "east to west", "west to east", "west to west"]
    assert all(one["over"] == "places" for one in told["figures"])
    west = next(one for one in told["figures"] if one["pair"] == "east to west")
    assert west["n"] == 30
    assert len({one["pair"] for one in told["figures"] if one["on"] == "rendered"}) == 4


def test_language_gives_every_arm_the_same_draws(common: dict[str, object], tmp_path: Path) -> None:
    values = {**common, "batch": 8, "inner": 12, "seeds": 2, "shots": (1, 0), "train": SHORT}
    study_language.run(study_language.Recipe.build(values), tmp_path / "out")
    told = read(tmp_path / "out")
    assert {one["taught by"] for one in told["figures"]} == {"captions", "class names", "class numbers", "nothing (tower alone)"}
    by_words = [one for one in told["figures"] if one["metric"] == "accuracy by words"]
    assert [one["taught by"] for one in by_words] == ["captions", "class names"]
    assert len(list((tmp_path / "out").glob("*/last.pt"))) == 6


def test_pretraining_compares_towers_on_the_same_examples(common: dict[str, object], tmp_path: Path) -> None:
    study_pretraining.run(study_pretraining.Recipe.build({**common, "draws": 2, "shots": (2, 0)}), tmp_path / "out")
    told = read(tmp_path / "out")
    assert len(told["figures"]) == 8
    assert {one["over"] for one in told["figures"] if one["set"] == "harvey"} == {"places"}


def test_shots_draw_curves_beside_words(common: dict[str, object], tmp_path: Path) -> None:
    study_shots.run(study_shots.Recipe.build({**common, "draws": 5, "shots": (1, 2)}), tmp_path / "out")
    told = read(tmp_path / "out")
    methods = [one["method"] for one in told["figures"] if one["set"] == "harvey"]
    assert methods.count("words alone") == 1
    assert methods.count("adapter on nano") == 2
    assert methods.count("probe on ImageNet tower") == 2


def test_robustness_has_every_grade_and_season(common: dict[str, object], tmp_path: Path) -> None:
    study_robustness.run(study_robustness.Recipe.build({**common, "limit": 4, "grades": (0, 4), "places": 1}), tmp_path / "out")
    told = read(tmp_path / "out")
    own = [one for one in told["figures"] if one["model"] == "nano" and one["on"] == "aid-classes"]
    assert [(one["by"], one["grade"]) for one in own] == [
        (kind, grade) for kind in ("haze", "dark", "bright", "noise") for grade in (0, 4)
    ]
    assert [one["grade"] for one in told["figures"] if one["by"] == "season"] == ["spring", "summer", "autumn", "winter"]
    clear = {one["value"] for one in own if one["grade"] == 0}
    assert len(clear) == 1
