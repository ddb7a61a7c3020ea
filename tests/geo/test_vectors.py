"""Tables of places: GeoJSON by RFC 7946, GeoParquet that geopandas reads, CSV; areas in."""

import csv
import io
import json
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import GeometryCollection, MultiPolygon, Point, Polygon, box, shape

from geoglot.core.errors import InputError, NotFoundError
from geoglot.geo import vectors

CROSSING = MultiPolygon([box(179, 10, 180, 11), box(-180, 10, -179, 11)])
WHEN = datetime(2020, 8, 31, 10, tzinfo=UTC)
ROWS = [
    {"rank": 1, "score": 0.5, "scene": "a.tif", "time": WHEN, "gsd": 10.0, "geometry": box(5, 50, 6, 51)},
    {"rank": 2, "score": np.float32(0.25), "scene": 'b "ü".tif', "time": None, "gsd": float("nan"), "geometry": None},
    {"rank": np.int64(3), "score": 0.1, "scene": "c", "time": None, "gsd": None, "geometry": CROSSING, "more": {"a": [1, 2]}},
]  # fmt: skip


def rings(geometry):
    polygons = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
    return [Polygon(ring) for polygon in polygons for ring in polygon]


def test_geojson_is_one_collection_with_null_geometries_and_plain_values():
    made = json.loads(vectors.to_geojson(ROWS))
    assert [feature["type"] for feature in made["features"]] == ["Feature"] * 3
    assert made["features"][0]["properties"]["time"] == "2020-08-31T10:00:00Z"
    assert made["features"][1]["geometry"] is None
    assert made["features"][1]["properties"]["gsd"] is None
    assert made["features"][1]["properties"]["scene"] == 'b "ü".tif'
    assert made["features"][2]["properties"]["more"] == {"a": [1, 2]}
    assert "crs" not in made
    assert json.loads(vectors.to_geojson([]))["features"] == []


def test_rings_are_wound_by_the_right_hand_rule_and_holes_against_it():
    with_hole = Polygon([(0, 0), (0, 9), (9, 9), (9, 0)], [[(1, 1), (2, 1), (2, 2), (1, 2)]])
    outer, hole = rings(vectors.geometry(with_hole))
    assert outer.exterior.is_ccw
    assert not hole.exterior.is_ccw
    for ring in rings(vectors.geometry(CROSSING)):
        assert ring.exterior.is_ccw


@given(st.floats(-180, 179), st.floats(-89, 88), st.floats(1e-5, 1), st.floats(1e-5, 1))
def test_geometries_survive_to_a_centimetre(x, y, w, h):
    made = shape(vectors.geometry(box(x, y, x + w, y + h)))
    assert made.bounds == pytest.approx((x, y, x + w, y + h), abs=1e-7)
    text = json.dumps(vectors.geometry(box(x, y, x + w, y + h)))
    assert all(len(number.split(".")[-1]) <= 7 or "e-" in number for number in text.replace("]", ",").split(",") if "." in number)


def test_collections_points_and_empty_shapes_have_geometries_too():
    assert vectors.geometry(Point(1.123456789, 2))["coordinates"] == [1.1234568, 2.0]
    assert vectors.geometry(Polygon()) is None
    assert vectors.geometry(GeometryCollection([Point(0, 0), box(0, 0, 1, 1)]))["type"] == "GeometryCollection"


def test_geoparquet_is_read_by_geopandas_with_its_reference_system(tmp_path):
    geopandas = pytest.importorskip("geopandas")
    path = vectors.write_features(tmp_path / "hits.parquet", ROWS)
    table = geopandas.read_parquet(path)
    assert table.crs.to_string() == "OGC:CRS84"
    assert list(table["rank"]) == [1, 2, 3]
    assert table.geometry[0].equals(ROWS[0]["geometry"])
    assert table.geometry[1] is None
    assert table.geometry[2].equals(CROSSING)
    assert str(table["time"].dtype).startswith("datetime64")
    assert table["time"][0].to_pydatetime() == ROWS[0]["time"]
    assert json.loads(table["more"][2]) == {"a": [1, 2]}


@pytest.mark.parametrize(
    "rows",
    [
        [{"score": 0.1, "geometry": None}],
        [{"name": None, "geometry": box(0, 0, 1, 1)}, {"name": None, "geometry": None}],
        [{"mixed": 1, "geometry": None}, {"mixed": "one", "geometry": None}, {"mixed": [1], "geometry": None}],
        [{"list": [1.0, 2.0], "path": Path("a/b"), "day": date(2020, 1, 2), "array": np.arange(3), "geometry": box(0, 0, 1, 1)}],
    ],
)
def test_odd_columns_are_written_and_read(tmp_path, rows):
    geopandas = pytest.importorskip("geopandas")
    table = geopandas.read_parquet(vectors.write_features(tmp_path / "a.parquet", rows))
    assert len(table) == len(rows)
    assert len(json.loads(vectors.to_geojson(rows))["features"]) == len(rows)
    assert len(list(csv.DictReader(io.StringIO(vectors.to_csv(rows))))) == len(rows)


