"""Rendered places: seeded, the same at any sampling distance, and true to their own truth."""

import subprocess
import sys

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS

from geoglot.core.errors import InputError
from geoglot.data.synth import CLASSES, KINDS, Rendered, landscape, render
from geoglot.data.synth.paint import Sun
from geoglot.geo.footprint import transformer
from geoglot.geo.grid import Grid

BANDS = ("red", "green", "blue", "nir")
WATER, TANK, SHIP = (CLASSES.index(name) for name in ("water", "tank", "ship"))


@pytest.fixture(scope="module")
def port() -> Rendered:
    world = landscape(4, "harbour", 1600)
    return render(world, world.grid(2.0, 768), BANDS, seed=4)


def test_same_seed_same_bytes():
    a, b = (render(w, w.grid(2.0, 128), seed=3) for w in (landscape(9, "river", 800), landscape(9, "river", 800)))
    assert np.array_equal(a.raster.data, b.raster.data)
    assert np.array_equal(a.cover, b.cover)
    assert [o.label for o in a.objects] == [o.label for o in b.objects]


def test_another_picture_of_the_same_place_keeps_the_ground():
    world = landscape(9, "river", 800)
    a, b = (render(world, world.grid(2.0, 128), seed=seed) for seed in (1, 2))
    assert np.array_equal(a.cover, b.cover)
    assert not np.array_equal(a.raster.data, b.raster.data)


def test_another_seed_is_another_place():
    a, b = (landscape(seed, "lakes", 800) for seed in (1, 2))
    assert not np.array_equal(render(a, a.grid(4, 64)).cover, render(b, b.grid(4, 64)).cover)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_each_kind_renders_at_coarse_and_fine_pixels(kind):
    world = landscape(1, kind, 1200)
    for gsd in (0.5, 8.0):
        scene = render(world, world.grid(gsd, 96), seed=1)
        assert scene.raster.data.shape == (3, 96, 96)
        assert scene.raster.data.std() > 1, "a flat picture"
        assert scene.cover.max() < len(CLASSES)
        assert scene.kind == kind


def test_motorways_cross_in_a_wide_place():
    wide = landscape(3, "junction", 9000)
    assert "viaduct" in {thing.label for thing in wide.things}


def test_what_was_ordered_is_there():
    wanted = {"harbour": "ship", "tankfarm": "storage tank", "houses": "house", "airfield": "airplane"}
    for kind, label in wanted.items():
        assert any(thing.label == label for thing in landscape(2, kind, 2000).things), kind


