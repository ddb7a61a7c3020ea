"""What changes under a running server, and between two of them: files, archives, models, state."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
from cli_kit import Colours
from serve_kit import Start, found, names, png, tif, wait

import geoglot.models
from geoglot.archive import index
from geoglot.core.errors import LockedError, ModelMismatchError
from geoglot.serve.jobs import Cancelled
from geoglot.serve.verbs import ingest


def other_model() -> Colours:
    made = Colours()
    made.spec = dataclasses.replace(made.spec, hash="f" * len(made.spec.hash))
    return made


def scene_of(client: object, name: str) -> str:
    features = client.get("/api/scenes").json()["features"]  # type: ignore[attr-defined]
    return str(next(scene["id"] for scene in features if scene["properties"]["name"] == name))


def test_a_file_that_is_repaired_is_read_again(start: Start, tmp_path: Path) -> None:
    client = start()
    upload = client.post("/api/uploads", files={"file": ("new.tif", tif(tmp_path))}).json()
    scene = wait(client, upload["id"])["scenes"][0]
    (path,) = (tmp_path / "state" / "uploads").glob("*/new.tif")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert client.get(f"/api/scenes/{scene}/preview.png?size=90").status_code == 422
    path.write_bytes(whole)
    assert client.get(f"/api/scenes/{scene}/preview.png?size=91").status_code == 200
    path.rename(tmp_path / "away.tif")
    assert client.post("/api/search", json={"text": "red"}).status_code == 200


def test_an_archive_that_is_moved_to_another_model_is_searched_no_more(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = start()
    assert names(found(client, text="red", limit=3)) == {"red_20200105.tif"}
    index([], model=other_model(), out=tmp_path / "archive", re_embed=True, progress=False)
    for answer in (client.post("/api/search", json={"text": "red"}), client.get("/health")):
        assert answer.status_code == 409
        assert "start the server again" in answer.json()["detail"]


def test_uploads_of_another_model_are_refused_at_the_start(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = start()
    wait(first, first.post("/api/uploads", files={"file": ("new.tif", tif(tmp_path))}).json()["id"])
    first.__exit__(None, None, None)
    made = other_model()
    index([], model=made, out=tmp_path / "archive", re_embed=True, progress=False)
    monkeypatch.setattr(geoglot.models, "text_encoder", lambda name: made)
    with pytest.raises(ModelMismatchError, match="--state"):
        start()


def test_state_may_be_a_relative_folder(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    client = start(state=Path("beside"))
    done = wait(client, client.post("/api/uploads", files={"file": ("new.tif", tif(tmp_path))}).json()["id"])
    assert done["scenes"] == [scene_of(client, "new.tif")]
    assert client.delete(f"/api/scenes/{done['scenes'][0]}").status_code == 204
    assert list((tmp_path / "beside" / "uploads").iterdir()) == []


def test_a_job_that_was_killed_between_its_results_and_its_end_can_be_resumed(start: Start, tmp_path: Path) -> None:
    first = start()
    id = first.post("/api/jobs", json={"verb": "classify", "parameters": {"labels": ["red", "green"]}}).json()["id"]
    wait(first, id)
    first.__exit__(None, None, None)
    folder = tmp_path / "state" / "jobs" / id
    (folder / "job.json").write_text(json.dumps(json.loads((folder / "job.json").read_text()) | {"state": "running"}))
    second = start()
    assert second.get(f"/api/jobs/{id}").json()["results"] == []
    assert not (folder / "results").exists()
    second.post(f"/api/jobs/{id}/resume")
    assert wait(second, id)["state"] == "done"
    shutil.rmtree(folder / "results")  # somebody tidied up
    assert second.get(f"/api/jobs/{id}/results/classes.geojson").status_code == 404


def test_a_search_by_a_picture_outlives_the_hour_and_the_server(start: Start, tmp_path: Path) -> None:
    first = start()
    chip = first.post("/api/chips", files={"file": ("g.png", png((0, 200, 0)))}).json()["id"]
    ids = [first.post("/api/saved", json={"name": name, "search": {"chip": chip}}).json()["id"] for name in "ab"]
    first.__exit__(None, None, None)
    second = start()
    assert names(found(second, chip=chip, limit=3)) == {"green_20210610.tif"}
    assert second.get(f"/api/chips/{chip}/thumbnail.png").status_code == 200
    assert [kept["new"] for kept in second.get("/api/saved").json()["saved"]] == [0, 0]
    wait(second, second.post("/api/uploads", files={"file": ("new.tif", tif(tmp_path, "n.tif", "green"))}).json()["id"])
    assert names(second.get(f"/api/saved/{ids[0]}/new").json()["features"]) == {"new.tif"}
    second.delete(f"/api/saved/{ids[0]}")
    assert len(list((tmp_path / "state" / "chips").iterdir())) == 1
    second.delete(f"/api/saved/{ids[1]}")
    assert list((tmp_path / "state" / "chips").iterdir()) == []
    assert second.post("/api/search", json={"chip": chip}).status_code == 404


def test_saved_searches_stay_in_their_scene_and_outlive_their_place(start: Start, tmp_path: Path) -> None:
    client = start()
    first = wait(client, client.post("/api/uploads", files={"file": ("new.tif", tif(tmp_path))}).json()["id"])["scenes"][0]
    west, south, east, north = client.get(f"/api/scenes/{first}").json()["bbox"]
    near = {"near": [(west + east) / 2, (south + north) / 2]}
    client.post("/api/saved", json={"name": "near", "search": near})
    inside = {"text": "red", "scene": scene_of(client, "red_20200105.tif")}
    client.post("/api/saved", json={"name": "inside", "search": inside})
    client.delete(f"/api/scenes/{first}")
    other = tif(tmp_path, "o.tif", "red", 100_000)
    wait(client, client.post("/api/uploads", files={"file": ("other.tif", other)}).json()["id"])
    told = {kept["name"]: kept["new"] for kept in client.get("/api/saved").json()["saved"]}
    assert told == {"near": None, "inside": 0}


def test_a_scene_of_the_archive_is_not_taken_in_twice(start: Start, archive: Path) -> None:
    client = start(allow=(str(archive.parent / "scenes"),))
    source = str((archive.parent / "scenes" / "red_20200105.tif").resolve())
    answer = client.post("/api/jobs", json={"verb": "ingest", "parameters": {"source": source}})
    assert answer.status_code == 422
    assert "already" in answer.json()["detail"]


def test_names_of_uploads_keep_their_letters(start: Start, tmp_path: Path) -> None:
    client = start()
    for given, kept in (
        ("Übersicht Île.tif", "Übersicht_Île.tif"),
        ("漢字 ☃.tif", "漢字.tif"),
        ("x" * 300 + ".tif", "x" * 200 + ".tif"),
    ):
        done = wait(client, client.post("/api/uploads", files={"file": (given, tif(tmp_path))}).json()["id"])
        assert done["title"] == f"Add {kept}"
        assert client.get(f"/api/scenes/{done['scenes'][0]}").json()["properties"]["name"] == kept


@pytest.mark.parametrize(("error", "left"), [(RuntimeError("odd"), 0), (Cancelled("no"), 1), (LockedError("busy"), 1)])
def test_an_upload_that_fails_leaves_nothing_but_what_may_be_resumed(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, left: int
) -> None:
    client = start()

    def fail(*args: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(ingest, "index", fail)
    job = wait(client, client.post("/api/uploads", files={"file": ("new.tif", tif(tmp_path))}).json()["id"])
    assert job["state"] in ("failed", "cancelled")
    assert len(list((tmp_path / "state" / "uploads").iterdir())) == left
    assert client.delete(f"/api/jobs/{job['id']}?forget=true").status_code == 204
    assert list((tmp_path / "state" / "uploads").iterdir()) == []
