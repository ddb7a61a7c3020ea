"""The recipe of the decoder, on a few drawn pictures: runs, resumes, writes a decoder that loads, measures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("accelerate", reason="training needs the extra [train]")

import nano_kit
from geoglot import models
from geoglot.core.errors import ConfigError
from geoglot.data.build import masks
from geoglot.data.build.masks import Masked, MaskViewConfig
from geoglot.evals import masks as figures
from geoglot.models import decoder, nano
from geoglot.train.config import TrainConfig
from geoglot.zoo import decode

CLASSES = {"ship": frozenset({0}), "forest": frozenset({1}), "water": frozenset({2})}


def drawn(number: int, source: str = "dubai") -> Masked:
    """A white square, called a ship, on black water."""
    rng = np.random.default_rng(number)
    pixels, index = np.zeros((64, 80, 3), np.uint8), np.full((64, 80), 2, np.uint8)
    left, top = (int(v) for v in rng.integers(4, 40, 2))
    pixels[top : top + 16, left : left + 16], index[top : top + 16, left : left + 16] = 255, 0
    return Masked(f"{source}/{number}", source, pixels, index, CLASSES)


def recipe(model: Path, **how: object) -> decode.Recipe:
    values = {
        "model": str(model), "sources": {"dubai": 1.0}, "batch": 2, "each": 2, "examples": 2, "view": MaskViewConfig(size=64),
        "inner": (4, 4, 8), "blocks": (0, 1, 1),
        "train": TrainConfig(steps=4, warmup=1, validate_every=2, save_every=2, log_every=1, precision="no"),
    }  # fmt: skip
    return decode.Recipe(**(values | how))  # type: ignore[arg-type]


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    parts = {"train": [drawn(0), drawn(1)], "val": [drawn(2)]}
    monkeypatch.setattr(masks, "load", lambda root, name, split: parts[split])
    nano.save(nano_kit.tiny_nano(), tmp_path / "tiny.safetensors", "none")
    return tmp_path / "tiny.safetensors"


def test_a_run_writes_a_decoder_of_its_model(model: Path, tmp_path: Path) -> None:
    decode.run(recipe(model), tmp_path / "run")
    made, card, digest = decoder.restore(tmp_path / "run" / "decoder.safetensors")
    assert card.model == nano.restore(model)[1].hash
    assert card.classes == ("forest", "ship", "water")
    assert (card.levels, card.side, len(digest)) == ((0, 1, 2), 4, 32)
    assert made.config.channels == (16, 32, 32)
    assert {"dubai/IoU", "dubai/mIoU", "dubai/ship"} <= set(card.figures)
    with torch.no_grad():
        assert made.usual_text.abs().max() > 0


def test_a_run_that_was_stopped_goes_on(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = recipe(model)
    whole = decode.run(asked, tmp_path / "whole")

    def stop(module: object, batch: object, how: decode.Recipe) -> object:
        seen.append(1)
        if len(seen) > 3:
            raise KeyboardInterrupt
        return compare(module, batch, how)  # type: ignore[arg-type]

    seen: list[int] = []
    compare = decode.compare
    with monkeypatch.context() as patch:
        patch.setattr(decode, "compare", stop)
        with pytest.raises(KeyboardInterrupt):
            decode.run(asked, tmp_path / "part")
    again = decode.run(asked, tmp_path / "part")
    for one, other in zip(whole.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)
    steps = [json.loads(line)["step"] for line in (tmp_path / "part" / "metrics.jsonl").read_text().splitlines()]
    assert max(steps) == 4


def test_the_same_number_gives_the_same_batch_and_what_is_true_of_it(model: Path) -> None:
    asked = recipe(model, visual=0.5)
    teach = {"dubai": [drawn(0), drawn(1)]}
    ready = models.load(str(model), dtype="float32")
    words = decode.Vocabulary(ready, sorted(CLASSES))
    words.show(ready, teach["dubai"], 2, 0)
    assert [len(one) for one in words.examples] == [0, 2, 2]
    stream = decode.Stream(teach, words, ready, asked)
    made, side = decode.build(asked, stream, ready)
    stream.serve(made, side)
    a, far, b, other = (stream.batch(number) for number in (4, 40, 4, 5))
    assert torch.equal(a.depths.maps[0], b.depths.maps[0])
    assert torch.equal(a.conditions, b.conditions)
    assert torch.equal(a.true, b.true)
    assert not torch.equal(a.depths.maps[0], other.depths.maps[0])
    assert not torch.equal(a.depths.maps[0], far.depths.maps[0])
    assert a.true.shape == a.judged.shape == (2, 2, 16, 16)
    assert torch.allclose(a.conditions.norm(dim=-1), torch.ones(2, 2))


def test_what_is_unseen_is_not_taught_and_still_measured(model: Path) -> None:
    teach, held = decode.material(recipe(model, unseen=("ship",)))
    assert all("ship" not in one.classes for one in teach["dubai"])
    assert [one.id for one in held["dubai"]] == ["dubai/2"]
    assert "ship" in held["dubai"][0].classes
    with pytest.raises(ConfigError, match="no set has 'boat'"):
        decode.material(recipe(model, unseen=("boat",)))


def test_refused_before_any_picture_is_read(model: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="as many widths"):
        decode.run(recipe(model, inner=(4, 4)), tmp_path)
    with pytest.raises(ConfigError, match="not of whole cells"):
        decode.run(recipe(model, view=MaskViewConfig(size=60)), tmp_path)


def test_figures_of_a_perfect_drawing_and_of_none() -> None:
    truth = drawn(1)
    names = list(CLASSES)

    def perfect(batch: object, names: object) -> torch.Tensor:
        whole = torch.from_numpy(np.stack([truth.index == k for k in range(3)], -1)).float() * 2 - 1
        return torch.nn.functional.pad(whole, (0, 0, 0, 16))[None]

    assert figures.measure(perfect, {"dubai": [truth]}) == pytest.approx(
        {"dubai/ship": 100, "dubai/water": 100, "dubai/IoU": 100, "dubai/mIoU": 100}
    )
    found = figures.measure(lambda batch, _: torch.full((1, 64, 96, len(names)), -1.0), {"dubai": [truth]})
    assert found["dubai/IoU"] == 0
