"""The recipe's own parts on tiny material: batches by number, overlap, groups, a few steps, figures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from nano_kit import tiny_nano

pytest.importorskip("accelerate", reason="training needs the extra [train]")

from geoglot.core.config import dump_toml, load_toml
from geoglot.core.errors import ConfigError, ModelError
from geoglot.data.augment import AugmentConfig, plain
from geoglot.data.build import mixture
from geoglot.data.build.mixture import Material
from geoglot.losses.siglip import siglip
from geoglot.models import record
from geoglot.models.nano import save
from geoglot.train import batches
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
    classes = nano.Classes.build(part)
    return nano.Stream(part, nano.chances(part, recipe), classes, classes.groups(1), tiny_nano().tokens, recipe)


def test_recipe_survives_toml(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text(dump_toml(RECIPE))
    assert load_toml(nano.Recipe, file) == RECIPE
    assert load_toml(nano.Recipe, file, ["train.steps=9"]).train.steps == 9


def test_batches_are_by_number() -> None:
    source = stream()
    batch, again, other = source.batch(3), source.batch(3), source.batch(4)
    assert torch.equal(batch.images.pixels, again.images.pixels)
    assert torch.equal(batch.same, again.same)
    assert not torch.equal(batch.images.pixels, other.images.pixels)
    assert torch.equal(batch.ids, source.tokens([source.material.texts[i] for i in batch.same])[0])
    assert batch.images.pixels.shape == (6, 3, 32, 32)
    assert batches.count(batch) == 6


def test_classes_are_told_apart_within_their_source() -> None:
    batch = stream().batch(0)
    assert batch.choices.shape == (6, len(batch.prompts))
    assert batch.choices[torch.arange(6), batch.label].all()
    assert batch.choices.all()  # all classes are UC Merced's here
    words = [batch.prompts[i] for i in batch.label]
    assert all("harbor" in text or "harbour" in text or "forest" in text for text in words)
    assert (nano.Classes.build(material(source="dubai")).of == -1).all()


def test_naming_the_class_adds_to_the_loss() -> None:
    model, batch = tiny_nano(), stream().batch(0)
    outputs = nano.embedding(model)(model, batch)
    plain, _ = nano.compare(RECIPE, outputs, batch)
    named, report = nano.compare(RECIPE.model_copy(update={"named": 1.0}), outputs, batch)
    logits = outputs[3] * outputs[2]
    assert torch.allclose(named - plain, torch.nn.functional.cross_entropy(logits, batch.label), atol=1e-5)
    assert 0 <= report["named"] <= 1


def test_pairwise_mixes_in_the_sigmoid_loss() -> None:
    model, batch = tiny_nano(), stream().batch(0)
    outputs = nano.embedding(model)(model, batch)
    value = {share: nano.compare(RECIPE.model_copy(update={"pairwise": share}), outputs, batch)[0] for share in (0.0, 0.5, 1.0)}
    image, text, _, scale = outputs
    assert torch.allclose(value[1.0], siglip(image, text, scale, torch.tensor(-10.0), batch.same))
    assert torch.allclose(value[0.5], (value[0.0] + value[1.0]) / 2)


def test_hard_batches_come_from_few_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nano, "GROUP", 1)
    recipe = RECIPE.model_copy(update={"grouped": 1.0})
    for index in range(4):
        assert len(set(stream(recipe).batch(index).label.tolist())) == 1


def test_a_new_head_is_standardised() -> None:
    model = tiny_nano()
    nano.renew_head(model, material(), 0)
    batch = plain(torch.from_numpy(material().pixels), model.config.size)
    with torch.no_grad():
        found = (model.image(batch.pixels, batch.valid) - model.head.centre) / model.head.spread
    lively = model.head.spread.flatten() > 1e-3
    assert found.mean((0, 2, 3))[lively].abs().max() < 1e-3
    assert (found.std((0, 2, 3))[lively] - 1).abs().max() < 1e-3


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


def test_what_is_kept_out_is_neither_shown_nor_said(tmp_path: Path) -> None:
    teach = material(8)
    unseen = {"ucm": ("harbor",)}
    phrases = nano.unseen_phrases(unseen)
    assert "harbour with boats" in phrases
    teach = replace(teach, texts=("Harbors, and boats", "a forest", "a field by the harbor", "harborside"))
    kept = mixture.without_classes(teach, unseen, phrases)
    assert set(kept.label) == {"forest"}
    assert {kept.texts[i] for row in kept.by_kind for v in row.values() for i in v} == {"a forest", "harborside"}
    assert nano.Classes.build(kept).phrases == ("forest",)
    (tmp_path / "dropped.txt").write_text("ucm/a.webp\nvhr10/b\n")
    written = record.write(nano.taught(kept, unseen, None, tmp_path), tmp_path / "n.safetensors")
    read = load_toml(record.Record, written)
    assert read.sources["ucm"].unseen == ("harbor",)
    assert read.sources["ucm"].left_out == ("ucm/a.webp",)
    assert read.sources["ucm"].pictures == len(kept) == 4
    assert "forest" in read.taught_words()
    assert "harbor" not in read.taught_words()
    with pytest.raises(ConfigError, match="no class 'harbour'"):
        nano.unseen_phrases({"ucm": ("harbour",)})


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
        Split(nano.embedding(model), lambda o, b: nano.compare(RECIPE, o, b)),
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


def test_go_on_from_an_earlier_run(tmp_path: Path) -> None:
    old, file = tiny_nano(1), tmp_path / "old.safetensors"
    save(old, file, "none")
    same = RECIPE.model_copy(update={"model": old.config})
    found = nano.go_on_from(file, same, ["boat", "the forest"])
    assert torch.equal(found.head.gate.weight, old.head.gate.weight)
    assert found.tokenizer_json == old.tokenizer_json
    with pytest.raises(ModelError, match="no tokens for 1 sentences, as 'zeppelin'"):
        nano.go_on_from(file, same, ["boat", "zeppelin"])
    with pytest.raises(ModelError, match="another build"):
        nano.go_on_from(file, RECIPE, ["boat"])


def test_the_text_tower_is_tuned_on_request() -> None:
    model = tiny_nano().requires_grad_(True)
    nano.groups(model, RECIPE.model_copy(update={"text_lr": 1e-5}))
    assert model.text.words.weight.requires_grad
    nano.groups(model, RECIPE)
    assert not model.text.words.weight.requires_grad


def test_texts_do_not_depend_on_their_neighbours() -> None:
    model = tiny_nano().eval()
    texts = ["boat", "a forest by the water", "boat", "field"]
    with torch.no_grad():
        together = model.texts(*model.tokens(texts), rows=2)
        alone = torch.cat([model.text(*model.tokens([text])) for text in texts])
    assert torch.allclose(together, alone, atol=1e-6)
