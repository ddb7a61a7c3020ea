"""Ways of tuning: each learns only its own, begins at the model's answers, and is measured in a process of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

pytest.importorskip("peft", reason="studies need the extra [train]")

from study_kit import common, data, read

from geoglot.train.loop import TrainConfig
from geoglot.zoo import study_tuning
from nano_kit import tiny_nano

__all__ = ["common", "data"]

SHORT = TrainConfig(steps=2, warmup=1, ema=0.0, precision="no", best="accuracy", validate_every=1)


@pytest.fixture(autouse=True)
def short_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study_tuning, "TEXTS", ["water", "a forest"])  # the tiny tower has places for few tokens


def tiny(common: dict[str, object], **values: object) -> study_tuning.Recipe:
    lora = {"rank": 2, "alpha": 4.0, "targets": ("conv1", "conv3", "up", "down")}
    more = {"pictures": 8, "held": 4, "batch": 4, "context": 2, "inner": 4, "lora": lora, "train": SHORT}
    return study_tuning.Recipe.build({**common, **more, **values})


@pytest.mark.parametrize("method", ["adapter", "lora", "full"])
def test_a_method_begins_at_the_models_own_answers(method: str, common: dict[str, object]) -> None:
    recipe = tiny(common)
    seen = torch.rand(3, 3, 32, 32)
    with torch.no_grad():
        before = study_tuning.Tuned(tiny_nano(), "words", recipe)(seen)
        after = study_tuning.Tuned(tiny_nano(), method, recipe).eval()(seen)
    assert torch.allclose(before, after, atol=1e-5)


def test_each_method_learns_its_own(common: dict[str, object]) -> None:
    recipe = tiny(common)
    learnt = {
        method: {name for name, p in study_tuning.Tuned(tiny_nano(), method, recipe).named_parameters() if p.requires_grad}
        for method in study_tuning.METHODS
    }
    assert learnt["words"] == set()
    assert learnt["prompt"] == {"context"}
    assert all(name.startswith(("up.", "down.")) for name in learnt["adapter"])
    assert all("lora_" in name for name in learnt["lora"])
    assert not any("stages.0" in name or "stages.1" in name for name in learnt["lora"])
    assert len(learnt["full"]) > 20


def test_gradients_reach_what_a_method_learns(common: dict[str, object]) -> None:
    recipe = tiny(common)
    for method in ("prompt", "adapter", "lora", "full"):
        module = study_tuning.Tuned(tiny_nano(), method, recipe)
        module(torch.rand(2, 3, 32, 32))[:, 0].sum().backward()
        got = [p.grad is not None and bool(p.grad.abs().sum() > 0) for p in module.parameters() if p.requires_grad]
        assert any(got), method


@pytest.mark.parametrize("method", study_tuning.METHODS)
def test_learning_gives_answers_to_every_test_picture(method: str, common: dict[str, object], tmp_path: Path) -> None:
    recipe = tiny(common)
    told = study_tuning.learn(recipe.model_dump(mode="python"), method, str(tmp_path / method), 1)
    assert len(told["answers"]) == len(recipe.samples("harvey", "test"))
    assert told["peak"] > 10
    assert (told["parameters"] > 0) == (method != "words")


def test_report_has_costs_beside_accuracy(common: dict[str, object], tmp_path: Path) -> None:
    study_tuning.run(tiny(common, methods=("words", "adapter")), tmp_path / "out")
    told = read(tmp_path / "out")
    assert [one["metric"] for one in told["figures"]] == ["accuracy", "parameters", "seconds", "peak"] * 2
