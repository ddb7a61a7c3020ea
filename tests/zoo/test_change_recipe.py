"""The recipe of change, on a few drawn pictures: runs, resumes, writes a module that loads, measures, refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("accelerate", reason="training needs the extra [train]")

import nano_kit
from geoglot import models
from geoglot.core.errors import ConfigError, ModelError
from geoglot.data.build import twins
from geoglot.data.build.twins import Twin, TwinViewConfig
from geoglot.evals import changes as figures
from geoglot.models import changer, nano
from geoglot.train.config import TrainConfig
from geoglot.zoo import change

SMALL: dict[str, dict[str, Any]] = {
    "head": {"inner": [4, 4, 8], "blocks": [0, 1, 1]},
    "changeclip": {"inner": [4, 4, 8], "width": 8, "tags": 3},
    "ban": {"told": {"widths": [4, 8, 8], "inner": 8, "heads": 2}, "heads": 2},
    "bit": {"widths": [4, 8, 8], "inner": 8, "heads": 2},
    "changeformer": {"widths": [4, 8], "blocks": [1, 1], "heads": [1, 2], "reduce": [2, 1], "inner": 8},
}


def drawn(number: int) -> Twin:
    """Noise with a bright square that comes."""
    rng = np.random.default_rng(number)
    before = rng.integers(60, 120, (80, 90, 3), dtype=np.uint8)
    after, changed = before.copy(), np.zeros((80, 90), np.bool_)
    left, top = (int(v) for v in rng.integers(4, 50, 2))
    after[top : top + 24, left : left + 24], changed[top : top + 24, left : left + 24] = 250, True
    return Twin(f"drawn/{number}", before, after, changed, np.ones_like(changed), float(number % 2) * 5 + 1)


def recipe(model: str, module: str = "head", **how: Any) -> change.Recipe:
    values = {
        "module": module, "model": model, "host": "bit", "options": SMALL[module], "batch": 2, "measured": 2,
        "view": TwinViewConfig(size=64),
        "train": TrainConfig(steps=2, warmup=1, validate_every=2, save_every=1, log_every=1, precision="no"),
    }  # fmt: skip
    return change.Recipe(**(values | how))


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(twins, "rendered", lambda places, folder, first=0: [drawn(k) for k in range(4)])
    monkeypatch.setattr(twins, "real", lambda root, split, seed: [drawn(k).before for k in range(10, 13)])
    nano.save(nano_kit.tiny_nano(), tmp_path / "tiny.safetensors", "none")
    return str(tmp_path / "tiny.safetensors")


@pytest.mark.parametrize("module", SMALL)
def test_a_run_writes_a_module_of_its_model(model: str, module: str, tmp_path: Path) -> None:
    alone = module in ("bit", "changeformer")
    made = change.run(recipe("" if alone else model, module), tmp_path / "run")
    read, card, digest = changer.restore(tmp_path / "run" / "changer.safetensors")
    ready = None if alone else models.load(model, dtype="float32")
    assert (card.module, card.model, len(digest)) == (module, "" if ready is None else ready.spec.hash, 32)
    assert {"fine f1", "coarse f1", "pasted f1", "f1", "least"} <= set(card.figures)
    assert card.calibration["least"] == card.figures["least"]
    one, other = figures.batches([twins.view(drawn(k), TwinViewConfig(size=64), np.random.default_rng(k)) for k in range(2)])
    found = changer.ChangeModel(read, card, ready).logits(one, other)
    wanted = changer.ChangeModel(made, card, ready).logits(one, other)
    assert found.shape == (2, 64, 64)
    assert torch.allclose(found, wanted, atol=0.2)  # int8


def test_a_run_that_was_stopped_goes_on(model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = recipe(model)
    whole = change.run(asked, tmp_path / "whole")
    compare, seen = change.compare, list[int]()

    def stop(module: Any, batch: Any, how: Any) -> Any:
        seen.append(1)
        if len(seen) > 1:
            raise KeyboardInterrupt
        return compare(module, batch, how)

    with monkeypatch.context() as patch:
        patch.setattr(change, "compare", stop)
        with pytest.raises(KeyboardInterrupt):
            change.run(asked, tmp_path / "part")
    again = change.run(asked, tmp_path / "part")
    for one, other in zip(whole.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)
    steps = [json.loads(line)["step"] for line in (tmp_path / "part" / "metrics.jsonl").read_text().splitlines()]
    assert max(steps) == 2


def test_the_same_number_gives_the_same_batch(model: str) -> None:
    ready = models.load(model, dtype="float32")
    stream = change.Stream([drawn(0), drawn(1)], [drawn(2).before], ready, "picture", recipe(model))
    a, b, other = (stream.batch(number) for number in (4, 4, 40))
    assert a.before.depths is not None
    assert b.before.depths is not None
    assert other.before.depths is not None
    assert torch.equal(a.before.depths.maps[0], b.before.depths.maps[0])
    assert torch.equal(a.true, b.true)
    assert not torch.equal(a.before.depths.maps[0], other.before.depths.maps[0])
    assert a.true.shape == a.judged.shape == (2, 64, 64)


def test_refused_before_any_picture_is_read(model: str, tmp_path: Path) -> None:
    for how, told in (
        (recipe(model, "bit"), "sees pixels alone"),
        (recipe("", "head"), "needs a frozen model"),
        (recipe(model, view=TwinViewConfig(size=60)), "not of whole cells"),
    ):
        with pytest.raises(ConfigError, match=told):
            change.run(how, tmp_path)
    with pytest.raises(ConfigError, match="is no host of BAN"):
        change.run(recipe(model, "ban", host="head"), tmp_path)


def test_a_module_of_another_model_is_refused(model: str, tmp_path: Path) -> None:
    change.run(recipe(model, train=TrainConfig(steps=1, validate_every=9, precision="no")), tmp_path / "run")
    nano.save(nano_kit.tiny_nano(1), tmp_path / "other.safetensors", "none")
    file = tmp_path / "run" / "changer.safetensors"
    with pytest.raises(ModelError, match="made for a model of hash"):
        changer.open_changer(file, models.load(str(tmp_path / "other.safetensors"), dtype="float32"))
    with pytest.raises(ModelError, match="for none"):
        changer.open_changer(file, None)
    with pytest.raises(ModelError, match="no module of change"):
        changer.restore(tmp_path / "other.safetensors")


def test_figures_of_a_perfect_answer_and_of_none() -> None:
    views = figures.held([drawn(0), drawn(1)], [], 2, TwinViewConfig(size=64))
    assert set(views) == {"fine", "coarse"}
    listed = iter([view for name in views for view in views[name]])

    def perfect(before: Any, after: Any) -> torch.Tensor:
        return torch.from_numpy(np.stack([next(listed).changed for _ in range(len(before))])).float() * 20 - 10

    assert figures.measure(perfect, views)["f1"] == 100
    assert figures.measure(lambda before, after: torch.full((2, 64, 64), -9.0), views)["f1"] == 0
