"""`inpaint` and `outpaint`: every pixel that is not drawn stays as it is, and so does what was not observed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import box, mapping

import generate_kit as kit
import geoglot as gg
from generate_kit import Painter
from geoglot.core.errors import GeoglotError, InputError, NotFoundError
from geoglot.geo.scene import Scene
from geoglot.tasks.generate import hole, paint

QUIET: dict[str, Any] = {"progress": False}


def pixels(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with rasterio.open(path) as file:
        return file.read(), file.dataset_mask() > 0


def polygon(path: Path, of: Path, window: tuple[int, int, int, int]) -> Path:
    """A polygon around a window of a scene, as GeoJSON."""
    with Scene.open(of) as scene:
        assert scene.grid is not None
        shape = scene.grid.window(*window).footprint()
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": mapping(shape)}]}))
    return path


KINDS: list[dict[str, Any]] = [
    {"nodata": 0},
    {"nodata": 255},
    {"masked": True},
    {"kind": "uint16", "nodata": 0},
    {"kind": "float32", "nodata": float("nan")},
    {"kind": "int16", "nodata": -9999},
    {"count": 1},
    {"crs": None},
]


@pytest.mark.parametrize("kind", KINDS, ids=repr)
@settings(max_examples=3)
@given(data=st.data())
def test_inpainting_keeps_all_other_pixels_and_the_nodata(
    tmp_path_factory: pytest.TempPathFactory, kind: dict[str, Any], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("in")
    source, target = kit.scene(folder / "a.tif", 60, 70, **kind), folder / "b.tif"
    row, col = data.draw(st.integers(0, 50)), data.draw(st.integers(0, 60))
    area = np.zeros((60, 70), bool)
    area[row : row + data.draw(st.integers(1, 30)), col : col + data.draw(st.integers(1, 30))] = True
    before, seen = pixels(source)
    if not (area & seen).any():
        return
    gg.inpaint(Painter(16, steps=1), source, "a lake", area=area, out=target, **QUIET)
    after, still = pixels(target)
    assert (seen == still).all()
    kept = seen & ~area
    assert after.dtype == before.dtype
    assert (after[:, kept] == before[:, kept]).all()
    assert (after[:, seen & area] != before[:, seen & area]).any()
    with rasterio.open(source) as one, rasterio.open(target) as other:
        assert (one.crs, one.transform, one.descriptions) == (other.crs, other.transform, other.descriptions)
        assert one.nodata is None or one.nodata == other.nodata or np.isnan(one.nodata)


@pytest.mark.parametrize("kind", KINDS, ids=repr)
@settings(max_examples=3)
@given(by=st.tuples(*[st.integers(0, 25)] * 4).filter(any))
def test_outpainting_keeps_the_scene_and_its_grid(
    tmp_path_factory: pytest.TempPathFactory, kind: dict[str, Any], by: tuple[int, int, int, int]
) -> None:
    folder = tmp_path_factory.mktemp("out")
    source, target = kit.scene(folder / "a.tif", 40, 50, **kind), folder / "b.tif"
    made = gg.outpaint(Painter(16, steps=1), source, "a lake", by=by, out=target, **QUIET)
    (before, seen), (after, still) = pixels(source), pixels(target)
    left, top, right, bottom = by
    assert made.shape == after.shape[1:] == (40 + top + bottom, 50 + left + right)
    inner = slice(top, top + 40), slice(left, left + 50)
    assert (still[inner] == seen).all()
    assert (after[:, *inner][:, seen] == before[:, seen]).all()
    outside = np.ones(made.shape, bool)
    outside[inner] = False
    assert still[outside].all()
    with rasterio.open(source) as one, rasterio.open(target) as other:
        if one.crs is not None:
            assert other.transform * (left, top) == pytest.approx(one.transform * (0, 0))


def test_what_is_drawn_goes_on_from_what_is_known(tmp_path: Path) -> None:
    source = kit.scene(tmp_path / "a.tif")
    asked: dict[str, Any] = {"area": (40, 30, 60, 50), **QUIET}
    with Scene.open(source) as scene:
        assert scene.grid is not None
        west, south, east, north = scene.grid.window(30, 40, 20, 20).footprint().bounds
    made = gg.inpaint(Painter(), source, "a lake", **asked | {"area": (west, south, east, north)})
    again = gg.inpaint(Painter(), source, "a lake", **asked | {"area": (west, south, east, north)})
    assert (made.raster().data == again.raster().data).all()
    told = made.mark
    assert (told.how, told.settings["source"]) == ("inpainted", "a.tif")
    assert told.settings["drawn"] == pytest.approx(20 * 20 / (96 * 128), rel=0.1)
    assert told.source_type.endswith("compositeWithTrainedAlgorithmicMedia")


def test_areas_of_every_kind_mean_the_same_pixels(tmp_path: Path) -> None:
    source = kit.scene(tmp_path / "a.tif")
    file = polygon(tmp_path / "area.geojson", source, (30, 40, 20, 30))
    raster = np.zeros((96, 128), np.uint8)
    raster[30:50, 40:70] = 7
    with Scene.open(source) as scene, rasterio.open(source) as opened:
        profile = opened.profile | {"count": 1}
        profile.pop("photometric", None)
        with rasterio.open(tmp_path / "mask.tif", "w", **profile) as out:
            out.write(raster, 1)
        seen = hole.observed(scene)
        assert scene.grid is not None
        shape = scene.grid.window(30, 40, 20, 30).footprint()
        for area in (file, tmp_path / "mask.tif", raster, shape):
            assert (hole.hole_of(scene, area, False, seen) == (raster > 0)).all()


def test_gaps_are_drawn_when_they_are_asked_for(tmp_path: Path) -> None:
    source, target = kit.scene(tmp_path / "a.tif", nodata=0), tmp_path / "b.tif"
    gg.inpaint(Painter(), source, "farmland", gaps=True, out=target, **QUIET)
    (before, seen), (after, still) = pixels(source), pixels(target)
    assert still.all()
    assert (after[:, seen] == before[:, seen]).all()


def test_windows_hold_the_holes_and_never_meet() -> None:
    mask = np.zeros((400, 500), bool)
    for row, col in ((10, 10), (12, 40), (300, 450), (399, 0), (200, 200)):
        mask[row : row + 8, col : col + 8] = True
    found = hole.windows(mask, 32)
    assert len(found) == 4
    count = np.zeros(mask.shape, int)
    for row, col, height, width in found:
        assert min(height, width) >= 32
        count[row : row + height, col : col + width] += 1
    assert count.max() == 1
    assert (count[mask] == 1).all()


def test_an_interrupted_inpainting_goes_on(tmp_path: Path) -> None:
    source, target = kit.scene(tmp_path / "a.tif", 60, 300), tmp_path / "b.tif"
    area = np.zeros((60, 300), bool)
    area[5:45, 5:50] = area[5:45, 250:290] = True
    one, other = Painter(), Painter()
    gg.inpaint(one, source, "a lake", area=area, out=tmp_path / "whole.tif", **QUIET)
    other.stop = 3 * one.looks // 4
    with pytest.raises(KeyboardInterrupt):
        gg.inpaint(other, source, "a lake", area=area, out=target, **QUIET)
    assert not target.exists()
    other.stop, other.looks = -1, 0
    gg.inpaint(other, source, "a lake", area=area, out=target, **QUIET)
    assert other.looks < one.looks
    assert (pixels(target)[0] == pixels(tmp_path / "whole.tif")[0]).all()


def test_a_drawing_that_is_drawn_on_stays_synthetic(tmp_path: Path) -> None:
    first = tmp_path / "a.tif"
    gg.generate(Painter(), "a town", at=(6.1, 52.3), gsd=10, size=40, out=first, **QUIET)
    made = gg.outpaint(Painter(), first, "a lake", by=8, out=tmp_path / "b.tif", **QUIET)
    assert made.mark.whole
    assert made.mark.settings["earlier"]["prompt"] == "a town"
    with Scene.open(tmp_path / "b.tif") as scene:
        assert scene.sensor.id == "synthetic"


def test_up_to_a_box(tmp_path: Path) -> None:
    source = kit.scene(tmp_path / "a.tif", 40, 40)
    with Scene.open(source) as scene:
        assert scene.grid is not None
        west, south, east, north = scene.grid.window(0, 0, 40, 60).footprint().bounds
    made = gg.outpaint(Painter(), source, "a lake", bbox=(west, south, east, north), **QUIET)
    assert made.grid is not None
    assert made.grid.footprint().buffer(1e-7).contains(box(west, south, east, north))
    assert made.shape[1] in range(60, 63)


@pytest.mark.parametrize(
    ("scene", "asked", "error", "told"),
    [
        ({}, {}, InputError, "Say what is drawn anew"),
        ({}, {"gaps": True}, InputError, "has no gaps"),
        ({}, {"area": (100, 10, 101, 11)}, InputError, "does not touch"),
        ({}, {"area": (100, 91, 101, 92)}, InputError, "not on the Earth"),
        ({}, {"area": "none.geojson"}, NotFoundError, "none.geojson"),
        ({}, {"area": np.zeros((96, 128), bool)}, InputError, "holds no pixel"),
        ({}, {"area": np.zeros((3, 3))}, InputError, "box of four numbers"),
        ({"crs": None}, {"area": (9, 9, 3, 3)}, InputError, "left, top, right, bottom"),
        ({"count": 4}, {"area": np.ones((96, 128))}, InputError, "only red, green and blue are drawn"),
        ({"nodata": 0}, {"area": (6, 4, 26, 14)}, InputError, "does not touch"),
    ],
)
def test_what_cannot_be_drawn_in_is_refused(
    tmp_path: Path, scene: dict[str, Any], asked: dict[str, Any], error: type[GeoglotError], told: str
) -> None:
    painter = Painter()
    with pytest.raises(error, match=told):
        gg.inpaint(painter, kit.scene(tmp_path / "a.tif", **scene), "a lake", **asked, **QUIET)
    assert painter.looks == 0


def test_nodata_within_the_area_stays_and_says_how_to_draw_it(tmp_path: Path) -> None:
    source = kit.scene(tmp_path / "a.tif", nodata=0)
    area = np.zeros((96, 128), bool)
    area[5:10, 8:20] = True
    with pytest.raises(InputError, match="--gaps"):
        gg.inpaint(Painter(), source, "a lake", area=area, **QUIET)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({}, "in one way how far"),
        ({"by": 0}, "at least 1"),
        ({"by": -3}, "at least 1"),
        ({"by": 10**6}, "at most"),
        ({"bbox": (3.001, 52.344, 3.002, 52.345)}, "lies within"),
        ({"bbox": (3, 52, 3, 53)}, "no area"),
    ],
)
def test_outpainting_that_makes_no_sense_is_refused(tmp_path: Path, asked: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        gg.outpaint(Painter(), kit.scene(tmp_path / "a.tif"), "a lake", **asked, **QUIET)


def test_the_source_is_never_written_over(tmp_path: Path) -> None:
    source = kit.scene(tmp_path / "a.tif")
    with pytest.raises(InputError, match="written over"):
        gg.outpaint(Painter(), source, "a lake", by=4, out=source, **QUIET)


def test_a_model_of_other_bands_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="painter@1 draws red, green, blue, nir"):
        gg.outpaint(Painter(bands=("red", "green", "blue", "nir")), kit.scene(tmp_path / "a.tif"), "a lake", by=4, **QUIET)


@pytest.mark.parametrize("nodata", [0, 255, 7])
def test_no_drawn_pixel_reads_as_missing(tmp_path: Path, nodata: int) -> None:
    with Scene.open(kit.scene(tmp_path / "a.tif", 20, 20, nodata=nodata)) as scene:
        of = paint.Observed(scene, scene.shape, (0, 0), np.ones(scene.shape, bool))
        made = of.back(np.repeat(np.arange(256, dtype=np.uint8)[None], 3, axis=0))
    assert not (made == nodata).all(axis=0).any()
    assert np.abs(made.astype(int) - np.arange(256)).max() == 1
