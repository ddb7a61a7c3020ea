"""Writing: whole files or none, COGs with a valid layout, masks, nodata, scaling, tags and times that come back; pictures."""

import io
import os
import subprocess
import sys
from datetime import UTC, datetime

import numpy as np
import pytest
import rasterio
from affine import Affine
from PIL import Image
from rasterio.crs import CRS

from geoglot.core.errors import InputError, NotFoundError
from geoglot.geo.grid import Grid
from geoglot.geo.raster import Raster
from geoglot.geo.render import data_url, image, thumbnail, to_uint8
from geoglot.geo.scene import Scene
from geoglot.geo.sensors import Band
from geoglot.geo.write import atomic, write_geotiff, write_text

GRID = Grid(CRS.from_epsg(32631), Affine(10, 0, 500000, 0, -10, 5000000), (70, 90))
WHEN = datetime(2020, 8, 31, 10, 50, 31, tzinfo=UTC)


def raster(dtype="uint16", count=2, missing=True, shape=(70, 90), grid=True) -> Raster:
    rng = np.random.default_rng(0)
    data = rng.integers(1, 200, (count, *shape)).astype(dtype)
    valid = np.ones(shape, bool)
    if missing:
        valid[:10] = False
    names = ("red", "green", "blue", "nir", "pan")[:count]
    bands = tuple(Band(name, name, scale=1e-4, offset=-0.1) for name in names)
    return Raster(data, valid, Grid(GRID.crs, GRID.transform, shape) if grid else None, bands, WHEN)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "int32", "float32", "float64", "complex64"])
@pytest.mark.parametrize("count", [1, 3, 5])
@pytest.mark.parametrize("cog", [True, False])
def test_what_is_written_is_read_again(tmp_path, dtype, count, cog):
    made = raster(dtype, count)
    path = write_geotiff(tmp_path / "a.tif", made, tags={"MODEL": "nano@1"}, cog=cog)
    with rasterio.open(path) as file:
        assert (file.read() == made.data)[:, made.valid].all()
        assert ((file.dataset_mask() > 0) == made.valid).all()
        assert file.tags()["MODEL"] == "nano@1"
        assert file.descriptions == tuple(band.name for band in made.bands)
        assert file.scales == (1e-4,) * count
        assert file.crs == GRID.crs
        assert (file.tags(ns="IMAGE_STRUCTURE").get("LAYOUT") == "COG") == cog
    scene = Scene.open(path)
    assert scene.time == WHEN
    assert [(b.name, b.common, b.scale, b.offset) for b in scene.bands] == [(b.name, b.common, 1e-4, -0.1) for b in made.bands]
    assert (scene.read().valid == made.valid).all()
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.tif"]


@pytest.mark.parametrize(("dtype", "nodata"), [("uint16", 0), ("float32", float("nan")), ("int16", -9999), ("float32", -1.0)])
def test_nodata_is_written_where_it_is_asked_for(tmp_path, dtype, nodata):
    made = raster(dtype, 2)
    path = write_geotiff(tmp_path / "a.tif", made, nodata=nodata)
    with rasterio.open(path) as file:
        assert np.isnan(file.nodata) if np.isnan(nodata) else file.nodata == nodata
    again = Scene.open(path).read()
    assert (again.valid == made.valid).all()
    assert (again.data == made.data)[:, made.valid].all()


@pytest.mark.parametrize(("dtype", "nodata"), [("uint8", -9999), ("uint8", 0.5), ("int16", float("nan"))])
def test_nodata_that_the_type_cannot_hold_is_refused(tmp_path, dtype, nodata):
    with pytest.raises(InputError, match="nodata"):
        write_geotiff(tmp_path / "a.tif", raster(dtype), nodata=nodata)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_large_rasters_have_tiles_and_overviews_in_the_order_of_a_cog(tmp_path, dtype):
    path = write_geotiff(tmp_path / "a.tif", raster(dtype, 3, True, (1100, 1300)))
    with rasterio.open(path) as file:
        assert file.block_shapes[0] == (512, 512)
        assert file.overviews(1) == [2, 4]
        assert file.profile["tiled"]
    head = path.read_bytes()[:4096]
    assert b"LAYOUT=IFDS_BEFORE_DATA" in head
    assert b"BLOCK_ORDER=ROW_MAJOR" in head
    small = Scene.open(path).read(shape=(275, 325))
    assert not small.valid[:2].any()
    assert small.valid[4:].all()


def test_rasters_without_a_place_and_of_one_pixel_are_written(tmp_path):
    path = write_geotiff(tmp_path / "a.tif", raster(shape=(1, 1), missing=False, grid=False))
    assert Scene.open(path).grid is None
    assert Scene.open(path).read().data.shape == (2, 1, 1)


