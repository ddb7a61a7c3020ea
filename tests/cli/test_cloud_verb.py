"""`geoglot cloud` and `--max-cloud`: what is written where, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import rasterio
from cli_kit import Command

import cloud_kit
import geoglot.models


@pytest.fixture
def sky(geoglot_command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """The command with a tiny model whose cloud head goes by brightness, and a scene `a.tif`."""
    made = cloud_kit.model(tmp_path)
    monkeypatch.setattr(geoglot.models, "load", lambda *_, **__: made)
    cloud_kit.scene(tmp_path)
    return geoglot_command


HEAD = ("--head", "head.safetensors", "-q")


def test_cover_on_stdout_and_a_mask(sky: Command, tmp_path: Path) -> None:
    code, out, err = sky("cloud", "a.tif", "-o", "m.tif", "-o", "m.geojson", *HEAD)
    assert (code, "mask in m.tif" in err) == (0, True)
    head, row = (line.split() for line in out.splitlines())
    assert head == ["scene", "cloud", "shadow", "clear"]
    assert sum(float(cell.rstrip("%")) for cell in row[1:]) == pytest.approx(100, abs=0.3)
    with rasterio.open(tmp_path / "m.tif") as file:
        assert set(file.read(1).ravel()) == {0, 1, 2}
    labels = {one["properties"]["label"] for one in json.loads((tmp_path / "m.geojson").read_text())["features"]}
    assert labels == {"cloud", "shadow"}


def test_a_folder_of_masks_and_a_broken_file(sky: Command, tmp_path: Path) -> None:
    (tmp_path / "c.tif").write_bytes(b"II*\0 nothing of use")
    code, out, err = sky("cloud", "a.tif", "c.tif", "-o", "masks", "--json", *HEAD)
    assert code == 0
    assert "skipped" in err
    told = json.loads(out)
    assert set(told["cover"][0]) == {"scene", "cloud", "shadow", "clear"}
    assert [Path(source).name for source, _ in told["skipped"]] == ["c.tif"]
    assert (tmp_path / "masks" / "a.tif").exists()


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("cloud", "a.tif", "-o", "m.png"), "says the format"),
        (("cloud", "a.tif", "-o", "a.tif"), "written over"),
        (("cloud", "a.tif", "-o", "m.tif", "--format", "tif"), "--format is for a folder"),
        (("cloud", "a.tif", "--head", "none.safetensors"), "no cloud head"),
        (("cloud", "a.tif"), "made for a model of hash"),
        (("index", "a.tif", "--max-cloud", "30"), "share from 0 to 1"),
        (("index", "a.tif", "--cloud-by", "mask"), "say how --max-cloud"),
        (("index", "a.tif", "--max-cloud", "0.3", "--cloud-by", "guess"), "vector, mask, words"),
        (("search", "archive", "water", "--max-cloud", "3"), "share from 0 to 1"),
    ],
)
def test_what_is_refused(sky: Command, args: tuple[str, ...], told: str) -> None:
    code, out, err = sky(*args)
    assert code != 0
    assert out == ""
    assert told in err


def test_cloudy_tiles_are_left_out_of_an_archive(sky: Command) -> None:
    asked = ("--tile", "32", "--max-cloud", "0.5", "--cloud-by", "mask", "--cloud-head", "head.safetensors", "-q")
    code, out, err = sky("index", "a.tif", "-o", "archive", *asked)
    assert code == 0, err
    assert "cloudy left out" in out
    code, out, err = sky("index", "a.tif", "-o", "archive", *asked)
    assert "1 unchanged" in out
