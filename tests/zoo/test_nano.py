"""The recipe's own parts on tiny material: batches by number, overlap, groups, a few steps, figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from nano_kit import tiny_nano

pytest.importorskip("accelerate", reason="training needs the extra [train]")

from geoglot.core.config import dump_toml, load_toml
from geoglot.core.errors import ModelError
from geoglot.data.augment import AugmentConfig
from geoglot.data.build.mixture import Material
from geoglot.models.nano import save
from geoglot.train.loop import Split, TrainConfig, fit
from geoglot.zoo import nano

RECIPE = nano.Recipe(
    batch=6,
    frozen_stages=1,
    augment=AugmentConfig(size=32),
    train=TrainConfig(steps=3, warmup=1, log_every=1, validate_every=3, save_every=3, precision="no"),
)


def material(count: int = 8, source: str = "ucm") -> Material:
    rng = np.random.default_rng(0)
    small = rng.integers(0, 255, (count, 6, 6, 3), dtype=np.uint8)
    pixels = small.repeat(8, 1).repeat(8, 2)
    texts = ("boats in the water", "a forest", "a field", "harbour")
    rows = tuple({"caption": (i % 2, 2), "class": (3,)} for i in range(count))
    labels = tuple(("harbor", "forest")[i % 2] for i in range(count))
    return Material(pixels, texts, rows, tuple(f"{source}/x{i}.webp" for i in range(count)), (source,) * count, labels)


def stream(recipe: nano.Recipe = RECIPE) -> nano.Stream:
    part = material()
    return nano.Stream(part, nano.chances(part, recipe), recipe.kinds, torch.randn(4, 16), recipe)


def test_recipe_survives_toml(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text(dump_toml(RECIPE))
    assert load_toml(nano.Recipe, file) == RECIPE
    assert load_toml(nano.Recipe, file, ["train.steps=9"]).train.steps == 9


def test_batches_are_by_number() -> None:
    source = stream()
    (views, vectors, numbers), again, other = source.batch(3), source.batch(3), source.batch(4)
    assert torch.equal(views.pixels, again[0].pixels)
    assert torch.equal(numbers, again[2])
    assert not torch.equal(views.pixels, other[0].pixels)
    assert torch.equal(vectors, source.vectors[numbers])
    assert views.pixels.shape == (6, 3, 32, 32)


def test_overlap_is_dropped_with_all_windows() -> None:
    held = material(2)
    teach = material(8)
    ids = ("ucm/a.webp", "ucm/b.webp", "vhr10/c.webp", "vhr10/c.webp@0,0,9", "x/d", "airport_obb/x1_jpg", "x/e", "x/f")
    source = ("ucm", "ucm", "vhr10", "vhr10", "x", "airport_obb", "x", "x")
    pixels = teach.pixels.copy()
    pixels[2] = np.rot90(held.pixels[0])
    teach = Material(pixels[:8], teach.texts, teach.by_kind, ids, source, teach.label)
    kept, dropped = nano.without_overlap(teach.take([2, 3, 4, 5, 6, 7]), [held])
    assert dropped == ["airport_obb/x1_jpg", "vhr10/c.webp"]
    assert kept.ids == ("x/d", "x/e", "x/f")


def test_a_few_steps_train_only_what_should_be(tmp_path: Path) -> None:
    model = tiny_nano().requires_grad_(True)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    groups = nano.groups(model, RECIPE)
    figures: list[dict[str, float]] = []

    def validate(module: torch.nn.Module) -> dict[str, float]:
        figures.append(nano.measure(module, {"ucm": material()}))
        return figures[-1]

    fit(
        model,
        stream().batch,
        Split(nano.embed, lambda o, b: nano.compare(RECIPE, o, b)),
        groups,
        RECIPE.train,
        tmp_path,
        RECIPE,
        validate,
    )
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert {name.split(".")[0] for name in changed} == {"image", "head", "text", "scale"}
    assert {name for name in changed if name.startswith("text")} == {"text.map.weight", "text.map.bias"}
    assert not any(name.startswith(("image.stem", "image.stages.0")) for name in changed)
    assert 0 <= figures[0]["ucm/mR"] <= 100
    assert set(figures[0]) == {"ucm/mR", "ucm/acc"}


def test_go_on_from_takes_the_trained_parts(tmp_path: Path) -> None:
    old, new = tiny_nano(1), tiny_nano(2)
    save(old, tmp_path / "old.safetensors", "none")
    words = new.text.words.weight.clone()
    nano.go_on_from(new, tmp_path / "old.safetensors")
    assert torch.equal(new.head.gate.weight, old.head.gate.weight)
    assert torch.equal(new.text.words.weight, words)
    (tmp_path / "odd.safetensors").write_bytes((tmp_path / "old.safetensors").read_bytes())
    with pytest.raises(ModelError, match="another build"):
        nano.go_on_from(_without_gate(new), tmp_path / "old.safetensors")


def _without_gate(model: nano.Nano) -> nano.Nano:
    del model.head.gate
    return model
