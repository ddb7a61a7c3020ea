"""What the API answers: the collection, scenes, pictures, searches, saved searches, and the pages around them."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from serve_kit import HTML, Start, found, names, pixels, png, tif, wait
from starlette.testclient import TestClient

from geoglot import __version__
from geoglot.serve.routes import page


def test_health_and_archive(client: TestClient) -> None:
    assert client.get("/health").json() == {
        "status": "ok",
        "version": __version__,
        "model": "colours@1",
        "scenes": 3,
        "tiles": 18,
    }
    told = client.get("/api/archive").json()
    assert told["name"] == "colours"
    assert told["time"] == ["2020-01-05T00:00:00Z", "2021-06-10T00:00:00Z"]
    assert {verb["name"] for verb in told["verbs"]} >= {"classify", "ingest"}
    assert all(verb["parameters"]["type"] == "object" and verb["title"] and verb["description"] for verb in told["verbs"])
    west, south, east, north = told["bbox"]
    assert 2.9 < west < east < 5
    assert 49 < south < north < 50


def test_scenes_are_filtered_and_paged(client: TestClient) -> None:
    every = client.get("/api/scenes").json()
    assert [scene["properties"]["name"] for scene in every["features"]] == ["green_20210610.tif", "red_20200105.tif", "blue.tif"]
    assert every["features"][2]["geometry"] is None
    first = client.get("/api/scenes", params={"limit": 1}).json()
    assert (first["numberMatched"], first["numberReturned"]) == (3, 1)
    following = client.get(first["links"][0]["href"]).json()
    assert following["features"][0]["id"] == every["features"][1]["id"]
    for params, wanted in (
        ({"time": "2020"}, {"red_20200105.tif"}),
        ({"bbox": "4,49,5,50"}, {"green_20210610.tif"}),
        ({"sensor": "nothing"}, set()),
    ):
        assert names(client.get("/api/scenes", params=params).json()["features"]) == wanted


def test_no_answer_tells_folders_of_the_machine(client: TestClient, archive: Path) -> None:
    answers = [
        client.get(path).text
        for path in ("/api/scenes", "/api/archive", "/stac/search", "/ogc/collections/tiles/items", "/health")
    ]
    answers.append(client.post("/api/search", json={"text": "red", "format": "csv"}).text)
    assert not any(str(archive.parent) in answer for answer in answers)


def test_tiles_and_pictures(client: TestClient) -> None:
    scene = client.get("/api/scenes", params={"time": "2020"}).json()["features"][0]
    how = client.get(f"/api/scenes/{scene['id']}/tilejson.json").json()
    assert how["minzoom"] <= how["maxzoom"]
    from rasterio.warp import transform

    lon, lat = how["center"][:2]
    (x,), (y,) = transform("EPSG:4326", "EPSG:3857", [lon], [lat])
    z, edge = 13, 20037508.342789244
    place = int((x + edge) / (2 * edge) * 2**z), int((edge - y) / (2 * edge) * 2**z)
    url = how["tiles"][0].format(z=z, x=place[0], y=place[1])
    tile = client.get(url)
    assert tile.status_code == 200
    assert tile.headers["content-type"] == "image/png"
    seen = pixels(tile.content)
    assert seen.shape == (256, 256, 4)
    assert 0 < (seen[..., 3] > 0).sum() < 256 * 256
    red, green, _, _ = seen[seen[..., 3] > 0].mean(axis=0)
    assert red > 200 > 60 > green
    assert client.get(url, headers={"If-None-Match": tile.headers["etag"]}).status_code == 304
    assert client.get(how["tiles"][0].format(z=3, x=0, y=0)).status_code == 204
    turned = pixels(client.get(url, params={"bands": "green,red,red", "stretch": "0,250"}).content)
    assert turned[turned[..., 3] > 0].mean(axis=0)[1] > 150
    assert client.get(url, params={"stretch": "3,1"}).status_code == 422
    assert client.get(url, params={"bands": "thermal"}).status_code == 422
    assert pixels(client.get(f"/api/scenes/{scene['id']}/preview.png?size=48").content).shape == (32, 48, 4)


def test_scenes_without_georeference_have_no_place_on_a_map(client: TestClient) -> None:
    blue = client.get("/api/scenes").json()["features"][2]["id"]
    problem = client.get(f"/api/scenes/{blue}/tilejson.json").json()
    assert problem["status"] == 422
    assert "preview" in problem["remedy"]
    assert client.get(f"/api/scenes/{blue}/tiles/0/0/0.png").status_code == 422


def test_search_by_words_with_filters(client: TestClient) -> None:
    best = found(client, text="red", limit=3)
    assert [hit["properties"]["rank"] for hit in best] == [1, 2, 3]
    assert names(best) == {"red_20200105.tif"}
    hit = best[0]
    assert hit["geometry"]["type"] == "Polygon"
    assert hit["id"] == hit["properties"]["id"]
    assert pixels(client.get(hit["properties"]["thumbnail"], params={"size": 64}).content).shape == (64, 64, 4)
    assert names(found(client, text="red", time="2021")) == {"green_20210610.tif"}
    assert names(found(client, text="red", bbox=[4, 49, 5, 50])) == {"green_20210610.tif"}
    square = {"type": "Polygon", "coordinates": [[[4, 49], [5, 49], [5, 50], [4, 50], [4, 49]]]}
    assert names(found(client, text="red", polygon=square)) == {"green_20210610.tif"}
    assert names(found(client, text="blue", scene=hit["properties"]["scene"])) == {"red_20200105.tif"}
    assert found(client, text="red", gsd=[20, 30]) == []
    assert found(client, text="red", gsd=[20, None]) == []
    assert names(found(client, text="red", gsd=[None, 20], limit=3)) == {"red_20200105.tif"}
    assert all(hit["properties"]["score"] >= 0.9 for hit in found(client, text="red", min_score=0.9))


def test_search_by_example_and_place(client: TestClient) -> None:
    green = found(client, text="green", limit=1)[0]
    alike = found(client, like=[green["id"]], limit=3)
    assert names(alike) == {"green_20210610.tif"}
    assert green["id"] not in {hit["id"] for hit in alike}
    lon, lat = green["geometry"]["coordinates"][0][0]
    assert names(found(client, near=[lon + 1e-4, lat - 1e-4], limit=3)) == {"green_20210610.tif"}


def test_marks_refine(client: TestClient) -> None:
    red, green = (found(client, text=word, limit=1)[0]["id"] for word in ("red", "green"))
    assert names(found(client, text="white", like=[green], unlike=[red], limit=4)) == {"green_20210610.tif"}
    assert red not in {hit["id"] for hit in found(client, like=[green], unlike=[red], limit=18)}


def test_search_by_a_picture(client: TestClient) -> None:
    made = client.post("/api/chips", files={"file": ("g.png", png((0, 200, 0)))})
    assert made.status_code == 201
    assert (made.json()["width"], made.json()["height"]) == (40, 40)
    chip = made.json()["id"]
    assert names(found(client, chip=chip, limit=3)) == {"green_20210610.tif"}
    assert found(client, chip=chip, text="green", weight=0.5, limit=1)[0]["properties"]["name"] == "green_20210610.tif"
    assert pixels(client.get(f"/api/chips/{chip}/thumbnail.png").content).shape[2] == 4
    gone = client.post("/api/search", json={"chip": "nothing"})
    assert gone.status_code == 404
    assert "again" in gone.json()["remedy"]


@pytest.mark.parametrize(
    "body", [{}, {"text": "   "}, {"text": "red", "limit": 0}, {"text": "red", "wrong": 1}, {"text": "red", "gsd": [3, 1]}]
)
def test_searches_that_make_no_sense(client: TestClient, body: dict[str, object]) -> None:
    answer = client.post("/api/search", json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]
    assert answer.json()["remedy"]
    assert answer.json()["request_id"]


def test_hits_as_tables(client: TestClient) -> None:
    lines = client.post("/api/search", json={"text": "red", "format": "csv", "limit": 2}).text.splitlines()
    assert lines[0].startswith("rank,score,scene,time,gsd")
    assert len(lines) == 3
    data = client.post("/api/search", json={"text": "red", "format": "geoparquet", "limit": 2})
    table = pq.read_table(io.BytesIO(data.content))
    assert table.num_rows == 2
    assert b"geo" in table.schema.metadata
    assert "qgis" in client.get("/api/styles/hits.qml").text


def test_saved_searches_tell_what_is_new(start: Start, tmp_path: Path) -> None:
    client = start()
    made = client.post("/api/saved", json={"name": "reds", "search": {"text": "red", "min_score": 0.9}})
    assert made.status_code == 201
    assert made.json()["new"] == 0
    id = made.json()["id"]
    job = client.post("/api/uploads", files={"file": ("new.tif", tif(tmp_path))}).json()
    assert wait(client, job["id"])["state"] == "done"
    assert client.get("/api/saved").json()["saved"][0]["new"] > 0
    assert names(client.get(f"/api/saved/{id}/new").json()["features"]) == {"new.tif"}
    assert client.post(f"/api/saved/{id}/seen").json()["new"] == 0
    assert client.delete(f"/api/saved/{id}").status_code == 204
    assert client.get(f"/api/saved/{id}/new").status_code == 404
    assert client.post("/api/saved", json={"name": "x", "search": {}}).status_code == 422


def test_saved_searches_outlive_the_server(start: Start) -> None:
    first = start()
    first.post("/api/saved", json={"name": "reds", "search": {"text": "red"}})
    first.__exit__(None, None, None)
    assert [kept["name"] for kept in start().get("/api/saved").json()["saved"]] == ["reds"]


def test_docs_load_nothing_from_elsewhere(client: TestClient) -> None:
    text = client.get("/docs").text
    assert "/api/search" in text
    assert "http" not in text.replace("/openapi.json", "")
    assert client.get("/docs/style.css").headers["content-type"].startswith("text/css")
    assert json.loads(client.get("/openapi.json").text)["openapi"].startswith("3.")


def test_the_page_and_its_files(client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "FOLDER", tmp_path)
    assert "/docs" in client.get("/").text
    (tmp_path / "static").mkdir()
    (tmp_path / "index.html").write_text(HTML)
    (tmp_path / "secret.txt").write_text("no")
    (tmp_path / "static" / "app-1a2b3c4d.js").write_text("1")
    assert client.get("/").text == HTML
    script = client.get("/static/app-1a2b3c4d.js")
    assert "immutable" in script.headers["cache-control"]
    assert "javascript" in script.headers["content-type"]
    for path in ("/static/../secret.txt", "/static/%2e%2e/secret.txt", "/static/none.js", "/static/"):
        assert client.get(path).status_code == 404


def test_metrics_count_requests(client: TestClient) -> None:
    found(client, text="red")
    text = client.get("/metrics").text
    assert 'geoglot_requests_total{method="POST",route="/api/search",status="200"}' in text
    assert "geoglot_batch_items_bucket" in text
    assert "geoglot_tiles 18.0" in text
    assert client.request("MADEUP", "/api/archive").status_code == 405
    text = client.get("/metrics").text
    assert "MADEUP" not in text
    assert 'method="other",route="/api/archive",status="405"' in text
