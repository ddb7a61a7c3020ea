"""Damaged files: an error of our own tree or a picture, soon, and never anything else."""

import random
import struct
import time

import numpy as np
import pytest
from affine import Affine

from geoglot.core.errors import GeoglotError, RasterError
from geoglot.geo.scene import Scene


def look(path) -> str:
    """What became of a file: read, or the name of the error."""
    try:
        with Scene.open(path) as scene:
            assert scene.fingerprint
            _ = scene.footprint, scene.gsd, scene.display(shape=(32, 32)), scene.display(window=(0, 0, 16, 16))
    except GeoglotError as error:
        return type(error).__name__ if str(error) else "an error without words"
    return "read"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("seed", range(12))
def test_bytes_that_are_cut_turned_or_wiped(make, seed):
    chance = random.Random(seed)
    data = np.random.default_rng(seed).integers(0, 255, (3, 80, 80)).astype(["uint8", "uint16", "float32"][seed % 3])
    good = make(data, nodata=0 if seed % 2 else None, compress="deflate" if seed % 4 else None).read_bytes()
    bad = make(data, "bad.tif")
    for _ in range(12):
        spoilt = bytearray(good)
        how = chance.choice(["cut", "wipe", "head", "any"])
        start = chance.randrange(len(good))
        if how == "cut":
            spoilt = spoilt[:start]
        elif how == "wipe":
            spoilt[start : start + 500] = bytes(min(500, len(good) - start))
        else:
            for _ in range(chance.choice([1, 5, 50])):
                spoilt[chance.randrange(500 if how == "head" else len(good))] = chance.randrange(256)
        bad.write_bytes(spoilt)
        started = time.monotonic()
        assert look(bad) in ("read", "RasterError", "NotEarthError", "ResourceError", "NotFoundError")
        assert time.monotonic() - started < 10


def test_a_header_that_claims_more_pixels_than_there_are(make):
    path = make(np.ones((1, 16, 16), np.uint8))
    content = bytearray(path.read_bytes())
    offset = struct.unpack("<I", content[4:8])[0]
    for entry in range(struct.unpack("<H", content[offset : offset + 2])[0]):
        place = offset + 2 + 12 * entry
        if struct.unpack("<H", content[place : place + 2])[0] in (256, 257):  # width and height
            content[place + 2 : place + 12] = struct.pack("<HII", 4, 1, 2**31 - 2)
    path.write_bytes(content)
    assert look(path) == "RasterError"


@pytest.mark.parametrize(
    ("crs", "transform"),
    [
        ("EPSG:4326", Affine(1e9, 0, 1e12, 0, -1e-3, 0)),
        ("EPSG:4326", Affine(1e-3, 0, 0, 0, -1e-3, 500)),
        ("EPSG:32631", Affine(10, 0, 1e15, 0, -10, 1e15)),
        ("EPSG:3857", Affine(1e12, 0, 0, 0, -1e12, 0)),
        ("EPSG:32631", Affine(1e-30, 0, 0, 0, -1e-30, 0)),
        ("EPSG:32631", Affine(float("inf"), 0, 0, 0, -1, 0)),
    ],
)
def test_places_that_are_not_on_the_earth_are_refused_soon(make, crs, transform):
    started = time.monotonic()
    assert look(make(np.ones((1, 8, 8), np.uint8), crs=crs, transform=transform)) in ("RasterError", "read")
    assert time.monotonic() - started < 3


def test_virtual_files_without_bands_or_with_a_nonsense_system(tmp_path):
    band = '<VRTRasterBand dataType="Byte" band="1"/>'
    for name, inside in (("empty", ""), ("wrong", f"<SRS>EPSG:nonsense</SRS>{band}"), ("gone", f"<SRS>GEOGCS[</SRS>{band}")):
        path = tmp_path / f"{name}.vrt"
        path.write_text(f'<VRTDataset rasterXSize="20" rasterYSize="20">{inside}</VRTDataset>')
        assert look(path) in ("read", "RasterError")
    with pytest.raises(RasterError, match="not a readable raster"):
        Scene.open(tmp_path / "empty.vrt")
