"""ONNX files against the models that they were made from, on other numbers of rows than they were exported with."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("onnxruntime", reason="the extra [onnx] is not installed")

from geoglot import models
from geoglot.cli.main import run
from geoglot.models import onnx
from geoglot.models.nano import save
from geoglot.nn.batch import ImageBatch
from nano_kit import tiny_nano
from published_kit import GOLDENS, TEXTS, golden, images


def session(file: Path) -> object:
    import onnxruntime

    return onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])


def test_nano(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(tiny_nano(), tmp_path / "tiny.safetensors", "none")
    assert run(["export", str(tmp_path / "tiny.safetensors"), "-o", str(tmp_path / "onnx")]) == 0
    assert capsys.readouterr().out.splitlines() == [str(tmp_path / "onnx" / f) for f in ("image.onnx", "text.onnx", "model.json")]
    model = models.load(tmp_path / "tiny.safetensors", device="cpu", dtype="float32")
    pixels = torch.rand(5, 3, 32, 32)
    found = session(tmp_path / "onnx" / "image.onnx").run(None, {"pixels": pixels.numpy()})[0]
    assert np.abs(found - model.image(ImageBatch.of(pixels)).numpy()).max() < 1e-4
    texts = ["boat", "harbour", "a forest by the water of the ships", "field"]
    found = session(tmp_path / "onnx" / "text.onnx").run(None, onnx.tokens(model, texts))[0]
    assert np.abs(found - model.text(texts).numpy()).max() < 1e-4
    told = json.loads((tmp_path / "onnx" / "model.json").read_text())
    assert told["model"]["hash"] == model.spec.hash
    assert (tmp_path / "onnx" / "tokenizer.json").exists()


@pytest.mark.parametrize(
    ("weights", "name", "activation"),
    [("vit", "vit_gelu", "gelu"), pytest.param("resnet", "resnet", "quick_gelu", marks=pytest.mark.slow)],
)
def test_published(weights: str, name: str, activation: str, tmp_path: Path) -> None:
    model = models.load(GOLDENS / f"open_clip_{weights}.pt", device="cpu", dtype="float32", activation=activation)
    onnx.export(model, tmp_path)
    expected = golden(name)
    found = session(tmp_path / "image.onnx").run(None, {"pixels": images(name).pixels.numpy()})[0]
    assert np.abs(found - expected["image_features"]).max() < 1e-4
    found = session(tmp_path / "text.onnx").run(None, onnx.tokens(model, TEXTS))[0]
    assert np.abs(found - expected["text_features"]).max() < 1e-4


def test_without_the_libraries_it_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['onnxruntime'] = None\n"
        "from geoglot.cli.main import run\n"
        "sys.exit(run(['export', 'nano', '-o', sys.argv[1]]))"
    )
    done = subprocess.run([sys.executable, "-c", code, "unused"], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 5
    assert "pip install 'geoglot[onnx]'" in done.stderr
