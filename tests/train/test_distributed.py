"""Two processes against one: values, gradients, curves and weights, with DDP, FSDP, gradient caching; and how they stop."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("accelerate", reason="training needs the extra [train]")

from dual_kit import CONFIG, train

from geoglot.train.folder import rows

HERE = Path(__file__).parent
SAME = 2e-5  # float32, a few operations in another order


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where two processes ran all checks of `pair.py`."""
    folder = tmp_path_factory.mktemp("pair")
    paths = os.pathsep.join([str(HERE.parent.parent / "src"), str(HERE)])
    environment = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(HERE / "pair.py"), str(folder)], env=environment, capture_output=True, text=True, timeout=400
    )
    assert (folder / "raised.txt").exists(), done.stderr[-3000:]
    return folder


@pytest.fixture(scope="module")
def found(place: Path) -> list[dict[str, Any]]:
    return [json.loads((place / f"found{rank}.json").read_text()) for rank in range(2)]


@pytest.mark.parametrize("cached", ["", "-cached"])
@pytest.mark.parametrize("negatives", ["gathered", "local"])
@pytest.mark.parametrize("loss", ["infonce", "siglip"])
def test_two_processes_equal_one_large_batch(loss: str, negatives: str, cached: str, found: list[dict[str, Any]]) -> None:
    for process in found:
        differences = process[f"{loss}-{negatives}{cached}"]
        assert differences["size"] > 0.1
        assert differences["value"] < SAME
        assert differences["gradient"] < SAME * max(1, differences["size"])


def test_a_mean_over_unequally_many_terms(found: list[dict[str, Any]]) -> None:
    assert [process["unequal"]["value"] for process in found] == [5.0, 5.0]


def close(some: list[dict[str, Any]], others: list[dict[str, Any]]) -> None:
    assert len(some) == len(others)
    for a, b in zip(some, others, strict=True):
        for name in ("step", "loss", "norm", "cosine"):
            assert (name in a) == (name in b)
            if name in a:
                assert a[name] == pytest.approx(b[name], rel=1e-4, abs=SAME)


@pytest.mark.parametrize("kind", ["ddp", "fsdp", "cached", "other", "accumulate"])
def test_a_run_in_two_processes_has_the_same_curve(kind: str, found: list[dict[str, Any]], tmp_path: Path) -> None:
    update = {"accumulate": 2} if kind == "accumulate" else {}
    module = train(tmp_path, CONFIG.model_copy(update=update))
    close(rows(tmp_path / "metrics.jsonl"), found[0][kind]["rows"])
    if "sum" in found[0][kind]:
        total = sum(float(p.detach().sum()) for p in module.parameters())
        assert [process[kind]["sum"] for process in found] == pytest.approx([total, total], abs=1e-3)


def test_all_processes_stop_where_one_cannot_write(found: list[dict[str, Any]]) -> None:
    assert all(process["full"].startswith("ResourceError: The disk is full") for process in found)


def test_a_bad_row_of_another_process_is_named(found: list[dict[str, Any]]) -> None:
    assert all("nan at step 3 (batch 2; what goes in is not finite in row 11)" in process["bad"] for process in found)


def test_a_batch_that_cannot_be_shared(found: list[dict[str, Any]]) -> None:
    assert "7 rows cannot be shared by 2 processes" in found[0]["odd"]


def test_an_error_of_a_process_is_raised_where_they_were_started(place: Path) -> None:
    assert (place / "raised.txt").read_text() == "said in a process"
