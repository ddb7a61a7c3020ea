"""Reading by window: types, masks, resampling, south-up files, palettes, bands in files of their own."""

import threading

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.enums import ColorInterp, Resampling

from geoglot.core.errors import InputError, NotFoundError, RasterError, ResourceError
from geoglot.geo.grid import Grid
from geoglot.geo.reading import MAX_READ
from geoglot.geo.scene import Layer, Scene
from geoglot.geo.sensors import Band, sensor


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "int32", "float32", "float64"])
@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_values_come_out_as_they_are(make, dtype, count):
    rng = np.random.default_rng(0)
    data = rng.integers(1, 200, (count, 40, 50)).astype(dtype)
    scene = Scene.open(make(data))
    raster = scene.read()
    assert raster.data.dtype == data.dtype
    assert (raster.data == data).all()
    assert raster.valid.all()
    part = scene.read(window=(3, 5, 20, 30))
    assert (part.data == data[:, 3:23, 5:35]).all()
    assert part.grid.bounds == pytest.approx((500050, 5000000 - 230, 500350, 5000000 - 30))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
@pytest.mark.parametrize("shape", [None, (10, 10), (60, 60)])
def test_nodata_is_invalid_in_every_type_and_at_every_size(make, dtype, shape):
    data = np.full((2, 40, 40), 7, dtype)
    data[:, :20] = 99
    raster = Scene.open(make(data, nodata=99)).read(shape=shape)
    half = raster.shape[0] // 2
    assert not raster.valid[:half].any()
    assert raster.valid[half:].all()
    assert (raster.data[:, half:] == 7).all()


def test_a_pixel_is_valid_where_one_of_its_bands_was_observed(make):
    data = np.ones((2, 4, 4), np.uint8)
    data[0, 0] = 0
    data[:, 1] = 0
    raster = Scene.open(make(data, nodata=0)).read()
    assert raster.valid[0].all()
    assert not raster.valid[1].any()


@pytest.mark.parametrize(
    ("dtype", "nodata"), [("uint8", 0), ("float32", -3.4028234663852886e38), ("float32", 1e-3), ("int16", -9999)]
)
def test_nodata_is_compared_in_the_type_of_the_file(make, dtype, nodata):
    data = np.full((1, 8, 8), 5, dtype)
    data[0, :4] = nodata
    assert Scene.open(make(data, nodata=nodata)).read().valid.mean() == 0.5


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_is_not_finite_is_invalid_and_zero(make, dtype, bad):
    data = np.ones((2, 8, 8), dtype)
    data[1, :4] = bad
    raster = Scene.open(make(data)).read()
    assert (raster.valid[:4] == False).all()  # noqa: E712
    assert raster.valid[4:].all()
    assert np.isfinite(raster.data).all()
    assert Scene.open(make(data, "b.tif", nodata=np.nan)).read(shape=(4, 4)).valid[2:].all()


@pytest.mark.parametrize("shape", [None, (20, 20), (80, 80)])
def test_internal_masks_and_alpha_are_masks(make, shape):
    seen = np.zeros((40, 40), bool)
    seen[:, 10:] = True
    data = np.full((3, 40, 40), 9, np.uint8)
    masked = Scene.open(make(data, "mask.tif", mask=seen)).read(shape=shape)
    alpha = np.concatenate([data, np.where(seen, 255, 0)[None].astype(np.uint8)])
    transparent = Scene.open(make(alpha, "alpha.tif", photometric="RGB", alpha="YES"))
    assert len(transparent.bands) == 3
    quarter = masked.shape[1] // 4
    for raster in (masked, transparent.read(shape=shape)):
        assert raster.data.shape[0] == 3
        assert not raster.valid[:, :quarter].any()
        assert raster.valid[:, quarter:].all()
        assert (raster.data[:, raster.valid] == 9).all()


