"""Classify on scenes of plain colours with an encoder that knows colours, and on rendered scenes with the embedded model."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import rasterio
import shapely
from affine import Affine
from cli_kit import Colours, write_scene
from shapely.geometry import Point, box, mapping

import geoglot as gg
from geoglot import models
from geoglot.core.errors import InputError, ModelError, NotFoundError, RasterError
from geoglot.data.synth import Plan, demo_scenes
from geoglot.geo.scene import Scene
from geoglot.tasks.classify import Labels, classify, scores
from geoglot.text.templates import NONE

NAME = ("{}",)  # the colours' encoder reads the first word


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    folder = tmp_path / "scenes"
    folder.mkdir()
    write_scene(folder / "red_20200105.tif", "red", 500_000)
    write_scene(folder / "green.tif", "green", 600_000)
    write_scene(folder / "blue.tif", "blue", 0, crs=None)
    return folder


def by_words(scenes: Path, labels: object = "red,green,blue", **options: object) -> Labels:
    return classify(Colours(), [scenes], labels, templates=NAME, progress=False, **options)


def test_each_tile_has_a_label_and_all_scores(scenes: Path) -> None:
    made = by_words(scenes)
    assert len(made) == 18
    assert made.names == ("red", "green", "blue")
    rows = made.rows()
    assert list(rows[0])[:3] == ["scene", "label", "score"]
    assert list(rows[0])[-4:] == ["score_red", "score_green", "score_blue", "geometry"]
    for row in rows:
        assert Path(row["scene"]).name.startswith(row["label"])
        assert row["score"] == max(row[f"score_{name}"] for name in made.names) > 0.9
        assert sum(row[f"score_{name}"] for name in made.names) == pytest.approx(1, abs=1e-5)
    assert made.counts() == {"red": 6, "green": 6, "blue": 6}


def test_places_are_right(scenes: Path) -> None:
    for row in by_words(scenes).rows():
        with Scene.open(row["scene"]) as scene:
            if scene.grid is None:
                assert row["geometry"] is None
                continue
            outline = scene.grid.window(row["row"], row["col"], row["height"], row["width"]).footprint()
            assert outline.hausdorff_distance(row["geometry"]) < 1e-6


def test_an_image_has_one_label(scenes: Path) -> None:
    made = by_words(scenes, per="image")
    assert [(row["label"], row["row"], row["col"], row["height"], row["width"]) for row in made] == [
        (name, 0, 0, 64, 96) for name in ("blue", "green", "red")
    ]
    assert all(row["valid"] == pytest.approx(1) for row in made)


def test_a_large_image_is_the_mean_of_its_tiles(tmp_path: Path) -> None:
    """160 x 160 is more than four times the input of 32: three quarters are red."""
    data = np.full((3, 160, 160), 20, np.uint8)
    data[0, :, :120], data[1, :, 120:] = 220, 220
    path = tmp_path / "large.tif"
    with rasterio.open(path, "w", "GTiff", 160, 160, 3, dtype="uint8", photometric="RGB") as file:
        file.write(data)
    (row,) = classify(Colours(), path, "red,green", templates=NAME, per="image", progress=False)
    assert row["label"] == "red"
    assert row["valid"] == pytest.approx(1)


def test_synonyms_are_one_class(scenes: Path) -> None:
    made = by_words(scenes, "warm|red,green,blue")
    assert made.counts() == {"warm": 6, "green": 6, "blue": 6}


def test_broken_scenes_are_told_and_passed_over(scenes: Path) -> None:
    whole = (scenes / "green.tif").read_bytes()
    (scenes / "cut.tif").write_bytes(whole[: len(whole) // 2])
    (scenes / "none.tif").write_bytes(b"II*\0 nothing of use")
    made = by_words(scenes)
    assert {Path(name).name for name, _ in made.skipped} == {"cut.tif", "none.tif"}
    assert {Path(row["scene"]).name for row in made} == {"red_20200105.tif", "green.tif", "blue.tif"}
    for file in scenes.iterdir():
        file.write_bytes(b"II*\0 nothing of use")
    with pytest.raises(RasterError, match="None of 5 sources"):
        by_words(scenes)


def test_tiles_without_pixels_are_left_out(tmp_path: Path) -> None:
    data = np.full((3, 64, 64), 200, np.uint8)
    data[:, :32] = 0
    with rasterio.open(tmp_path / "half.tif", "w", "GTiff", 64, 64, 3, dtype="uint8", nodata=0, photometric="RGB") as file:
        file.write(data)
    made = classify(Colours(), tmp_path / "half.tif", "red,green", templates=NAME, progress=False)
    assert [row["row"] for row in made] == [32, 32]
    with rasterio.open(tmp_path / "half.tif", "r+") as file:
        file.write(np.zeros_like(data))
    with pytest.raises(RasterError, match="no valid pixels"):
        classify(Colours(), tmp_path / "half.tif", "red,green", templates=NAME, progress=False)


def test_writers(scenes: Path, tmp_path: Path) -> None:
    made = by_words(scenes)
    features = json.loads(made.write(tmp_path / "a.geojson").read_text())["features"]
    assert len(features) == 18
    assert features == json.loads(str(made.to_geojson()))["features"]
    assert {feature["geometry"] is None for feature in features} == {True, False}
    table = pq.read_table(made.write(tmp_path / "a.parquet"))
    assert table.column_names[:3] == ["scene", "label", "score"]
    with made.write(tmp_path / "a.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["label"] for row in rows] == [row["label"] for row in made]
    assert "blue.tif" in made._repr_html_()
    assert made.table().splitlines()[0].split() == ["scene", "label", "mean", "score", "tiles", "share"]


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"labels": "red"}, "nothing to tell"),
        ({"labels": "red", "none": False}, "nothing to tell"),
        ({"labels": "red,green", "none": True}, "not calibrated"),
        ({"labels": "red,green", "templates": ["a photo"]}, "one place"),
        ({"labels": "red,green", "per": "pixel"}, "'tile' or per 'image'"),
        ({"labels": "red,green", "batch": 0}, "at least one tile"),
        ({"labels": None}, "Say the classes"),
        ({"labels": "red,green", "save": "head.safetensors"}, "only with --few-shot"),
        ({"labels": "red,green", "head": "head.safetensors"}, "own classes"),
        ({"labels": "red,green", "tile": 4}, "pixels a side"),
    ],
    ids=str,
)
def test_requests_that_make_no_sense(options: dict, part: str, scenes: Path) -> None:
    labels = options.pop("labels")
    with pytest.raises(InputError, match=part):
        classify(Colours(), [scenes], labels, progress=False, **({"templates": NAME} | options))


def test_nothing_is_loaded_for_a_request_that_makes_no_sense(scenes: Path) -> None:
    def never() -> None:
        raise AssertionError("the model was loaded")

    for labels, sources, error in (("a,,b", [scenes], InputError), ("a,b", ["absent.tif"], NotFoundError)):
        with pytest.raises(error):
            classify(never, sources, labels, progress=False)
    with pytest.raises(NotFoundError):
        classify(never, [scenes], few_shot=scenes / "absent.geojson", progress=False)


# -- none of these ------------------------------------------------------------------------------------------------------------


def calibrated(tmp_path: Path) -> Path:
    """Pictures of the three colours are the bank: a colour's reach is about 1."""
    encoder = Colours()
    path = tmp_path / "colours.npz"
    bank = encoder.text(["red", "green", "blue"] * 20)
    scores.write(path, scores.Calibration(encoder.spec.hash, 0.1, bank, 0.8, 40.0, 0.0, {"n": 60}))
    return path


