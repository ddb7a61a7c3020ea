"""Warping onto any grid: edges, masks, ratios, the antimeridian, poles, ground control points; against GDAL's warper."""

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, Resampling
from rasterio.vrt import WarpedVRT
from rasterio.warp import reproject

from geoglot.geo import footprint
from geoglot.geo.grid import Grid
from geoglot.geo.scene import Scene

UTM = CRS.from_epsg(32631)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32", "float64"])
def test_a_warp_onto_the_own_grid_changes_nothing(make, dtype):
    data = np.random.default_rng(0).integers(1, 250, (3, 50, 60)).astype(dtype)
    scene = Scene.open(make(data))
    raster = scene.read(grid=scene.grid)
    assert raster.data.dtype == data.dtype
    assert (raster.data == data).all()
    assert raster.valid.all()
    inner = scene.read(grid=scene.grid.window(7, 9, 20, 20))
    assert (inner.data == data[:, 7:27, 9:29]).all()


@pytest.mark.parametrize(
    ("dtype", "count"), [("uint16", 2), ("uint16", 4), ("uint16", 5), ("uint8", 2), ("uint8", 5), ("float32", 1), ("float32", 3)]
)
def test_beyond_the_edge_nothing_is_valid_where_a_warped_vrt_claims_that_everything_is(make, dtype, count):
    path = make(np.full((count, 64, 64), 9, dtype), photometric="MINISBLACK")
    scene = Scene.open(path)
    grid = Grid(CRS.from_epsg(3857), Affine(10, 0, 333000, 0, -10, 5640000), (200, 200))
    centre = grid.window(0, 0, 1, 1).crs
    x, y = rasterio.warp.transform("EPSG:32631", centre, [500320], [5000000 - 320])
    grid = Grid(grid.crs, Affine(10, 0, x[0] - 1000, 0, -10, y[0] + 1000), (200, 200))
    raster = scene.read(grid=grid)
    share = scene.footprint.area / grid.footprint().area
    assert raster.valid.mean() == pytest.approx(share, rel=0.03)
    assert np.allclose(raster.data[:, raster.valid], 9, rtol=1e-6)
    assert not raster.valid[:20].any()
    assert not raster.valid[:, -20:].any()
    # the trap itself: GDAL's mask of the whole VRT against its transparency band
    options = {"crs": grid.crs, "transform": grid.transform, "height": 200, "width": 200, "add_alpha": True}
    with rasterio.open(path) as file, WarpedVRT(file, **options) as vrt:
        assert vrt.colorinterp[-1] == ColorInterp.alpha
        alpha = vrt.read(vrt.count) > 0
        assert (alpha == raster.valid).mean() > 0.99


@pytest.mark.parametrize(("gsd", "dtype"), [(10, "uint8"), (3, "uint16"), (25, "float32"), (60, "int16")])
def test_values_agree_with_gdal_within_the_scene(make, ramp, gsd, dtype):
    data = ramp(2, 300, 300, dtype, 0, 200)
    scene = Scene.open(make(data))
    lon, lat = scene.grid.lonlat()
    grid = Grid.at(lon, lat, gsd, int(1500 / gsd))
    grid = Grid(CRS.from_epsg(3035), Affine(gsd, 0, *_corner(lon, lat, gsd, grid.shape)), grid.shape)
    raster = scene.read(grid=grid)
    wanted = np.zeros((2, *grid.shape), np.float32)
    how = Resampling.bilinear if gsd <= 10 else Resampling.average
    reproject(
        data.astype(np.float32), wanted, src_transform=scene.grid.transform, src_crs=UTM, resampling=how,
        dst_transform=grid.transform, dst_crs=grid.crs,
    )  # fmt: skip
    assert raster.valid.all()
    assert np.abs(raster.data.astype(float) - wanted).max() < (1.01 if dtype != "float32" else 0.7)
    assert abs((raster.data.astype(float) - wanted).mean()) < 0.1


def _corner(lon, lat, gsd, shape):
    x, y = footprint.transformer("EPSG:4326", CRS.from_epsg(3035).to_wkt()).transform(lon, lat)
    return x - gsd * shape[1] / 2, 0, -gsd, y + gsd * shape[0] / 2


