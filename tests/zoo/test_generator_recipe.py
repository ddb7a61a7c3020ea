"""Training generators: from scratch, by low-rank updates, a ControlNet, and fewer steps; what is written loads and draws."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

pytest.importorskip("accelerate", reason="training needs the extra [train]")

from published_layouts import loveda
from run_kit import tiny_ucm

import generator_kit as kit
from geoglot.core.errors import ConfigError
from geoglot.geo.raster import Raster
from geoglot.geo.sensors import Band
from geoglot.models import assembled, generators
from geoglot.models.condition import Condition, Control, Drawing
from geoglot.models.lora import LoraConfig
from geoglot.train.config import TrainConfig
from geoglot.zoo import distil, generator
from geoglot.zoo._drawn_pictures import Stream, edges, gather

torch.set_num_threads(1)
TRAIN = TrainConfig(steps=4, warmup=1, precision="no", save_every=2, validate_every=100, log_every=1, ema=0.0)
NETWORK = generator.NetworkConfig(widths=(32, 32), attend=(False, True), layers=1, heads=16)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tiny_ucm(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    kit.saved(folder)
    return folder


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    for module in (generator, distil):
        monkeypatch.setattr(module, "HELD", 1)
    monkeypatch.setattr("geoglot.train.folder.RunFolder.draw", lambda self: None)


def recipe(root, **more):
    given = {"root": str(root), "cache": str(root / "cache"), "sources": ("ucm",), "side": 16, "batch": 4, "train": TRAIN}
    return generator.Recipe(**{**given, "network": NETWORK, **more})


def figures(folder, name="loss"):
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [row[name] for row in rows if name in row]


def whole(made):
    return {name: value.clone() for name, value in made.parts.network.state_dict().items()}


def same(a, b):
    return all(torch.equal(value, b[name]) for name, value in a.items())


def test_from_scratch_the_loss_falls_and_the_model_draws(root, tmp_path):
    asked = recipe(root, lr=3e-3, batch=6, train=TRAIN.model_copy(update={"steps": 24, "ema": 0.9}))
    made = generator.run(asked, tmp_path / "run")
    losses = figures(tmp_path / "run")
    assert np.mean(losses[-6:]) < 0.75 * np.mean(losses[:3])
    assert len(figures(tmp_path / "run", "held")) == 1
    again = generators.load(tmp_path / "run" / "model", "cpu", "float32")
    assert again.defaults == Drawing(25, 3.0, "flow")
    assert again.spec.hash
    drawing = Drawing(3, 2.0, "flow")
    ours, theirs = (one.sample(Condition(gsd=0.3), (16, 20), 1, drawing) for one in (made, again))
    assert np.array_equal(ours.data, theirs.data)
    assert not np.array_equal(ours.data, made.sample(Condition(gsd=30.0), (16, 20), 1, drawing).data)


def test_a_broken_run_goes_on_to_the_same_weights(root, tmp_path):
    short = recipe(root, train=TRAIN.model_copy(update={"steps": 2, "schedule": "constant"}))
    longer = recipe(root, train=TRAIN.model_copy(update={"schedule": "constant"}))
    straight = generator.run(longer, tmp_path / "straight")
    generator.run(short, tmp_path / "broken")
    config = tmp_path / "broken" / "config.toml"
    config.write_text(config.read_text().replace("steps = 2", "steps = 4"))
    resumed = generator.run(longer, tmp_path / "broken")
    assert same(whole(straight), whole(resumed))


@pytest.mark.parametrize("kind", ["transformer", "coarse"])
def test_other_denoisers_are_taught_too(kind, root, base, tmp_path):
    coarse = kind == "coarse"
    network = NETWORK.model_copy(
        update={"coarse": True, "predicts": "v_prediction"} if coarse else {"kind": kind, "widths": (32,), "depth": 1}
    )
    asked = recipe(root, network=network, parts=str(base), train=TRAIN.model_copy(update={"steps": 2}))
    generator.run(asked, tmp_path / "run")
    made = generators.load(tmp_path / "run" / "model", "cpu", "float32")
    assert made.kinds == (("coarse",) if coarse else ())
    scene = made.canvas(Condition("forest"), (40, 16), 0, Drawing(2))
    scene.run()
    assert scene.raster().data.shape == (3, 40, 16)
    assert scene.steps == (4 if coarse else 2)


def test_low_rank_updates_are_merged_and_kept_alone(root, base, tmp_path):
    asked = recipe(root, model=str(base), tune="lora", lora=LoraConfig(rank=2, targets=generator.ATTENTION), lr=1e-2)
    before = whole(generators.load(base, "cpu", "float32"))
    generator.run(asked, tmp_path / "run")
    made = generators.load(tmp_path / "run" / "model", "cpu", "float32")
    after = whole(made)
    changed = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert changed
    assert all(".to_" in name for name in changed)
    assert (tmp_path / "run" / "lora" / "adapter_model.safetensors").exists()
    assert made.sample(Condition("forest"), (16, 16), 0, Drawing(2)).data.std() > 0


def test_a_control_net_learns_alone(root, base, tmp_path):
    asked = recipe(root, model=str(base), tune="control", lr=1e-2)
    before = whole(generators.load(base, "cpu", "float32"))
    generator.run(asked, tmp_path / "run")
    made = generators.load(tmp_path / "run" / "model", "cpu", "float32")
    assert made.kinds == ("edges",)
    assert same(before, whole(made))
    lines = Raster(np.eye(16, dtype=np.uint8)[None] * 255, np.ones((16, 16), bool), None, (Band("edges"),))
    plain, steered = (
        made.sample(Condition("forest", controls=given), (16, 16), 0, Drawing(2)).data
        for given in ((), (Control("edges", lines),))
    )
    assert not np.array_equal(plain, steered)


def test_masks_of_classes_steer_with_words_for_them(base, tmp_path):
    loveda(tmp_path)
    asked = recipe(tmp_path, model=str(base), tune="control", control="mask", sources=("loveda",))
    asked = asked.model_copy(update={"train": TRAIN.model_copy(update={"steps": 1})})
    pictures = gather(tmp_path, tmp_path / "cache", ["loveda"], "train", 16, masks=True)
    assert pictures.masks.shape == (len(pictures), 16, 16)
    assert all(any(name in text for name in pictures.classes) for text in pictures.texts[0])
    generator.run(asked, tmp_path / "run")
    made = generators.load(tmp_path / "run" / "model", "cpu", "float32")
    assert made.kinds == ("mask",)
    drawn = [Raster(np.full((1, 16, 16), k, np.uint8), np.ones((16, 16), bool), None, (Band("class"),)) for k in (0, 1)]
    one, two = (made.sample(Condition(controls=(Control("mask", mask),)), (16, 16), 0, Drawing(2)).data for mask in drawn)
    assert one.shape == two.shape == (3, 16, 16)


def test_a_student_of_fewer_steps(root, base, tmp_path):
    asked = distil.Recipe(
        model=str(base), root=str(root), cache=str(root / "cache"), sources=("ucm",), steps=2, each=3, batch=4, guidance=2.0,
        lr=1e-3, train=TRAIN,
    )  # fmt: skip
    distil.run(asked, tmp_path / "run")
    made = generators.load(tmp_path / "run" / "model", "cpu", "float32")
    assert made.defaults == Drawing(2, 1.0, "ddim")
    assert made.scheduler(made.defaults).timesteps.tolist() == [999, 499]
    assert made.sample(Condition("forest"), (16, 16), 0).data.std() > 0
    assert len(figures(tmp_path / "run")) == 4


def test_a_student_that_is_its_teacher_is_right_where_one_step_is_enough(root, base):
    """Of a teacher that always says one clean picture, every step leads there: nothing is left to learn."""
    made = generators.load(base, "cpu", "float32")
    asked = distil.Recipe(model=str(base), steps=3, each=2, guidance=1.0)
    teacher = distil.Teacher(made, asked)
    pictures = gather(root, root / "cache", ["ucm"], "train", 16)
    batch = Stream(pictures, made, 4, 0, distil.NEVER, "", root / "cache")(0)
    teacher.clean = lambda network, x, time, told, guidance: torch.full_like(x, 0.3)
    assert float(teacher.compare(made.parts.network, batch)[0]) < 1e-6


def test_batches_are_functions_of_their_number(root, base):
    made = generators.load(base, "cpu", "float32")
    pictures = gather(root, root / "cache", ["ucm"], "train", 16)
    assert torch.isfinite(pictures.numbers[:, 2]).all()  # UC Merced's pixels are of 0.3 m, here 4 times as large
    assert pictures.numbers[0, 2] == pytest.approx(0.3 * 64 / 16 * 1000)
    stream = Stream(pictures, made, 6, 0, generator.DropConfig(), "edges", root / "cache")
    one, two = stream(3), stream(3)
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True) if a is not None)
    assert not torch.equal(one.noise, stream(4).noise)
    pixels = stream._pixels(2, True)[None] * 2 - 1
    torch.testing.assert_close(torch.from_numpy(stream._clean[2, 1]).float(), made.encode(pixels)[0], atol=5e-3, rtol=5e-3)
    gone = Stream(pictures, made, 6, 0, generator.DropConfig(everything=1), "edges", root / "cache")(0)
    assert gone.hint.abs().sum() == 0
    torch.testing.assert_close(gone.words[0], made.parts.phrases([""])[0][0])
    assert set(edges(torch.rand(1, 3, 8, 8)).unique().tolist()) <= {0.0, 1.0}


def test_what_cannot_be_taught_is_told_at_once(root, base, tmp_path):
    with pytest.raises(ConfigError, match="goes on from a generator"):
        generator.begin(recipe(root, tune="lora"))
    kit.flow(tmp_path / "flow")
    with pytest.raises(ConfigError, match="tune='lora'"):
        generator.begin(recipe(root, model=str(tmp_path / "flow"), tune="control"))
    made = generator.begin(recipe(root, model=str(base), tune="lora"))
    generator.learns(made, recipe(root, model=str(base), tune="lora"))
    with pytest.raises(Exception, match="merge them first"):
        assembled.save(made, tmp_path / "model", "x", "")