def test_tiles_may_fit_no_label(scenes: Path, tmp_path: Path) -> None:
    made = by_words(scenes, "red,green", calibration=calibrated(tmp_path))
    assert made.names == ("red", "green", NONE)
    assert made.counts() == {"red": 6, "green": 6, NONE: 6}
    for row in made:
        assert row["label"] == (NONE if "blue" in row["scene"] else Path(row["scene"]).name.split(".")[0].split("_")[0])
        assert sum(row[f"score_{name}"] for name in made.names) == pytest.approx(1, abs=1e-5)
    alone = by_words(scenes, "red", calibration=calibrated(tmp_path))
    assert alone.counts() == {NONE: 12, "red": 6}
    assert NONE not in by_words(scenes, "red,green", calibration=calibrated(tmp_path), none=False).names


def test_calibrations_come_back_and_belong_to_a_model(tmp_path: Path) -> None:
    path, encoder = calibrated(tmp_path), Colours()
    back = scores.read(path)
    assert (back.temperature, back.ratio, back.slope, back.measured) == (0.1, 0.8, 40.0, {"n": 60})
    assert back.bank is not None
    assert np.abs(back.bank - encoder.text(["red", "green", "blue"] * 20)).max() < 0.005
    with pytest.raises(ModelError, match="another model"):
        scores.calibration(Colours("2").spec, path)
    with pytest.raises(NotFoundError):
        scores.read(tmp_path / "absent.npz")
    (tmp_path / "bad.npz").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="not a readable calibration"):
        scores.read(tmp_path / "bad.npz")
    np.savez(tmp_path / "other.npz", meta=np.array("{}"), rows=np.ones((1, 2), np.int8), scale=np.ones(1))
    with pytest.raises(ModelError, match="this version"):
        scores.read(tmp_path / "other.npz")


