"""The loop on a tiny regression: it learns, logs, averages, and resumes to the same numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from geoglot.core.config import load_toml
from geoglot.core.errors import ConfigError

pytest.importorskip("accelerate", reason="training needs the extra [train]")

from geoglot.train.loop import Group, TrainConfig, fit
from geoglot.train.optimise import Average
from geoglot.train.schedules import rate

CONFIG = TrainConfig(steps=12, warmup=3, accumulate=2, log_every=4, save_every=6, validate_every=6, precision="no", ema=0.9)


def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 1))


def batch(index: int) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(index)
    x = torch.randn(16, 4, generator=rng)
    return x, x.sum(1, keepdim=True)


def loss(module: nn.Module, data: tuple[Tensor, Tensor]) -> tuple[Tensor, Mapping[str, float]]:
    value = ((module(data[0]) - data[1]) ** 2).mean()
    return value, {"extra": 1.0}


def run(folder: Path, config: TrainConfig = CONFIG) -> nn.Module:
    module = model()
    fit(module, batch, loss, [Group(list(module.parameters()), 0.03)], config, folder, validate=lambda _: {"val": 1.0})
    return module


def rows(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_it_learns_and_keeps_a_record(tmp_path: Path) -> None:
    run(tmp_path, CONFIG.model_copy(update={"steps": 80, "log_every": 10}))
    found = [row["loss"] for row in rows(tmp_path) if "loss" in row]
    assert found[-1] < 0.5 * found[0]
    assert {"step", "loss", "norm", "extra", "steps_per_s"} <= set(rows(tmp_path)[1])
    assert any("val" in row for row in rows(tmp_path))
    assert load_toml(TrainConfig, tmp_path / "config.toml").steps == 80


def test_resumed_equals_uninterrupted(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole")

    class Killed(Exception):
        pass

    def dies(index: int) -> tuple[Tensor, Tensor]:
        if index == 17:
            raise Killed
        return batch(index)

    module = model()
    with pytest.raises(Killed):
        fit(module, dies, loss, [Group(list(module.parameters()), 0.03)], CONFIG, tmp_path / "cut")
    resumed = run(tmp_path / "cut")
    for a, b in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_folder_of_another_run_is_refused(tmp_path: Path) -> None:
    run(tmp_path)
    with pytest.raises(ConfigError, match="another configuration"):
        run(tmp_path, CONFIG.model_copy(update={"seed": 1}))


def test_rate_warms_up_and_falls_to_zero() -> None:
    config = TrainConfig(steps=100, warmup=10)
    assert rate(0, config) == pytest.approx(0.1)
    assert rate(9, config) == pytest.approx(1.0)
    assert rate(55, config) == pytest.approx(0.5)
    assert rate(100, config) == pytest.approx(0.0)


def test_average_is_put_in_and_taken_out() -> None:
    module = nn.Linear(1, 1, bias=False)
    module.weight.data.fill_(0.0)
    average = Average(module, 0.5)
    module.weight.data.fill_(1.0)
    average.update(module, 1000)
    with average.applied(module):
        assert module.weight.item() == 0.5
    assert module.weight.item() == 1.0
