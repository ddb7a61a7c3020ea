"""Outlines in longitude and latitude: across the antimeridian, around the poles, beyond the edge of projections."""

import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod
from rasterio.crs import CRS
from shapely.geometry import MultiPolygon, Point, Polygon, box

from geoglot.core.errors import NotEarthError, RasterError
from geoglot.geo import footprint as outlines
from geoglot.geo.grid import Grid

GEOD = Geod(ellps="WGS84")
NORTH, SOUTH, DEGREES = CRS.from_epsg(3413), CRS.from_epsg(3031), CRS.from_epsg(4326)


def area(shape) -> float:
    """Square metres on the ellipsoid."""
    return sum(abs(GEOD.geometry_area_perimeter(part.segmentize(0.5))[0]) for part in getattr(shape, "geoms", [shape]))


def polar(crs, left, top, size=1000, step=1000.0) -> Grid:
    return Grid(crs, Affine(step, 0, left, 0, -step, top), (size, size))


@pytest.mark.parametrize(
    "grid",
    [
        Grid(CRS.from_epsg(32660), Affine(100, 0, 570585, 0, -100, 5847615), (2355, 2325)),
        Grid(CRS.from_epsg(32601), Affine(100, 0, 70585, 0, -100, 5847615), (2355, 2325)),
        Grid(CRS.from_epsg(32701), Affine(100, 0, 70585, 0, -100, 8000000), (2355, 2325)),
        Grid(DEGREES, Affine(0.1, 0, 170, 0, -0.1, 10), (200, 200)),
        Grid(DEGREES, Affine(0.1, 0, -190, 0, -0.1, 10), (200, 200)),
        Grid(CRS.from_epsg(3857), Affine(1000, 0, 19500000, 0, -1000, 1e6), (1000, 1000)),
    ],
    ids=["utm60", "utm1", "utm1south", "degrees-east", "degrees-west", "mercator"],
)
def test_a_scene_across_the_antimeridian_has_two_parts_and_keeps_its_area(grid):
    shape = grid.footprint()
    assert isinstance(shape, MultiPolygon)
    assert shape.is_valid
    assert shape.bounds[0] == pytest.approx(-180)
    assert shape.bounds[2] == pytest.approx(180)
    assert area(shape) == pytest.approx(grid.gsd**2 * grid.shape[0] * grid.shape[1], rel=0.02)
    west, _, east, _ = outlines.bounds(shape)
    assert 165 < west < 180 < east < 195


@pytest.mark.parametrize(
    ("grid", "west", "east"),
    [
        (polar(NORTH, -500000, 700000), -180, 180),
        (polar(SOUTH, -500000, 700000), -180, 180),
        (polar(NORTH, 0, 0), -45, 45),  # the pole is its upper left corner
        (polar(NORTH, -500000, 0), -135, 45),  # the pole is in the middle of its upper edge
        (Grid(SOUTH, Affine.rotation(30) * Affine.scale(1000, -1000) * Affine.translation(-150, -150), (300, 300)), -180, 180),
        (Grid(CRS.from_epsg(32631), Affine(1000, 0, 0, 0, -1000, 10200000), (1000, 1000)), -180, 180),
    ],
    ids=["north", "south", "corner", "edge", "rotated", "utm"],
)
def test_a_grid_with_a_pole_reaches_it(grid, west, east):
    shape = grid.footprint()
    assert shape.is_valid
    assert max(abs(shape.bounds[1]), abs(shape.bounds[3])) == 90
    assert (shape.bounds[0], shape.bounds[2]) == pytest.approx((west, east), abs=1e-3)
    assert area(shape) == pytest.approx(grid.window(0, 0, *grid.shape).gsd ** 2 * grid.shape[0] * grid.shape[1], rel=0.03)


@given(st.floats(-2e6, 1e6), st.floats(-1e6, 2e6), st.sampled_from([NORTH, SOUTH]))
@settings(max_examples=80, deadline=None)
def test_points_of_a_polar_grid_lie_in_its_outline_and_others_do_not(left, top, crs):
    grid = polar(crs, left, top, 100, 10000.0)
    shape = grid.footprint()
    assert shape.is_valid
    c, r = np.meshgrid([3.0, 50.0, 97.0], [3.0, 50.0, 97.0])
    for lon, lat in zip(*(part.ravel() for part in outlines.place(grid, c, r)), strict=True):
        assert shape.distance(Point(lon, lat)) < 1e-9
    c, r = np.array([-3.0, 103.0, 50.0, 50.0]), np.array([50.0, 50.0, -3.0, 103.0])
    for lon, lat in zip(*outlines.place(grid, c, r), strict=True):
        assert not shape.contains(Point(lon, lat))


