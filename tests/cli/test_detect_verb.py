"""`geoglot detect`: what it writes where, and what it refuses."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from cli_kit import Colours, Command

from geoglot.nn.batch import ImageBatch

HOW = ("--route", "dense", "--template", "{}", "--tile", "96", "-q")  # the encoder of these tests reads the first word


@pytest.fixture(autouse=True)
def dense(model: Colours, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells of 8 pixels, each as its mean colour."""

    def cells(batch: ImageBatch) -> torch.Tensor:
        means = torch.nn.functional.avg_pool2d(batch.pixels, 8).permute(0, 2, 3, 1)
        return torch.from_numpy(model._unit(means.flatten(0, 2).numpy())).reshape(*means.shape[:3], -1)

    monkeypatch.setattr(model, "dense", cells, raising=False)


def test_counts_on_stdout_and_boxes_in_files(geoglot_command: Command, scenes: Path, tmp_path: Path) -> None:
    code, out, err = geoglot_command("detect", scenes, "red", "green|lime", *HOW, "--min-score", "0.2", "-o", "boxes.csv")
    assert code == 0
    lines = [line.split() for line in out.splitlines()]
    assert lines[0] == ["scene", "label", "boxes", "expected", "interval"]
    assert ["red_20200105.tif", "red", "1", "-", "-"] in lines
    assert ["blue.tif", "red", "0", "-", "-"] in lines
    assert ["all", "green", "1", "-", "-"] in lines
    assert "2 boxes in boxes.csv" in err
    rows = list(csv.DictReader((tmp_path / "boxes.csv").open()))
    assert [row["label"] for row in rows] == ["green", "red"]
    assert np.allclose([float(rows[0][key]) for key in ("left", "top", "right", "bottom")], (0, 0, 96, 64), atol=2)
    geoglot_command("detect", scenes, "blue", *HOW, "--min-score", "0.2", "-o", "boxes.geojson")
    (made,) = json.loads((tmp_path / "boxes.geojson").read_text())["features"]
    assert made["geometry"] is None  # the blue scene has no place


def test_json_is_the_whole_result(geoglot_command: Command, scenes: Path) -> None:
    (scenes / "broken.tif").write_bytes(b"II*\0 nothing of use")
    code, out, err = geoglot_command("detect", scenes, "red", *HOW, "--min-score", "0.2", "--upright", "--json")
    made = json.loads(out)
    assert code == 0
    assert "skipped" in err
    assert (made["route"], made["labels"], made["upright"]) == ("dense", ["red"], True)
    assert made["counts"]["red"]["boxes"] == len(made["rows"]) == 1
    assert made["rows"][0]["geometry"]["type"] == "Polygon"
    assert made["rows"][0]["width"] == pytest.approx(960, rel=0.05)


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["red", "red"], "named twice"),
        ([], "Say what to look for"),
        (["red", "-o", "boxes.shp"], "use one of"),
        (["red", "-o", "nowhere/boxes.csv"], "make it first"),
        (["--examples", "none.geojson", "-o", "./none.geojson"], "written over"),
        (["red", "--route", "head"], "no detection head"),
        (["red", "--prompt", "text"], "--examples"),
        (["red", "--examples", "none.geojson"], "There is no file"),
    ],
)
def test_it_refuses(geoglot_command: Command, scenes: Path, args: list[str], told: str) -> None:
    code, out, err = geoglot_command("detect", scenes, *args, "-q")
    assert code in (2, 3, 5)
    assert out == ""
    assert told in err