def test_the_embedded_model_is_calibrated() -> None:
    # after a new export: python -m geoglot.evals.unknown nano --write src/geoglot/weights/nano.classify.npz
    found = scores.calibration(models.spec("nano"))
    assert found.bank is not None
    assert 0.01 <= found.temperature <= 0.1


# -- a few examples -----------------------------------------------------------------------------------------------------------


def write_marks(path: Path, marks: list[tuple[object, dict]], **more: object) -> Path:
    features = [{"type": "Feature", "geometry": mapping(shape), "properties": values} for shape, values in marks]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features, **more}))
    return path


def lonlat(scene: Path, col: float, row: float) -> Point:
    from geoglot.geo.footprint import to_lonlat

    with rasterio.open(scene) as file:
        x, y = file.transform * (col, row)
        lon, lat = to_lonlat(file.crs, np.array([x]), np.array([y]))
    return Point(float(lon[0]), float(lat[0]))


@pytest.fixture
def striped(tmp_path: Path) -> Path:
    """One scene of 96 x 192 pixels, left half red and right half green: 3 x 6 tiles of 32."""
    rng = np.random.default_rng(0)
    data = rng.integers(10, 60, (3, 96, 192)).astype(np.uint8)
    data[0, :, :96] += 150
    data[1, :, 96:] += 150
    path = tmp_path / "striped.tif"
    place = {"crs": "EPSG:32631", "transform": Affine(10, 0, 500_000, 0, -10, 5_500_000)}
    with rasterio.open(path, "w", "GTiff", 192, 96, 3, dtype="uint8", photometric="RGB", **place) as file:
        file.write(data)
    return path


def points(scene: Path, key: str = "label") -> list[tuple[Point, dict]]:
    left = [(lonlat(scene, col, row), {key: "warm"}) for col in (20, 70) for row in (16, 48, 80)]
    right = [(lonlat(scene, col, row), {key: "cool"}) for col in (120, 170) for row in (16, 48, 80)]
    return left + right


@pytest.mark.parametrize("method", ["probe", "adapter", "auto"])
def test_a_head_of_points(striped: Path, tmp_path: Path, method: str) -> None:
    from geoglot.tasks.classify import FewShot

    marks = write_marks(tmp_path / "marks.geojson", points(striped))
    made = classify(Colours(), striped, few_shot=FewShot(marks, method=method), templates=NAME, progress=False)
    assert made.names == ("cool", "warm")
    assert all((row["label"] == "warm") == (row["col"] < 96) for row in made)
    figures = made.figures
    assert figures is not None
    assert figures["n"] == {"cool": 6, "warm": 6}
    # Wilson's interval of 12 right answers out of 12
    assert figures["accuracy"] == {"value": 100.0, "low": pytest.approx(75.8, abs=0.1), "high": 100.0}
    assert figures["commonest class"]["value"] == 50.0
    assert {"method", "folds", "by words alone"} <= set(figures)


def test_polygons_mean_the_tiles_that_they_cover(striped: Path, tmp_path: Path) -> None:
    from geoglot.tasks.classify import marks as marking

    def corners(a: float, b: float, c: float, d: float) -> object:
        ring = [lonlat(striped, col, row) for col, row in ((a, b), (c, b), (c, d), (a, d))]
        return shapely.Polygon([(p.x, p.y) for p in ring])

    from geoglot.archive.tiling import Options, tiling

    with Scene.open(striped) as scene:
        plan = tiling(scene.shape, None, 32, Options())
        found = marking.windows(corners(0, 0, 80, 60), scene, plan)
        assert sorted(found) == [(0, 0, 32, 32), (0, 32, 32, 32), (0, 64, 32, 32), (32, 0, 32, 32), (32, 32, 32, 32)]
        assert marking.windows(corners(40, 40, 46, 46), scene, plan) == [(27, 27, 32, 32)]
        assert marking.windows(lonlat(striped, 1, 1), scene, plan) == [(0, 0, 32, 32)]
        assert marking.windows(lonlat(striped, -20, 5), scene, plan) == []


