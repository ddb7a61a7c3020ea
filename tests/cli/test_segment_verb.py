"""`geoglot segment`: what it writes where, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import rasterio
import torch
from cli_kit import Command
from test_segment_train import NAMES, polygons

import geoglot.models
from geoglot.geo import vectors
from geoglot.models import upsampler
from geoglot.nn.upsample import JointBilateral, UpsamplerConfig
from segment_kit import Painter, fields, write

WORDS = ("--labels", "red,green,blue", "--template", "{}")


@pytest.fixture
def painter(geoglot_command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """The command with a model that sees colours, and a scene `a.tif`."""
    monkeypatch.setattr(geoglot.models, "load", lambda name, **_: Painter())
    write(tmp_path / "a.tif", fields(200, 320))
    return geoglot_command


def test_a_table_on_stdout(painter: Command) -> None:
    code, out, err = painter("segment", "a.tif", *WORDS, "-q")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split() == ["label", "pixels", "share", "area", "mean", "score"]
    assert [line.split("  ")[0] for line in lines[1:]] == ["red", "green", "blue", "none of these"]


def test_a_finer_map_by_a_file(painter: Command, tmp_path: Path) -> None:
    torch.manual_seed(0)
    upsampler.save(JointBilateral(UpsamplerConfig(radius=1, keys=4)), tmp_path / "up.safetensors", Painter().spec)
    plain = painter("segment", "a.tif", *WORDS, "-q")[1]
    assert painter("segment", "a.tif", *WORDS, "-q", "--upsample", "1")[1] == plain
    code, out, _ = painter("segment", "a.tif", *WORDS, "-q", "--upsample", "2", "--upsampler", "up.safetensors")
    assert code == 0
    assert out != plain
    assert [line.split()[0] for line in out.splitlines()] == [line.split()[0] for line in plain.splitlines()]


def test_files_by_their_names(painter: Command, tmp_path: Path) -> None:
    code, out, err = painter("segment", "a.tif", *WORDS, "-o", "a_map.tif", "-o", "a_map.gpkg", "--min-area", "5000")
    assert code == 0, err
    assert "map in a_map.tif" in err
    assert "map in a_map.gpkg" in err
    assert out.startswith("label")
    with rasterio.open(tmp_path / "a_map.tif") as file:
        assert set(file.read(1).ravel()) == {1, 2, 3}
    assert all(values["area"] >= 5000 for _, values in vectors.read_features(tmp_path / "a_map.gpkg"))


def test_json_is_the_whole_result(painter: Command) -> None:
    code, out, _ = painter("segment", "a.tif", *WORDS, "--json", "-q")
    made = json.loads(out)
    assert code == 0
    assert made["classes"] == ["red", "green", "blue"]
    assert [row["label"] for row in made["rows"]] == ["red", "green", "blue", "none of these"]
    assert sum(row["pixels"] for row in made["rows"]) == 200 * 320


def test_a_folder_of_maps(painter: Command, tmp_path: Path) -> None:
    write(tmp_path / "b.tif", fields(60, 70))
    (tmp_path / "c.tif").write_bytes(b"II*\0 nothing of use")
    code, out, err = painter("segment", "*.tif", *WORDS, "-o", "maps", "-q")
    assert code == 0, err
    assert "skipped" in err
    assert "2 maps in maps" in err
    assert "b.tif\nlabel" in out
    assert sorted(path.name for path in (tmp_path / "maps").glob("*.tif")) == ["a.tif", "b.tif"]
    code, _, _ = painter("segment", "b.tif", *WORDS, "-o", "more", "--format", "geojson", "-q")
    assert code == 0
    assert (tmp_path / "more" / "b.geojson").exists()


def test_a_head_from_polygons(painter: Command, tmp_path: Path) -> None:
    vectors.write_features(tmp_path / "labels.gpkg", polygons(tmp_path / "a.tif", NAMES))
    code, _, err = painter("segment", "a.tif", "--train", "labels.gpkg", "--save", "head.safetensors", "-o", "a_map.tif", "-q")
    assert code == 0, err
    assert "head: mIoU" in err
    assert "head in head.safetensors" in err
    code, out, err = painter("segment", "a.tif", "--head", "head.safetensors", "-q")
    assert code == 0, err
    assert "meadow" in out


@pytest.mark.parametrize(
    ("args", "code", "match"),
    [
        (["a.tif"], 2, "one way"),
        (["a.tif", "--labels", "red,red"], 2, "named twice"),
        (["a.tif", "--labels", ","], 2, "No class"),
        (["a.tif", *WORDS, "-o", "a.png"], 2, "use one of"),
        (["a.tif", *WORDS, "-o", "a.tif"], 2, "written over"),
        (["a.tif", *WORDS, "-o", "maps.gpkg", "-o", "./b/../a.tif"], 2, "written over"),
        (["a.tif", *WORDS, "-o", "."], 2, "written over"),
        (["a.tif", *WORDS, "-o", "b.tif", "-o", "b/../b.tif"], 2, "named twice"),
        (["a.tif", "--train", "labels.gpkg", "-o", "labels.gpkg"], 2, "written over"),
        (["a.tif", "--train", "labels.gpkg", "--save", "a.tif"], 2, "written over"),
        (["a.tif", "--train", "labels.gpkg", "--save", "b.tif", "-o", "b.tif"], 2, "written over"),
        (["a.tif", *WORDS, "-o", "b.tif", "--format", "gpkg"], 2, "folder"),
        (["a.tif", *WORDS, "-o", "maps", "--format", "png"], 2, "use one of"),
        (["a.tif", *WORDS, "--tile", "30"], 2, "--tile 32"),
        (["a.tif", *WORDS, "--dense", "best"], 2, "segearth"),
        (["a.tif", *WORDS, "--folds", "3"], 2, "--train"),
        (["none.tif", *WORDS], 3, "none.tif"),
        (["a.tif", "--train", "none.gpkg"], 3, "no file"),
        (["a.tif", "--head", "none.safetensors"], 3, "no head"),
    ],
)
def test_what_is_refused(painter: Command, tmp_path: Path, args: list[str], code: int, match: str) -> None:
    vectors.write_features(tmp_path / "labels.gpkg", polygons(tmp_path / "a.tif", NAMES))
    (tmp_path / "b").mkdir()
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    given, out, err = painter("segment", *args)
    assert (given, out) == (code, "")
    assert match in err
    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
