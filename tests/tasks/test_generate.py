"""`generate`: where a scene lies, what its files say, that seeds repeat, that a killed run goes on, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import pytest
import rasterio
from PIL import Image

import generate_kit as kit
import geoglot as gg
from generate_kit import Painter
from geoglot.core.errors import GeoglotError, InputError, ModelError, NotFoundError, ResourceError
from geoglot.geo.raster import Raster
from geoglot.geo.scene import Scene
from geoglot.geo.sensors import Band
from geoglot.tasks.generate import stream

PLACE: dict[str, Any] = {"at": (6.1, 52.3), "gsd": 10, "size": 80, "progress": False}


def read(path: Path) -> np.ndarray:
    with rasterio.open(path) as file:
        found: np.ndarray = file.read()
    return found


def test_a_scene_lies_where_it_was_asked_for(tmp_path: Path) -> None:
    made = gg.generate(Painter(), "snowy farmland", out=tmp_path / "a.tif", **PLACE)
    assert made.grid is not None
    assert made.grid.lonlat() == pytest.approx((6.1, 52.3))
    with rasterio.open(tmp_path / "a.tif") as file:
        assert (file.shape, file.count, file.crs.to_epsg(), file.transform.a) == ((80, 80), 3, 32632, 10.0)
        assert file.profile["driver"] == "GTiff"
        assert [kind.name for kind in file.colorinterp] == ["red", "green", "blue"]
    raster = made.raster((3, 4, 5, 6))
    assert raster.data.shape == (3, 5, 6)
    assert raster.valid.all()


@pytest.mark.parametrize(
    ("place", "crs", "shape"),
    [
        ({"at": (6.1, 52.3), "gsd": 5, "size": (40, 70)}, 32632, (40, 70)),
        ({"at": (6.1, 52.3), "gsd": 5}, 32632, (32, 32)),
        ({"at": (-70.0, -33.4), "gsd": 1, "size": 33}, 32719, (33, 33)),
        ({"at": (6.1, 52.3), "gsd": 10, "size": 50, "crs": "EPSG:3857"}, 3857, (50, 50)),
        ({"bbox": (6.1, 52.3, 6.11, 52.31), "gsd": 10}, 32632, (114, 73)),
        ({"bbox": (179.999, -17.0, -179.999, -16.999), "gsd": 5}, 32701, (23, 43)),
        ({"size": 40}, None, (40, 40)),
        ({}, None, (32, 32)),
    ],
)
def test_places(place: dict[str, Any], crs: int | None, shape: tuple[int, int]) -> None:
    made = gg.generate(Painter(), "a", progress=False, **place)
    assert made.shape == shape
    assert (None if made.grid is None else made.grid.crs.to_epsg()) == crs
    if made.grid is not None:
        assert made.grid.gsd == pytest.approx(place["gsd"], rel=2e-3)
        if "at" in place:
            assert made.grid.lonlat() == pytest.approx(place["at"], abs=1e-6)


def test_a_box_is_covered(tmp_path: Path) -> None:
    from shapely.geometry import box

    made = gg.generate(Painter(), "a", bbox=(6.1, 52.3, 6.11, 52.31), gsd=10, progress=False)
    assert made.grid is not None
    assert made.grid.footprint().buffer(1e-6).contains(box(6.1, 52.3, 6.11, 52.31))


def test_like_another_raster_and_on_the_grid_of_a_control(tmp_path: Path) -> None:
    other = kit.scene(tmp_path / "s.tif", 50, 70)
    with Scene.open(other) as scene:
        grid = scene.grid
    assert gg.generate(Painter(), "a", like=other, progress=False).grid == grid
    mask = kit.scene(tmp_path / "m.tif", 50, 70, count=1)
    made = gg.generate(Painter(), "a", mask=mask, weights={"mask": 0.5}, progress=False)
    assert made.grid == grid
    assert made.mark.settings["controls"] == {"mask": {"raster": "m.tif", "weight": 0.5}}
    plain = gg.generate(Painter(), "a", like=other, progress=False)
    assert (made.raster().data != plain.raster().data).any()


def test_the_file_the_item_and_pictures_say_that_it_is_synthetic(tmp_path: Path) -> None:
    out = [tmp_path / "a.tif", tmp_path / "a.png", tmp_path / "a.webp"]
    asked = {"time": "2020-01-05", "cloud": 0.0, "sensor": "Sentinel 2A", "avoid": "roads", "seed": 4}
    made = gg.generate(Painter(), "snowy farmland", out=out, **PLACE, **asked)
    for path in out:
        with Scene.open(path) as scene:
            assert scene.synthetic == made.mark
    with Scene.open(out[0]) as scene:
        assert (scene.sensor.id, str(scene.time)[:10]) == ("synthetic", "2020-01-05")
    with rasterio.open(out[0]) as file:
        tags = file.tags()
    assert "ACQUISITION_DATETIME" not in tags
    settings = made.mark.settings
    assert (settings["cloud"], settings["sensor"], settings["avoid"], settings["steps"]) == (0.0, "sentinel-2", "roads", 3)
    with Image.open(out[1]) as picture:
        assert picture.text["Description"].startswith("Synthetic image")
        assert (np.asarray(picture).transpose(2, 0, 1) == read(out[0])).all()
    with Image.open(out[2]) as picture:
        assert (np.asarray(picture).transpose(2, 0, 1) == read(out[0])).all()


def test_the_item_is_stac(tmp_path: Path) -> None:
    gg.generate(Painter(), "snowy farmland", out=tmp_path / "a.tif", **PLACE)
    item = pystac.Item.from_file(str(tmp_path / "a.stac.json"))
    told = item.properties
    assert told["geoglot:synthetic"] == "generated"
    assert told["geoglot:digital_source_type"].endswith("/trainedAlgorithmicMedia")
    assert told["processing:software"] == {"geoglot": gg.__version__, "painter": "1"}
    assert (told["geoglot:prompt"], told["geoglot:seed"]) == ("snowy farmland", 0)
    assert told["geoglot:model"]["hash"] == Painter().spec.hash
    assert told["proj:code"] == "EPSG:32632"
    assert item.bbox is not None
    assert item.bbox[0] < 6.1 < item.bbox[2]
    assert Path(item.assets["image"].get_absolute_href() or "") == tmp_path / "a.tif"
    bare = gg.generate(Painter(), "x", size=32, progress=False).item()
    assert bare["geometry"] is None
    assert "bbox" not in bare


def test_seeds_repeat_bit_for_bit(tmp_path: Path) -> None:
    files = [tmp_path / f"{name}.tif" for name in "abc"]
    for path, seed in zip(files, (0, 0, 1), strict=True):
        gg.generate(Painter(), "snowy farmland", out=path, seed=seed, **PLACE)
    assert files[0].read_bytes() == files[1].read_bytes()
    assert (read(files[0]) != read(files[2])).mean() > 0.5


def test_a_killed_scene_goes_on_and_ends_the_same(tmp_path: Path) -> None:
    whole, target = tmp_path / "whole.tif", tmp_path / "a.tif"
    one, other = Painter(), Painter()
    gg.generate(one, "a town", out=whole, **PLACE)
    other.stop = 2 * one.looks // 3
    with pytest.raises(KeyboardInterrupt):
        gg.generate(other, "a town", out=target, **PLACE)
    assert not target.exists()
    assert (tmp_path / ".a.tif.part").is_dir()
    other.stop, other.looks = -1, 0
    gg.generate(other, "a town", out=target, **PLACE)
    assert 0 < other.looks < one.looks
    assert (read(whole) == read(target)).all()
    assert not (tmp_path / ".a.tif.part").exists()
    other.looks = 0
    gg.generate(other, "a town", out=[target, tmp_path / "a.png"], **PLACE)
    assert other.looks == 0  # it is there
    assert (tmp_path / "a.png").exists()


def test_another_request_begins_anew(tmp_path: Path) -> None:
    target, painter = tmp_path / "a.tif", Painter()
    painter.stop = 4
    with pytest.raises(KeyboardInterrupt):
        gg.generate(painter, "a town", out=target, **PLACE)
    painter.stop = -1
    gg.generate(painter, "a lake", out=target, **PLACE)
    gg.generate(Painter(), "a lake", out=tmp_path / "b.tif", **PLACE)
    assert (read(target) == read(tmp_path / "b.tif")).all()


def test_many_prompts_and_seeds_into_a_folder(tmp_path: Path) -> None:
    painter = Painter()
    made = gg.generate_all(painter, ["A town!", "a lake"], out=tmp_path / "many", count=2, size=32, progress=False)
    names = ["1-a-town-seed0.tif", "1-a-town-seed1.tif", "2-a-lake-seed0.tif", "2-a-lake-seed1.tif"]
    assert [one.path.name for one in made] == names
    looks = painter.looks
    gg.generate_all(painter, ["A town!", "a lake"], out=tmp_path / "many", count=2, size=32, progress=False)
    assert painter.looks == looks
    assert (read(made[0].path) != read(made[1].path)).any()


def test_other_bands(tmp_path: Path) -> None:
    made = gg.generate(Painter(bands=("red", "green", "blue", "nir")), "a", out=tmp_path / "a.tif", **PLACE)
    raster = made.raster()
    assert raster.data.dtype == np.float32
    assert [band.name for band in raster.bands] == ["red", "green", "blue", "nir"]
    assert made._repr_html_().startswith("<figure>")


def raster(height: int, width: int) -> Raster:
    return Raster(np.ones((1, height, width), np.uint8), np.ones((height, width), bool), None, (Band("class"),))


@pytest.mark.parametrize(
    ("asked", "error", "told"),
    [
        ({"at": (6.1, 152.3), "gsd": 10}, InputError, "not on the Earth"),
        ({"at": (52.3, 106.1), "gsd": 10}, InputError, "may have changed places"),
        ({"bbox": (6, 52, 6, 53), "gsd": 10}, InputError, "no area"),
        ({"bbox": (6, 52, 7, 93), "gsd": 10}, InputError, "not on the Earth"),
        ({"bbox": (6, 52, 26, 63), "gsd": 0.1}, InputError, "smaller box"),
        ({"at": (6.1, 52.3)}, InputError, "--gsd"),
        ({"at": (6.1, 52.3), "gsd": 0}, InputError, "above 0"),
        ({"size": 0}, InputError, "from 1 to"),
        ({"size": 10**6}, InputError, "from 1 to"),
        ({"at": (6.1, 52.3), "gsd": 10, "crs": "EPSG:4326"}, InputError, "degrees"),
        ({"at": (6.1, 52.3), "gsd": 10, "crs": "nowhere"}, InputError, "no reference system"),
        ({"at": (6.1, 52.3), "gsd": 10, "bbox": (1, 2, 3, 4)}, InputError, "in one way"),
        ({"crs": "EPSG:3857"}, InputError, "with a place"),
        ({"cloud": 30}, InputError, "from 0 to 1"),
        ({"seed": -1}, InputError, "seed"),
        ({"steps": 0}, InputError, "Steps"),
        ({"sampler": "magic"}, InputError, "no sampler"),
        ({"time": "yesterday"}, InputError, "not a time"),
        ({"weights": {"mask": 1}}, InputError, "no such control"),
        ({"mask": raster(40, 40), "size": 80}, InputError, "40 x 40 pixels"),
        ({"mask": raster(80, 80), "at": (6.1, 52.3), "gsd": 10, "size": 80}, InputError, "no georeference"),
        ({"sketch": raster(32, 32)}, InputError, "no control of the kind"),
        ({"mask": raster(32, 32), "weights": {"mask": 9}}, InputError, "weight"),
        ({"mask": "none.tif"}, NotFoundError, "none.tif"),
        ({"like": "none.tif"}, NotFoundError, "none.tif"),
        ({"out": "a.gif"}, InputError, "says the format"),
        ({"out": "nowhere/a.tif"}, NotFoundError, "make it first"),
        ({"text": "x" * 5000}, InputError, "say it shorter"),
    ],
)
def test_what_is_refused_before_anything_is_drawn(asked: dict[str, Any], error: type[GeoglotError], told: str) -> None:
    painter = Painter()
    with pytest.raises(error, match=told):
        gg.generate(painter, asked.pop("text", "a town"), progress=False, **asked)
    assert painter.looks == 0


def test_a_control_on_another_grid_says_how_to_bring_it_there(tmp_path: Path) -> None:
    mask = kit.scene(tmp_path / "m.tif", 80, 80, count=1)
    with pytest.raises(InputError, match=r"another grid .*--like m.tif.*gdalwarp"):
        gg.generate(Painter(), "a town", mask=mask, **PLACE)


def test_what_fits_neither_memory_nor_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    painter = Painter()
    monkeypatch.setattr(stream.shutil, "disk_usage", lambda _: type("Free", (), {"free": 1000}))
    with pytest.raises(ResourceError, match="name another disk"):
        gg.generate(painter, "a town", out=tmp_path / "a.tif", **PLACE)
    monkeypatch.undo()
    import geoglot.models.planes

    monkeypatch.setattr(geoglot.models.planes, "memory", lambda: 1000)
    with pytest.raises(ResourceError, match="fewer pixels"):
        gg.generate(painter, "a town", out=tmp_path / "a.tif", **PLACE)
    with pytest.raises(ResourceError, match=r"Write \.tif"):
        gg.generate(painter, "a town", out=tmp_path / "a.png", **PLACE)
    assert painter.looks == 0
    assert list(tmp_path.iterdir()) == []


def test_models_that_draw_nothing_are_refused() -> None:
    class Other:
        spec = Painter().spec

    with pytest.raises(ModelError, match="painter@1 draws nothing: use nano-gen"):
        gg.generate(Other(), "a town")


def test_a_generator_answers_no_questions(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="painter@1 does not answer questions"):
        gg.ask(Painter(), kit.scene(tmp_path / "a.tif"), "How many ships?")


def test_a_failed_write_leaves_nothing_that_looks_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("geoglot.geo.write.rio_copy", fail)
    monkeypatch.setattr("geoglot.geo.write._check", fail)
    with pytest.raises(ResourceError, match="disk is full"):
        gg.generate(Painter(), "a town", out=tmp_path / "a.tif", **PLACE)
    assert not (tmp_path / "a.tif").exists()
    assert not (tmp_path / "a.stac.json").exists()
    assert json.loads((tmp_path / ".a.tif.part" / "state.json").read_text())["done"] == 3
