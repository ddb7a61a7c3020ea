"""Grids: bounds, windows, tiles, map tiles, places and sizes on the ground."""

import math

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS

from geoglot.core.errors import InputError
from geoglot.geo.grid import Grid, count_tiles, tiles, utm

sizes = st.integers(1, 500)


def north_up(size=(100, 200), gsd=10.0) -> Grid:
    return Grid(CRS.from_epsg(32631), Affine(gsd, 0, 500000, 0, -gsd, 5000000), size)


@given(st.tuples(sizes, sizes), st.integers(1, 300), st.floats(0, 0.9))
@settings(max_examples=150)
def test_tiles_cover_every_pixel_inside_the_grid_and_are_counted(shape, size, overlap):
    size = max(size, max(shape) // 20)
    found = list(tiles(shape, size, overlap))
    assert len(found) == count_tiles(shape, size, overlap) == len(set(found))
    seen = np.zeros(shape, dtype=bool)
    for row, col, h, w in found:
        assert (h, w) == (min(size, shape[0]), min(size, shape[1]))
        assert row >= 0
        assert col >= 0
        assert row + h <= shape[0]
        assert col + w <= shape[1]
        seen[row : row + h, col : col + w] = True
    assert seen.all()


def test_tiles_of_a_header_that_claims_two_billion_pixels_are_lazy():
    assert next(iter(tiles((2**31, 2**31), 256))) == (0, 0, 256, 256)
    assert count_tiles((2**31, 2**31), 256) == (2**31 // 256) ** 2


@pytest.mark.parametrize(("size", "overlap"), [(0, 0.0), (10, 0.95), (10, -0.1), (10, float("nan"))])
def test_tiles_refuse_sizes_and_overlaps_without_sense(size, overlap):
    with pytest.raises(InputError):
        list(tiles((10, 10), size, overlap))


def test_bounds_of_a_rotated_grid_are_the_box_around_it():
    grid = Grid(CRS.from_epsg(32631), Affine.translation(5e5, 5e6) * Affine.rotation(30) * Affine.scale(10, -10), (100, 200))
    corners = [grid.transform * point for point in ((0, 0), (200, 0), (0, 100), (200, 100))]
    xs, ys = zip(*corners, strict=True)
    assert grid.bounds == pytest.approx((min(xs), min(ys), max(xs), max(ys)))
    assert grid.rotated
    assert not north_up().rotated


@given(st.integers(-50, 150), st.integers(-50, 150), sizes, sizes)
def test_windows_and_scales_keep_the_ground(row, col, height, width):
    grid = north_up()
    part = grid.window(row, col, height, width)
    assert part.transform * (0, 0) == pytest.approx(grid.transform * (col, row))
    assert part.transform * (width, height) == pytest.approx(grid.transform * (col + width, row + height))
    scaled = part.scaled(7, 13)
    assert scaled.shape == (7, 13)
    assert scaled.bounds == pytest.approx(part.bounds)


@given(st.integers(0, 22), st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True))
def test_map_tiles_agree_with_the_slippy_map_formulas(z, u, v):
    x, y = int(u * 2**z), int(v * 2**z)

    def corner(x, y):
        lon = x / 2**z * 360 - 180
        return lon, math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * y / 2**z))))

    west, south, east, north = Grid.xyz(z, x, y).footprint(2).bounds
    assert (west, north) == pytest.approx(corner(x, y), abs=1e-7)
    assert (east, south) == pytest.approx(corner(x + 1, y + 1), abs=1e-7)


def test_map_tiles_agree_with_morecantile():
    morecantile = pytest.importorskip("morecantile")
    scheme = morecantile.tms.get("WebMercatorQuad")
    for z, x, y in [(0, 0, 0), (5, 17, 11), (14, 8400, 5400), (22, 0, 2**22 - 1)]:
        assert Grid.xyz(z, x, y).bounds == pytest.approx(tuple(scheme.xy_bounds(x, y, z)), abs=1e-3)


@pytest.mark.parametrize(("z", "x", "y"), [(-1, 0, 0), (2, 4, 0), (2, 0, -1)])
def test_map_tiles_that_are_not_there_are_refused(z, x, y):
    with pytest.raises(InputError):
        Grid.xyz(z, x, y)


@given(st.floats(-180, 180), st.floats(-90, 90), st.floats(0.1, 100), st.integers(1, 600))
def test_a_grid_at_a_place_has_its_centre_there_and_its_pixels_the_size_asked_for(lon, lat, gsd, size):
    grid = Grid.at(lon, lat, gsd, size)
    found = grid.lonlat()
    turn = (found[0] - lon + 180) % 360 - 180
    assert abs(turn) * math.cos(math.radians(lat)) < 1e-6
    assert found[1] == pytest.approx(lat, abs=1e-6)
    # scale of UTM within its zone, and of the polar stereographic projection at its pole
    assert grid.gsd == pytest.approx(gsd, rel=0.008)


@pytest.mark.parametrize(
    ("lon", "lat", "code"),
    [
        (3, 52, 32631),
        (-180, 0, 32601),
        (180, -1, 32760),
        (179.99, 60, 32660),
        (0, 84, 32661),
        (0, 83.99, 32631),
        (9, -80.5, 32761),
    ],
)
def test_zones(lon, lat, code):
    assert utm(lon, lat).to_epsg() == code


@pytest.mark.parametrize(("lon", "lat", "gsd"), [(181, 0, 1), (0, 91, 1), (0, 0, 0), (0, 0, float("nan"))])
def test_places_that_are_none_are_refused(lon, lat, gsd):
    with pytest.raises(InputError):
        Grid.at(lon, lat, gsd, 10)


def test_the_size_of_a_pixel_is_measured_on_the_ellipsoid():
    at_60 = Grid(CRS.from_epsg(4326), Affine(0.001, 0, 10, 0, -0.001, 60.05), (100, 100))
    assert at_60.gsd == pytest.approx(math.sqrt(55.8 * 111.4), rel=1e-3)
    assert Grid(CRS.from_epsg(4326), Affine(360, 0, -180, 0, -180, 90), (1, 1)).gsd > 1e7
    assert Grid.xyz(10, 500, 500, 256).gsd < 40075017 / 2**10 / 256


def test_transforms_without_area_are_refused():
    with pytest.raises(InputError):
        Grid(CRS.from_epsg(4326), Affine(0, 0, 1, 0, -1, 0), (1, 1))
    with pytest.raises(InputError):
        Grid(CRS.from_epsg(4326), Affine(float("nan"), 0, 1, 0, -1, 0), (1, 1))
    with pytest.raises(InputError):
        north_up((0, 5))