def test_missing_pixels_do_not_bleed_into_their_neighbours(make):
    data = np.full((1, 40, 40), 100.0, np.float32)
    data[0, 10:20, 10:20] = -9999
    scene = Scene.open(make(data, nodata=-9999))
    for factor in (0.37, 1.0, 3.3):
        side = int(40 / factor)
        raster = scene.read(grid=scene.grid.scaled(side, side))
        assert np.allclose(raster.data[:, raster.valid], 100)
        assert (~raster.valid).mean() == pytest.approx(1 / 16, abs=0.03)


@given(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_shift_of_a_part_of_a_pixel_rounds_to_nearest_and_keeps_the_edge(make, dx, dy):
    data = np.arange(400, dtype=np.uint16).reshape(1, 20, 20) * 10
    scene = Scene.open(make(data))
    grid = Grid(UTM, scene.grid.transform * Affine.translation(dx, dy), (20, 20))
    raster = scene.read(grid=grid)
    inside = raster.valid[1:-1, 1:-1]
    assert inside.all()
    wanted = data[0, 1:-1, 1:-1] + 10 * dx + 200 * dy
    assert np.abs(raster.data[0, 1:-1, 1:-1] - wanted).max() <= 0.5 + 1e-3


def test_a_pixel_is_valid_as_long_as_its_centre_is_on_the_scene(make):
    scene = Scene.open(make(np.full((1, 20, 20), 7, np.uint8)))
    grid = Grid(UTM, scene.grid.transform * Affine.translation(-0.4, -0.4), (21, 21))
    raster = scene.read(grid=grid)
    assert raster.valid[:20, :20].all()
    assert not raster.valid[20].any()
    assert (raster.data[:, raster.valid] == 7).all()


def globe(left: float) -> tuple[np.ndarray, Affine]:
    """A picture of the whole Earth whose value is the cosine of the longitude, from any meridian."""
    lon = left + 0.5 + np.arange(360)
    return np.tile(100 + 50 * np.cos(np.radians(lon)) + 25 * np.sin(np.radians(lon)), (1, 180, 1)).astype(np.float32), Affine(
        1, 0, left, 0, -1, 90
    )


@pytest.mark.parametrize("left", [-180.0, 0.0, 100.0])
@pytest.mark.parametrize("lon", [180.0, -179.5, 179.0, 0.2, -0.3, 99.9, -90.0])
def test_a_picture_of_the_earth_is_read_across_its_own_edges(make, left, lon):
    data, transform = globe(left)
    scene = Scene.open(make(data, crs="EPSG:4326", transform=transform))
    grid = Grid.at(lon, 10, 5000, 80)
    raster = scene.read(grid=grid)
    assert raster.valid.all()
    c, r = np.meshgrid(np.arange(80) + 0.5, np.arange(80) + 0.5)
    there = np.radians(footprint.place(grid, c, r)[0])
    assert np.abs(raster.data[0] - (100 + 50 * np.cos(there) + 25 * np.sin(there))).max() < 0.7


@pytest.mark.parametrize(("source", "target"), [(32660, 32601), (32601, 32660), (32660, 4326), (4326, 32601), (32660, 3857)])
def test_scenes_and_grids_across_the_antimeridian_meet(make, ramp, source, target):
    def grid_of(code):
        if code == 4326:
            return Grid(CRS.from_epsg(4326), Affine(0.01, 0, 179.5, 0, -0.01, 52), (100, 100))
        if code == 3857:
            return Grid(CRS.from_epsg(3857), Affine(1000, 0, 20037508 - 50000, 0, -1000, 6.8e6 - 2e4), (100, 100))
        return Grid.at(179.9 if code == 32660 else -179.9, 51.5, 1000, 100)

    place = grid_of(source)
    scene = Scene.open(make(ramp(1, 100, 100, low=0, high=100), crs=place.crs, transform=place.transform))
    raster = scene.read(grid=grid_of(target))
    share = grid_of(target).footprint().intersection(scene.footprint).area / grid_of(target).footprint().area
    assert share > 0.2
    assert raster.valid.mean() == pytest.approx(share, abs=0.03)
    back = grid_of(target)
    middle = raster.valid[40:60].any(axis=0)
    assert middle.sum() > 20
    assert np.ptp(np.diff(np.flatnonzero(middle))) == 0  # no gap at the antimeridian
    assert back.footprint().geom_type == "MultiPolygon"


def test_a_source_in_mercator_past_the_edge_of_the_map_is_found_from_the_other_side(make, ramp):
    scene = Scene.open(make(ramp(1, 100, 100), crs="EPSG:3857", transform=Affine(1000, 0, 20037508 - 50000, 0, -1000, 6.8e6)))
    assert scene.read(grid=Grid.at(-179.9, 51.7, 500, 40)).valid.all()
    assert scene.read(grid=Grid.at(179.9, 51.7, 500, 40)).valid.all()
    assert not scene.read(grid=Grid.at(178, 51.7, 500, 40)).valid.any()


def test_a_pole_is_read_from_a_polar_scene_and_from_the_globe(make):
    data, transform = globe(-180.0)
    scene = Scene.open(make(data, crs="EPSG:4326", transform=transform))
    grid = Grid(CRS.from_epsg(3413), Affine(20000, 0, -1e6, 0, -20000, 1e6), (100, 100))
    assert scene.read(grid=grid).valid.all()


@pytest.mark.parametrize("ratio", [0.05, 7.3, 60.0])
def test_large_ratios_give_means_and_stay_small(make, ramp, ratio):
    data = ramp(1, 600, 600, "uint16", 0, 10000)
    scene = Scene.open(make(data))
    side = 8
    gsd = 10 * ratio
    grid = Grid(UTM, Affine(gsd, 0, 503000 - gsd * 4, 0, -gsd, 5000000 - 3000 + gsd * 4), (side, side))
    raster = scene.read(grid=grid)
    c = (np.arange(side) + 0.5 - 4) * ratio + 300
    wanted = ramp(1, 600, 600, "float32", 0, 10000)[0][np.ix_(np.clip(c.astype(int), 0, 599), np.clip(c.astype(int), 0, 599))]
    assert raster.valid.all()
    assert np.abs(raster.data[0] - wanted).max() < 60


def test_rotated_scenes_are_read_in_place(make, ramp):
    turned = Affine.translation(500000, 5000000) * Affine.rotation(30) * Affine.scale(10, -10)
    data = ramp(1, 100, 100, low=0, high=100)
    scene = Scene.open(make(data, transform=turned))
    back = Grid(UTM, turned * Affine.translation(20, 20), (50, 50))
    assert np.allclose(scene.read(grid=back).data, data[:, 20:70, 20:70], atol=1e-4)
    around = Grid(UTM, Affine(10, 0, scene.grid.bounds[0], 0, -10, scene.grid.bounds[3]), (140, 140))
    raster = scene.read(grid=around)
    assert raster.valid.sum() == pytest.approx(100 * 100, rel=0.02)


def test_ground_control_points_place_a_scene(make, ramp):
    data = ramp(1, 100, 120, low=0, high=100)
    place = Affine.translation(500000, 5000000) * Affine.rotation(20) * Affine.scale(10, -10)
    points = [
        GroundControlPoint(row=r, col=c, x=(place * (c, r))[0], y=(place * (c, r))[1])
        for r in (0, 50, 100) for c in (0, 60, 120)
    ]  # fmt: skip
    path = make(data, crs=None)
    with rasterio.open(path, "r+") as file:
        file.gcps = (points, UTM)
    scene = Scene.open(path)
    assert scene.warped
    raster = scene.read(grid=Grid(UTM, place, (100, 120)))
    assert raster.valid[1:-1, 1:-1].all()
    assert np.abs(raster.data - data)[:, 1:-1, 1:-1].max() < 0.05
    whole = scene.read()
    assert whole.grid == scene.grid
    assert whole.valid.mean() == pytest.approx(data[0].size * 100 / (np.prod(scene.shape) * scene.grid.transform.a**2), rel=0.05)
    window = scene.read(window=(30, 30, 40, 40))
    assert np.abs(window.data - whole.data[:, 30:70, 30:70])[:, window.valid & whole.valid[30:70, 30:70]].max() < 0.5


def test_what_lies_elsewhere_is_read_without_touching_the_file(make, ramp):
    scene = Scene.open(make(ramp()))
    raster = scene.read(grid=Grid.at(-60, -30, 10, 64))
    assert not raster.valid.any()
    assert not raster.data.any()
