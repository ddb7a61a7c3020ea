"""The same place by several sensors: bands as products have them, seamless blocks, radar geometry, files on disk."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
import rasterio
from rasterio.windows import Window

from geoglot.core.errors import InputError, NotFoundError
from geoglot.data.synth import CLASSES, landscape
from geoglot.data.synth.radar import Radar, backscatter
from geoglot.data.synth.scenes import compose
from geoglot.data.synth.shapes import rect
from geoglot.data.synth.spectra import weights
from geoglot.data.synth.stack import Frame
from geoglot.data.synth.views import bands_of
from geoglot.data.synth.world import Sketch
from geoglot.geo.scene import Scene
from geoglot.geo.sensors import Band, sensor

SUMMER = datetime(2021, 7, 20, tzinfo=UTC)


@pytest.fixture(scope="module")
def port():
    return landscape(4, "harbour", 1300)


def reflect(view) -> dict[str, np.ndarray]:
    return {
        b.common or b.name: d.astype(float) * b.scale + b.offset for b, d in zip(view.raster.bands, view.raster.data, strict=True)
    }


@pytest.mark.parametrize(
    ("name", "count", "dtype"),
    [
        ("sentinel-2", 12, "uint16"), ("landsat-8", 7, "uint16"), ("landsat-7", 6, "uint16"), ("worldview", 8, "uint16"),
        ("modis", 7, "uint16"), ("rgb", 3, "uint8"), ("naip", 4, "uint8"), ("sentinel-1", 1, "float32"),
    ],
)  # fmt: skip
def test_sensors_have_their_bands(port, name, count, dtype):
    view = compose(4, gsd=8.0, size=96, sensor=name, date=SUMMER, world=port).view()
    assert view.raster.data.shape == (count, 96, 96)
    assert view.raster.data.dtype == dtype
    assert all(b == sensor(name).known[b.name.lower()] for b in view.raster.bands)
    assert view.raster.data.std() > 0


def test_spectra_are_those_of_water_leaves_and_soil(port):
    view = compose(4, gsd=4.0, size=256, sensor="sentinel-2", date=SUMMER, world=port).view()
    r = reflect(view)
    water, woods = view.ground == CLASSES.index("water"), view.ground == CLASSES.index("forest")
    assert water.sum() > 500
    assert woods.sum() > 100
    assert np.median(r["swir16"][water]) < 0.03
    assert np.median(r["nir"][water]) < np.median(r["green"][water])
    assert np.median(r["nir"][woods]) > 3 * np.median(r["red"][woods])
    assert np.median(r["red"][woods]) < np.median(r["rededge075"][woods]) < 1.2 * np.median(r["nir"][woods])
    assert np.median(r["swir22"][woods]) < np.median(r["swir16"][woods]) < np.median(r["nir"][woods])
    for values in r.values():
        assert np.quantile(values, 0.01) > -0.01
        assert np.quantile(values, 0.99) < 0.9


def test_landsat_and_sentinel_2_agree_on_the_ground(port):
    a, b = (
        reflect(compose(4, gsd=6.0, size=128, sensor=name, date=SUMMER, world=port).view())
        for name in ("sentinel-2", "landsat-8")
    )
    for band in ("blue", "red", "nir", "swir16"):
        other = b[band]
        assert np.abs(a[band] - other).mean() < 0.01


def test_surfaces_are_warmer_than_water_by_day(port):
    view = compose(4, gsd=4.0, size=200, bands=("lwir",), date=SUMMER, world=port).view()
    kelvin = reflect(view)["lwir"]
    water = view.ground == CLASSES.index("water")
    roofs = view.ground == CLASSES.index("building")
    assert 275 < np.median(kelvin[water]) < 300
    assert np.median(kelvin[roofs]) > np.median(kelvin[water]) + 6


def test_a_panchromatic_band_is_one_band_of_light(port):
    view = compose(4, gsd=2.0, size=128, bands=("pan",), world=port).view()
    colour = compose(4, gsd=2.0, size=128, world=port).view()
    grey = colour.raster.data.astype(float).mean(axis=0)
    assert view.raster.data.shape == (1, 128, 128)
    assert np.corrcoef(view.raster.data[0].ravel(), grey.ravel())[0, 1] > 0.85


@pytest.mark.parametrize("how", [{}, {"sensor": "sentinel-2"}, {"sensor": "sentinel-1"}, {"bands": ("nir", "red", "green")}])
def test_any_part_has_the_pixels_of_the_whole(port, how):
    clouds = {} if how.get("sensor") == "sentinel-1" else {"clouds": 0.3}
    plan = compose(4, gsd=1.5, size=(640, 700), date=SUMMER, world=port, **how, **clouds)
    whole = plan.view()
    for part in ((0, 0, 100, 120), (460, 470, 120, 130), (500, 200, 20, 400), (13, 600, 600, 37)):
        row, col, h, w = part
        cut = (slice(row, row + h), slice(col, col + w))
        view = plan.view(part)
        assert np.array_equal(view.raster.data, whole.raster.data[:, *cut])
        for name in ("ground", "state", "cloud", "shade"):
            assert np.array_equal(getattr(view, name), getattr(whole, name)[cut]), name
        assert view.raster.grid == plan.grid.window(*part)


def test_large_pictures_are_written_by_blocks_as_they_would_be_seen(port, tmp_path):
    plan = compose(4, gsd=2.0, size=(600, 1100), sensor="sentinel-2", date=SUMMER, clouds=0.2, world=port)
    path, mask = tmp_path / "a.tif", tmp_path / "a_truth.tif"
    plan.write(path, mask)
    view = plan.view((90, 400, 60, 300))
    with rasterio.open(path) as file, rasterio.open(mask) as truth:
        window = Window(400, 90, 300, 60)
        assert np.array_equal(file.read(window=window), view.raster.data)
        assert np.array_equal(truth.read(1, window=window), view.ground)
        assert np.array_equal(truth.read(4, window=window) > 0, view.cloud)
        assert truth.descriptions == ("cover", "plant", "state", "cloud", "shade")
        assert file.block_shapes[0] == (512, 512)
        assert file.overviews(1)
    with Scene.open(path) as scene:
        assert scene.sensor.id == "sentinel-2"
        assert [b.name for b in scene.bands][:3] == ["B01", "B02", "B03"]
        assert scene.time == view.raster.time
        assert 0.05 < float(np.mean(scene.display(shape=(64, 64)).data)) < 0.9
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.tif", "a_truth.tif"]


@pytest.mark.parametrize("units", ["decibels", "power", "amplitude"])
def test_scenes_read_every_kind_of_radar_value(port, tmp_path, units):
    plan = compose(4, gsd=4.0, size=256, sensor="sentinel-1", bands=("VV", "VH"), units=units, world=port)
    plan.write(tmp_path / "s1.tif")
    with Scene.open(tmp_path / "s1.tif") as scene:
        assert scene.radar_units == units
        assert [b.name for b in scene.bands] == ["VV", "VH"]


def test_radar_water_is_dark_ships_are_bright_and_looks_smooth(port):
    views = {n: compose(4, gsd=3.0, size=300, sensor="sentinel-1", units="power", looks=n, world=port).view() for n in (1, 16)}
    power = views[16].raster.data[0]
    cover = views[16].ground
    land = power[cover == CLASSES.index("crops")].mean()
    assert power[cover == CLASSES.index("water")].mean() < 0.25 * land
    assert power[cover == CLASSES.index("ship")].mean() > 3 * land
    fields = (cover[:, 1:] == CLASSES.index("crops")) & (cover[:, :-1] == CLASSES.index("crops"))
    grain = {n: float(np.median(np.abs(np.diff(np.log(view.raster.data[0]), axis=1)[fields]))) for n, view in views.items()}
    assert grain[1] > 2 * grain[16]
    like, cross = compose(4, gsd=3.0, size=128, sensor="sentinel-1", bands=("VV", "VH"), world=port).view().raster.data
    assert like.mean() > cross.mean() + 4


def tower(height: float):
    """A single building of 40 x 40 m in a meadow."""
    s = Sketch(np.random.default_rng(0), 600.0)
    s.add(0, rect(0, 0, 900, 900), "grass")
    s.add(10, rect(0, 0, 40, 40), "roof", height=height)
    base = landscape(1, "forest", 600)
    return s.world(0, "tower", base.crs, base.origin)


def test_tall_things_lean_towards_the_radar_and_cast_a_shadow_behind():
    frame = Frame(-100.0, 100.0, (1.0, 1.0), (200, 200))
    look = Radar(heading=90.0, incidence=40.0, looks=200.0)
    low, high = (backscatter(tower(h), frame, look, (False,), np.random.default_rng(0))[0] for h in (0.0, 30.0))
    rows = slice(95, 105)
    lean = 30 / np.tan(np.radians(40))
    # the roof (80 to 120 from the west) comes back from `lean` metres further west; east of it lies no echo for 30 tan 40 m
    assert high[rows, int(80 - lean) + 2 : 78].mean() > 2 * low[rows, int(80 - lean) + 2 : 78].mean()
    assert high[rows, 122:140].mean() < 0.3 * low[rows, 122:140].mean()
    assert high[rows, 160:180].mean() == pytest.approx(low[rows, 160:180].mean(), rel=0.15)


def test_pictures_of_any_shape(port):
    for size in ((1, 1), (3, 700), (515, 2)):
        view = compose(4, gsd=2.0, size=size, world=port).view()
        assert view.raster.shape == size
        assert view.captions


def test_bad_requests_say_what_to_do(port):
    with pytest.raises(NotFoundError, match="sentinel-2"):
        compose(1, gsd=10, size=16, sensor="sentinel2c9", world=port)
    with pytest.raises(InputError, match="wavelength"):
        compose(1, gsd=10, size=16, bands=("sideways",), world=port)
    with pytest.raises(InputError, match="VV"):
        compose(1, gsd=10, size=16, sensor="sentinel-1", bands=("red",), world=port)
    with pytest.raises(InputError, match="sampling distance"):
        compose(1, gsd=-1, size=16, world=port)
    with pytest.raises(InputError, match="16 km"):
        compose(1, gsd=30, size=1000)
    with pytest.raises(InputError, match="between 3 and 7"):
        weights(Band("mid", None, 4.0))
    with pytest.raises(InputError, match="leaves the grid"):
        compose(1, gsd=1, size=16, world=port).view((0, 0, 17, 2))
    plan = compose(1, gsd=1, size=16, world=port)
    turned = replace(plan, grid=replace(plan.grid, transform=plan.grid.transform * plan.grid.transform.rotation(20)))
    with pytest.raises(InputError, match="north-up"):
        turned.view()
    assert bands_of(None, None)[0].id == "rgb"
