"""Writers of hits: GeoJSON, GeoParquet, CSV, contact sheets."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import shapely
from PIL import Image

from geoglot.archive import Archive, Hits, index
from geoglot.core.errors import InputError


@pytest.fixture
def hits(folder, tmp_path, encoder):
    index([folder], model=encoder, out=tmp_path / "archive", progress=False)
    return Archive.open(tmp_path / "archive").search("red <b>", k=6, text_encoder=encoder)


def test_rows_carry_the_common_names_first(hits):
    rows = hits.rows()
    assert list(rows[0])[:5] == ["rank", "score", "scene", "time", "gsd"]
    assert list(rows[0])[-1] == "geometry"


def test_geojson_text_and_file(hits, tmp_path):
    made = json.loads(hits.to_geojson())
    assert [f["properties"]["rank"] for f in made["features"]] == [1, 2, 3, 4, 5, 6]
    for feature, hit in zip(made["features"], hits, strict=True):
        outline = shapely.from_geojson(json.dumps(feature["geometry"]))
        assert outline.exterior.is_ccw
        assert outline.hausdorff_distance(hit.geometry) < 1e-6
    path = hits.to_geojson(tmp_path / "hits.geojson")
    assert json.loads(Path(path).read_text()) == made


def test_parquet_and_csv(hits, tmp_path):
    table = pq.read_table(hits.write(tmp_path / "hits.parquet"))
    assert json.loads(table.schema.metadata[b"geo"])["primary_column"] == "geometry"
    assert shapely.from_wkb(table["geometry"][0].as_py()).equals(hits[0].geometry)
    with hits.write(tmp_path / "hits.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["score"]) for row in rows] == [pytest.approx(hit.score) for hit in hits]
    assert float(rows[0]["west"]) == pytest.approx(hits[0].geometry.bounds[0], abs=1e-6)
    with pytest.raises(InputError, match="format"):
        hits.write(tmp_path / "hits.shp")


def test_contact_sheet_shows_the_places(hits, tmp_path):
    with Image.open(hits.contact_sheet(tmp_path / "sheet.png", size=64, columns=3)) as sheet:
        assert sheet.size == (8 + 3 * 72, max(30 + 2 * (64 + 34 + 8), 0)) or sheet.width == 320
        assert sheet.getpixel((40, 60))[0] > 150  # red
        assert max(sheet.getpixel((40, 60))[1:]) < 110


def test_sheet_as_a_page_that_stands_alone(hits, tmp_path):
    page = hits.contact_sheet(tmp_path / "sheet.html").read_text()
    assert page.count("<img") == 6
    assert 'src="data:image/png;base64,' in page
    assert "http" not in page
    assert "red &lt;b&gt;" in page
    assert "2020-01-05" in page
    assert hits._repr_html_().count("<img") == 6


def test_scenes_that_are_gone_are_grey(hits, tmp_path):
    Path(hits[0].href).unlink()
    with Image.open(hits.contact_sheet(tmp_path / "sheet.png", size=64)) as sheet:
        assert sheet.getpixel((40, 60)) == (128, 128, 128)
    Path(hits[0].href).write_text("broken")
    assert "<img" in hits.contact_sheet(tmp_path / "sheet.html").read_text()


def test_no_hits(tmp_path):
    empty = Hits([], "nothing")
    assert json.loads(empty.to_geojson())["features"] == []
    assert Image.open(empty.contact_sheet(tmp_path / "sheet.png")).width > 0
    assert "No hits" in empty.contact_sheet(tmp_path / "sheet.html").read_text()
    empty.write(tmp_path / "hits.csv")
    with pytest.raises(InputError, match=r"\.png"):
        empty.contact_sheet(tmp_path / "sheet.gif")
