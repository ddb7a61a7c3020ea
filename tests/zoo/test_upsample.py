"""The recipe of the upsampler on tiny data: what a view is, what is learned, that a run goes on, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

pytest.importorskip("accelerate", reason="training needs the extra [train]")

from run_kit import tiny_ucm

from geoglot import models
from geoglot.core.errors import ConfigError
from geoglot.models import upsampler
from geoglot.nn.upsample import UpsamplerConfig
from geoglot.train.loop import TrainConfig
from geoglot.zoo import upsample
from nano_kit import tiny_nano


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> upsample.Recipe:
    from geoglot.models.nano import save

    root = tiny_ucm(tmp_path_factory.mktemp("data"))
    model = root / "tiny.safetensors"
    save(tiny_nano(), model, "none")
    return upsample.Recipe(
        model=str(model),
        root=str(root),
        cache=str(root / "cache"),
        sources=("ucm",),
        batch=2,
        size=48,
        channels=4,
        upsampler=UpsamplerConfig(radius=1, keys=4, times=1),
        train=TrainConfig(steps=2, warmup=1, log_every=1, save_every=1, validate_every=1, ema=0.0, precision="no"),
    )


def test_a_view_is_a_part_of_the_picture() -> None:
    picture = torch.arange(64.0).view(1, 1, 8, 8)
    whole = torch.tensor([[[1.0, 0, 0], [0, 1, 0]]])
    assert torch.allclose(upsample.view(picture, whole), picture, atol=1e-4)
    mirrored = torch.tensor([[[-1.0, 0, 0], [0, 1, 0]]])
    assert torch.allclose(upsample.view(picture, mirrored), picture.flip(-1), atol=1e-4)
    corner = torch.tensor([[[0.5, 0, -0.5], [0, 0.5, -0.5]]])
    large = F.interpolate(picture, scale_factor=2, mode="bilinear", align_corners=False)
    assert torch.allclose(upsample.view(picture, corner)[..., 1:-1, 1:-1], large[..., 1:7, 1:7], atol=1e-4)


def test_two_steps_and_a_file_that_can_be_used(recipe: upsample.Recipe, tmp_path: Path) -> None:
    made = upsample.run(recipe, tmp_path / "run")
    spec = models.spec(recipe.model)
    found = upsampler.restore(tmp_path / "run" / "upsampler.safetensors", spec)
    for name, value in made.state_dict().items():
        assert torch.allclose(found.state_dict()[name], value, atol=1e-6), name
    text = (tmp_path / "run" / "metrics.jsonl").read_text()
    assert text.count('"error"') == 2
    torch.manual_seed(recipe.train.seed)
    fresh = upsample.Learner(recipe).up.state_dict()
    assert all(not torch.equal(value, fresh[name]) for name, value in made.state_dict().items())


def test_a_run_goes_on_to_the_same_weights(recipe: upsample.Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = upsample.run(recipe, tmp_path / "whole").state_dict()
    views, calls = upsample.Stream.batch, []

    def batch(self: upsample.Stream, index: int) -> upsample.Views:
        calls.append(index)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return views(self, index)

    monkeypatch.setattr(upsample.Stream, "batch", batch)
    with pytest.raises(KeyboardInterrupt):
        upsample.run(recipe, tmp_path / "parts")
    rest = upsample.run(recipe, tmp_path / "parts").state_dict()
    assert calls == [0, 1, 1]
    for name, value in whole.items():
        assert torch.allclose(rest[name], value, atol=1e-6), name


def test_what_cannot_be_taught_is_refused(recipe: upsample.Recipe, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="multiple of 16"):
        upsample.run(recipe.model_copy(update={"size": 40}), tmp_path / "run")
    with pytest.raises(ConfigError, match="up to 4 times"):
        upsample.run(recipe.model_copy(update={"upsampler": UpsamplerConfig(times=5)}), tmp_path / "run")
    assert not (tmp_path / "run").exists()
