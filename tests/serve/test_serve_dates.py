"""The verbs change and cloud as jobs over rendered scenes, by the embedded model: what they give, and what they refuse."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from cli_kit import Colours
from rio_tiler.io import Reader
from serve_kit import BASE, Start, pixels, wait
from starlette.testclient import TestClient

import dates_kit
from geoglot.data.synth import Pair
from geoglot.serve.app import create
from geoglot.serve.settings import Settings
from geoglot.tasks.change.changemap import COLOURS
from geoglot.tasks.change.methods import cva


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Pair]:
    return dates_kit.archive(tmp_path_factory.mktemp("dates"))


@pytest.fixture(scope="module")
def service(made: tuple[Path, Pair], tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    settings = Settings(str(made[0]), state=tmp_path_factory.mktemp("state"))
    with TestClient(create(settings), base_url=BASE, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="module")
def ids(service: TestClient) -> dict[str, str]:
    """Public ids of the scenes by the stems of their files."""
    return {one["properties"]["name"][:-4]: one["id"] for one in service.get("/api/scenes").json()["features"]}


FIRST, LAST, CLOUDY, FAR = "woods_20190601", "woods_20210603", "woods_20220605", "far_20200602"


def job(client: TestClient, verb: str, **asked: Any) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """A job that has ended well, and its results by name."""
    answer = client.post("/api/jobs", json={"verb": verb, "parameters": asked})
    assert answer.status_code == 202, answer.text
    done = wait(client, answer.json()["id"], 120)
    assert done["state"] == "done", done
    return done, {result["name"]: result for result in done["results"]}


def bands(client: TestClient, result: dict[str, Any], path: Path) -> np.ndarray:
    path.write_bytes(client.get(result["href"]).content)
    with rasterio.open(path) as file:
        return np.asarray(file.read())


def test_what_changed_between_two_scenes(
    service: TestClient, ids: dict[str, str], made: tuple[Path, Pair], tmp_path: Path
) -> None:
    done, files = job(service, "change", before=ids[FIRST], after=ids[LAST], min_area=100)
    assert done["title"] == f"Change: {FIRST}.tif to {LAST}.tif"
    assert set(files) == {
        "change.tif", "change.tif.aux.xml", "polygons.geojson", "polygons.parquet", "polygons.gpkg", "change.png", "change.qml",
        "areas.json", "report.json",
    }  # fmt: skip
    change, _, kind = bands(service, files["change.tif"], tmp_path / "change.tif")
    truth = made[1].lasting
    assert change[truth].mean() > 0.5 > change[~truth].mean()
    areas = service.get(files["areas.json"]["href"]).json()
    assert sum(row["pixels"] for row in areas) == change.size
    assert {row["scene"] for row in areas} == {ids[FIRST]}
    assert {(row["before"], row["after"]) for row in areas} == {("2019-06-01", "2021-06-03")}
    polygons = service.get(files["polygons.geojson"]["href"]).json()["features"]
    assert polygons
    assert min(one["properties"]["area"] for one in polygons) >= 100
    assert {one["properties"]["scene"] for one in polygons} == {ids[FIRST]}
    report = service.get(files["report.json"]["href"]).json()
    assert report["method"] in done["message"]
    assert report["changed"] == pytest.approx((change == 1).mean())
    assert report["before"] == {"scene": ids[FIRST], "name": f"{FIRST}.tif", "date": "2019-06-01"}
    assert all(text in done["message"] for text in report["assumptions"])
    shown = pixels(service.get(files["change.png"]["href"]).content)
    assert shown.shape[1] > 2.5 * shown.shape[0]
    legend = {row["value"]: row for row in files["change.tif"]["legend"]}
    assert set(legend) == set(np.unique(kind)) - {0}


def test_clouds_are_left_out(service: TestClient, ids: dict[str, str], tmp_path: Path) -> None:
    done, files = job(service, "change", before=ids[FIRST], after=ids[CLOUDY], clouds=True)
    assert "lies under cloud or its shadow" in done["message"]
    _, plain = job(service, "change", before=ids[FIRST], after=ids[CLOUDY])
    found, all_of_it = (bands(service, some["change.tif"], tmp_path / "change.tif")[0] for some in (files, plain))
    assert (found == 255).sum() > (all_of_it == 255).sum()
    assert (found == 1).sum() < (all_of_it == 1).sum()


def test_the_layer_shows_kinds_in_the_colours_of_the_legend(service: TestClient, ids: dict[str, str], tmp_path: Path) -> None:
    _, files = job(service, "change", before=ids[FIRST], after=ids[LAST], method="difference", threshold=0.02)
    result = files["change.tif"]
    bands(service, result, tmp_path / "change.tif")
    with Reader(str(tmp_path / "change.tif")) as file:
        west, south, east, north = result["bounds"]
        tile = file.tms.tile((west + east) / 2, (south + north) / 2, file.maxzoom - 1)
    address = result["tiles"].format(z=tile.z, x=tile.x, y=tile.y)
    found = pixels(service.get(address).content)
    colours = {tuple(int(v) for v in colour) for colour in np.unique(found[found[..., 3] > 0][:, :3], axis=0)}
    assert colours <= {COLOURS[row["label"]] for row in result["legend"]}
    assert colours


def test_nothing_that_changed_is_an_empty_layer(service: TestClient, ids: dict[str, str]) -> None:
    done, files = job(service, "change", before=ids[FIRST], after=ids[LAST], method="cva", threshold=1e9)
    assert "0.0% changed; cva" in done["message"]
    assert files["change.tif"]["legend"] == []
    assert service.get(files["polygons.geojson"]["href"]).json()["features"] == []
    west, south, east, north = files["change.tif"]["bounds"]
    with Reader(service.app.state.service.jobs.file(done["id"], "change.tif")[0]) as file:
        tile = file.tms.tile((west + east) / 2, (south + north) / 2, file.maxzoom)
    answer = service.get(files["change.tif"]["tiles"].format(z=tile.z, x=tile.x, y=tile.y))
    assert not pixels(answer.content)[..., 3].any()


def test_words_and_labels_go_through_the_archives_model(service: TestClient, ids: dict[str, str]) -> None:
    done, files = job(
        service, "change", before=ids[FIRST], after=ids[LAST], query="a clearing", labels=["forest|trees", "bare land"]
    )
    assert "scm" in done["message"]
    polygons = service.get(files["polygons.geojson"]["href"]).json()["features"]
    assert {one["properties"][side] for one in polygons for side in ("from", "to")} <= {"forest", "bare land", "none of these"}


@pytest.mark.parametrize(
    ("asked", "status", "told"),
    [
        ({"before": FIRST}, 422, "after"),
        ({"before": FIRST, "after": "none"}, 404, "no scene 'none'"),
        ({"before": FIRST, "after": FIRST}, 422, "name the scene before and the scene after"),
        ({"before": LAST, "after": FIRST}, 422, "is later than"),
        ({"before": FIRST, "after": FAR}, 422, "do not overlap"),
        ({"before": FIRST, "after": LAST, "method": "magic"}, 422, "there are cva, difference"),
        ({"before": FIRST, "after": LAST, "method": "log-ratio"}, 422, "is for radar"),
        ({"before": FIRST, "after": LAST, "method": "cva", "query": "roads"}, 422, "leave one of them out"),
        ({"before": FIRST, "after": LAST, "query": " "}, 422, "query is empty"),
        ({"before": FIRST, "after": LAST, "threshold": "much"}, 422, "threshold"),
        ({"before": FIRST, "after": LAST, "threshold": "otsu", "false_alarm": 0.1}, 422, "in one way"),
        ({"before": FIRST, "after": LAST, "false_alarm": 0.5}, 422, "false_alarm"),
        ({"before": FIRST, "after": LAST, "labels": ["trees", "trees"]}, 422, "trees"),
        ({"before": FIRST, "after": LAST, "labels": ["a\x00b"]}, 422, "labels"),
        ({"before": FIRST, "after": LAST, "min_area": -1}, 422, "min_area"),
    ],
)
def test_what_makes_no_pair_is_said_before_a_job_is_taken(
    service: TestClient, ids: dict[str, str], made: tuple[Path, Pair], asked: dict[str, Any], status: int, told: str
) -> None:
    before = len(service.get("/api/jobs").json()["jobs"])
    given = {key: ids.get(value, value) if key in ("before", "after") else value for key, value in asked.items()}
    answer = service.post("/api/jobs", json={"verb": "change", "parameters": given})
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert told in problem["detail"]
    assert problem["remedy"]
    assert str(made[0].parent) not in answer.text  # names of files, and no folders
    assert len(service.get("/api/jobs").json()["jobs"]) == before


def test_of_two_scenes_the_one_that_has_gone_is_named(archive: Path, start: Start) -> None:
    client = start()
    ids = {one["properties"]["name"]: one["id"] for one in client.get("/api/scenes").json()["features"]}
    green = archive.parent / "scenes" / "green_20210610.tif"
    asked = {"before": ids["red_20200105.tif"], "after": ids[green.name]}
    with gone(green):
        answer = client.post("/api/jobs", json={"verb": "change", "parameters": asked})
    assert answer.status_code == 404
    assert green.name in answer.json()["detail"]


@contextmanager
def gone(file: Path) -> Iterator[None]:
    """A file that is elsewhere for a while."""
    file.rename(file.with_suffix(".gone"))
    try:
        yield
    finally:
        file.with_suffix(".gone").rename(file)


def test_a_pair_of_one_picture_fails_with_what_to_do(service: TestClient, ids: dict[str, str], made: tuple[Path, Pair]) -> None:
    copy = (made[0].parent / "scenes" / f"{FIRST}.tif").read_bytes()
    taken = wait(service, service.post("/api/uploads", files={"file": ("copy_20200707.tif", copy)}).json()["id"], 60)
    asked = {"before": ids[FIRST], "after": taken["scenes"][0]}
    failed = wait(service, service.post("/api/jobs", json={"verb": "change", "parameters": asked}).json()["id"], 60)
    assert (failed["state"], failed["results"]) == ("failed", [])
    assert "hold the same pixels" in failed["problem"]["detail"]
    assert str(made[0].parent) not in failed["problem"]["detail"]
    assert service.delete(f"/api/scenes/{taken['scenes'][0]}").status_code == 204


def test_a_job_that_was_cancelled_goes_on(service: TestClient, ids: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    begun, on = threading.Event(), threading.Event()
    usual = cva.score

    def slow(*given: Any) -> Any:
        begun.set()
        on.wait(30)
        return usual(*given)

    monkeypatch.setattr(cva, "score", slow)
    asked = {"before": ids[FIRST], "after": ids[LAST], "method": "cva"}
    id = service.post("/api/jobs", json={"verb": "change", "parameters": asked}).json()["id"]
    assert begun.wait(30)
    assert service.delete(f"/api/jobs/{id}").status_code == 200
    on.set()
    stopped = wait(service, id)
    assert (stopped["state"], stopped["results"]) == ("cancelled", [])
    assert service.post(f"/api/jobs/{id}/resume").status_code == 202
    assert wait(service, id)["state"] == "done"


def test_radar_alone_has_no_clouds(service: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    for entry in service.app.state.service.library.entries().values():
        monkeypatch.setitem(entry.row, "sensor", "sentinel-1")
    answer = service.post("/api/jobs", json={"verb": "cloud"})
    assert answer.status_code == 422
    assert "not radar" in answer.json()["detail"]


def test_the_form_of_change_lists_the_methods(service: TestClient) -> None:
    verb = next(one for one in service.get("/api/archive").json()["verbs"] if one["name"] == "change")
    assert verb["parameters"]["required"] == ["before", "after"]
    text, null = verb["parameters"]["properties"]["method"]["anyOf"]
    assert {"pca-kmeans", "ir-mad", "scm"} <= set(text["enum"])
    assert null == {"type": "null"}


def test_cloud_of_several_scenes(service: TestClient, ids: dict[str, str], tmp_path: Path) -> None:
    done, files = job(service, "cloud", scene=[ids[FIRST], ids[CLOUDY]])
    maps = sorted(name for name in files if name.endswith(".tif"))
    assert [name.split("-")[1] for name in maps] == [FIRST, CLOUDY]
    assert set(files) - set(maps) == {"polygons.geojson", "polygons.parquet", "mask.qml", "areas.json", "cover.json"}
    assert [row["label"] for row in files[maps[0]]["legend"]] == ["cloud", "shadow"]
    assert all("tiles" in files[name] for name in maps)
    clear, cloudy = service.get(files["cover.json"]["href"]).json()
    assert (clear["scene"], cloudy["scene"]) == (ids[FIRST], ids[CLOUDY])
    assert clear["cloud"] < 0.1 < 0.2 < cloudy["cloud"]
    assert cloudy["cloud"] + cloudy["shadow"] + cloudy["clear"] == pytest.approx(1)
    (values,) = bands(service, files[maps[1]], tmp_path / "mask.tif")
    assert (values == 1).mean() == pytest.approx(cloudy["cloud"], abs=1e-5)
    labels = {one["properties"]["label"] for one in service.get(files["polygons.geojson"]["href"]).json()["features"]}
    assert labels <= {"cloud", "shadow"}
    assert done["message"].startswith(f"cloud: {CLOUDY}.tif")
    assert done["title"] == f"Cloud: {FIRST}.tif, {CLOUDY}.tif"


def test_cloud_of_one_scene(service: TestClient, ids: dict[str, str]) -> None:
    _, files = job(service, "cloud", scene=ids[CLOUDY], min_area=1e9)
    assert "mask.tif" in files
    assert service.get(files["polygons.geojson"]["href"]).json()["features"] == []


@pytest.mark.parametrize(
    ("asked", "status"), [({"scene": "none"}, 404), ({"scene": []}, 422), ({"min_area": -1}, 422), ({"labels": ["cloud"]}, 422)]
)
def test_bad_scenes_are_said_before_a_job_is_taken(service: TestClient, asked: dict[str, Any], status: int) -> None:
    assert service.post("/api/jobs", json={"verb": "cloud", "parameters": asked}).status_code == status


def test_a_model_without_a_cloud_head_is_refused(model: Colours, start: Start) -> None:
    answer = start().post("/api/jobs", json={"verb": "cloud"})
    assert answer.status_code == 422
    assert "has no cloud head" in answer.json()["detail"]
