"""The retrieval baseline on tiny data: a report with hashes, the same figures from the same seed."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("matplotlib", reason="studies need the extra [train]")

from study_kit import common, data, read

from geoglot.train.loop import TrainConfig
from geoglot.zoo import study_baseline

__all__ = ["common", "data"]

SHORT = TrainConfig(steps=4, warmup=1, ema=0.0, precision="no")


def test_report_compares_both_towers_with_the_model(common: dict[str, object], tmp_path: Path) -> None:
    recipe = study_baseline.Recipe.build({**common, "batch": 8, "inner": 12, "train": SHORT})
    told = []
    for name in ("a", "b"):
        study_baseline.run(recipe, tmp_path / name)
        told.append(read(tmp_path / name))
    assert told[0]["figures"] == told[1]["figures"]
    assert {figure["model"] for figure in told[0]["figures"]} == {"heads on ImageNet tower", "heads on nano tower", "nano"}
    assert set(told[0]["protocols"]) == set(study_baseline.PROTOCOLS)
    assert "nearest image" in told[0]["baselines"]["aid-classes"]


def test_captions_without_directions_are_taken_where_there_are_any() -> None:
    from geoglot.data.sample import Sample

    items = [Sample("a", "x", (), captions=("a pier on the left", "a pier")), Sample("b", "x", (), captions=("north",))]
    assert study_baseline.captions_of(items) == (["a pier", "north"], [(0,), (1,)])