def test_near_infrared_that_pretends_to_be_transparency_is_a_band(make, ramp):
    data = ramp(4, 64, 64, "uint8", 0, 255)
    data[3, 20:40] = 0  # water is black in near infrared
    for name in ("plain.tif", "m_4709963_se_14_1_20200831.tif"):
        scene = Scene.open(make(data, name, photometric="RGB", alpha="YES"))
        with rasterio.open(scene.href) as file:
            assert file.colorinterp[3] == ColorInterp.alpha
        assert len(scene.bands) == 4
        assert scene.read().valid.all()
        small = scene.read(shape=(16, 16))
        assert small.valid.all()
        # GDAL would leave the pixels over water out of the average, and give black
        wanted = data.reshape(4, 16, 4, 16, 4).mean(axis=(2, 4))
        assert np.abs(small.data - wanted).max() <= 1
    assert [band.common for band in scene.bands] == ["red", "green", "blue", "nir"]


def test_south_up_files_are_turned_round(make, ramp):
    data = ramp(2, 40, 30, "float32")
    straight = Scene.open(make(data, "north.tif"))
    upside = Affine(10, 0, 500000, 0, 10, 5000000 - 400)
    turned = Scene.open(make(data[:, ::-1], "south.tif", transform=upside))
    assert turned.flipped
    assert turned.grid.transform.almost_equals(straight.grid.transform)
    for options in (
        {},
        {"window": (3, 4, 20, 10)},
        {"shape": (20, 15)},
        {"grid": straight.grid.window(5, 5, 10, 10).scaled(7, 7)},
    ):
        a, b = straight.read(**options), turned.read(**options)
        assert np.allclose(a.data, b.data, atol=1e-6)
        assert (a.valid == b.valid).all()


def test_a_file_turned_by_half_a_circle_is_not_mirrored(make, ramp):
    data = ramp(1, 40, 30)
    half = Affine(-10, 0, 500300, 0, 10, 5000000 - 400)
    scene = Scene.open(make(data[:, ::-1, ::-1], transform=half))
    straight = Scene.open(make(data, "b.tif"))
    assert not scene.flipped
    raster = scene.read(grid=straight.grid)
    assert np.allclose(raster.data, data, atol=1e-5)


def test_shrinking_averages_and_growing_interpolates(make, ramp):
    data = ramp(3, 64, 64, "float32")
    scene = Scene.open(make(data))
    assert np.allclose(scene.read(shape=(16, 16)).data, data.reshape(3, 16, 4, 16, 4).mean(axis=(2, 4)), atol=1e-6)
    grown = scene.read(shape=(128, 128)).data
    assert np.allclose(grown[:, 4:-4, 4:-4], np.repeat(np.repeat(data, 2, 1), 2, 2)[:, 4:-4, 4:-4], atol=0.01)


def test_palettes_are_never_averaged(make):
    data = np.zeros((1, 64, 64), np.uint8)
    data[0, ::2] = 10
    path = make(data, photometric="palette")
    with rasterio.open(path, "r+") as file:
        file.write_colormap(1, {0: (255, 0, 0, 255), 10: (0, 0, 255, 255)})
    scene = Scene.open(path)
    assert scene.palette
    for options in ({"shape": (9, 9)}, {"grid": scene.grid.scaled(17, 17)}, {"shape": (100, 100)}):
        assert set(np.unique(scene.read(**options).data)) <= {0, 10}
        picture = scene.display(**options)
        colours = {tuple(pixel) for pixel in picture.data.reshape(3, -1).T[picture.valid.ravel()].tolist()}
        assert colours <= {(1.0, 0.0, 0.0), (0.0, 0.0, 1.0)}


def test_bands_may_have_files_and_resolutions_of_their_own(make, ramp):
    fine, coarse = ramp(1, 60, 60, "uint16", 0, 1000), ramp(1, 30, 30, "uint16", 0, 1000)
    paths = [make(coarse, "B11.tif", transform=NORTH_UP_20), make(fine, "B04.tif")]
    bands = (Band("B11", "swir16", 1.61), Band("B04", "red", 0.665))
    scene = Scene("both", [Layer(str(path), 1) for path in paths], sensor("sentinel-2"), bands)
    assert scene.shape == (60, 60)
    raster = scene.read()
    assert (raster.data[1] == fine[0]).all()
    assert np.abs(raster.data[0].astype(int) - fine[0]).max() < 20
    part = scene.read(bands=["swir16"], window=(20, 30, 10, 10))
    assert np.abs(part.data[0].astype(int) - fine[0, 20:30, 30:40]).max() < 20
    assert scene.read(bands=["red"]).data.shape == (1, 60, 60)
    assert (scene.read(grid=scene.grid).data[1] == fine[0]).all()


