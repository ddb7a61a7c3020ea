"""Filters: SQL and exact test together against brute force, literals that cannot break out, intervals of time."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
import shapely
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from shapely.geometry import box

from geoglot.archive import filters
from geoglot.archive.store import Store
from geoglot.core.errors import InputError
from geoglot.geo.footprint import bounds, split

N = 150


def places() -> tuple[list[shapely.Geometry], np.ndarray]:
    """Boxes anywhere, some across the antimeridian, with bounds as the archive keeps them."""
    rng = np.random.default_rng(0)
    west = np.concatenate([rng.uniform(-180, 180, N - 50), rng.uniform(176, 180, 30), rng.uniform(-180, -178, 20)])
    south, width, height = rng.uniform(-90, 85, N), rng.uniform(0.1, 8, N), rng.uniform(0.1, 5, N)
    shapes = [split(box(w, s, w + dw, s + dh)) for w, s, dw, dh in zip(west, south, width, height, strict=True)]
    return shapes, np.array([bounds(shape) for shape in shapes])


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    shapes, edges = places()
    columns = dict(zip(("west", "south", "east", "north"), edges.T, strict=True))
    db = Store(tmp_path_factory.mktemp("db")).connect()
    made = pa.table({"n": np.arange(N), "footprint": shapely.to_wkb(shapes).tolist(), **columns})
    return db.create_table("places", made), shapes, edges


def on_columns(table, made: filters.Filter) -> set[int]:
    """What the conditions say of arrays instead of in SQL."""
    found = table.to_arrow()
    names = {name for condition in made.conditions for name in condition.columns}
    columns = {name: found[name].to_numpy().astype(filters.TYPES[name]) for name in names}
    return set(found["n"].to_numpy()[made.passes(columns, len(found))].tolist())


def answer(table, made: filters.Filter) -> set[int]:
    rows = table.search().where(made.sql).select(["n", "footprint"]).to_arrow().to_pylist()
    assert {row["n"] for row in rows} == on_columns(table, made)
    return {row["n"] for row, meets in zip(rows, made.meets([row["footprint"] for row in rows]), strict=True) if meets}


def brute(edges, west, south, east, north) -> set[int]:
    """Whether a box meets each of the boxes, on a globe that is rolled out three times."""
    east = east + 360 if east < west else east
    w, s, e, n = edges.T
    meets = np.zeros(len(edges), dtype=bool)
    for turn in (-360, 0, 360):
        meets |= (w + turn <= east) & (e + turn >= west) & (s <= north) & (n >= south)
    return set(np.flatnonzero(meets).tolist())


degrees = st.floats(-180, 180, allow_nan=False).map(lambda value: round(value, 3))
latitudes = st.floats(-90, 90, allow_nan=False).map(lambda value: round(value, 3))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(west=degrees, east=degrees, one=latitudes, other=latitudes)
@example(west=179.0, east=-179.0, one=-90.0, other=90.0)
@example(west=-180.0, east=180.0, one=-90.0, other=90.0)
@example(west=170.0, east=180.0, one=-90.0, other=90.0)
@example(west=-180.0, east=-180.0, one=-90.0, other=90.0)
@example(west=10.0, east=9.0, one=-90.0, other=90.0)
@example(west=1.0, east=0.0, one=0.0, other=0.0)
@example(west=-5.0, east=-5.0, one=10.0, other=40.0)
def test_boxes_against_brute_force(table, west, east, one, other):
    store, _, edges = table
    south, north = sorted((one, other))
    assert answer(store, filters.make(bbox=(west, south, east, north))) == brute(edges, west, south, east, north)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.lists(st.tuples(st.floats(150, 210), st.floats(-80, 80)), min_size=3, max_size=6))
def test_polygons_against_brute_force(table, points):
    store, shapes, _ = table
    area = shapely.make_valid(shapely.convex_hull(shapely.multipoints(points)))
    if area.area < 1e-6:
        return
    moved = shapely.affinity.translate(area, -360)
    wanted = {n for n, shape in enumerate(shapes) if area.intersects(shape) or moved.intersects(shape)}
    assert answer(store, filters.make(within=area)) == wanted


def test_box_and_area_together(table):
    store, _, edges = table
    made = filters.make(bbox=(0, -90, 180, 90), within=box(-90, -90, 90, 90))
    assert answer(store, made) == brute(edges, 0, -90, 90, 90)
    assert answer(store, filters.make(bbox=(0, 0, 10, 10), within=box(50, 50, 60, 60))) == set()


@pytest.mark.parametrize(
    "bbox",
    [
        (0, 10, 5, 5),
        (0, 0, 5),
        (200, 0, 210, 5),
        (0, -100, 5, 5),
        (0, 0, "x", 5),
        (0, 0, float("nan"), 5),
        "abcd",
    ],
)
def test_wrong_boxes_say_what_is_wrong(bbox):
    with pytest.raises(InputError):
        filters.make(bbox=bbox)


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2020", at(2020, 1, 1), at(2021, 1, 1)),
        ("2020-02", at(2020, 2, 1), at(2020, 3, 1)),
        ("2020-12-31", at(2020, 12, 31), at(2021, 1, 1)),
        ("2019-01-01/2020-12-31", at(2019, 1, 1), at(2021, 1, 1)),
        ("2019/..", at(2019, 1, 1), None),
        ("../2019-06", None, at(2019, 7, 1)),
        ("/2019", None, at(2020, 1, 1)),
        ("2020-01-01T10:00:00Z/2020-01-01T12:00:00Z", at(2020, 1, 1, 10), at(2020, 1, 1, 12, 0, 1)),
        ("../..", None, None),
    ],
)
def test_intervals(text, first, last):
    assert filters.interval(text) == (first, last)


@pytest.mark.parametrize("text", ["yesterday", "2020/2019", "", "2020-13", "2020'/.."])
def test_wrong_times(text):
    with pytest.raises(InputError):
        filters.interval(text)


NASTY = [
    "plain",
    "o'brien",
    "' OR 1=1 --",
    "'; DROP TABLE t; --",
    'say "hi"',
    "back\\slash\\'",
    "per%cent_",
    "naïve 東京 🛰",
    "new\nline",
    "$1 {x} ?",
]


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    times = [datetime(2020, 1, 1 + i) for i in range(len(NASTY))]
    bands = [f",b{i},{'red' if i % 2 else 'nir'}," for i in range(len(NASTY))]
    gsd = [float(i) if i else None for i in range(len(NASTY))]
    made = pa.table(
        {
            "n": np.arange(len(NASTY)),
            "sensor": NASTY,
            "scene": NASTY,
            "time": pa.array([*times[:-1], None], pa.timestamp("us")),
            "bands": bands,
            "gsd": pa.array(gsd, pa.float64()),
            "cloud": pa.array([0.1 * i if i != 4 else None for i in range(len(NASTY))], pa.float32()),
            "run": np.arange(len(NASTY)) - 3,
        }
    )
    return Store(tmp_path_factory.mktemp("db")).connect().create_table("t", made)


@pytest.mark.parametrize("text", NASTY)
def test_texts_in_filters_are_only_texts(texts, text):
    for key in ("sensor", "scene"):
        found = texts.search().where(filters.make(where={key: text}).sql).to_arrow()
        assert found["sensor"].to_pylist() == [text]
    assert texts.count_rows(filters.make(where={"scene": f"{text}'"}).sql) == 0
    assert texts.count_rows(filters.make(where={"bands": text}).sql) == 0


def test_attributes_and_times(texts):
    def count(**chosen):
        made = filters.make(**chosen)
        found = texts.count_rows(made.sql)
        assert len(on_columns(texts, made)) == found
        return found

    assert count(where={"sensor": NASTY[:3]}) == 3
    assert count(where={"bands": "red"}) == 5
    assert count(where={"bands": ["red", "B3"]}) == 1
    assert count(where={"gsd_min": 2, "gsd_max": "4.5"}) == 3
    assert count(time="2020-01-03/2020-01-05") == 3
    assert count(time="2020-01-03T00:00:00Z/..") == 7
    assert count(time="../..") == len(NASTY) - 1
    assert count(time="2019") == 0
    assert count(time="2020", where={"sensor": "plain"}) == 1
    # limits that no float32 equals, beside float32 values
    for limit in (0.3, 0.1, 0.7, 0.29999, 1e300):
        assert count(where={"cloud_max": limit}) == count(where={"cloud_max": float(np.float32(min(limit, 1e30)))})
    assert count(hidden=(-3, 0)) == len(NASTY) - 2
    for wrong in ({"colour": "red"}, {"sensor": 3}, {"sensor": []}, {"gsd_min": "x"}, {"gsd_max": float("inf")}, {"sensor": [1]}):
        with pytest.raises(InputError):
            filters.make(where=wrong)


def test_hidden_rows_are_filtered():
    assert filters.make(hidden=(3, -5)).sql == "(run NOT IN (3, -5))"
    assert filters.make() == filters.Filter()
