"""Jobs: what they make, how they are followed, cancelled, interrupted and resumed; uploads."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow.parquet as pq
import pytest
import rasterio
from pydantic import BaseModel
from serve_kit import Start, found, names, pixels, tif, wait

import geoglot.core.parts
from geoglot.core.progress import track
from geoglot.serve import verbs
from geoglot.serve.jobs import Context


class Slow(ModuleType):
    """A verb that works until it is told to stop, and counts its beginnings in the work folder."""

    TITLE = "Slow"
    Parameters = type("Parameters", (BaseModel,), {})

    def __init__(self) -> None:
        super().__init__("slow", "Waits.")
        self.go, self.began = threading.Event(), threading.Event()

    def title(self, asked: object, service: object) -> str:
        return "slow"

    def check(self, asked: object, service: object) -> None:
        pass

    def run(self, asked: object, context: Context) -> None:
        mark = context.work / "steps"
        mark.write_text(mark.read_text() + "x" if mark.exists() else "x")
        context.result("half.txt", "text/plain").write_text("half")
        self.began.set()
        with track(1000, "slow") as shown:
            while not self.go.wait(0.01):
                shown.advance()
        context.result("steps.txt", "text/plain").write_text(mark.read_text())


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    made = Slow()
    find, known = geoglot.core.parts.find, geoglot.core.parts.names
    monkeypatch.setattr(geoglot.core.parts, "find", lambda room, name: made if name == "slow" else find(room, name))
    monkeypatch.setattr(
        geoglot.core.parts, "names", lambda room: [*known(room), "slow"] if room == "serve.verbs" else known(room)
    )
    yield made
    made.go.set()


def test_classify_writes_tables_and_a_map(start: Start) -> None:
    client = start()
    job = client.post("/api/jobs", json={"verb": "classify", "parameters": {"labels": ["red", "green", "blue"]}})
    assert job.status_code == 202
    done = wait(client, job.json()["id"])
    assert done["state"] == "done", done
    files = {result["name"]: result for result in done["results"]}
    assert set(files) == {"classes.geojson", "classes.parquet", "classes.tif", "classes.qml", "legend.json"}
    features = client.get(files["classes.geojson"]["href"]).json()["features"]
    assert len(features) == 18
    for feature in features:
        assert feature["properties"]["name"].startswith(feature["properties"]["label"])
        assert feature["properties"]["colour"].startswith("#")
    assert pq.read_table(io.BytesIO(client.get(files["classes.parquet"]["href"]).content)).num_rows == 18
    raster = files["classes.tif"]
    assert {entry["label"]: entry["tiles"] for entry in raster["legend"]} == {"red": 6, "green": 6, "blue": 6}
    with rasterio.MemoryFile(client.get(raster["href"]).content) as memory, memory.open() as file:
        assert set(np.unique(file.read(1))) == {0, 1, 2}  # the blue scene has no place
        assert "#{:02x}{:02x}{:02x}".format(*file.colormap(1)[1][:3]) == raster["legend"][0]["colour"]
    west, _south, east, _north = raster["bounds"]
    assert 2.9 < west < east < 5
    assert 'label="green"' in client.get(files["classes.qml"]["href"]).text
    tile = client.get(raster["tiles"].format(z=6, x=32, y=21))
    assert tile.status_code == 200
    assert pixels(tile.content)[..., 3].any()
    assert client.get(files["classes.tif"]["href"], headers={"Range": "bytes=0-3"}).status_code == 206


def test_classify_of_one_scene_keeps_its_grid(start: Start) -> None:
    client = start()
    scene = found(client, text="red", limit=1)[0]["properties"]["scene"]
    asked = {"labels": ["red", "green"], "scene": scene}
    done = wait(client, client.post("/api/jobs", json={"verb": "classify", "parameters": asked}).json()["id"])
    raster = next(result for result in done["results"] if result["name"] == "classes.tif")
    with rasterio.MemoryFile(client.get(raster["href"]).content) as memory, memory.open() as file:
        assert file.crs.to_epsg() == 32631
        assert (file.read(1) == 1).all()


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"verb": "nothing", "parameters": {}}, 422),
        ({"verb": "classify", "parameters": {}}, 422),
        ({"verb": "classify", "parameters": {"labels": ["red"], "none": False}}, 422),
        ({"verb": "classify", "parameters": {"labels": ["red", "red"]}}, 422),
        ({"verb": "classify", "parameters": {"labels": ["a\x01b", "red"]}}, 422),
        ({"verb": "classify", "parameters": {"labels": [f"a{i}|b{i}|c{i}|d{i}|e{i}|f{i}|g{i}" for i in range(50)]}}, 422),
        ({"verb": "classify", "parameters": {"labels": ["red", "green"], "scene": "none"}}, 404),
        ({"verb": "classify", "parameters": {"labels": ["red", "green"], "bbox": [9, 9, 1, 1]}}, 422),
        ({"verb": "ingest", "parameters": {}}, 422),
        ({"verb": "ingest", "parameters": {"upload": "none"}}, 404),
    ],
)
def test_bad_parameters_are_said_before_a_job_is_taken(start: Start, asked: dict[str, object], status: int) -> None:
    client = start()
    answer = client.post("/api/jobs", json=asked)
    assert answer.status_code == status
    assert answer.json()["remedy"]
    assert client.get("/api/jobs").json() == {"jobs": []}


def test_a_job_that_fails_says_why(start: Start) -> None:
    client = start()
    asked = {"labels": ["red", "green"], "bbox": [100, 0, 101, 1]}
    done = wait(client, client.post("/api/jobs", json={"verb": "classify", "parameters": asked}).json()["id"])
    assert done["state"] == "failed"
    assert done["results"] == []
    assert "widen" in done["problem"]["detail"]
    assert done["problem"]["remedy"]


def test_a_cancelled_job_leaves_nothing_that_looks_whole(start: Start, slow: Slow, tmp_path: Path) -> None:
    client = start()
    id = client.post("/api/jobs", json={"verb": "slow", "parameters": {}}).json()["id"]
    waiting = client.post("/api/jobs", json={"verb": "slow", "parameters": {}}).json()["id"]
    assert slow.began.wait(10)
    assert client.get(f"/api/jobs/{id}").json()["results"] == []  # none is told of before all are whole
    assert client.delete(f"/api/jobs/{waiting}").json()["state"] == "cancelled"
    assert client.delete(f"/api/jobs/{id}").status_code == 200
    done = wait(client, id)
    assert done["state"] == "cancelled"
    assert done["results"] == []
    assert {path.name for path in (tmp_path / "state" / "jobs" / id).iterdir()} == {"job.json", "work"}
    assert client.get(f"/api/jobs/{id}/results/half.txt").status_code == 404
    assert client.delete(f"/api/jobs/{id}").status_code == 409
    slow.go.set()
    assert client.post(f"/api/jobs/{id}/resume").status_code == 202
    assert wait(client, id)["state"] == "done"
    assert client.get(f"/api/jobs/{id}/results/steps.txt").text == "xx"  # the work folder was kept
    assert client.post(f"/api/jobs/{id}/resume").status_code == 409
    assert client.delete(f"/api/jobs/{id}?forget=true").status_code == 204
    assert client.get(f"/api/jobs/{id}").status_code == 404
    assert not (tmp_path / "state" / "jobs" / id).exists()


def test_jobs_of_a_stopped_server_are_interrupted_and_go_on(start: Start, slow: Slow) -> None:
    first = start()
    id = first.post("/api/jobs", json={"verb": "slow", "parameters": {}}).json()["id"]
    waiting = first.post("/api/jobs", json={"verb": "slow", "parameters": {}}).json()["id"]
    assert slow.began.wait(10)
    first.__exit__(None, None, None)
    second = start()
    states = {job["id"]: job["state"] for job in second.get("/api/jobs").json()["jobs"]}
    assert states == {id: "interrupted", waiting: "interrupted"}
    slow.go.set()
    second.post(f"/api/jobs/{id}/resume")
    assert wait(second, id)["state"] == "done"


def test_jobs_of_a_killed_server_are_interrupted(start: Start, tmp_path: Path) -> None:
    client = start()
    id = client.post("/api/jobs", json={"verb": "classify", "parameters": {"labels": ["red", "green"]}}).json()["id"]
    wait(client, id)
    client.__exit__(None, None, None)
    folder = tmp_path / "state" / "jobs" / id
    job = json.loads((folder / "job.json").read_text()) | {"state": "running"}
    (folder / "job.json").write_text(json.dumps(job))
    (folder / "results").rename(folder / "results.part")
    (tmp_path / "state" / "jobs" / "broken").mkdir()
    (tmp_path / "state" / "jobs" / "broken" / "job.json").write_text("{")
    again = start()
    assert again.get(f"/api/jobs/{id}").json()["state"] == "interrupted"
    assert again.get(f"/api/jobs/{id}/results/classes.geojson").status_code == 404
    again.post(f"/api/jobs/{id}/resume")
    assert wait(again, id)["state"] == "done"
    assert len(again.get(f"/api/jobs/{id}/results/classes.geojson").json()["features"]) == 18


def test_classify_goes_on_where_it_was(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = start()
    classify = geoglot.core.parts.find("serve.verbs", "classify")
    real, count = classify.classify_stored, [0]

    def two_only(*args: object, **options: object) -> object:
        count[0] += 1
        if count[0] == 3:
            raise RuntimeError("the power is gone")
        return real(*args, **options)

    monkeypatch.setattr(classify, "classify_stored", two_only)
    id = client.post("/api/jobs", json={"verb": "classify", "parameters": {"labels": ["red", "green"]}}).json()["id"]
    done = wait(client, id)
    assert done["state"] == "failed"
    assert "power" not in json.dumps(done)
    client.post(f"/api/jobs/{id}/resume")
    assert wait(client, id)["state"] == "done"
    assert count[0] == 4


def test_events_follow_a_job(start: Start, slow: Slow) -> None:
    client = start()
    id = client.post("/api/jobs", json={"verb": "slow", "parameters": {}}).json()["id"]
    threading.Timer(0.5, slow.go.set).start()
    text = client.get(f"/api/jobs/{id}/events").text
    events = [line.removeprefix("event: ") for line in text.splitlines() if line.startswith("event: ")]
    assert events[0] == "progress"
    assert events[-1] == "end"
    assert "slow" in text
    assert json.loads(text.rstrip().splitlines()[-1].removeprefix("data: ")) == {"state": "done"}


def test_an_upload_becomes_a_scene_and_can_be_removed(start: Start, tmp_path: Path) -> None:
    client = start()
    job = client.post("/api/uploads", files={"file": ("../../evil name.tif", tif(tmp_path))})
    assert job.status_code == 202
    done = wait(client, job.json()["id"])
    assert (done["state"], done["results"]) == ("done", []), done
    (id,) = done["scenes"]
    scene = client.get(f"/api/scenes/{id}").json()
    assert scene["properties"]["uploaded"]
    assert scene["properties"]["name"] == "evil_name.tif"
    assert "evil_name.tif" in names(found(client, text="red", limit=50))
    assert client.get("/health").json()["tiles"] == 24
    assert client.get(f"/api/scenes/{id}/preview.png").status_code == 200
    hit = next(hit for hit in found(client, text="red", limit=50) if hit["properties"]["uploaded"])
    assert client.get(hit["properties"]["thumbnail"]).status_code == 200
    assert names(found(client, text="red", like=[hit["id"]], limit=3)) <= {"evil_name.tif", "red_20200105.tif"}
    assert client.delete(f"/api/scenes/{id}").status_code == 204
    assert client.get(f"/api/scenes/{id}").status_code == 404
    assert list((tmp_path / "state" / "uploads").iterdir()) == []
    red = client.get("/api/scenes", params={"time": "2020"}).json()["features"][0]["id"]
    assert client.delete(f"/api/scenes/{red}").status_code == 403


def test_a_verb_is_one_file(tmp_path: Path, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "greet.py").write_text(
        '"""Say hello."""\nfrom pydantic import BaseModel\nTITLE = "Greet"\n'
        "class Parameters(BaseModel):\n    name: str = 'you'\n"
        "def title(asked, service): return 'Greet ' + asked.name\ndef check(asked, service): pass\n"
        "def run(asked, context): context.result('hello.txt', 'text/plain').write_text('hello ' + asked.name)\n"
    )
    monkeypatch.setattr(verbs, "__path__", [*verbs.__path__, str(tmp_path)])
    client = start()
    assert "greet" in {verb["name"] for verb in client.get("/api/archive").json()["verbs"]}
    id = client.post("/api/jobs", json={"verb": "greet", "parameters": {"name": "Ada"}}).json()["id"]
    assert wait(client, id)["state"] == "done"
    assert client.get(f"/api/jobs/{id}/results/hello.txt").text == "hello Ada"
