"""STAC API and OGC API Features: what other programs read is what their specifications say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pystac
import pystac_client
import pytest
from serve_kit import listening, names
from starlette.testclient import TestClient

from geoglot.serve.client import Client, ServiceError


@pytest.fixture(scope="module")
def address(client: TestClient) -> Iterator[str]:
    """The service behind a real socket."""
    with listening(client.app) as made:
        yield made


def test_pystac_client_browses_and_searches(address: str) -> None:
    catalog = pystac_client.Client.open(f"{address}/stac")
    collection = catalog.get_collection("scenes")
    assert collection is not None
    assert len(list(collection.get_items())) == 3
    found = list(catalog.search(collections=["scenes"], bbox=[4, 49, 5, 50]).items())
    assert [item.properties["title"] for item in found] == ["green_20210610.tif"]
    assert [item.properties["title"] for item in catalog.search(datetime="2020-01-01/2020-12-31").items()] == ["red_20200105.tif"]
    assert len(list(catalog.search(limit=1, method="GET").items())) == 3  # three pages
    assert len(list(catalog.search(limit=1, method="POST").items())) == 3
    square = {"type": "Polygon", "coordinates": [[[4, 49], [5, 49], [5, 50], [4, 50], [4, 49]]]}
    assert len(list(catalog.search(intersects=square).items())) == 1
    west, south, east, north = found[0].bbox
    middle = {"type": "Point", "coordinates": [(west + east) / 2, (south + north) / 2]}
    across = {"type": "LineString", "coordinates": [[west - 1, south], [east, north]]}
    for shape in (middle, across, {"type": "GeometryCollection", "geometries": [middle]}):
        for method in ("GET", "POST"):
            assert catalog.search(intersects=shape, method=method).matched() == 1
    assert catalog.search(intersects={"type": "Point", "coordinates": [100, 0]}).matched() == 0
    assert catalog.search(ids=[found[0].id]).matched() == 1
    assert catalog.search(collections=["other"]).matched() == 0


def test_items_are_valid(client: TestClient) -> None:
    page = client.get("/stac/search").json()
    assert (page["numberMatched"], page["numberReturned"]) == (3, 3)
    for feature in page["features"]:
        item = pystac.Item.from_dict(feature)
        assert item.datetime is not None or item.common_metadata.start_datetime is not None
        assert item.assets["thumbnail"].media_type == "image/png"
        path = item.assets["thumbnail"].href.removeprefix("http://127.0.0.1")
        assert client.get(path).headers["content-type"] == "image/png"
        assert client.get(f"/stac/collections/scenes/items/{item.id}").json()["id"] == item.id
        if item.geometry is not None:
            assert item.bbox is not None
    pystac.Collection.from_dict(client.get("/stac/collections/scenes").json())
    landing = client.get("/stac").json()
    pystac.Catalog.from_dict(landing)
    assert set(client.get("/stac/conformance").json()["conformsTo"]) == set(landing["conformsTo"])
    assert {"self", "root", "data", "search", "service-desc", "service-doc", "conformance"} <= {
        link["rel"] for link in landing["links"]
    }


@pytest.mark.parametrize(
    "path",
    [
        "/stac/search?bbox=1,2,3",
        "/stac/search?datetime=yesterday",
        "/stac/search?limit=0",
        "/stac/search?intersects=x",
        "/stac/search?intersects=" + "[" * 100,
        '/stac/search?intersects={"type":"Point","coordinates":["a"]}',
        '/stac/search?intersects={"type":"Point","coordinates":[]}',
        "/ogc/collections/scenes/items?bbox=a",
        "/ogc/collections/tiles/items?datetime=2020/2019",
        "/ogc/collections/tiles/items?limit=x",
        "/ogc/collections/tiles/items?limt=3",
    ],
)
def test_wrong_parameters_are_400_as_these_standards_say(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 400
    assert answer.json()["remedy"]


def test_unknown_things_are_404(client: TestClient) -> None:
    for path in (
        "/stac/collections/x",
        "/stac/collections/scenes/items/x",
        "/ogc/collections/x/items",
        "/ogc/collections/tiles/items/x",
    ):
        assert client.get(path).status_code == 404
    both = {"bbox": [0, 0, 1, 1], "intersects": {"type": "Point", "coordinates": [0, 0]}}
    assert client.post("/stac/search", json=both).status_code == 400


def test_ogc_features_are_paged_and_filtered(client: TestClient) -> None:
    landing = client.get("/ogc").json()
    assert {"self", "service-desc", "conformance", "data"} <= {link["rel"] for link in landing["links"]}
    assert {made["id"] for made in client.get("/ogc/collections").json()["collections"]} == {"scenes", "tiles"}
    assert names(client.get("/ogc/collections/scenes/items?bbox=4,49,5,50").json()["features"]) == {"green_20210610.tif"}
    ids, path = [], "/ogc/collections/tiles/items?limit=5"
    while path:
        page: dict[str, Any] = client.get(path).json()
        assert page["numberMatched"] == 18
        ids += [feature["id"] for feature in page["features"]]
        path = next((link["href"] for link in page["links"] if link["rel"] == "next"), "")
    assert len(ids) == len(set(ids)) == 18
    assert client.get("/ogc/collections/tiles/items?bbox=4,49,5,50&datetime=2021-01-01T00:00:00Z/..").json()["numberMatched"] == 6
    assert client.get("/ogc/collections/tiles/items?bbox=4,0,49,5,50,9&limit=2").json()["numberMatched"] == 6
    assert client.get(f"/ogc/collections/tiles/items/{ids[0]}").json()["id"] == ids[0]


def test_the_client(address: str, tmp_path: Path) -> None:
    with Client(address) as there:
        assert there.archive()["tiles"] == 18
        assert len(list(there.scenes(limit=2))) == 3
        hits = there.search("green", limit=3)
        assert {hit["properties"]["name"] for hit in hits} == {"green_20210610.tif"}
        assert "data:image/png" in hits._repr_html_()
        assert hits.write(tmp_path / "hits.geojson").stat().st_size > 100
        (tmp_path / "chip.png").write_bytes(there.picture(hits[0]["id"]))
        assert there.search(chip=tmp_path / "chip.png", limit=1)[0]["properties"]["name"] == "green_20210610.tif"
        job = there.wait(there.classify(["red", "green"]))
        assert "classes.tif" in job.results
        assert job.save("classes.tif", tmp_path / "classes.tif").read_bytes()[:2] == b"II"
        assert "Classify" in job._repr_html_()
        with pytest.raises(ServiceError, match=r"nothing to look for.*Give text"):
            there.search()
    with Client("http://127.0.0.1:9") as nobody, pytest.raises(Exception, match="geoglot serve"):
        nobody.archive()
