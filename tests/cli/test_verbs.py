"""The verbs: what they write where, in which form, and what they refuse."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pystac
import pytest
from cli_kit import Command, write_scene
from PIL import Image
from shapely.geometry import box, mapping, shape


def features(text: str) -> list[dict]:
    made = json.loads(text)
    assert made["type"] == "FeatureCollection"
    return made["features"]


def test_index_reports_on_stdout_and_is_idempotent(geoglot_command: Command, scenes: Path) -> None:
    code, out, err = geoglot_command("index", scenes, "-o", "archive", "--quiet")
    assert (code, err) == (0, "")
    assert "3 scenes added, 0 replaced, 0 unchanged; 18 tiles" in out
    code, out, _ = geoglot_command("index", scenes, "-o", "archive", "--json")
    made = json.loads(out)
    assert code == 0
    assert (made["added"], made["replaced"], made["unchanged"]) == ([], [], 3)


def test_index_tells_broken_rasters_and_goes_on(geoglot_command: Command, scenes: Path) -> None:
    (scenes / "broken.tif").write_bytes(b"II*\0 and then nothing of use")
    code, out, err = geoglot_command("index", scenes)
    assert code == 0
    assert "3 scenes added" in out
    assert "1 skipped" in out
    assert "skipped" in err
    assert "broken.tif" in err


def test_a_dry_run_writes_nothing(geoglot_command: Command, scenes: Path, tmp_path: Path) -> None:
    code, out, _ = geoglot_command("index", scenes, "-o", "archive", "--dry-run")
    assert code == 0
    assert "would take in 3 scenes, 18 tiles" in out
    assert not (tmp_path / "archive").exists()


def test_index_takes_a_catalogue_and_chooses_among_its_items(geoglot_command: Command, scenes: Path, tmp_path: Path) -> None:
    catalogue = pystac.Catalog("made-up", "Two scenes.")
    for name, west, day in (("red_20200105", 3.0, 5), ("green_20210610", 4.38, 10)):
        outline = box(west, 49.6, west + 0.02, 49.66)
        item = pystac.Item(name, mapping(outline), list(outline.bounds), datetime(2020, 1, day, tzinfo=UTC), {})
        item.add_asset("visual", pystac.Asset(str(scenes / f"{name}.tif"), roles=["data"], media_type=pystac.MediaType.GEOTIFF))
        catalogue.add_item(item)
    catalogue.normalize_and_save(str(tmp_path / "stac"), pystac.CatalogType.SELF_CONTAINED)
    address = tmp_path / "stac" / "catalog.json"
    code, out, err = geoglot_command("index", "--stac", address, "--bbox", "2.9,49,3.1,50", "-o", "archive")
    assert code == 0, err
    assert "1 scenes added" in out
    code, out, err = geoglot_command("index", "--stac", address, "--between", "2020-01-08/..", "-o", "archive")
    assert code == 0, err
    assert "1 scenes added" in out
    _, out, _ = geoglot_command("index", "--stac", address, "-o", "archive")
    assert "2 unchanged" in out


@pytest.mark.parametrize(
    ("args", "code", "part"),
    [
        (["index"], 2, "Say what to take in"),
        (["index", "absent.tif"], 3, "Nothing matches"),
        (["index", "scenes", "--bbox", "0,0,1,1"], 2, "--stac"),
        (["index", "scenes", "--overlap", "1.5"], 2, "overlap"),
        (["index", "scenes", "--sensor", "sentinel-22"], 4, "sentinel"),
        (["search", "absent", "red"], 3, "absent"),
        (["search", "archive"], 2, "Say what to look for"),
        (["search", "archive", "red", "-k", "0"], 2, "k"),
        (["search", "archive", "red", "--bbox", "1,2,3"], 2, "W,S,E,N"),
        (["search", "archive", "red", "--time", "whenever"], 2, "whenever"),
        (["search", "archive", "red", "-o", "hits.shp"], 2, ".geojson"),
        (["search", "archive", "red", "--sheet", "hits.gif"], 2, ".png"),
        (["search", "archive", "red", "--within", "absent.geojson"], 3, "absent.geojson"),
        (["search", "archive", "--like", "no-such-row"], 3, "no-such-row"),
        (["remove", "archive", "red.tif"], 3, "red.tif"),
        (["info", "absent.tif"], 3, "absent.tif"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_makes_no_sense_is_refused(indexed: Command, args: list[str], code: int, part: str) -> None:
    given, out, err = indexed(*args)
    assert given == code, err
    assert out == ""
    assert part in err
    assert err.splitlines()[-1].startswith(("error: ", "Try "))


def test_search_writes_geojson_on_stdout(indexed: Command) -> None:
    code, out, err = indexed("search", "archive", "red", "-k", 4)
    assert (code, err) == (0, "")
    found = features(out)
    assert [item["properties"]["rank"] for item in found] == [1, 2, 3, 4]
    assert list(found[0]["properties"])[:5] == ["rank", "score", "scene", "time", "gsd"]
    assert all(Path(item["properties"]["scene"]).name == "red_20200105.tif" for item in found)
    assert found[0]["properties"]["time"] == "2020-01-05T00:00:00Z"
    assert shape(found[0]["geometry"]).centroid.x == pytest.approx(3.0, abs=0.02)


def test_search_writes_what_the_name_says(indexed: Command, tmp_path: Path) -> None:
    code, out, err = indexed("search", "archive", "blue", "-k", 3, "-o", "hits.csv")
    assert (code, out) == (0, "")
    assert "3 hits in hits.csv" in err
    rows = list(csv.DictReader((tmp_path / "hits.csv").open()))
    assert [row["rank"] for row in rows] == ["1", "2", "3"]
    assert rows[0]["west"] == ""  # without georeference there is no place
    indexed("search", "archive", "green", "-o", "hits.parquet", "--sheet", "hits.html")
    assert b"geo" in pq.read_schema(tmp_path / "hits.parquet").metadata
    assert "data:image" in (tmp_path / "hits.html").read_text(encoding="utf-8")
    indexed("search", "archive", "green", "-o", "hits.geojson", "--sheet", "hits.png")
    assert features((tmp_path / "hits.geojson").read_text(encoding="utf-8"))
    with Image.open(tmp_path / "hits.png") as sheet:
        assert min(sheet.size) > 100


def test_json_is_the_whole_result(indexed: Command) -> None:
    code, out, _ = indexed("search", "archive", "green", "-k", 2, "--json")
    made = json.loads(out)
    assert code == 0
    assert (made["query"], made["model"], len(made["hits"])) == ("green", "colours@1", 2)
    assert made["hits"][0]["geometry"]["type"] == "Polygon"


@pytest.mark.parametrize("form", ["--bbox=-10,40,3.5,60", "--bbox -10,40,3.5,60"])
def test_a_box_may_begin_with_a_minus(indexed: Command, form: str) -> None:
    code, out, err = indexed("search", "archive", "green", *form.split())
    assert code == 0, err
    assert {Path(item["properties"]["scene"]).name for item in features(out)} == {"red_20200105.tif"}


def test_filters_narrow_the_answer(indexed: Command, tmp_path: Path) -> None:
    area = tmp_path / "area.geojson"
    area.write_text(json.dumps(mapping(box(4.3, 49, 4.5, 50))), encoding="utf-8")
    for options in (["--within", area], ["--time", "2021-01-01/.."], ["--time", "2021-06"]):
        _, out, err = indexed("search", "archive", "red", *options)
        assert {Path(item["properties"]["scene"]).name for item in features(out)} == {"green_20210610.tif"}, err
    code, out, err = indexed("search", "archive", "red", "--bbox", "100,0,101,1")
    assert (code, features(out)) == (0, [])
    assert "filters" in err


def test_search_by_image_and_by_example(indexed: Command, scenes: Path, tmp_path: Path) -> None:
    chip = write_scene(tmp_path / "chip.tif", "green", 700_000)
    code, out, err = indexed("search", "archive", "--image", chip, "-k", 1)
    assert code == 0, err
    top = features(out)[0]["properties"]
    assert top["scene"] == str(scenes / "green_20210610.tif")
    _, out, _ = indexed("search", "archive", "--like", top["id"], "-k", 1)
    assert features(out)[0]["properties"]["scene"] == top["scene"]
    _, out, _ = indexed("search", "archive", "red", "--image", chip, "--weight", 1, "-k", 1)
    assert features(out)[0]["properties"]["scene"] == str(scenes / "red_20200105.tif")


def test_remove_takes_a_scene_out(indexed: Command, scenes: Path) -> None:
    code, out, err = indexed("remove", "archive", scenes / "red_20200105.tif")
    assert code == 0, err
    assert "6 tiles" in out
    _, out, _ = indexed("search", "archive", "red", "-k", 50)
    assert len(features(out)) == 12


def test_info_of_rasters(geoglot_command: Command, scenes: Path) -> None:
    code, out, err = geoglot_command("info", scenes)
    assert (code, err) == (0, "")
    assert "no georeference" in out
    assert "2020-01-05" in out
    assert "unknown" in out
    _, out, _ = geoglot_command("info", scenes, "--json")
    made = {Path(entry["scene"]).name: entry for entry in json.loads(out)}
    assert made["red_20200105.tif"]["geometry"]["type"] == "Polygon"
    assert made["red_20200105.tif"]["gsd"] == pytest.approx(10, rel=1e-2)
    assert made["blue.tif"]["geometry"] is None


def test_info_tells_a_broken_raster_by_its_exit_code(geoglot_command: Command, scenes: Path) -> None:
    (scenes / "broken.tif").write_bytes(b"nothing of use")
    code, out, err = geoglot_command("info", scenes)
    assert code == 4
    assert "broken.tif" in err
    assert "blue.tif" in out


def test_info_of_an_archive(indexed: Command) -> None:
    code, out, err = indexed("info", "archive")
    assert code == 0, err
    assert "18 tiles of 3 scenes" in out
    _, out, _ = indexed("info", "archive", "--json")
    made = json.loads(out)
    assert (made["model"], made["tiles"], len(made["scenes"])) == ("colours@1", 18, 3)


def test_version_names_the_libraries(geoglot_command: Command) -> None:
    code, out, _ = geoglot_command("version", "--json")
    assert code == 0
    assert {"geoglot", "torch", "rasterio", "python"} <= set(json.loads(out))