def test_marks_in_pixels_of_a_scene_without_a_place(tmp_path: Path) -> None:
    data = np.full((3, 96, 192), 20, np.uint8)
    data[0, :, :96], data[1, :, 96:] = 220, 220
    path = tmp_path / "bare.png"
    with rasterio.open(path, "w", "PNG", 192, 96, 3, dtype="uint8") as file:
        file.write(data)
    spots = [(Point(c, r), {"label": "warm" if c < 96 else "cool"}) for c in (20, 70, 120, 170) for r in (16, 80)]
    down = write_marks(tmp_path / "down.geojson", spots)
    up = write_marks(tmp_path / "up.geojson", [(Point(p.x, -p.y), v) for p, v in spots])  # as QGIS writes them
    for marks in (down, up):
        made = classify(Colours(), path, few_shot=marks, templates=NAME, progress=False)
        assert all((row["label"] == "warm") == (row["col"] < 96) for row in made)


def test_marks_name_their_scene(scenes: Path, tmp_path: Path) -> None:
    spots = [(Point(16 + 30 * i, 20), {"label": "cold", "scene": "blue.tif"}) for i in range(3)]
    spots += [(lonlat(scenes / "red_20200105.tif", 16 + 30 * i, 20), {"label": "hot"}) for i in range(3)]
    made = classify(Colours(), [scenes], few_shot=write_marks(tmp_path / "m.geojson", spots), templates=NAME, progress=False)
    labels = {Path(row["scene"]).name: row["label"] for row in made}
    assert (labels["blue.tif"], labels["red_20200105.tif"]) == ("cold", "hot")


def test_windows_that_lie_over_each_other_are_one_group(striped: Path, tmp_path: Path) -> None:
    near = [(lonlat(striped, 20 + i, 16), {"label": "warm"}) for i in range(4)]
    near += [(lonlat(striped, 120 + i, 16), {"label": "cool"}) for i in range(4)]
    made = classify(Colours(), striped, few_shot=write_marks(tmp_path / "m.geojson", near), templates=NAME, progress=False)
    assert made.figures is not None
    assert made.figures["apart"] == {"cool": 1, "warm": 1}
    assert made.figures["folds"] == 0
    assert "accuracy" not in made.figures


def test_a_repeated_mark_counts_once_and_marks_outside_are_told(striped: Path, tmp_path: Path) -> None:
    spots = points(striped)
    marks = write_marks(tmp_path / "m.geojson", [*spots, spots[0], (Point(100, 10), {"label": "warm"})])
    made = classify(Colours(), striped, few_shot=marks, templates=NAME, progress=False)
    assert made.figures is not None
    assert made.figures["n"] == {"cool": 6, "warm": 6}
    assert made.figures["marks outside"] == [14]


def test_a_head_is_saved_and_used_again(striped: Path, tmp_path: Path) -> None:
    marks, head = write_marks(tmp_path / "m.geojson", points(striped)), tmp_path / "head.safetensors"
    first = classify(Colours(), striped, few_shot=marks, save=head, templates=NAME, tile=48, progress=False)
    again = classify(Colours(), striped, head=head, progress=False)
    assert again.rows() == first.rows()
    assert {row["height"] for row in again} == {48}  # the head says how tiles were cut
    with pytest.raises(ModelError, match="fitted on features"):
        classify(Colours("2"), striped, head=head, progress=False)


def test_words_for_marked_classes(striped: Path, tmp_path: Path) -> None:
    marks = write_marks(tmp_path / "m.geojson", points(striped))
    made = classify(Colours(), striped, "warm|red,cool|green", few_shot=marks, templates=NAME, progress=False)
    assert made.figures is not None
    # the words after the first are known to the encoder, so the mean of both points the right way
    assert made.figures["by words alone"]["value"] == 100.0
    with pytest.raises(InputError, match="No mark has the label 'hot'"):
        classify(Colours(), striped, "hot,warm", few_shot=marks, templates=NAME, progress=False)


