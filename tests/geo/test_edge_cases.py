"""The folder of odd rasters: every file read rightly, or refused with its reason. Skipped where the folder is absent."""

from collections.abc import Callable

import numpy as np
import pytest
import rasterio

from geoglot.core.errors import NotEarthError
from geoglot.geo import footprint
from geoglot.geo.grid import Grid
from geoglot.geo.scene import Scene


def palette(scene: Scene) -> None:
    assert scene.palette
    raster = scene.read(window=(4000, 3000, 300, 300), shape=(100, 100))
    assert set(np.unique(raster.data)) <= set(scene.dataset().colormap(1))
    assert not raster.valid[raster.data[0] == 0].any()  # 0 is its nodata value
    picture = scene.display(shape=(128, 128))
    table = {tuple(np.float32(c) / np.float32(255) for c in colour[:3]) for colour in scene.dataset().colormap(1).values()}
    assert {tuple(p) for p in picture.data.reshape(3, -1).T[picture.valid.ravel()]} <= table
    assert scene.gsd == pytest.approx(0.916, abs=0.01)  # a Mercator pixel of 1.194 at 40 degrees north


def dateline(scene: Scene) -> None:
    assert scene.footprint.geom_type == "MultiPolygon"
    west, south, east, north = footprint.bounds(scene.footprint)
    assert (west, south, east, north) == pytest.approx((178.0, 50.6, 181.5, 52.8), abs=0.1)
    assert scene.read(shape=(64, 64)).valid.all()
    grid = Grid.at(-179.8, 51.6, 200, 128)  # on the other side of the antimeridian, in another UTM zone
    there = scene.read(grid=grid)
    assert there.valid.all()
    with rasterio.open(scene.href) as file:
        row, col = file.index(*_to(file.crs, -179.8, 51.6))
        assert there.data[0, 62:66, 62:66].min() <= file.read(1)[row, col] <= there.data[0, 62:66, 62:66].max()


def _to(crs, lon, lat):
    return footprint.transformer("EPSG:4326", crs.to_wkt()).transform(lon, lat)


def whole_earth(scene: Scene) -> None:
    assert scene.footprint.area == pytest.approx(360 * 180)
    raster = scene.read()
    assert raster.data.dtype == np.float64
    assert raster.valid.mean() == pytest.approx(0.4558, abs=1e-3)
    assert np.abs(raster.data[0][raster.valid]).max() < 1e20  # the nodata value is -1.27e30
    assert scene.read(grid=Grid.at(180, 10, 20000, 20)).grid is not None


def control_points(scene: Scene) -> None:
    assert scene.warped
    west, south, east, north = scene.footprint.bounds
    assert 75 < west < 76 < 78 < east < 79
    assert 9 < south < 10 < 11 < north < 12
    raster = scene.read()
    assert set(np.unique(raster.data[0][raster.valid])) == {1}
    assert 0.5 < raster.valid.mean() < 0.9  # the swath lies aslant in its box
    assert not raster.valid[0, 0]


def int16(scene: Scene) -> None:
    raster = scene.read()
    assert raster.data.dtype == np.int16
    assert raster.valid.mean() == pytest.approx(0.5183, abs=1e-3)
    assert raster.data[0][raster.valid].min() == 69
    assert scene.read(shape=(100, 100)).data[0][scene.read(shape=(100, 100)).valid].min() >= 69


def radar(scene: Scene) -> None:
    assert (scene.sensor.id, scene.bands[0].name, scene.radar_units) == ("sentinel-1", "VV", "power")
    assert scene.time.date().isoformat() == "2020-01-06"
    raster = scene.read()
    assert raster.valid.mean() == pytest.approx(0.488, abs=2e-3)  # nodata 0, and a few NaN
    assert np.median(raster.data[0][raster.valid]) == pytest.approx(10 * np.log10(0.1638), abs=0.05)
    for window in ((200, 200, 64, 64), (0, 300, 128, 128)):  # the same units in every chip
        chip = scene.read(window=window)
        assert np.allclose(chip.data, raster.data[:, window[0] : window[0] + window[2], window[1] : window[1] + window[3]])


def masked(scene: Scene) -> None:
    with rasterio.open(scene.href) as file:
        wanted = file.dataset_mask() > 0
    raster = scene.read()
    assert raster.data.shape[0] == 3
    assert (raster.valid == wanted).all()
    assert 0.5 < raster.valid.mean() < 1
    assert scene.display(shape=(64, 64)).valid.mean() == pytest.approx(wanted.mean(), abs=0.02)


def scaled(scene: Scene) -> None:
    assert [(band.scale, band.offset) for band in scene.bands] == [(0.0001, 1000.0), (0.001, 2000.0)]
    raster = scene.read()
    assert raster.data.dtype == np.int16  # the file's values: value * scale + offset is physical
    assert raster.valid.mean() > 0.999


def south_up(scene: Scene) -> None:
    assert scene.flipped
    assert scene.grid.transform.e < 0
    assert scene.footprint.bounds == pytest.approx((-180, -90, 180, 90))
    assert not scene.read().valid.any()  # every value is its nodata value
    assert not scene.display(shape=(32, 32)).data.any()


RIGHT: dict[str, Callable[[Scene], None]] = {
    "cog_cmap.tif": palette,
    "cog_dateline.tif": dateline,
    "cog_fullearth.tif": whole_earth,
    "cog_gcps_ovr.tif": control_points,
    "cog_int16.tif": int16,
    "cog_nodata_nan.tif": radar,
    "cog_rgb_mask.tif": masked,
    "cog_scale_stats.tif": scaled,
    "cog_uint8_rgb_mask.tif": masked,
    "cog_uint8_rgb_nodata.tif": masked,
    "cog_uint8_rgba.tif": masked,
    "inverted_lat.tif": south_up,
}
REFUSED = {"cog_hirise_mars.tif": "3396 km", "cog_nonearth.tif": "1561 km"}


@pytest.mark.parametrize("name", sorted(RIGHT))
def test_odd_rasters_are_read_rightly(data_folder, name):
    with Scene.open(data_folder / "edge_cases" / name) as scene:
        RIGHT[name](scene)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_other_bodies_are_refused_with_their_radius(data_folder, name):
    with pytest.raises(NotEarthError, match=REFUSED[name]):
        Scene.open(data_folder / "edge_cases" / name)


def test_no_odd_raster_is_forgotten(data_folder):
    found = {path.name for path in (data_folder / "edge_cases").glob("*.tif")}
    assert found == set(RIGHT) | set(REFUSED)