NORTH_UP_20 = Affine(20, 0, 500000, 0, -20, 5000000)


def test_bands_over_different_ground_are_refused(make, ramp):
    paths = [make(ramp(), "a.tif"), make(ramp(), "b.tif", transform=Affine(10, 0, 900000, 0, -10, 5000000))]
    scene = Scene("both", [Layer(str(path), 1) for path in paths], sensor("unknown"), (Band("a"), Band("b")))
    with pytest.raises(RasterError, match="ground"):
        scene.read()


def test_overviews_are_used_for_small_pictures(make):
    path = make(np.full((1, 2048, 2048), 5, np.uint8), tiled=True, blockxsize=256, blockysize=256)
    with rasterio.open(path, "r+") as file:
        file.build_overviews([8], Resampling.nearest)
    # the full resolution is changed after the overviews were made: what is read tells where it came from
    with rasterio.open(path, "r+") as file:
        file.write(np.full((1, 2048, 2048), 50, np.uint8))
    assert (Scene.open(path).read(shape=(256, 256)).data == 5).all()


@pytest.mark.parametrize("window", [(-1, 0, 5, 5), (0, 0, 0, 5), (0, 0, 41, 5), (38, 0, 5, 5)])
def test_windows_outside_are_refused(make, window):
    with pytest.raises(InputError, match="leaves the scene"):
        Scene.open(make(np.ones((1, 40, 40), np.uint8))).read(window=window)


def test_more_than_can_be_held_is_refused(make):
    scene = Scene.open(make(np.ones((1, 4, 4), np.uint8)))
    side = int(MAX_READ**0.5) + 1
    with pytest.raises(ResourceError, match="by windows"):
        scene.read(shape=(side, side))
    with pytest.raises(ResourceError):
        scene.read(grid=scene.grid.scaled(side, side))
    with pytest.raises(InputError):
        scene.read(shape=(0, 3))


def test_scenes_are_read_by_many_threads_and_again_after_closing(make, ramp):
    data = ramp(3, 128, 128, "uint16", 0, 3000)
    scene = Scene.open(make(data, "S2A_MSIL2A_20200101T000000.tif"))
    wrong = []

    def work(seed):
        for i in range(20):
            row = (seed * 7 + i) % 100
            if not (scene.read(window=(row, row, 16, 16)).data == data[:, row : row + 16, row : row + 16]).all():
                wrong.append(row)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    with scene:
        scene.read()
    assert (scene.read().data == data).all()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(path.read_bytes()[:5000]),
        lambda path: path.write_bytes(path.read_bytes()[:100]),
        lambda path: path.write_bytes(b"not a raster at all"),
        lambda path: path.write_bytes(b""),
    ],
)
def test_damaged_files_are_raster_errors(make, spoil):
    path = make(np.random.default_rng(0).integers(0, 255, (3, 200, 200)).astype(np.uint8), compress="deflate")
    spoil(path)
    with pytest.raises(RasterError):
        Scene.open(path).display()


def test_a_missing_file_is_not_found(tmp_path):
    with pytest.raises(NotFoundError):
        Scene.open(tmp_path / "none.tif")


def test_pictures_without_georeference_are_read_in_pixels(tmp_path):
    from PIL import Image

    colour = np.random.default_rng(0).integers(0, 255, (40, 50, 3)).astype(np.uint8)
    for name, exact in (("a.png", True), ("a.webp", True), ("a.jpg", False)):
        Image.fromarray(colour).save(tmp_path / name, lossless=True, quality=95)
        scene = Scene.open(tmp_path / name)
        assert scene.grid is scene.footprint is scene.gsd is None
        raster = scene.display()
        assert raster.data.shape == (3, 40, 50)
        if exact:
            assert np.allclose(raster.data, colour.transpose(2, 0, 1) / 255, atol=1e-6)
        with pytest.raises(InputError, match="no georeference"):
            scene.read(grid=Grid.at(0, 0, 1, 4))
