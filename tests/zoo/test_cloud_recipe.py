"""The recipe of the cloud head, on a few drawn grounds: runs, resumes, writes a head of its model that loads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("accelerate", reason="training needs the extra [train]")

import nano_kit
from geoglot.core.errors import GeoglotError
from geoglot.data.build import grounds
from geoglot.data.build.grounds import Ground
from geoglot.evals import sky
from geoglot.geo.display import RGB
from geoglot.models import cloud as parts
from geoglot.models import nano
from geoglot.models.dual import open_native
from geoglot.nn.cloud import CloudConfig
from geoglot.train.config import TrainConfig
from geoglot.zoo import cloud


def drawn(split: str) -> list[Ground]:
    rng = np.random.default_rng(len(split))
    return [Ground(f"{split}/{n}", "ucm", rng.uniform(0, 0.6, (3, 80, 96)).astype(np.float32), RGB, True) for n in range(4)]


def recipe(model: Path, **how: object) -> cloud.Recipe:
    values = {
        "model": str(model), "sources": {"ucm": 1.0}, "batch": 2, "size": 32, "tiles": 12,
        "head": CloudConfig(inner=(4, 4, 4), blocks=(0, 0, 1)),
        "train": TrainConfig(steps=3, warmup=1, validate_every=2, save_every=2, log_every=1, precision="no"),
    }  # fmt: skip
    return cloud.Recipe(**(values | how))  # type: ignore[arg-type]


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(grounds, "load", lambda root, split, *_: drawn(split))
    nano.save(nano_kit.tiny_nano(), tmp_path / "tiny.safetensors", "none")
    return tmp_path / "tiny.safetensors"


def test_a_run_writes_a_head_of_its_model(model: Path, tmp_path: Path) -> None:
    cloud.run(recipe(model), tmp_path / "run")
    found = parts.restore(tmp_path / "run" / "nano.cloud.safetensors")
    assert found.card.model == nano.restore(model)[1].hash
    assert found.head.config.channels == (16, 32, 32)
    assert {"val IoU cloud", "val IoU shadow", "val tile AUC"} <= set(found.card.figures)
    assert found.tile.weight.shape == (1, 16)
    assert (tmp_path / "run" / "metrics.jsonl").read_text().count("IoU cloud") >= 2
    masker = parts.open_masker(open_native(model, "cpu", "float32"), tmp_path / "run" / "nano.cloud.safetensors")
    assert masker.logits(sky.batch_of(sky.tiles(sky.shown(Path(), "val"), 32))).shape == (4, 8, 8, 3)


def test_the_same_number_gives_the_same_batch(model: Path) -> None:
    asked = recipe(model)
    stream = cloud.Stream(drawn("train"), open_native(model, "cpu", "float32"), asked)
    a, far, b = (stream.batch(number) for number in (4, 40, 4))
    assert torch.equal(a.maps[0], b.maps[0])
    assert torch.equal(a.true, b.true)
    assert not torch.equal(a.true, far.true)
    assert a.true.shape == (2, 3, 8, 8)
    assert torch.allclose(a.true.sum(1), torch.ones(()))


def test_pictures_to_measure_on_are_always_the_same(model: Path) -> None:
    first, second, other = sky.shown(Path(), "val"), sky.shown(Path(), "val"), sky.shown(Path(), "test")
    assert [one.id for one in first] == [one.id for one in second]
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(first, second, strict=True))
    assert not {one.id for one in first} & {one.id for one in other}
    assert first[0].pixels.shape == (80, 80, 3)


def test_figures_of_what_is_right_and_of_what_sees_no_cloud(model: Path) -> None:
    pictures = sky.shown(Path(), "val")

    def answer(batch: object) -> torch.Tensor:
        raise GeoglotError("not asked")

    right = sky.figures(sky.counted([one.index for one in pictures], pictures))
    assert right["IoU clear"] == 100
    assert right["false cloud"] == 0
    blind = sky.figures(sky.counted([np.zeros_like(one.index) for one in pictures], pictures))
    assert blind["IoU cloud"] == 0
    with pytest.raises(GeoglotError):
        sky.classes(answer, pictures)
