"""What models see: fixed ranges by sensor, percentiles of the scene and never of the chip, palettes, radar, baselines."""

import time

import numpy as np
import pytest
import rasterio

from geoglot.core.errors import InputError
from geoglot.geo.scene import Scene


def reflect(shape=(12, 64, 64), low=500, high=2500, dtype="uint16", seed=0) -> np.ndarray:
    return np.random.default_rng(seed).integers(low, high, shape).astype(dtype)


def gamma(values, low=0.0, high=0.3):
    return np.clip((values - low) / (high - low), 0, 1) ** (1 / 1.2)


def test_sentinel_2_is_shown_by_reflectance_whatever_is_in_the_chip(make):
    data = reflect()
    data[:, :16, :16] = 9000  # a cloud
    scene = Scene.open(make(data, "S2A_MSIL2A_20200831T105031.tif"))
    for window in ((0, 0, 64, 64), (30, 30, 20, 20), (0, 0, 16, 16)):
        picture = scene.display(window=window)
        part = data[[3, 2, 1], window[0] : window[0] + window[2], window[1] : window[1] + window[3]]
        assert picture.data.dtype == np.float32
        assert np.allclose(picture.data, gamma(part * 1e-4), atol=1e-5)
    assert [band.common for band in picture.bands] == ["red", "green", "blue"]


@pytest.mark.parametrize(("darkest", "shift"), [(1050, 1000), (990, 0), (300, 0)])
def test_the_added_1000_of_later_baselines_is_seen_in_the_darkest_pixels(make, darkest, shift):
    data = reflect(low=2000, high=4000)
    data[11, :8] = darkest
    scene = Scene.open(make(data, "S2A_MSIL2A_20220831T105031.tif"))
    assert np.allclose(scene.display().data, gamma((data[[3, 2, 1]].astype(float) - shift) * 1e-4), atol=1e-5)
    assert bool(scene.assumptions) == bool(shift)


def test_bright_sand_and_snow_are_not_taken_for_a_later_baseline(make):
    data = reflect(low=3000, high=5000)
    data[10:] = reflect((2, 64, 64), 100, 900)  # snow is dark in short-wave infrared
    scene = Scene.open(make(data, "S2A_MSIL2A_20190831T105031.tif"))
    assert scene.display().data.min() > 0.9
    assert not scene.assumptions


def test_a_declared_scale_and_offset_are_believed(make):
    data = reflect(low=1500, high=4000)
    scene = Scene.open(make(data, "S2A_MSIL2A_20220831T105031.tif", scale=(1e-4, -0.1)))
    assert np.allclose(scene.display().data, gamma(data[[3, 2, 1]] * 1e-4 - 0.1), atol=1e-5)
    assert not scene.assumptions


@pytest.mark.parametrize("factor", [1e-4, 1.0])
def test_floating_point_is_reflectance_or_counts_by_its_size(make, factor):
    data = reflect() * np.float32(factor)
    scene = Scene.open(make(data.astype(np.float32), "S2A_MSIL2A_20190831T105031.tif"))
    assert np.allclose(scene.display().data, gamma(data[[3, 2, 1]] * (1e-4 / factor)), atol=1e-4)


def test_landsat_collection_2_has_its_own_scale(make):
    data = reflect((7, 32, 32), 8000, 16000)
    scene = Scene.open(make(data, "LC08_L2SP_044034_20200831_20200905_02_T1.tif"))
    assert np.allclose(scene.display().data, gamma(data[[3, 2, 1]] * 2.75e-5 - 0.2), atol=1e-5)


def test_8_bit_colour_is_shown_as_it_is(make):
    data = reflect((4, 32, 32), 0, 256, "uint8")
    for name, options in (("m_4709963_se_14_1_20200831.tif", {}), ("photo.tif", {"photometric": "RGB"})):
        scene = Scene.open(make(data, name, **options))
        assert np.allclose(scene.display().data, data[:3] / 255, atol=1e-6)


def test_16_bit_files_of_an_8_bit_sensor_are_not_burnt_out(make):
    scene = Scene.open(make(reflect((3, 32, 32), 1000, 3000), "my_rgb.tif", photometric="RGB"))
    assert 0.3 < scene.display().data.mean() < 0.7


def test_percentiles_are_of_the_scene_and_never_of_the_chip(make):
    r = np.linspace(1000, 2000, 400)[:, None] * np.ones((1, 400))
    scene = Scene.open(make(r[None].astype(np.uint16), "unknown.tif"))
    low, high = scene.display(window=(0, 0, 40, 40)), scene.display(window=(360, 360, 40, 40))
    assert low.data.max() < 0.1
    assert high.data.min() > 0.9
    whole = scene.display()
    assert np.allclose(whole.data[:, 360:, 360:], high.data)
    assert (whole.data[0] == whole.data[2]).all()  # one band is shown as grey
    assert Scene.open(scene.href).display(window=(0, 0, 40, 40)).data.tolist() == low.data.tolist()


def test_robust_percentiles_forget_a_few_wild_values_and_missing_ones(make):
    data = reflect((1, 200, 200), 100, 200)
    data[0, 0, :10] = 65000
    data[0, 100:] = 0
    picture = Scene.open(make(data, "a.tif", nodata=0)).display()
    assert 0.4 < picture.data[0, 1:100].mean() < 0.6
    assert not picture.data[:, 100:].any()
    assert not picture.valid[100:].any()


