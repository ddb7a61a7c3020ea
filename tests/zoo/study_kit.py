"""A tiny root of data in our own layout, a tiny model file, and towers small enough for studies that take a second."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from geoglot.core.protocols import ModelSpec
from geoglot.encoders.resnet_v2 import ResNetV2
from geoglot.evals import frozen
from geoglot.models.nano import save
from geoglot.zoo import _rendered, nano
from nano_kit import tiny_config, tiny_nano

SPLITS = {"train": 6, "val": 2, "test": 3}
AID = {"Port": "boats in the harbour", "Forest": "a forest", "Farmland": "a field by the water"}
UCM = {"harbor": "boats in the harbour", "forest": "a forest", "agricultural": "a field by the water"}
WEST, EAST = (-96.9, 28.6), (-95.6, 29.7)


def picture(path: Path, seed: int, side: int = 40) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 255, (5, 5, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize((side, side)).save(path)


def rows(root: Path, folder: str, classes: dict[str, str]) -> list[dict[str, object]]:
    """Write pictures of a few classes and give their rows."""
    made: list[dict[str, object]] = []
    for number, (label, text) in enumerate(classes.items()):
        for split, count in SPLITS.items():
            for k in range(count):
                name = f"{folder}/{label}/{label}_{split}{k}.webp"
                picture(root / name, 100 * number + 10 * len(made))
                captions = [text, f"{text} of {label}"] if k % 2 else [text]
                made.append({"image": name, "class": label, "split": split, "captions": captions, "qa": []})
    return made


def tiny_root(root: Path) -> Path:
    """AID, UC Merced and Harvey (30 places in the west, 60 in the east, in cells that lie apart), some kilobytes in all."""
    for file, folder, classes in (("aid_rsicd.jsonl", "aid", AID), ("ucm_captions_qa.jsonl", "ucm", UCM)):
        lines = [json.dumps(row) for row in rows(root, folder, classes)]
        (root / file).write_text("\n".join(lines) + "\n")
    (root / "ucm_multilabels.txt").write_text("IMAGE\tfield\tship\n")
    for (west, south), count in ((WEST, 30), (EAST, 60)):
        for k in range(count):
            name = f"{west + 0.03 * (k % 10):.4f}_{south + 0.03 * (k // 10):.4f}.webp"
            picture(root / "harvey" / "before" / name, k, 32)
            picture(root / "harvey" / "after" / name, 500 + k, 32)
    return root


def small_bare(root: Path, size: int, dtype: torch.dtype) -> frozen.Tower:
    torch.manual_seed(7)
    tower = ResNetV2(tiny_config().image).eval().requires_grad_(False)
    spec: ModelSpec = tiny_nano().spec("bare", "none")
    return frozen.Tower(tower, replace(spec, id="ImageNet tower", size=size), torch.float32)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_root(tmp_path_factory.mktemp("root"))


@pytest.fixture
def common(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """The settings that all studies share, on the tiny data and model; published weights are stood in for."""
    made = tiny_nano()
    save(made, tmp_path / "model" / "nano.safetensors", "none")
    bare: Callable[..., object] = small_bare
    monkeypatch.setattr(frozen, "bare", bare)
    monkeypatch.setattr(nano, "published", lambda recipe, texts: tiny_nano(3))
    monkeypatch.setattr(_rendered, "KINDS", {name: _rendered.KINDS[name] for name in ("forest", "farmland", "desert")})
    file = str(tmp_path / "model" / "nano.safetensors")
    return {"root": str(data), "cache": str(tmp_path / "cache"), "model": file, "dtype": "float32"}


def read(folder: Path) -> dict[str, object]:
    """The report of a study that has run, checked for what every report must hold."""
    told: dict[str, object] = json.loads((folder / "report.json").read_text())
    assert told["figures"]
    for figure in told["figures"]:  # type: ignore[attr-defined]
        assert figure["n"] >= 1
        if "low" in figure:
            assert figure["low"] <= figure["value"] + 1e-6, figure
            assert figure["value"] <= figure["high"] + 1e-6, figure
    assert all(len(model["hash"]) >= 4 for model in told["models"])  # type: ignore[attr-defined]
    page = (folder / "report.md").read_text()
    assert str(told["title"]) in page
    assert "](report.png)" in page
    with Image.open(folder / "report.png") as image:
        assert image.width > 400
    assert (folder / "report.png").stat().st_size < 60_000
    return told