def test_nothing_found_is_written_in_every_format(tmp_path):
    geopandas = pytest.importorskip("geopandas")
    for suffix in vectors.FORMATS:
        assert vectors.write_features(tmp_path / f"none{suffix}", []).exists()
    assert len(geopandas.read_parquet(tmp_path / "none.parquet")) == 0
    assert vectors.to_csv([]) == ""


def test_tables_of_one_kind_have_one_form(tmp_path):
    """Whether they hold something or nothing, and whether a column does."""
    geopandas, parquet = pytest.importorskip("geopandas"), pytest.importorskip("pyarrow.parquet")
    kinds = {"label": str, "score": float, "pixels": int, "time": datetime}
    full = {"label": "a", "score": 0.5, "pixels": 3, "time": datetime(2020, 1, 5, tzinfo=UTC), "geometry": box(0, 0, 1, 1)}
    rows = {"none": [], "bare": [{"label": "a", "score": None, "pixels": 3, "time": None, "geometry": None}], "full": [full]}
    made = {}
    for name, some in rows.items():
        made[name] = parquet.read_schema(vectors.write_features(tmp_path / f"{name}.parquet", some, kinds)).remove_metadata()
        layer = geopandas.read_file(vectors.write_features(tmp_path / f"{name}.gpkg", some, kinds))
        assert [column for column in layer.columns if column != "geometry"] == list(kinds)
        assert (layer.dtypes["score"], len(layer)) == ("float64", len(some))
        header = vectors.write_features(tmp_path / f"{name}.csv", some, kinds).read_text().splitlines()[0]
        assert header == "label,score,pixels,time,west,south,east,north"
    assert made["none"] == made["bare"] == made["full"]


def test_csv_has_bounds_with_west_beyond_east_across_the_antimeridian():
    rows = list(csv.DictReader(io.StringIO(vectors.to_csv(ROWS))))
    assert [row["scene"] for row in rows] == ["a.tif", 'b "ü".tif', "c"]
    assert (rows[0]["west"], rows[0]["north"]) == ("5.0", "51.0")
    assert rows[1]["west"] == rows[1]["gsd"] == ""
    assert (rows[2]["west"], rows[2]["east"]) == ("179.0", "-179.0")
    assert json.loads(rows[2]["more"]) == {"a": [1, 2]}


def test_the_name_says_the_format(tmp_path):
    with pytest.raises(InputError, match=r"\.geojson"):
        vectors.write_features(tmp_path / "a.shp", ROWS)
    assert json.loads(vectors.write_features(tmp_path / "A.GEOJSON", ROWS).read_text())["features"]
    with pytest.raises(NotFoundError):
        vectors.write_features(tmp_path / "none" / "a.csv", ROWS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["A.GEOJSON"]  # nothing half-written is left


def test_areas_are_read_and_cut_at_the_antimeridian(tmp_path):
    def area(made):
        (tmp_path / "area.geojson").write_text(json.dumps(made))
        return vectors.read_area(tmp_path / "area.geojson")

    square = json.loads(shapely.to_geojson(box(5, 50, 6, 51)))
    other = json.loads(shapely.to_geojson(box(6, 50, 7, 51)))
    assert area(square).bounds == (5, 50, 6, 51)
    features = [{"type": "Feature", "geometry": part, "properties": {}} for part in (square, other, None)]
    assert area({"type": "FeatureCollection", "features": features}).bounds == (5, 50, 7, 51)
    assert area({"type": "GeometryCollection", "geometries": [square, {"type": "Point", "coordinates": [0, 0]}]}).area == 1
    beyond = area(json.loads(shapely.to_geojson(box(179, 0, 181, 1))))
    assert beyond.geom_type == "MultiPolygon"
    assert beyond.area == pytest.approx(2)
    bow = {"type": "Polygon", "coordinates": [[[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]]}
    assert area(bow).is_valid


@pytest.mark.parametrize(
    "text",
    [
        "not json",
        '{"type": "Point", "coordinates": [0, 0]}',
        '{"type": "FeatureCollection", "features": []}',
        '{"type": "Polygon", "coordinates": [[[500000, 5000000], [500100, 5000000], [500100, 5000100], [500000, 5000000]]]}',
        '{"type": "Polygon"}',
        '["a"]',
        '{"features": 3, "type": "FeatureCollection"}',
    ],
)
def test_what_is_no_area_is_refused(tmp_path, text):
    (tmp_path / "a.geojson").write_text(text)
    with pytest.raises(InputError):
        vectors.read_area(tmp_path / "a.geojson")
    with pytest.raises(NotFoundError):
        vectors.read_area(tmp_path / "none.geojson")