def test_scenes_without_any_value_or_of_one_value_are_shown(make):
    assert not Scene.open(make(np.zeros((1, 8, 8), np.uint16), "a.tif", nodata=0)).display().data.any()
    assert np.isfinite(Scene.open(make(np.full((1, 8, 8), 7, np.uint16), "b.tif")).display().data).all()
    assert not Scene.open(make(np.full((1, 8, 8), np.nan, np.float32), "c.tif")).display().valid.any()


def test_large_scenes_without_overviews_are_sampled_in_many_places(make):
    data = np.zeros((1, 4200, 4200), np.uint16)
    data[0] = (np.arange(4200) // 42)[:, None] + (np.arange(4200) // 42)[None]
    view = Scene.open(make(data, "a.tif", tiled=True, blockxsize=256, blockysize=256, compress="deflate"))._view
    assert 0 <= view.low[0] < 60
    assert 140 < view.high[0] <= 200


def test_unknown_bands_are_assumed_in_words(make):
    scene = Scene.open(make(reflect((5, 16, 16))))
    assert scene.display().data.shape == (3, 16, 16)
    assert "first three" in scene.assumptions[0]
    scene.display()
    assert len(scene.assumptions) == 1
    named = Scene.open(make(reflect((5, 16, 16)), "b.tif"), bands=["nir", "red", "green", "swir16", "slope"])
    assert named._view.chosen == (0, 1, 2)


def test_complex_radar_is_amplitude_in_decibels_averaged_as_power(make):
    rng = np.random.default_rng(0)
    power = np.ones((64, 64), np.float32)
    power[:, 32:] = 100.0
    field = np.sqrt(power / 2) * (rng.standard_normal((64, 64)) + 1j * rng.standard_normal((64, 64)))
    scene = Scene.open(make(field[None].astype(np.complex64), "sar.tif"))
    small = scene.read(shape=(16, 16))
    assert small.data.dtype == np.float32
    assert np.median(small.data[0, :, :8]) == pytest.approx(0, abs=0.7)
    assert np.median(small.data[0, :, 8:]) == pytest.approx(20, abs=0.7)
    exact = scene.read().data[0]
    assert np.allclose(exact, 10 * np.log10(np.abs(field) ** 2), atol=1e-3)
    assert "decibels" in scene.assumptions[0]
    assert 0 <= scene.display().data.min() < scene.display().data.max() <= 1


@pytest.mark.parametrize("kind", ["power", "decibels", "amplitude"])
def test_radar_is_shown_in_the_same_units_in_every_chip(make, kind):
    rng = np.random.default_rng(0)
    level = np.tile(np.linspace(-30, 8, 128), (128, 1)) + rng.normal(0, 0.5, (128, 128))
    level[:32] = 3.0  # a bright town: not one of its values is negative
    data = {"power": 10 ** (level / 10), "decibels": level, "amplitude": 1000 * 10 ** (level / 20)}[kind]
    scene = Scene.open(make(data[None].astype("uint16" if kind == "amplitude" else "float32"), "S1A_IW_GRDH_20200831T1.tif"))
    assert scene.radar_units == kind
    whole, town = scene.display(), scene.display(window=(4, 4, 20, 20))
    assert np.allclose(whole.data[:, 4:24, 4:24], town.data, atol=1e-6)
    if kind != "amplitude":
        assert np.allclose(scene.read().data[0], level, atol=1e-3)
        assert np.allclose(whole.data[0], np.clip((level + 25) / 25, 0, 1), atol=1e-3)


def test_the_empty_border_of_radar_products_is_invalid(make):
    data = np.full((1, 64, 64), 300, np.uint16)
    data[:, :, :20] = 0
    raster = Scene.open(make(data, "S1A_IW_GRDH_20200831T105031.tif")).read()
    assert not raster.valid[:, :20].any()
    assert raster.valid[:, 20:].all()


def test_wholly_transparent_entries_of_a_palette_are_no_observation(make):
    data = np.zeros((1, 8, 8), np.uint8)
    data[0, 4:] = 1
    path = make(data, photometric="palette")
    with rasterio.open(path, "r+") as file:
        file.write_colormap(1, {0: (9, 9, 9, 255), 1: (255, 0, 0, 255)})
    assert Scene.open(path).display().valid.all()


@pytest.mark.parametrize(("dtype", "count", "name"), [("uint8", 3, "m_1.tif"), ("uint16", 4, "sentinel-2.tif")])
@pytest.mark.parametrize("extra", [{}, {"nodata": 0}])
def test_showing_a_window_is_cheap(make, dtype, count, name, extra):
    path = make(reflect((count, 512, 512), 1, 250, dtype), name, tiled=True, blockxsize=256, blockysize=256, **extra)
    scene = Scene.open(path)
    scene.display(shape=(64, 64))
    best = min(_seconds(scene, row, col) for row in (0, 256) for col in (0, 256) for _ in range(5))
    assert best < 3e-3  # measured 0.2 to 0.5 ms on the machine of development


def _seconds(scene, row, col) -> float:
    started = time.perf_counter()
    scene.display(window=(row, col, 256, 256))
    return time.perf_counter() - started


def test_windows_and_grids_are_shown_alike_and_wrong_requests_refused(make):
    scene = Scene.open(make(reflect(), "S2A_MSIL2A_20200101T105031.tif"))
    a = scene.display(window=(8, 8, 32, 32), shape=(16, 16))
    b = scene.display(grid=scene.grid.window(8, 8, 32, 32))
    assert a.grid.bounds == pytest.approx(b.grid.bounds)
    assert a.data.shape == (3, 16, 16)
    with pytest.raises(InputError):
        scene.display(grid=scene.grid, shape=(3, 3))
    with pytest.raises(InputError, match="it has B01"):
        scene.read(bands=["purple"])
