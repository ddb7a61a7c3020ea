"""The verb detect as a job: tables, counts, a style; what it refuses before a job is taken."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from serve_kit import Start, found, wait

from geoglot.core.errors import RasterError
from geoglot.geo.scene import Scene
from geoglot.serve.verbs import detect as verb
from geoglot.tasks.detect import Calibration, Detections, SceneBoxes


def one_box(model: Any, scene: Scene, labels: list[str], **how: Any) -> Detections:
    """One box in the middle of every scene but the green one, which cannot be read."""
    if "green" in scene.id:
        raise RasterError("damaged")
    box = np.array([[20.0, 20.0, 8.0, 4.0, 30.0]])
    weak = np.zeros(1, np.int64), np.full(1, 0.1)
    made = SceneBoxes.of(scene, box, np.zeros(1, np.int64), np.full(1, 0.9), weak)
    names = tuple(label.split("|")[0] for label in labels)
    return Detections((made,), names, "tiny@1", "head", how["upright"], how["min_score"] or 0.3, Calibration(1.0, 0.0, 0.9))


def test_boxes_of_all_scenes(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verb, "detect", one_box)
    client = start()
    asked = {"verb": "detect", "parameters": {"labels": ["ship|boat", "tank"]}}
    done = wait(client, client.post("/api/jobs", json=asked).json()["id"])
    assert done["state"] == "done", done
    files = {result["name"]: result for result in done["results"]}
    assert set(files) == {"boxes.geojson", "boxes.parquet", "boxes.qml", "counts.json"}
    features = client.get(files["boxes.geojson"]["href"]).json()["features"]
    assert {feature["properties"]["name"] for feature in features} == {"red_20200105.tif", "blue.tif"}
    assert {feature["properties"]["label"] for feature in features} == {"ship"}
    assert [feature["geometry"] is None for feature in features].count(True) == 1
    counts = client.get(files["counts.json"]["href"]).json()
    assert counts["ship"]["boxes"] == 2
    assert counts["ship"]["low"] <= counts["ship"]["expected"] <= counts["ship"]["high"]
    assert counts["tank"]["boxes"] == 0
    assert "2 boxes" in done["message"]


def test_one_scene(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verb, "detect", one_box)
    client = start()
    scene = found(client, text="green", limit=1)[0]["properties"]["scene"]
    asked = {"labels": ["ship"], "scene": scene}
    done = wait(client, client.post("/api/jobs", json={"verb": "detect", "parameters": asked}).json()["id"])
    assert done["state"] == "failed"
    assert "damaged" in str(done["problem"])


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({}, 422),
        ({"labels": []}, 422),
        ({"labels": ["ship", "ship"]}, 422),
        ({"labels": ["ship"], "min_score": 2}, 422),
        ({"labels": ["ship"], "scene": "none"}, 404),
    ],
)
def test_bad_parameters_are_said_before_a_job_is_taken(start: Start, asked: dict[str, object], status: int) -> None:
    assert start().post("/api/jobs", json={"verb": "detect", "parameters": asked}).status_code == status


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    made = SceneBoxes(
        "a", (9, 9), None, None, None, np.ones((2, 5)), np.zeros(2, np.int64), np.ones(2), (np.zeros(0, np.int64), np.zeros(0))
    )
    kept = tmp_path / "a.npz"
    verb._keep(kept, Detections((made,), ("ship",), "tiny@1", "head", True, 0.4))

    entry = SimpleNamespace(id="a", row={"height": 9, "width": 9, "crs": None, "time": None, "gsd": None})
    scene, like = verb._kept(kept, entry, None, verb.Parameters(labels=["ship"], upright=True))  # type: ignore[arg-type]
    assert (scene.boxes == made.boxes).all()
    assert (like.names, like.least, like.calibration, like.upright) == (("ship",), 0.4, None, True)
