"""The recipe of the detection head, on a few drawn pictures: runs, resumes, writes a head that loads, measures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("accelerate", reason="training needs the extra [train]")

import nano_kit
from geoglot.core.errors import ConfigError
from geoglot.data.build import objects
from geoglot.data.build.objects import Pictured, ViewConfig
from geoglot.evals import detection as figures
from geoglot.evals.detection import Measured
from geoglot.models import detector, nano
from geoglot.nn.detection import DetectionConfig
from geoglot.tasks.detect.tiles import Boxes
from geoglot.train.config import TrainConfig
from geoglot.zoo import detect


def drawn(number: int, source: str = "vhr10") -> Pictured:
    """A white square, called a ship, on black."""
    rng = np.random.default_rng(number)
    pixels = np.zeros((64, 80, 3), np.uint8)
    left, top = (int(v) for v in rng.integers(4, 40, 2))
    pixels[top : top + 16, left : left + 16] = 255
    ring = np.array([(left, top), (left + 16, top), (left + 16, top + 16), (left, top + 16)], dtype=float)
    return Pictured(f"{source}/{number}", source, pixels, ("ship",), (ring,), frozenset({"ship", "forest"}), True)


def recipe(model: Path, **how: object) -> detect.Recipe:
    values = {
        "model": str(model), "sources": {"vhr10": 1.0}, "batch": 2, "view": ViewConfig(size=64),
        "head": DetectionConfig(inner=8, fine=8, deep=1, middle=0),
        "train": TrainConfig(steps=3, warmup=1, validate_every=2, save_every=2, log_every=1, precision="no"),
    }  # fmt: skip
    return detect.Recipe(**(values | how))  # type: ignore[arg-type]


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(figures, "pictures", lambda root, name, split: [drawn(n, name) for n in range(3)])
    nano.save(nano_kit.tiny_nano(), tmp_path / "tiny.safetensors", "none")
    return tmp_path / "tiny.safetensors"


def test_a_run_writes_a_head_of_its_model(model: Path, tmp_path: Path) -> None:
    detect.run(recipe(model), tmp_path / "run")
    head, card = detector.restore(tmp_path / "run" / "nano.detect.safetensors")
    assert card.model == nano.restore(model)[1].hash
    assert card.classes == ("forest", "ship")
    assert set(card.calibration) == {"slope", "bias", "recall", "spread", "least", "boxes"}
    assert head.config.channels == (16, 32, 32)
    assert (tmp_path / "run" / "metrics.jsonl").read_text().count("AP50") >= 2


def test_the_same_number_gives_the_same_batch(model: Path) -> None:
    asked = recipe(model)
    pictures = [drawn(n) for n in range(3)]
    made = nano.restore(model)[0]
    words, tower = detect.Vocabulary(made, ["forest", "ship"]), detect.Tower(made, torch.float32)
    stream = detect.Stream(pictures, detect.chances({"vhr10": pictures}, {"vhr10": 1.0}), words, tower, asked)
    a, far, b, other = (stream.batch(number) for number in (4, 40, 4, 5))
    assert torch.equal(a.maps[0], b.maps[0])
    assert torch.equal(a.true.heat, b.true.heat)
    assert not torch.equal(a.maps[0], other.maps[0])
    assert not torch.equal(a.maps[0], far.maps[0])
    rows = torch.cat([stream.batch(number).maps[0].flatten(1) for number in range(detect.GROUP * asked.reuse)])
    assert len(torch.unique(rows, dim=0)) <= detect.GROUP * asked.batch  # each view comes `reuse` times


def test_boxes_follow_the_picture() -> None:
    config = ViewConfig(size=96, zoom=(0.8, 1.6), turn=0.5)
    for number in range(40):
        pixels, seen, found = objects.view(drawn(number), config, np.random.default_rng(number))
        assert seen.any()
        for box, whole in zip(found.upright, found.whole, strict=True):
            if whole:
                white = np.argwhere(pixels[..., 0] > 127)
                high = np.array([white[:, 1].min(), white[:, 0].min(), white[:, 1].max() + 1, white[:, 0].max() + 1])
                assert np.abs(box - high).max() <= 1.5


def test_what_is_unseen_counts_neither_way(model: Path) -> None:
    found = detect.material(recipe(model, unseen=("ship",)))["vhr10"][0]
    assert found.names == ("",)
    assert "ship" not in found.known
    with pytest.raises(ConfigError, match="no set has 'boat'"):
        detect.material(recipe(model, unseen=("boat",)))


def test_figures_of_perfect_and_of_no_boxes() -> None:
    truth = figures.truth_of(drawn(1))
    one = Boxes(np.array([1]), np.array([0.9]), truth.upright, truth.turned)
    made = Measured(("forest", "ship"))
    made.add(one, truth)
    assert made.result() == pytest.approx({"AP50": 100, "AP": 100, "recall": 100, "turned AP50": 100})
    assert made.calibration()["least"] == 0.9
    nothing = Boxes(np.zeros(0, np.int64), np.zeros(0), np.zeros((0, 4)), np.zeros((0, 5)))
    made.add(nothing, truth)
    assert made.result()["recall"] == 50
