"""The native file, the model on top of it, and its numpy twin, all at tiny sizes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file

from geoglot import models
from geoglot.core.errors import InputError, ModelError, NotFoundError
from geoglot.models import nano, weights
from geoglot.models.nano_text import load_text
from geoglot.nn.batch import ImageBatch
from nano_kit import tiny_nano

TEXTS = ["boat", "forest by the water", "harbour ships " * 9, "boaths of a field"]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("native") / "tiny.safetensors"
    nano.save(tiny_nano(), path, "none")
    return path


def test_quantised_rows_are_within_half_a_step() -> None:
    matrix = np.random.default_rng(0).normal(size=(7, 5, 3)).astype(np.float32)
    rows, scale = weights.quantise(matrix)
    error = np.abs(weights.dequantise(rows, scale) - matrix).reshape(7, -1).max(1)
    assert (error <= scale / 2 + 1e-7).all()
    assert np.abs(rows).reshape(7, -1).max(1).tolist() == [127] * 7


def test_specification_hash_and_tensors_survive(file: Path) -> None:
    spec, config = weights.header(file)
    assert spec.name == "nano@4"
    assert spec.dim == 16
    assert spec.hash == weights.hash_of(weights.stored(file))
    assert nano.NanoConfig.build(config) == tiny_nano().config
    again, _ = nano.restore(file)
    for name, value in tiny_nano().state_dict().items():
        limit = float(value.abs().max()) / 200 if value.numel() >= weights.SMALL and value.ndim > 1 else 1e-7
        assert (again.state_dict()[name] - value).abs().max() <= limit, name


def test_the_hash_follows_the_values(tmp_path: Path, file: Path) -> None:
    assert nano.save(tiny_nano(), tmp_path / "same.safetensors", "none") == weights.header(file)[0].hash
    assert nano.save(tiny_nano(1), tmp_path / "other.safetensors", "none") != weights.header(file)[0].hash


def test_files_that_are_not_native_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no weights file"):
        weights.header(tmp_path / "none.safetensors")
    (tmp_path / "junk.safetensors").write_bytes(b"junk" * 10)
    with pytest.raises(ModelError, match="not a readable"):
        weights.header(tmp_path / "junk.safetensors")
    save_file({"a": np.zeros(1)}, tmp_path / "foreign.safetensors")
    with pytest.raises(ModelError, match="not a CLIP"):
        models.load(tmp_path / "foreign.safetensors", activation="gelu")
    with pytest.raises(NotFoundError, match="no model 'nanno'"):
        models.load("nanno")


def test_wrong_device_or_dtype_says_what_to_use(file: Path) -> None:
    with pytest.raises(InputError, match="use auto"):
        models.load(file, dtype="int3")
    with pytest.raises(InputError, match="use auto or cpu"):
        models.load(file, device="nonsense")


def test_numpy_text_tower_equals_torch(file: Path) -> None:
    dual, text = models.load(file, "cpu", "float32"), load_text(file)
    wanted, found = dual.text(TEXTS).numpy(), text.text(TEXTS)
    assert np.abs(wanted - found).max() < 1e-4
    assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-5)
    assert text.spec == dual.spec
    with pytest.raises(InputError, match="at least one"):
        text.text([])
    assert np.abs(text.text(TEXTS[:1]) - found[:1]).max() < 1e-5


def test_vectors_are_unit_deterministic_and_independent_of_the_batch(file: Path) -> None:
    dual = models.load(file, "cpu", "float32")
    batch = ImageBatch.of(torch.rand(5, 3, 48, 32, generator=torch.Generator().manual_seed(0)))
    whole = dual.image(batch)
    assert whole.shape == (5, 16)
    assert torch.allclose(whole.norm(dim=1), torch.ones(5), atol=1e-5)
    assert torch.equal(whole, dual.image(batch))
    dual.chunk = 2
    assert torch.allclose(whole, dual.image(batch), atol=1e-5)
    cells = dual.dense(batch)
    assert cells.shape == (5, 3, 2, 16)
    assert torch.allclose(cells.norm(dim=-1), torch.ones(5, 3, 2), atol=1e-5)
    with pytest.raises(InputError, match="display"):
        dual.image(ImageBatch.of(torch.rand(1, 4, 32, 32)))


def test_the_whole_is_pooled_from_the_cells() -> None:
    model = tiny_nano()
    batch = ImageBatch.of(torch.rand(2, 3, 32, 48))
    with torch.inference_mode():
        cells, weight = model.cells(batch)
        pooled = F.normalize((cells * weight[..., None]).sum((1, 2)), dim=-1)
        features = model.features(batch)
    assert torch.allclose(features.pooled, pooled, atol=1e-6)
    assert features.hw == (2, 3)
    assert torch.allclose(weight.sum((1, 2)), torch.ones(2), atol=1e-6)


def test_masked_pixels_and_cells_change_nothing(file: Path) -> None:
    dual = models.load(file, "cpu", "float32")
    rng = torch.Generator().manual_seed(3)
    pixels, valid = torch.rand(1, 3, 64, 64, generator=rng), torch.ones(1, 64, 64, dtype=torch.bool)
    valid[:, :32] = False
    other = torch.where(valid[:, None], pixels, torch.full_like(pixels, float("nan")))
    assert torch.equal(dual.image(ImageBatch.of(pixels, valid)), dual.image(ImageBatch.of(other, valid)))
    with torch.inference_mode():
        _, weight = dual.model.cells(ImageBatch.of(pixels, valid))
    assert float(weight[0, :2].sum()) == 0
    nothing = dual.image(ImageBatch.of(pixels, torch.zeros_like(valid)))
    assert torch.isfinite(nothing).all()


def test_bfloat16_stays_close(file: Path) -> None:
    batch = ImageBatch.of(torch.rand(3, 3, 32, 32))
    exact, rough = (models.load(file, "cpu", dtype).image(batch) for dtype in ("float32", "bfloat16"))
    assert rough.dtype == torch.float32
    assert ((exact * rough).sum(1) > 0.99).all()


def test_auto_takes_a_format_that_runs(file: Path) -> None:
    dual = models.load(file)
    assert dual.dtype in (torch.float32, torch.bfloat16)
    assert torch.isfinite(dual.image(ImageBatch.of(torch.rand(1, 3, 32, 32)))).all()


def test_the_query_path_imports_neither_torch_nor_transformers(file: Path) -> None:
    code = (
        "import sys; import geoglot.models; from geoglot.models.nano_text import load_text; "
        f"print(load_text({str(file)!r}).text(['boat']).shape); "
        "assert not {'torch', 'transformers', 'sentence_transformers'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "(1, 16)"