@given(st.floats(-180, 180), st.floats(-85, 85), st.floats(1, 100))
@settings(max_examples=80, deadline=None)
def test_a_grid_anywhere_has_a_valid_outline_within_the_usual_range_around_its_centre(lon, lat, gsd):
    grid = Grid.at(lon, lat, gsd, 200)
    shape = grid.footprint(4)
    assert shape.is_valid
    assert shape.bounds[0] >= -180
    assert shape.bounds[2] <= 180
    assert shape.distance(Point(grid.lonlat())) < 1e-9
    west, _, east, _ = outlines.bounds(shape)
    assert west <= east
    assert west <= 180 + 1e-9


@pytest.mark.parametrize("left", [-180.0, 0.0, -360.0, 45.0])
@pytest.mark.parametrize("code", [4326, 4267, 4269])
def test_a_whole_earth_raster_covers_the_earth_from_whatever_meridian(left, code):
    for density in (2, 16):
        shape = Grid(CRS.from_epsg(code), Affine(1, 0, left, 0, -1, 90), (180, 360)).footprint(density)
        assert isinstance(shape, Polygon)
        assert shape.area == pytest.approx(360 * 180, rel=1e-4)


def test_a_raster_of_pixel_centres_reaches_half_a_pixel_over_everything():
    shape = Grid(DEGREES, Affine(1, 0, -180.5, 0, -1, 90.5), (181, 361)).footprint()
    assert shape.bounds == pytest.approx((-180, -90, 180, 90))


def test_longitudes_from_0_to_360_come_back_into_the_usual_range():
    shape = Grid(DEGREES, Affine(0.1, 0, 300, 0, -0.1, 10), (200, 400)).footprint()
    assert shape.bounds == pytest.approx((-60, -10, -20, 10))


def test_beyond_the_edge_of_a_projection_there_is_nothing():
    modis = CRS.from_proj4("+proj=sinu +R=6371007.181")
    tile = 1111950.5196667
    edge = Grid(modis, Affine(tile / 240, 0, -tile * 11, 0, -tile / 240, tile * 6), (240, 240))  # 60 to 50 degrees north
    shape = edge.footprint()
    assert shape.bounds[0] == pytest.approx(-180, abs=0.7)
    assert shape.bounds[2] < -150
    assert 0 < area(shape) < edge.gsd**2 * 240 * 240
    nowhere = Grid(modis, Affine(tile / 240, 0, -tile * 18, 0, -tile / 240, tile * 6), (240, 240))
    assert nowhere.footprint().is_empty
    assert not np.isfinite(nowhere.lonlat()).all()


def test_many_windows_are_placed_at_once_as_each_alone():
    grid = Grid(CRS.from_epsg(32660), Affine(1000, 0, 570585, 0, -1000, 5847615), (200, 200))
    windows = list(grid.tiles(60))
    for window, shape in zip(windows, outlines.footprints(grid, windows, 4), strict=True):
        assert shape.equals_exact(grid.window(*window).footprint(4), 1e-9)
    assert outlines.footprints(grid, []) == []


@given(st.floats(-720, 720), st.floats(0.1, 300), st.floats(-80, 80))
def test_split_keeps_area_and_range(west, width, south):
    shape = outlines.split(box(west, south, west + width, south + 5))
    assert shape.is_valid
    assert shape.area == pytest.approx(width * 5, rel=1e-9)
    assert shape.bounds[0] >= -180
    assert shape.bounds[2] <= 180


def test_bounds_of_islands_on_both_sides_are_not_taken_for_a_crossing():
    apart = MultiPolygon([box(-170, 0, -160, 1), box(160, 0, 170, 1)])
    assert outlines.bounds(apart) == apart.bounds
    crossing = MultiPolygon([box(-180, 0, -170, 1), box(175, 0, 180, 1)])
    assert outlines.bounds(crossing) == (175, 0, 190, 1)


def test_other_planets_and_local_systems_are_refused_with_their_names():
    mars = CRS.from_proj4("+proj=eqc +R=3396190")
    with pytest.raises(NotEarthError, match="3396 km"):
        outlines.check_earth(mars)
    local = CRS.from_wkt('LOCAL_CS["my field",UNIT["metre",1],AXIS["x",EAST],AXIS["y",NORTH]]')
    with pytest.raises(RasterError, match="no place on the Earth"):
        outlines.check_earth(local)


def test_outlines_stay_on_the_grid_between_corners():
    grid = Grid(CRS.from_epsg(3035), Affine(10000, 0, 2500000, 0, -10000, 5500000), (300, 300))
    shape = shapely.convex_hull(grid.footprint(64))
    assert area(grid.footprint(64)) == pytest.approx(9e12, rel=1e-3)
    assert shape.contains(Point(grid.lonlat()))
