"""Protocols of generation: what is asked for, what it is measured against, copies of training pictures, the file format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from paint_kit import NATURAL, Brush
from stub_kit import Seer, write

from geoglot import models
from geoglot.core.errors import InputError, ModelError, NotFoundError
from geoglot.evals import drawn, memorised, protocol, report, runner
from geoglot.evals.eyes import Eyes, inception
from geoglot.geo.raster import Raster
from geoglot.geo.sensors import Band

torch.set_num_threads(1)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write(tmp_path, each=6, wrong=0)
    monkeypatch.setattr(models, "load", lambda name: Seer("nano"))
    monkeypatch.setattr(runner, "DRAWS", 200)
    return tmp_path


def rules(**scenes: object) -> protocol.Protocol:
    made = protocol.load("aid-generation")
    return made.model_copy(update={"scenes": protocol.Scenes(**{"size": 16, "blocks": 5, "rows": 6} | scenes)})


def measured(root: Path, model: object, made: protocol.Protocol) -> runner.Report:
    return runner.evaluate(model, made, root, cache=root / "cache", check_overlap=False)


def test_a_generator_that_hears_is_told_from_one_that_does_not(root: Path) -> None:
    brush = Brush()
    good = measured(root, brush, rules(each=2))
    assert good.figures["agreement"] == 100
    assert good.n == 36
    assert good.figures["of_real"] == 100
    assert [heard[2] for heard in brush.heard] == list(range(36))
    assert len({heard[0].text for heard in brush.heard[:1] + brush.heard[18:19]}) == 2, "captions in turn"
    bad = measured(root, Brush(2), rules(each=2))
    assert bad.figures["agreement"] == 50
    assert bad.low < 50 < bad.high
    assert bad.figures["clip"] < good.figures["clip"]
    assert good.baselines["class means"] == good.baselines["nearest training image"] == good.baselines["real pictures"] == 100
    assert good.baselines["shuffled captions"] < 60
    assert good.details["above shuffled captions"][1] > 0
    told = report.text(good)
    assert "above shuffled captions: +" in told
    assert "fid" in told
    assert "real, held out" in told
    assert runner.compare(good, bad).low > 0


def test_one_colour_for_all_is_far_from_real_pictures(root: Path) -> None:
    class One(Brush):
        def sample(self, condition, grid, seed, drawing=None):
            return super().sample(type(condition)("beach"), grid, seed, drawing)

    good, bad = (measured(root, model, rules()) for model in (Brush(), One()))
    assert bad.figures["agreement"] == pytest.approx(100 / 3)
    assert bad.figures["fid"] > 3 * good.figures["fid"]
    assert bad.figures["kid"] > good.figures["kid"] + 5


def test_copies_of_training_pictures_are_found_under_turns(root: Path) -> None:
    made = rules()
    items = runner._train(made, root)
    shown = drawn.real(made, items)[0]

    class Thief(Brush):
        def sample(self, condition, grid, seed, drawing=None):
            same = [k for k, item in enumerate(items) if str(item.label).lower() in condition.text]
            data = np.moveaxis(np.rot90(shown[same[seed % len(same)]], seed), -1, 0)
            return Raster(np.ascontiguousarray(data), np.ones(grid, bool), None, tuple(Band(n, n) for n in NATURAL))

    own, thief = measured(root, Brush(), made), measured(root, Thief(), made)
    assert thief.figures["nearer_pixels"] == 100
    assert own.figures["nearer_pixels"] < 50
    near = memorised.nearest(np.eye(3, dtype=np.float32), shown[:3, :, ::-1], np.eye(3, dtype=np.float32), shown)
    assert near.pixels.max() < 0.1
    assert near.cosine.max() < 1e-6


def test_what_decides_a_figure_is_in_the_hash() -> None:
    base = rules()
    other = {"each": 2, "seed": 1, "steps": 4, "guidance": 1.0, "size": 32, "format": "jpeg", "encoder": "x", "gsd": 2.0}
    other["by"] = "labels"
    others = [rules(**{name: value}) for name, value in other.items()]
    assert len({base.hash, *(made.hash for made in others)}) == 10
    assert base.hash != base.model_copy(update={"prepare": protocol.Prepare(resample="bilinear")}).hash
    assert protocol.load("ucm-probe").hash == protocol.load("ucm-probe").model_copy(update={"scenes": None}).hash


def test_size_steps_and_format_reach_the_generator(root: Path) -> None:
    made, brush = rules(steps=4, guidance=2.0, gsd=1.5, format="jpeg"), Brush(native=32)
    wishes = drawn.wishes(made, runner._train(made, root)[:3])
    found = drawn.draw(brush, made, wishes)
    condition, grid, _, drawing = brush.heard[0]
    assert found.shape == (3, 16, 16, 3)
    assert grid == (32, 32)
    assert condition.gsd == 0.75
    assert (drawing.steps, drawing.guidance) == (4, 2.0)
    plain = drawn.draw(brush, rules(), wishes)
    assert 0 < np.abs(plain.astype(int) - found).mean() < 20, "one was kept as JPEG"
    by_label = drawn.wishes(rules(by="labels"), runner._train(made, root))
    assert by_label[0].label == "aid_rsicd/Beach"
    by_class = rules(by="classes").model_copy(update={"templates": ("a photo of {}.",), "naming": "plain"})
    assert drawn.wishes(by_class, runner._train(made, root))[0].text == "a photo of beach."


def test_what_cannot_be_measured_is_refused(root: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="draws nothing"):
        measured(root, Seer(), rules())
    with pytest.raises(InputError, match="headline"):
        measured(root, Brush(), rules().model_copy(update={"metric": "fid"}))
    with pytest.raises(InputError, match="training split"):
        measured(root, Brush(), rules().model_copy(update={"split": "train"}))
    with pytest.raises(NotFoundError, match="inception-2015"):
        inception(tmp_path / "none.pt")
    (tmp_path / "bad.pt").write_bytes(b"no archive")
    with pytest.raises(ModelError, match="TorchScript"):
        inception(tmp_path / "bad.pt")


class Looker(torch.nn.Module):
    def forward(self, x: torch.Tensor, return_features: bool = False) -> torch.Tensor:
        assert return_features
        return x.float().mean((2, 3)).repeat(1, 4)


def test_inception_is_asked_as_its_file_wants_it(root: Path, tmp_path: Path) -> None:
    torch.jit.script(Looker()).save(str(tmp_path / "own.pt"))
    found = measured(root, Brush(), rules(encoder=str(tmp_path / "own.pt")))
    assert found.details["drawn"]["encoder's width"] == 12
    assert found.figures["fid"] > 0


def test_pictures_are_looked_at_once(tmp_path: Path) -> None:
    eyes = Eyes(seer := Seer(), tmp_path)
    pixels = np.random.default_rng(0).integers(0, 255, (5, 8, 8, 3), np.uint8)
    first = eyes.vectors(pixels)
    assert np.array_equal(Eyes(seer, tmp_path).vectors(pixels[::-1]), first[::-1])
    assert seer.looks == 5
    assert np.linalg.norm(eyes.features(pixels), axis=1) == pytest.approx(8**0.5)