@pytest.mark.parametrize(("coarse", "least"), [(2.0, 0.93), (8.0, 0.80)])
def test_two_sampling_distances_agree(coarse, least):
    world = landscape(5, "houses", 1200)
    times = int(coarse)
    fine = render(world, world.grid(1.0, 512), seed=2)
    rough = render(world, world.grid(coarse, 512 // times), seed=2)
    centres = fine.cover[times // 2 :: times, times // 2 :: times]
    assert (centres == rough.cover).mean() > least
    side = 512 // times
    mean = fine.raster.data.reshape(3, side, times, side, times).mean(axis=(2, 4))
    gap = np.abs(mean - rough.raster.data)
    assert gap.mean() < (8 if coarse < 8 else 13)  # ever more pixels hold several things, and contrast is as in real pictures
    assert np.corrcoef(mean.ravel(), rough.raster.data.ravel())[0, 1] > 0.85


def test_a_part_is_the_part_of_the_whole():
    world = landscape(6, "airfield", 1600)
    grid = world.grid(1.0, 700)
    whole, part = render(world, grid), render(world, grid.window(300, 250, 200, 150))
    assert (whole.cover[300:500, 250:400] == part.cover).mean() > 0.995


def test_water_is_dark_and_leaves_bright_in_the_near_infrared(port):
    red, nir = port.raster.data[0].astype(float), port.raster.data[3].astype(float)
    water, crops = port.cover == WATER, port.cover == CLASSES.index("crops")
    assert water.mean() > 0.05
    assert crops.mean() > 0.05
    assert nir[water].mean() < 45
    assert nir[water].mean() < red[water].mean()
    assert nir[crops].mean() > red[crops].mean() + 5  # ripe and ploughed fields are as bright in red


@pytest.mark.parametrize(("label", "number"), [("storage tank", TANK), ("ship", SHIP)])
def test_objects_lie_on_their_pixels(port, label, number):
    found = [o for o in port.objects if o.label == label and o.span >= 8]
    assert len(found) >= 3
    on = []
    for o in found:
        x0, y0, x1, y1 = (round(v) for v in o.box)
        middle = port.cover[(y0 + y1) // 2, (x0 + x1) // 2]
        on.append(middle == number)
        assert (port.cover[y0:y1, x0:x1] == number).any()
    assert np.mean(on) > 0.9


def test_boxes_are_inside_and_not_empty(port):
    h, w = port.cover.shape
    for o in port.objects:
        x0, y0, x1, y1 = o.box
        assert 0 <= x0 < x1 <= w
        assert 0 <= y0 < y1 <= h


def test_shadows_fall_away_from_the_sun():
    east, north = Sun(azimuth=90, elevation=45).cast()
    assert (round(east, 6), round(north, 6)) == (-1.0, 0.0)
    assert np.hypot(*Sun(180, 30).cast()) == pytest.approx(1 / np.tan(np.radians(30)))


def test_the_place_is_where_it_was_put():
    world = landscape(1, "forest", 600, lonlat=(-70.2, -33.4))
    grid = world.grid(1.0, 100)
    assert grid.crs == CRS.from_epsg(32719)
    assert grid.lonlat() == pytest.approx((-70.2, -33.4), abs=2e-4)
    assert render(world, grid).raster.grid == grid


@pytest.mark.parametrize("crs", ["EPSG:3857", "EPSG:4326"])
def test_other_reference_systems_show_the_same_ground(crs):
    world = landscape(8, "beach", 1500)
    own = world.grid(2.0, 512)
    flat = render(world, own)
    lon, lat = own.lonlat()
    if crs == "EPSG:3857":
        x, y = lon * 111319.49079327358, 6378137 * np.log(np.tan(np.pi / 4 + np.radians(lat) / 2))
        grid = Grid(CRS.from_string(crs), Affine(4, 0, x - 400, 0, -4, y + 400), (200, 200))
    else:
        grid = Grid(CRS.from_string(crs), Affine(4e-5, 0, lon - 4e-3, 0, -3e-5, lat + 3e-3), (200, 200))
    scene = render(world, grid)
    rows, cols = np.mgrid[5:195:10, 5:195:10] + 0.5
    xs, ys = grid.transform * (cols.ravel(), rows.ravel())
    east, north = transformer(grid.crs.to_wkt(), own.crs.to_wkt()).transform(xs, ys)
    c, r = ~own.transform * (np.asarray(east), np.asarray(north))
    there = (r > 0) & (r < 512) & (c > 0) & (c < 512)
    a = flat.cover[r[there].astype(int), c[there].astype(int)] == WATER
    b = scene.cover[rows.ravel()[there].astype(int), cols.ravel()[there].astype(int)] == WATER
    assert there.sum() > 100
    assert (a == b).mean() > 0.97


@settings(max_examples=25, deadline=None)
@given(row=st.integers(0, 700), col=st.integers(0, 700), h=st.integers(1, 68), w=st.integers(1, 68))
def test_window_truth_is_counted_from_the_mask(port, row, col, h, w):
    truth = port.truth_at((row, col, h, w))
    part = port.cover[row : row + h, col : col + w]
    assert sum(truth.cover.values()) == pytest.approx(1)
    for name, share in truth.cover.items():
        assert share == pytest.approx((part == CLASSES.index(name)).mean())


def test_windows_share_out_the_objects(port):
    whole = port.truth_at().count
    parts = [port.truth_at(window).count for window in port.raster.grid.tiles(96)]
    for label, count in whole.items():
        assert sum(part.get(label, 0) for part in parts) == count


def test_footprints_find_their_window(port):
    window = (96, 192, 128, 64)
    assert port.window_of(port.raster.grid.window(*window).footprint()) == window
    assert port.window_of(Grid.at(20, 10, 1, 64).footprint()) is None


def test_bad_requests_say_what_to_do():
    world = landscape(1, "forest", 300)
    with pytest.raises(InputError, match="red, green, blue, nir"):
        render(world, world.grid(1, 16), bands=("red", "thermal"))
    with pytest.raises(InputError, match="harbour"):
        landscape(1, "volcano")
    with pytest.raises(InputError, match="leaves the scene"):
        render(world, world.grid(1, 16)).truth_at((0, 0, 17, 4))


def test_torch_is_not_needed():
    code = "import sys, geoglot.data.synth; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_kinds_are_described():
    assert all(build.__doc__ for build in KINDS.values())
