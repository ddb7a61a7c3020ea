"""Modules of change on models of other builds, and indifference to what was not observed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import nano_kit
from geoglot import models
from geoglot.core import parts
from geoglot.models import changer, nano
from geoglot.models.changer import ChangeModel, ChangerCard
from geoglot.models.ready import Ready
from geoglot.nn.batch import ImageBatch
from geoglot.nn.dates import Changer
from published_kit import GOLDENS

SMALL: dict[str, dict[str, Any]] = {
    "head": {"inner": (4, 4, 8), "blocks": (0, 1, 1)},
    "changeclip": {"inner": (4, 4, 8), "width": 8},
    "ban": {"host": "bit", "told": {"widths": (4, 8, 8), "inner": 8, "heads": 2}, "heads": 2},
}


def small_model(kind: str, folder: Path) -> Ready:
    if kind == "nano":
        nano.save(nano_kit.tiny_nano(), folder / "tiny.safetensors", "none")
        return models.load(str(folder / "tiny.safetensors"), dtype="float32")
    return models.load(GOLDENS / f"open_clip_{kind}.pt", dtype="float32", activation="gelu")


def made_for(model: Ready, name: str) -> ChangeModel:
    """A small module on a model, through its file."""
    side = 2 * model.cells.side
    part = parts.find("nn.change", name)
    levels = tuple(model.levels)
    seen = changer.dates(model, part.KIND.looks, ImageBatch.of(torch.rand(2, 3, side, side)), levels)
    assert seen.depths is not None
    torch.manual_seed(0)
    count = len(levels)
    told: dict[str, Any] = {key: value[-count:] if isinstance(value, tuple) else value for key, value in SMALL[name].items()}
    if name == "changeclip":
        sizes = {level.shape[-1] for level in seen.depths.maps}
        told["enlarge"] = tuple(2**k for k in reversed(range(count))) if len(sizes) == 1 else (1,) * count
    options = part.Options(channels=tuple(level.shape[1] for level in seen.depths.maps), dim=model.spec.dim, **told)
    module: Changer = part.KIND(options)
    module.prepare(seen, model.text(list(module.texts)) if module.texts else torch.zeros(0))
    return ChangeModel(module.eval(), ChangerCard(name, model.spec.id, model.spec.hash, levels), model)


@pytest.mark.parametrize("kind", ["nano", "vit", "resnet"])
@pytest.mark.parametrize("name", SMALL)
def test_any_model_that_shows_its_depths_serves(kind: str, name: str, tmp_path: Path) -> None:
    made = made_for(small_model(kind, tmp_path), name)
    pixels = torch.rand(2, 3, 50, 70)  # of no whole cells
    found = made.logits(ImageBatch.of(pixels), ImageBatch.of(pixels.flip(0)))
    assert found.shape == (2, 50, 70)
    assert found.isfinite().all()


@pytest.mark.parametrize("name", SMALL)
def test_what_one_date_does_not_show_changes_nothing(name: str, tmp_path: Path) -> None:
    made = made_for(small_model("nano", tmp_path), name)
    one, other = torch.rand(1, 3, 64, 64), torch.rand(1, 3, 64, 64)
    valid = torch.ones(1, 64, 64, dtype=torch.bool)
    valid[:, :20] = False
    noise = torch.where(valid[:, None], one, 9.0)
    wanted = made.logits(ImageBatch.of(one, valid), ImageBatch.of(other))
    assert torch.equal(made.logits(ImageBatch.of(noise, valid), ImageBatch.of(other)), wanted)
    # nor does what the other shows there
    noise = torch.where(valid[:, None], other, 9.0)
    assert torch.equal(made.logits(ImageBatch.of(one, valid), ImageBatch.of(noise)), wanted)


def test_a_file_is_found_by_path_or_by_its_model(tmp_path: Path) -> None:
    made = made_for(small_model("nano", tmp_path), "head")
    assert changer.file_of(tmp_path / "tiny.safetensors") is None
    file = tmp_path / "tiny.change.safetensors"
    changer.save(made.module, {"channels": (16, 32, 32), "dim": 16, **SMALL["head"]}, made.card, file, made.model.spec)  # type: ignore[union-attr]
    assert changer.file_of(file) == file
    assert changer.file_of(tmp_path / "none.safetensors") is None
    assert changer.file_of("remoteclip-vit-b-32") is None
    again = changer.open_changer(file, made.model)
    assert again.card == made.card
