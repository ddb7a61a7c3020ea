"""`geoglot change`: what it writes where, what it says, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import rasterio
from change_kit import again, built, land, save
from cli_kit import Command

from geoglot.geo import vectors


@pytest.fixture
def scenes(tmp_path: Path) -> None:
    """Two scenes, `before.tif` and `after.tif`, in which two squares were built."""
    values = land()
    save(tmp_path / "before.tif", values)
    save(tmp_path / "after.tif", again(built(values)[0]))


@pytest.mark.usefixtures("scenes")
def test_a_table_and_files_by_their_names(geoglot_command: Command, tmp_path: Path) -> None:
    files = ("c.tif", "c.gpkg", "c.png", "c.webp")
    code, out, err = geoglot_command(
        "change", "before.tif", "after.tif", *(part for name in files for part in ("-o", name)),
        "--dates", "2019-05-01,2021-06-02", "--min-area", "10000", "-q",
    )  # fmt: skip
    assert code == 0, err
    assert out.splitlines()[0].split() == ["change", "pixels", "share", "area", "mean", "score"]
    assert "unchanged" in out
    assert "threshold" in err
    assert all((tmp_path / name).exists() for name in files)
    with rasterio.open(tmp_path / "c.tif") as file:
        assert set(file.read(1).ravel()) == {0, 1}
        assert file.tags()["GEOGLOT_BEFORE"] == "2019-05-01"
        assert file.scales[1] == pytest.approx(1 / 254)
        assert file.colormap(1)[1] == (213, 43, 30, 255)  # from the file beside it
    rows = vectors.read_features(tmp_path / "c.gpkg")
    assert len(rows) == 2
    assert rows[0][1]["after"] == "2021-06-02"
    assert not list(tmp_path.glob(".*"))


@pytest.mark.usefixtures("scenes")
def test_json_is_the_whole_result(geoglot_command: Command) -> None:
    code, out, _ = geoglot_command("change", "before.tif", "after.tif", "--method", "cva", "--threshold", "3.5", "--json", "-q")
    made = json.loads(out)
    assert code == 0
    assert (made["method"], made["threshold"]) == ("cva", 3.5)
    assert set(made["shift"]) == {"down", "across", "metres", "quality", "windows", "used"}
    assert sum(row["pixels"] for row in made["rows"]) == 160 * 200


@pytest.mark.usefixtures("scenes")
def test_what_makes_no_sense_is_refused(geoglot_command: Command, tmp_path: Path) -> None:
    for options, code, word in (
        (("before.tif", "before.tif"), 2, "before and the scene after"),
        (("before.tif", "none.tif"), 3, "none.tif"),
        (("before.tif", "after.tif", "-o", "c.jpg"), 2, ".tif"),
        (("before.tif", "after.tif", "--false-alarm", "2"), 2, "false alarms"),
        (("before.tif", "after.tif", "--method", "magic"), 3, "magic"),
        (("before.tif", "after.tif", "--threshold", "much"), 2, "otsu"),
        (("before.tif", "after.tif", "--dates", "2020"), 2, "two dates"),
        (("before.tif", "after.tif", "--damage", "nano", "-o", "d.tif"), 2, "told of parts"),
        (("before.tif", "after.tif", "--damage", "nano", "--query", "roofs"), 2, "--query"),
        (("before.tif", "after.tif", "before.tif"), 2, "named twice"),
        (("before.tif", "after.tif", "-o", "after.tif"), 2, "written over"),
    ):
        found, _, err = geoglot_command("change", *options, "-q")
        assert found == code, err
        assert word in err
    assert {path.name for path in tmp_path.iterdir()} == {"before.tif", "after.tif"}


def test_more_than_two_are_a_series(geoglot_command: Command, tmp_path: Path) -> None:
    values = land()
    for year in (2015, 2017, 2019):
        save(tmp_path / f"s_{year}0701.tif", again(built(values)[0] if year > 2015 else values, seed=year))
    code, out, err = geoglot_command("change", "s_*.tif", "-o", "c.tif", "-q")
    assert code == 0, err
    assert out.startswith("course")
    assert "2017-07-01" in out
    assert "series of 3 dates" in err
    with rasterio.open(tmp_path / "c.tif") as file:
        assert file.descriptions[:6] == ("change", "score", "kind", "when", "seasonal", "course")
        assert file.tags()["GEOGLOT_DATES"] == "2015-07-01,2017-07-01,2019-07-01"
    code, _, err = geoglot_command("change", "s_*.tif", "--query", "houses", "-q")
    assert code == 2
    assert "--query" in err
    assert geoglot_command("change", "s_20150701.tif", "-q")[0] == 2
    code, _, err = geoglot_command("change", "s_*.tif", "--damage", "nano", "-q")
    assert code == 2
    assert "before and one after" in err
