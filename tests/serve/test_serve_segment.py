"""The verb segment as a job: maps, polygons, areas; what it refuses before a job is taken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from serve_kit import Start, wait

from geoglot.core.errors import RasterError
from geoglot.geo.scene import Scene
from geoglot.serve.verbs import _shared
from geoglot.serve.verbs import segment as verb
from geoglot.tasks.segment import ClassMap, segment
from segment_kit import Painter


@pytest.fixture(autouse=True)
def painter(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model with dense features in place of the service's; the green scene cannot be read."""

    def by_painter(model: Any, scene: Scene, labels: list[str], **how: Any) -> ClassMap:
        if "green" in scene.id:
            raise RasterError("damaged")
        return segment(Painter(), scene, labels, **how)

    monkeypatch.setattr(verb, "segment", by_painter)


def test_maps_of_all_scenes(start: Start, tmp_path: Path) -> None:
    client = start()
    asked = {"verb": "segment", "parameters": {"labels": ["red|scarlet", "blue"]}}
    done = wait(client, client.post("/api/jobs", json=asked).json()["id"])
    assert done["state"] == "done", done
    files = {result["name"]: result for result in done["results"]}
    maps = sorted(name for name in files if name.endswith(".tif"))
    assert [name.split("-")[1] for name in maps] == ["blue", "red_20200105"]
    assert set(files) - set(maps) == {"polygons.geojson", "polygons.parquet", "classes.qml", "areas.json"}
    assert [row["label"] for row in files[maps[1]]["legend"]] == ["red", "blue"]
    assert "tiles" in files[maps[1]]
    assert "tiles" not in files[maps[0]]  # the blue scene has no place
    for name, value in zip(maps, (2, 1), strict=True):
        (tmp_path / name).write_bytes(client.get(files[name]["href"]).content)
        with rasterio.open(tmp_path / name) as file:
            assert set(np.unique(file.read(1))) == {value}
    labels = {one["properties"]["label"] for one in client.get(files["polygons.geojson"]["href"]).json()["features"]}
    assert labels == {"red", "blue"}
    areas = {(row["name"], row["label"]): row["pixels"] for row in client.get(files["areas.json"]["href"]).json()}
    assert areas["red_20200105.tif", "red"] > 0 == areas["red_20200105.tif", "blue"]
    assert "damaged" in done["message"]


def test_few_polygons_are_kept(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_shared, "POLYGONS", 1)
    client = start()
    asked = {"verb": "segment", "parameters": {"labels": ["red"], "background": "blue"}}
    done = wait(client, client.post("/api/jobs", json=asked).json()["id"])
    files = {result["name"]: result["href"] for result in done["results"]}
    assert len(client.get(files["polygons.geojson"]).json()["features"]) == 1
    assert "the rest is in the raster" in done["message"]


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({}, 422),
        ({"labels": ["red"]}, 422),
        ({"labels": ["red", "red"]}, 422),
        ({"labels": ["red"], "background": "blue||"}, 422),
        ({"labels": ["red", "blue"], "scene": "none"}, 404),
    ],
)
def test_bad_parameters_are_said_before_a_job_is_taken(start: Start, asked: dict[str, object], status: int) -> None:
    assert start().post("/api/jobs", json={"verb": "segment", "parameters": asked}).status_code == status
