"""The recipe of `nano-gen` on a few drawn pictures: batches, conditions that are told, a run that resumes and writes its file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("accelerate", reason="training needs the extra [train]")

import nano_kit
from geoglot.data.build.masks import Masked
from geoglot.data.build.mixture import Material
from geoglot.models import nano, nano_gen, record
from geoglot.models.dual import DualModel, open_native
from geoglot.models.nano_gen import COVER
from geoglot.nn.draw import DrawConfig, Latents
from geoglot.train.config import TrainConfig
from geoglot.zoo import _gen_figures, _gen_material
from geoglot.zoo import nano_gen as recipe_of
from geoglot.zoo._gen_figures import Judge
from geoglot.zoo._gen_material import MASK_SIDE, SIDE, Covered, Taught
from geoglot.zoo._gen_views import Stream, ViewConfig, coarse_latents, coarser

torch.set_num_threads(1)
COUNT = 6
SMALL = DrawConfig(widths=(8, 12, 16), blocks=(1, 1, 1), wide=24, words=16, detail=(8, 4), classes=len(nano_gen.classes()))


def taught() -> Taught:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (COUNT, SIDE, SIDE, 3), dtype=np.uint8)
    by_kind = tuple({"caption": (k % 3,), "class": (3,)} for k in range(COUNT))
    source = ("ucm",) * 4 + ("rendered",) * 2
    material = Material(
        pixels, ("a", "b", "c", "d"), by_kind, tuple(f"ucm/{k}" for k in range(COUNT)), source, ("harbor",) * COUNT
    )
    label = np.array([nano_gen.classes().index("ucm/harbor")] * 4 + [-1] * 2)
    vectors = rng.normal(size=(4, 16)).astype(np.float16)
    return Taught(material, vectors, label, np.array([0.5] * 4 + [0.0] * 2, np.float32), np.array([1] * 4 + [2] * 2))


def covered() -> Covered:
    index = np.zeros((2, MASK_SIDE, MASK_SIDE), np.uint8)
    index[:, :, MASK_SIDE // 2 :] = 1
    pixels = np.where(index[..., None] == 1, np.uint8(200), np.uint8(20)).repeat(3, -1)
    return Covered(pixels, index, np.ones(2, np.float32), np.ones(2, np.int64))


def stream(**views: object) -> Stream:
    torch.manual_seed(0)
    latents = Latents(SMALL)
    latents.measure(torch.rand(4, 3, 64, 64))
    return Stream(taught(), covered(), latents, ViewConfig(**views), 12, 3, np.full(COUNT, 1 / COUNT))  # type: ignore[arg-type]


def test_the_same_number_gives_the_same_batch_on_the_way_to_noise() -> None:
    one, again, other = (stream().batch(k) for k in (2, 2, 5))
    assert torch.equal(one.latents, again.latents)
    assert torch.equal(one.asked.coarse, again.asked.coarse)
    assert not torch.equal(one.latents, other.latents)
    assert one.latents.shape == one.velocity.shape == (12, 8, 16, 16)
    clean = one.latents - one.time[:, None, None, None] * one.velocity
    noise = clean + one.velocity
    assert noise.std() == pytest.approx(1, abs=0.05)


def test_conditions_are_told_as_often_as_said() -> None:
    every = stream(nothing=0, words=1, label=1, gsd=1, look=1, covered=0, coarse=1, known=1).batch(1).asked
    none = stream(nothing=1, covered=0, coarse=0, known=0).batch(1).asked
    assert every.has.all()
    assert set(every.look.tolist()) == {1, 2}
    real = every.look == 1
    assert ((every.gsd > 0) == real).all()
    assert ((every.label >= 0) == real).all()
    assert every.gsd[real].max() <= 0.5 * SIDE / 64 + 1e-6  # a part of a picture has finer pixels
    assert (every.coarse[:, -1] == 1).all()
    share = every.known[:, -1].mean((1, 2))
    assert ((share > 0) & (share < 1)).any()
    assert torch.equal(every.known[:, :-1] * (1 - every.known[:, -1:]), torch.zeros_like(every.known[:, :-1]))
    assert not none.has.any()
    assert (none.label < 0).all()
    assert (none.gsd < 0).all()
    assert not none.maps().any()


def test_masks_turn_with_their_pictures() -> None:
    made = stream(covered=1, nothing=0, coarse=0, known=0, whole=1)
    batch = made.batch(0)
    assert torch.allclose(batch.asked.cover.sum(1), torch.ones(()))
    clean = batch.latents - batch.time[:, None, None, None] * batch.velocity
    light = made.latents.turned(clean).mean(1)
    bright = torch.nn.functional.avg_pool2d(light[:, None], 4)[:, 0] > 0.5
    assert torch.equal(bright, batch.asked.cover[:, 1] > 0.5)
    assert len({tuple(row.flatten().tolist()) for row in batch.asked.cover}) > 1


def test_coarser_pictures_are_latents_of_the_enlarged() -> None:
    latents = stream().latents
    x = torch.rand(2, 3, 64, 64)
    assert coarser(x, 4.0).shape == (2, 3, 16, 16)
    flat = coarse_latents(latents, torch.full((1, 3, 16, 16), 0.25), 64, 64)
    assert torch.allclose(flat[:, :-1], latents.encode(torch.full((1, 3, 64, 64), 0.25)), atol=1e-5)


def test_squares_of_a_mask_and_words_for_its_numbers() -> None:
    index = np.zeros((200, 260), np.uint8)
    index[:100, :130] = 1
    one = Masked("a", "x", np.zeros((200, 260, 3), np.uint8), index, {"water": frozenset({1}), "trees": frozenset({0})})
    parts = _gen_material.squares(one.pixels, _gen_material._table(one)[one.index])
    assert len(parts) == 5
    assert {x.shape for x, _, _ in parts} == {(MASK_SIDE, MASK_SIDE, 3)}
    assert (parts[1][1] == COVER.index("water")).all()
    assert (parts[4][1] == COVER.index("vegetation")).all()
    assert parts[0][2] == pytest.approx(200 / MASK_SIDE)
    empty = Masked("a", "x", one.pixels, index, {"roads": frozenset({1})})
    assert set(_gen_material._table(empty)[[0, 1]].tolist()) == {COVER.index("unknown"), COVER.index("roads")}


def test_distances_of_rendered_tiles_are_as_many_as_the_tiles() -> None:
    found = _gen_material.distances(4)
    assert len(found) == 23 + 3 * 21
    assert set(found.tolist()) == {0.5, 1.0, 2.0, 4.0, 8.0, 16.0}


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DualModel:
    path = tmp_path / "tiny.safetensors"
    nano.save(nano_kit.tiny_nano(), path, "none")
    found = open_native(path, "cpu", "float32")
    monkeypatch.setattr(recipe_of, "open_native", lambda *_: found)
    monkeypatch.setattr(_gen_material, "teach", lambda *_: (taught(), ["ucm/9"]))
    monkeypatch.setattr(_gen_material, "covered", lambda *_: covered())
    head = _gen_figures.heads.by_words(np.eye(2, 16, dtype=np.float32), 1.0)
    words = np.zeros((4, 16), np.float32)
    monkeypatch.setattr(Judge, "build", lambda *_: Judge(found, head, ("beach", "harbor"), words, np.array([0, 1, 0, 1]), 1.0))
    return found


def test_a_run_resumes_and_writes_a_generator_with_its_record(model: DualModel, tmp_path: Path) -> None:
    train = TrainConfig(steps=3, warmup=1, validate_every=2, save_every=2, log_every=1, precision="no")
    recipe = recipe_of.Recipe(batch=4, judged=1, draws=2, draw=SMALL, train=train, decoder=train)
    made = recipe_of.run(recipe, tmp_path / "run")
    again = recipe_of.run(recipe, tmp_path / "run")
    for a, b in zip(made.denoiser.parameters(), again.denoiser.parameters(), strict=True):
        assert torch.equal(a, b)
    parts, spec = nano_gen.restore(tmp_path / "run" / "nano-gen.safetensors")
    assert parts.card.model == model.spec.hash
    assert parts.card.figures["val real"] == 100
    assert spec.bands == ("red", "green", "blue")
    told = record.load_toml(record.Record, tmp_path / "run" / "nano-gen.training.toml")
    assert told.sources["ucm"].pictures == 4
    assert told.sources["ucm"].left_out == ("ucm/9",)
    rows = (tmp_path / "run" / "metrics.jsonl").read_text()
    assert '"label"' in rows
    assert '"psnr"' in (tmp_path / "run" / "decoder" / "metrics.jsonl").read_text()
