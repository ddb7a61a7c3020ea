"""The method trained: a module of change through the same machinery as every other method."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from change_kit import again, built, land, save

import nano_kit
from geoglot import models
from geoglot.core.errors import InputError, ModelError
from geoglot.models import changer, nano
from geoglot.models.changer import ChangerCard
from geoglot.nn.batch import ImageBatch
from geoglot.nn.change import bit, head
from geoglot.tasks.change import change
from geoglot.tasks.change.methods import trained

BANDS = ("blue", "green", "red")
HEAD = head.Options(channels=(16, 32, 32), dim=16, inner=(4, 4, 8), blocks=(0, 1, 1))


@pytest.fixture
def model(tmp_path: Path) -> str:
    """A tiny model with a random module of change beside it."""
    nano.save(nano_kit.tiny_nano(), tmp_path / "tiny.safetensors", "none")
    ready = models.load(str(tmp_path / "tiny.safetensors"), dtype="float32")
    torch.manual_seed(0)
    module = head.Head(HEAD)
    seen = changer.dates(ready, "picture", ImageBatch.of(torch.rand(2, 3, 64, 64)), (0, 1, 2))
    module.prepare(seen, torch.zeros(0))
    torch.nn.init.normal_(module.mask.weight, std=3.0)
    card = ChangerCard("head", "nano", ready.spec.hash, (0, 1, 2), {"least": 0.2, "coarse": 50.0, "scale": 2.0})
    changer.save(module, HEAD.model_dump(mode="json"), card, tmp_path / "tiny.change.safetensors", ready.spec)
    return str(tmp_path / "tiny.safetensors")


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    values = land(200, 220)
    later, _ = built(values)
    return save(tmp_path / "a.tif", values), save(tmp_path / "b.tif", again(later))


def quiet(*given: Any, **how: Any) -> Any:
    return change(*given, progress=False, register=False, **how)


def test_what_comes_with_a_model_is_used(model: str, pair: tuple[Path, Path]) -> None:
    made = quiet(*pair, method="trained", model=model)
    assert made.report["method"] == "trained"
    assert made.report["threshold"] == pytest.approx(0.2)
    assert made.read().shape == (200, 220)
    assert set(np.unique(made.read())) <= {0, 1}
    file = trained.Options(file=str(Path(model).with_name("tiny.change.safetensors")))
    loaded = quiet(*pair, method="trained", model=models.load(model, dtype="float32"), options=file)
    assert (loaded.read() == made.read()).mean() > 0.99


def test_parts_of_a_large_scene_agree_with_the_whole(
    model: str, pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = quiet(*pair, method="trained", model=model).read(band=2).astype(int)
    monkeypatch.setattr(trained, "SIDE", 160)
    parts = quiet(*pair, method="trained", model=model).read(band=2).astype(int)
    assert np.median(np.abs(whole - parts)) <= 2


def test_a_file_may_stand_for_its_model(
    model: str, pair: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "tiny.change.safetensors"
    asked = list[str]()

    def load(name: str) -> Any:
        asked.append(name)
        return kept(model, dtype="float32")

    kept = models.load
    monkeypatch.setattr(models, "load", load)
    made = quiet(*pair, method="trained", model=str(file), options=trained.Options(scale=2.0))
    assert asked == ["nano"]
    assert made.read().shape == (200, 220)


def test_a_host_alone_needs_no_model(pair: tuple[Path, Path], tmp_path: Path) -> None:
    options = bit.Options(widths=(4, 8, 8), inner=8, heads=2)
    torch.manual_seed(0)
    spec = nano_kit.tiny_nano().spec("", "none", "bit")
    file = tmp_path / "bit.safetensors"
    changer.save(bit.BiT(options), options.model_dump(mode="json"), ChangerCard("bit"), file, spec)
    assert quiet(*pair, method="trained", model=str(file)).report["threshold"] == pytest.approx(trained.LEAST)


def test_what_makes_no_sense_is_refused(model: str, pair: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="pilots the method scm"):
        quiet(*pair, method="trained", model=model, query="new buildings")
    nano.save(nano_kit.tiny_nano(1), tmp_path / "bare.safetensors", "none")
    with pytest.raises(ModelError, match="has no module of change"):
        quiet(*pair, method="trained", model=str(tmp_path / "bare.safetensors"))
    with pytest.raises(ModelError, match="made for a model of hash"):
        quiet(
            *pair,
            method="trained",
            model=str(tmp_path / "bare.safetensors"),
            options=trained.Options(file=str(tmp_path / "tiny.change.safetensors")),
        )


def test_coarse_pictures_are_shown_larger(model: str) -> None:
    options = trained.ready(trained.Options(file=str(Path(model).with_name("tiny.change.safetensors"))), model, None)
    scales = {}
    for gsd in (None, 10.0, 60.0):
        pair: Any = SimpleNamespace(before=SimpleNamespace(gsd=gsd))
        scales[gsd] = float(trained.fit(pair, options)["scale"])
    assert scales == {None: 1.0, 10.0: 1.0, 60.0: 2.0}
    assert float(trained.fit(pair, replace(options, scale=3.0))["scale"]) == 3.0