def test_booleans_and_missing_folders_are_refused(tmp_path):
    with pytest.raises(InputError, match="uint8"):
        write_geotiff(tmp_path / "a.tif", Raster(np.ones((1, 4, 4), bool), np.ones((4, 4), bool), None, (Band("a"),)))
    with pytest.raises(NotFoundError, match="make it first"):
        write_geotiff(tmp_path / "none" / "a.tif", raster())


def test_a_name_takes_its_new_content_at_once_or_not_at_all(tmp_path):
    target = tmp_path / "a.txt"
    write_text(target, "old")
    with pytest.raises(UnicodeEncodeError), atomic(target) as part:
        part.write_text("half", encoding="ascii") and part.write_text("ü", encoding="ascii")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]
    write_text(target, "new ü")
    assert target.read_text(encoding="utf-8") == "new ü"
    assert target.stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


FULL = """
import resource, signal, sys
import numpy as np
from geoglot.core.errors import ResourceError
from geoglot.geo.raster import Raster
from geoglot.geo.sensors import Band
from geoglot.geo.vectors import write_features
from geoglot.geo.write import write_geotiff
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
data = np.random.default_rng(0).integers(0, 255, (3, 600, 600)).astype(np.uint8)
bands = (Band("a"), Band("b"), Band("c"))
rows = [{"name": "x" * 1000, "geometry": None}] * 1000
for write in (
    lambda: write_geotiff(sys.argv[1] + "/a.tif", Raster(data, np.ones((600, 600), bool), None, bands)),
    lambda: write_geotiff(sys.argv[1] + "/b.tif", Raster(data, data[0] > 9, None, bands), cog=False),
    lambda: write_features(sys.argv[1] + "/a.geojson", rows),
    lambda: write_features(sys.argv[1] + "/a.parquet", [{"name": str(np.random.random(2000).tolist()), "geometry": None}] * 1 +
                           [{"name": str(np.random.random(20000).tolist()), "geometry": None}]),
):
    try:
        write()
        print("written")
    except ResourceError as error:
        print("ResourceError", error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits on the size of files are of POSIX")
def test_a_full_disk_leaves_nothing_and_says_so(tmp_path):
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=True, timeout=60)
    lines = [line for line in done.stdout.splitlines() if line]
    assert len(lines) == 4
    assert all(line.startswith("ResourceError") for line in lines), lines
    assert not list(tmp_path.iterdir())


def test_pictures_are_transparent_where_nothing_was_observed():
    made = raster("float32", 3)
    picture = Raster(made.data / 255, made.valid, made.grid, made.bands)
    pixels = to_uint8(picture)
    assert pixels.shape == (70, 90, 4)
    assert not pixels[:10, :, 3].any()
    assert (pixels[10:, :, 3] == 255).all()
    assert (pixels[10:, :, 0] == made.data[0, 10:]).all()
    with pytest.raises(InputError, match="display"):
        to_uint8(raster("uint16", 3))


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_thumbnails_keep_their_shape_and_are_no_larger_than_asked(kind):
    for made in (raster("uint16", 1), raster("uint16", 3), raster("float32", 5), raster("uint8", 2)):
        opened = Image.open(io.BytesIO(thumbnail(made, 45, kind)))
        assert opened.format == kind
        assert opened.size == (45, 35)
    assert image(raster()).size == (90, 70)
    assert thumbnail(raster("uint16", 1), 400).startswith(b"\x89PNG")
    assert data_url(b"\x89PNG").startswith("data:image/png;base64,iVB")
    html = raster()._repr_html_()
    assert "data:image/png" in html
    assert "red, green" in html


def test_a_raster_of_nothing_is_a_transparent_picture():
    nothing = Raster(np.zeros((1, 8, 8), np.float32), np.zeros((8, 8), bool), None, (Band("a"),))
    assert not np.asarray(Image.open(io.BytesIO(thumbnail(nothing))))[..., 3].any()


@pytest.mark.parametrize(
    "parts",
    [
        (np.zeros((4, 4)), np.ones((4, 4), bool), None, (Band("a"),)),
        (np.zeros((1, 4, 4)), np.ones((4, 5), bool), None, (Band("a"),)),
        (np.zeros((1, 4, 4)), np.ones((4, 4), np.uint8), None, (Band("a"),)),
        (np.zeros((2, 4, 4)), np.ones((4, 4), bool), None, (Band("a"),)),
        (np.zeros((1, 4, 4)), np.ones((4, 4), bool), GRID, (Band("a"),)),
    ],
)
def test_rasters_whose_parts_do_not_fit_are_refused(parts):
    with pytest.raises(InputError):
        Raster(*parts)


def test_a_window_of_a_raster_keeps_its_place():
    made = raster()
    part = made.window(5, 6, 20, 30)
    assert part.grid == made.grid.window(5, 6, 20, 30)
    assert (part.data == made.data[:, 5:25, 6:36]).all()
    assert part.time == WHEN
    with pytest.raises(InputError):
        made.window(60, 0, 20, 20)