def _marks_of(kind: str, striped: Path) -> tuple[list[tuple[object, dict]], dict]:
    spots = points(striped)
    return {
        "one class": ([(p, {"label": "warm"}) for p, _ in spots], {}),
        "outside": ([(Point(p.x + 20, p.y), v) for p, v in spots], {}),
        "one inside": ([(p if v["label"] == "warm" else Point(p.x + 20, p.y), v) for p, v in spots], {}),
        "conflict": ([*spots, (spots[0][0], {"label": "cool"})], {}),
        "same tile": ([*spots, (lonlat(striped, 3, 3), {"label": "warm"}), (lonlat(striped, 4, 4), {"label": "cool"})], {}),
        "empty label": ([*spots, (lonlat(striped, 33, 3), {"label": " "})], {}),
        "no label": ([*spots, (lonlat(striped, 33, 3), {"label": None})], {}),
        "other property": ([(p, {"class": v["label"]}) for p, v in spots], {}),
        "metres": ([(Point(500_100 + i, 5_400_000), v) for i, (_, v) in enumerate(spots)], {}),
        "crs": (spots, {"crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32631"}}}),
        "nothing": ([], {}),
    }[kind]


@pytest.mark.parametrize(
    ("kind", "part"),
    [
        ("one class", "All marks of"),
        ("outside", "None of the 12 marks lies within"),
        ("one inside", "Only marks of 'warm'"),
        ("conflict", "at the same place"),
        ("same tile", "mean the same tile"),
        ("empty label", "empty 'label'"),
        ("no label", "empty 'label'"),
        ("other property", "there are: class"),
        ("metres", "no longitude and latitude"),
        ("crs", "EPSG:4326"),
        ("nothing", "no marks"),
    ],
)
def test_marks_that_make_no_sense(kind: str, part: str, striped: Path, tmp_path: Path) -> None:
    spots, more = _marks_of(kind, striped)
    marks = write_marks(tmp_path / "m.geojson", spots, **more)
    with pytest.raises(InputError, match=part):
        classify(Colours(), striped, few_shot=marks, templates=NAME, progress=False)


def test_marks_that_cannot_be_read(striped: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.geojson"
    for text, part in (("{", "not GeoJSON"), ('{"type": "Point"}', "feature collection"), ("[1]", "feature collection")):
        bad.write_text(text)
        with pytest.raises(InputError, match=part):
            classify(Colours(), striped, few_shot=bad, progress=False)
    bad.write_text('{"type": "FeatureCollection", "features": [{"geometry": {"type": "Point", "coordinates": ["x"]}}]}')
    with pytest.raises(InputError, match="Feature 1 of"):
        classify(Colours(), striped, few_shot=bad, progress=False)


def test_more_folds_than_marks(striped: Path, tmp_path: Path) -> None:
    from geoglot.tasks.classify import FewShot

    marks = write_marks(tmp_path / "m.geojson", points(striped))
    with pytest.raises(InputError, match="7 folds need 7 marks"):
        classify(Colours(), striped, few_shot=FewShot(marks, folds=7), templates=NAME, progress=False)
    with pytest.raises(InputError, match="at least 2 folds"):
        FewShot(marks, folds=1)
    with pytest.raises(InputError, match="method"):
        FewShot(marks, method="magic")


# -- the embedded model on rendered scenes ------------------------------------------------------------------------------------


def test_nano_on_rendered_scenes(tmp_path: Path) -> None:
    day = datetime(2021, 6, 1, tzinfo=UTC)
    plans = (Plan("harbour", "harbour", 1.0, 288, day, (6.08, 52.36)), Plan("woods", "woods", 1.5, 288, day, (6.18, 52.25)))
    made = demo_scenes(tmp_path / "scenes", seed=0, plans=plans)
    model = gg.load("nano", device="cpu", dtype="float32")
    found = gg.classify(model, tmp_path / "scenes", "forest|trees|woods,water|sea|harbour", none=False, progress=False)
    right = total = 0
    for row in found:
        truth = next(s.truth for s in made if str(s.path) == row["scene"]).truth_at(
            (row["row"], row["col"], row["height"], row["width"])
        )
        wet, green = truth.cover.get("water", 0), truth.cover.get("forest", 0)
        if abs(wet - green) > 0.3:
            total += 1
            right += (row["label"] == "water") == (wet > green)
    assert total >= 4
    assert right / total >= 0.75
    with_none = gg.classify(model, tmp_path / "scenes", ["airport", "baseball field"], progress=False)
    assert with_none.names[-1] == NONE
    shares = [row[f"score_{NONE}"] for row in with_none]
    assert np.mean(shares) > 0.5
    outline = box(*shapely.total_bounds([row["geometry"] for row in found]))
    assert outline.intersects(Point(6.08, 52.36))
