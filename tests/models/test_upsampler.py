"""The file of an upsampler: it comes back as it was, for its own model only; and the one that comes with nano."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from geoglot import models
from geoglot.core.errors import ModelError, ModelMismatchError, NotFoundError
from geoglot.models import files, upsampler, weights
from geoglot.nn.upsample import JointBilateral, UpsamplerConfig
from segment_kit import Painter

SPEC = Painter().spec


def written(path: Path) -> JointBilateral:
    torch.manual_seed(0)
    made = JointBilateral(UpsamplerConfig(radius=1, keys=4, times=2))
    upsampler.save(made, path, SPEC)
    return made.eval().requires_grad_(False)


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "up.safetensors"
    made = written(path)
    found = upsampler.restore(path, SPEC)
    maps, picture = torch.randn(1, 3, 4, 4), torch.rand(1, 3, 64, 64)
    assert torch.equal(found(maps, picture), made(maps, picture))
    assert found.config == made.config
    assert found.hash == weights.header(path)[0].hash != ""
    assert upsampler.restore(path, SPEC, 3)(maps, picture).shape == (1, 3, 32, 32)


def test_another_model_or_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "up.safetensors"
    written(path)
    with pytest.raises(ModelMismatchError, match="another model"):
        upsampler.restore(path, replace(SPEC, hash="0" * 32))
    with pytest.raises(ModelError, match="holds no upsampler"):
        upsampler.restore(files.native("nano"), models.spec("nano"))
    with pytest.raises(NotFoundError):
        upsampler.restore(tmp_path / "none.safetensors", SPEC)
    with pytest.raises(ModelError, match="No upsampler comes with painter@1"):
        upsampler.file_of(SPEC)


def test_the_embedded_one_is_of_the_embedded_model_and_small() -> None:
    spec = models.spec("nano")
    path = upsampler.file_of(spec)
    assert "nano.upsample" not in files.embedded()
    assert path.stat().st_size < 3_000_000
    assert weights.header(path)[0].hash == weights.hash_of(weights.stored(path))
    found = upsampler.restore(path, spec)
    card = path.with_suffix(".md").read_text(encoding="utf-8")
    assert found.hash in card
    assert spec.name in card
    assert f"{sum(p.numel() for p in found.parameters()):,}" in card
    flat = found(torch.ones(1, 2, 9, 9), torch.rand(1, 3, 144, 144))
    assert (flat - 1).abs().max() < 0.3
