"""Segment with a model that sees colours: what a map holds, whatever the windows, after a kill, and for what is refused."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS
from rasterio.shutil import copy as copy_raster

import geoglot as gg
from geoglot.core.errors import InputError, LockedError, ModelError, NotFoundError, RasterError
from geoglot.geo.areas import area
from geoglot.geo.grid import Grid
from geoglot.tasks.segment import blend, lattice, segment, segment_all
from geoglot.tasks.segment.blend import NODATA
from geoglot.tasks.work import Work, folder_of
from segment_kit import CELL, Painter, fields, truth, write

LABELS = "red|scarlet,green,blue"
PLAIN: dict[str, Any] = {"templates": ("{}",), "progress": False}
SHAPE = (203, 317)


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    return write(tmp_path / "fields.tif", fields(*SHAPE))


def made(source: Any, model: Any = None, **more: Any) -> gg.ClassMap:
    return segment(model or Painter(), source, **({"labels": LABELS} | PLAIN | more))


def inner(scene: Path) -> np.ndarray:
    """Pixels that are farther than a cell from any border between fields."""
    with rasterio.open(scene) as file:
        label = truth(file.read())
    near = np.zeros(label.shape, bool)
    for axis in (0, 1):
        for step in (-CELL, CELL):
            near |= np.roll(label, step, axis) != label
    return ~near


def test_every_pixel_has_its_class(scene: Path) -> None:
    found = made(scene)
    with rasterio.open(scene) as file:
        label = truth(file.read())
    assert found.read().shape == SHAPE
    sure = inner(scene)
    assert sure.mean() > 0.3
    assert (found.read() == label)[sure].all()
    assert (found.read() == label).mean() > 0.85
    assert found.names == ("red", "green", "blue")
    assert [row["label"] for row in found.rows()] == ["red", "green", "blue", "none of these"]
    assert sum(row["pixels"] for row in found.rows()) == SHAPE[0] * SHAPE[1]
    assert sum(row["share"] for row in found.rows()) == pytest.approx(1)
    assert "red" in found.table()
    assert "data:image/png" in found._repr_html_()
    assert found.raster().grid == found.grid


def test_against_one_look_at_the_whole(tmp_path: Path) -> None:
    """Without georeference and with whole cells, a map is the upsampled argmax of all cells at once."""
    picture = fields(160, 240)
    path = write(tmp_path / "whole.tif", picture, crs=None)
    model = Painter()
    cells = model.seen(gg_batch(picture)).map() @ model.text(["red", "green", "blue"]).T
    large = torch.nn.functional.interpolate(cells.movedim(-1, 1), scale_factor=CELL, mode="bilinear", align_corners=False)
    expected = large[0].argmax(0).numpy() + 1
    found = segment(model, path, ["red", "green", "blue"], **PLAIN).read()
    assert (found == expected).mean() > 0.9999


def gg_batch(picture: np.ndarray) -> Any:
    from geoglot.nn.batch import ImageBatch

    return ImageBatch.of(torch.from_numpy(picture[None].astype(np.float32) / 255))


@pytest.mark.parametrize(
    "more", [{"tile": 24}, {"tile": 128, "overlap": 0.5}, {"tile": 40, "batch": 3, "overlap": 0.0}, {"workers": 1}]
)
def test_windows_do_not_matter(scene: Path, more: dict[str, Any]) -> None:
    assert (made(scene).read() == made(scene, **more).read()).mean() > 0.999


def test_what_is_cut_out_has_the_same_cells(scene: Path, tmp_path: Path) -> None:
    row, col = 37, 53
    with rasterio.open(scene) as file:
        picture = file.read()[:, row:, col:]
    part = write(tmp_path / "part.tif", picture, origin=(500_000.0 + 10 * col, 5_500_000.0 - 10 * row))
    whole, cut = made(scene).read()[row:, col:], made(part).read()
    assert (whole == cut)[CELL:, CELL:].mean() > 0.9999
    moved = write(tmp_path / "moved.tif", picture, crs=None)
    assert (whole == made(moved).read())[CELL:, CELL:].mean() < 0.9999  # which only the anchor to the map makes so


def test_nothing_observed_is_255_to_the_pixel(tmp_path: Path) -> None:
    picture = fields(150, 170)
    picture[:, 20:81, 30:100] = 0
    picture[:, 140:, :] = 0
    found = made(write(tmp_path / "holes.tif", picture, nodata=0)).read()
    missing = (picture == 0).all(axis=0)
    assert ((found == NODATA) == missing).all()
    filled = fields(150, 170)
    full = made(write(tmp_path / "full.tif", filled)).read()
    far = ~missing
    for axis in (0, 1):
        for step in range(-2 * CELL, 2 * CELL + 1, CELL):
            far &= ~np.roll(missing, step, axis)
    assert (found == full)[far].all()


def test_a_scene_without_a_single_pixel(tmp_path: Path) -> None:
    found = made(write(tmp_path / "empty.tif", np.zeros((3, 70, 90), np.uint8), nodata=0))
    assert (found.read() == NODATA).all()
    assert {row["pixels"] for row in found.rows()} == {0}


@pytest.mark.parametrize("shape", [(1, 1), (3, 400), (300, 5), (64, 64), (65, 63)])
def test_odd_shapes(tmp_path: Path, shape: tuple[int, int]) -> None:
    picture = np.full((3, *shape), 20, np.uint8)
    picture[1] = 220
    assert (made(write(tmp_path / "odd.tif", picture)).read() == 2).all()


def test_a_look_at_another_resolution(scene: Path, tmp_path: Path) -> None:
    coarse = made(scene, gsd=20.0)
    assert coarse.shape == SHAPE
    assert (coarse.read() == made(scene).read()).mean() > 0.8
    fine = made(scene, gsd=5.0)
    assert (fine.read() == made(scene).read()).mean() > 0.85
    bare = write(tmp_path / "bare.tif", fields(80, 80), crs=None)
    with pytest.raises(RasterError, match="without georeference"):
        made(bare, gsd=5.0)


def test_many_classes_are_decided_in_parts(scene: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = made(scene).read()
    monkeypatch.setattr(blend, "BLOCK_BYTES", 4000)
    assert (made(scene).read() == whole).all()


def test_background_threshold_and_synonyms(scene: Path) -> None:
    plain = made(scene).read()
    with_background = made(scene, labels="red|scarlet", background="green|blue").read()
    assert ((with_background == 1) == (plain == 1)).mean() > 0.99
    assert set(np.unique(with_background)) == {0, 1}
    strict = made(scene, threshold=0.999999).read()
    assert (strict == 0).any()
    assert (strict == plain)[strict > 0].all()
    assert (made(scene, labels="scarlet|red,green,blue").read() == plain).all()


def test_the_file_says_what_it_means(scene: Path, tmp_path: Path) -> None:
    out = tmp_path / "map.tif"
    found = made(scene, out=out)
    assert found.path == out
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    with rasterio.open(out) as file, rasterio.open(scene) as original:
        assert (file.crs, file.transform, file.shape) == (original.crs, original.transform, original.shape)
        assert (file.nodata, file.dtypes, file.count) == (255, ("uint8",), 1)
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert {k: v for k, v in file.tags().items() if k.startswith("CLASS_")} == {
            "CLASS_0": "none of these", "CLASS_1": "red", "CLASS_2": "green", "CLASS_3": "blue"
        }  # fmt: skip
        assert len({file.colormap(1)[value][:3] for value in range(4)}) == 4
    copy_raster(out, tmp_path / "names.vrt", driver="VRT")  # GDAL finds the names beside the file
    text = (tmp_path / "names.vrt").read_text()
    assert "<Category>none of these</Category>" in text
    assert "<Category>blue</Category>" in text
    again = found.write(tmp_path / "copy.tif")
    with rasterio.open(again) as file:
        assert (file.read(1) == found.read()).all()


@pytest.mark.parametrize("suffix", [".gpkg", ".geojson", ".parquet"])
def test_polygons(scene: Path, tmp_path: Path, suffix: str) -> None:
    import geopandas

    out, tif = tmp_path / f"map{suffix}", tmp_path / "map.tif"
    found = made(scene, out=[tif, out])
    table = (geopandas.read_parquet if suffix == ".parquet" else geopandas.read_file)(out)
    assert set(table.columns) >= {"scene", "label", "score", "area", "geometry"}
    for row in found.rows()[:3]:
        mine = table[table.label == row["label"]]
        assert mine["area"].sum() == pytest.approx(row["area"], rel=2e-4)
        assert mine["pixels"].sum() == row["pixels"]
        assert (mine["score"] * mine["pixels"]).sum() / mine["pixels"].sum() == pytest.approx(row["score"], abs=1e-3)
        assert mine.to_crs(32631).area.sum() == pytest.approx(100 * row["pixels"], rel=1e-4)
    assert table.geometry.is_valid.all()


def test_small_polygons_are_left_out(scene: Path) -> None:
    every = list(made(scene).polygons())
    large = list(made(scene).polygons(least=200_000))
    assert [row for row in every if row["area"] >= 200_000] == large
    assert len(large) < len(every)


def test_polygons_without_a_place_are_in_pixels(tmp_path: Path) -> None:
    found = made(write(tmp_path / "bare.tif", fields(80, 120), crs=None))
    rows = list(found.polygons())
    assert {row["geometry"] for row in rows} == {None}
    assert {row["area"] for row in rows} == {None}
    shapes = [shapely.from_wkt(row["outline"]) for row in rows]
    assert sum(shape.area for shape in shapes) == 80 * 120 == sum(row["pixels"] for row in rows)
    assert found.rows()[0]["area"] is None


def test_areas_in_degrees(tmp_path: Path) -> None:
    """Half a degree at 60 degrees north: pixels of a row have one area, those of the next another."""
    path = write(tmp_path / "degrees.tif", fields(96, 96), crs="EPSG:4326", origin=(10.0, 60.0), gsd=0.005)
    found = made(path)
    grid = Grid(CRS.from_epsg(4326), rasterio.Affine(0.005, 0, 10, 0, -0.005, 60), (96, 96))
    assert sum(row["area"] for row in found.rows()) == pytest.approx(area(grid.footprint(64)), rel=1e-4)
    for row in found.rows()[:3]:
        assert sum(one["area"] for one in found.polygons() if one["label"] == row["label"]) == pytest.approx(
            row["area"], rel=2e-4
        )


def test_across_the_antimeridian(tmp_path: Path) -> None:
    path = write(tmp_path / "date.tif", fields(64, 64), crs="EPSG:32760", origin=(785_000.0, 8_000_000.0), gsd=1000.0)
    rows = list(made(path).polygons())
    assert any(row["geometry"].bounds[2] - row["geometry"].bounds[0] > 300 for row in rows)
    assert sum(row["geometry"].area for row in rows) < 1.0 * 1.0  # square degrees: nothing goes around the Earth


def test_an_interrupted_run_goes_on(scene: Path, tmp_path: Path) -> None:
    whole, out = Painter(), tmp_path / "map.tif"
    expected = made(scene, whole, batch=2).read()
    with pytest.raises(KeyboardInterrupt):
        made(scene, Painter(stop=whole.windows * 2 // 3), out=out, batch=2)
    assert not out.exists()
    assert (folder_of(out) / "state.json").exists()
    rest = Painter()
    assert (made(scene, rest, out=out, batch=2).read() == expected).all()
    assert 0 < rest.windows < whole.windows * 2 // 3
    assert not folder_of(out).exists()


def test_another_request_begins_anew(scene: Path, tmp_path: Path) -> None:
    whole, out = Painter(), tmp_path / "map.tif"
    expected = made(scene, whole, labels="green,red", batch=2).read()
    with pytest.raises(KeyboardInterrupt):
        made(scene, Painter(stop=whole.windows * 2 // 3), out=out, batch=2)
    other = Painter()
    assert (made(scene, other, labels="green,red", out=out, batch=2).read() == expected).all()
    assert other.windows == whole.windows


def test_what_is_done_is_not_done_again(scene: Path, tmp_path: Path) -> None:
    out = tmp_path / "map.tif"
    first, model = made(scene, out=out), Painter()
    again = made(scene, model, out=out)
    assert model.windows == 0
    assert again.rows() == first.rows()
    made(scene, model, out=out, threshold=0.5)
    assert model.windows > 0
    write(scene, fields(*SHAPE, seed=3))
    model.windows = 0
    made(scene, model, out=out)
    assert model.windows > 0


@pytest.mark.parametrize("suffix", [".gpkg", ".geojson", ".parquet"])
def test_polygons_that_are_done_are_not_made_again(scene: Path, tmp_path: Path, suffix: str) -> None:
    outputs = [tmp_path / f"map{suffix}", tmp_path / "map.tif"]
    first = made(scene, Painter(), out=outputs)
    model = Painter()
    again = made(scene, model, out=outputs)
    assert model.windows == 0
    assert again.classes == first.classes
    assert (again.read() == first.read()).all()
    made(scene, model, out=outputs, least=50_000.0)
    assert model.windows > 0
    model.windows = 0
    made(scene, model, out=outputs[0], least=50_000.0)
    assert model.windows == 0
    outputs[0].write_bytes(outputs[0].read_bytes()[:50])  # damaged
    made(scene, model, out=outputs[0], least=50_000.0)
    assert model.windows > 0


def test_two_writers(scene: Path, tmp_path: Path) -> None:
    out = tmp_path / "map.tif"
    held = Work(folder_of(out), SHAPE, "other", {})
    with pytest.raises((LockedError, RasterError), match="Another process"):
        made(scene, out=out)
    held.remove()


def test_many_scenes_and_a_broken_one(tmp_path: Path) -> None:
    folder = tmp_path / "scenes"
    folder.mkdir()
    for seed in range(3):
        write(folder / f"s{seed}.tif", fields(90, 120, seed=seed))
    (folder / "s1.tif").write_bytes((folder / "s1.tif").read_bytes()[:2000])
    made_all = segment_all(Painter(), folder, LABELS, out=tmp_path / "maps", **PLAIN)
    assert sorted(path.name for path in (tmp_path / "maps").glob("*.tif")) == ["s0.tif", "s2.tif"]
    assert [Path(name).name for name, _ in made_all.skipped] == ["s1.tif"]
    assert len(made_all) == 2
    assert "s2.tif" in made_all.table()
    for one in made_all:
        assert (one.read() == made(one.of.scene).read()).all()
    with pytest.raises(RasterError):
        segment(Painter(), folder / "s1.tif", LABELS, **PLAIN)
    polygons = segment_all(Painter(), folder, LABELS, out=tmp_path / "vectors", suffix="geojson", **PLAIN)
    assert len(json.loads((tmp_path / "vectors" / "s0.geojson").read_text())["features"]) > 1
    assert len(polygons) == 2


class Plain:
    """A model without dense features."""

    spec = Painter().spec

    def image(self, batch: Any) -> Any:
        raise AssertionError("no pixel should be looked at")

    def text(self, texts: Any) -> Any:
        raise AssertionError("no text should be looked at")


@pytest.mark.parametrize(
    ("more", "error", "match"),
    [
        ({"labels": ""}, InputError, "No class"),
        ({"labels": "red,,blue"}, InputError, "empty"),
        ({"labels": "red,blue,red"}, InputError, "named twice"),
        ({"labels": "red|blue,blue"}, InputError, "stands for both"),
        ({"labels": "red"}, InputError, "nothing to tell"),
        ({"labels": "red", "threshold": 0.5}, InputError, "nothing to tell"),
        ({"labels": [f"c{i}" for i in range(255)]}, InputError, "254"),
        ({"labels": None}, InputError, "one way"),
        ({"head": "x.safetensors"}, InputError, "one way"),
        ({"save": "x.safetensors"}, InputError, "only with --train"),
        ({"out": "map.png"}, InputError, r"use one of \.tif"),
        ({"out": "nowhere/map.tif"}, InputError, "no folder"),
        ({"out": ["a.tif", "a.tif"]}, InputError, "named twice"),
        ({"threshold": 1.5}, InputError, "from 0 to 1"),
        ({"bias": -1}, InputError, "from 0 to 1"),
        ({"variant": "best"}, InputError, "segearth"),
        ({"tile": 30}, InputError, "--tile 32"),
        ({"tile": 8}, InputError, "--tile 24"),
        ({"tile": 8000}, InputError, "4096"),
        ({"overlap": 0.95}, InputError, "overlap"),
        ({"background": "red"}, InputError, "stands for both"),
        ({"background": "grey", "none": True}, InputError, "one way"),
        ({"none": True}, InputError, "not calibrated"),
        ({"templates": ["no place"]}, InputError, "template"),
        ({"model": Plain()}, ModelError, "no dense features"),
        ({"batch": 0}, InputError, "at least one"),
        ({"least": -1.0}, InputError, "negative"),
        ({"bogus": 1}, TypeError, "bogus"),
    ],
)  # fmt: skip
def test_what_is_refused_before_a_pixel_is_read(
    scene: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: dict[str, Any], error: type[Exception], match: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("geoglot.geo.scene.Scene.display", lambda *_: pytest.fail("a pixel was read"))
    with pytest.raises(error, match=match):
        made(scene, more.pop("model", None), **more)


def test_scenes_that_do_not_fit_the_output(scene: Path, tmp_path: Path) -> None:
    write(tmp_path / "more.tif", fields(50, 50))
    with pytest.raises(InputError, match="are 2 scenes"):
        made(tmp_path / "*.tif")
    with pytest.raises(NotFoundError):
        made(tmp_path / "none.tif")
    with pytest.raises(InputError, match="need a folder"):
        segment_all(Painter(), scene, LABELS, out=scene, **PLAIN)
    (tmp_path / "sub").mkdir()
    write(tmp_path / "sub" / "more.tif", fields(50, 50))
    with pytest.raises(InputError, match="would both be written"):
        segment_all(Painter(), [tmp_path / "more.tif", tmp_path / "sub" / "more.tif"], LABELS, out=tmp_path / "out", **PLAIN)


def test_an_upsampler_makes_cells_finer(tmp_path: Path) -> None:
    """One that averages the pixels themselves: borders of fields move to within a finer cell."""
    picture = fields(120, 160, side=28)
    path = write(tmp_path / "fine.tif", picture)

    def finer(maps: torch.Tensor, pixels: torch.Tensor) -> torch.Tensor:
        small = torch.nn.functional.avg_pool2d(pixels, 2)
        return torch.cat([small, torch.ones_like(small[:, :1])], dim=1)

    right = truth(picture)
    coarse = (made(path).read() == right).mean()
    fine = (made(path, upsampler=finer, upsample=4).read() == right).mean()
    assert fine > 0.985 > coarse
    with pytest.raises(InputError, match="1, 2, 4"):
        made(path, upsampler=finer, upsample=3)
    with pytest.raises(InputError, match="cannot be made 16 times"):
        made(path, upsampler=finer, upsample=16)
    with pytest.raises(InputError, match="how many times"):
        made(path, upsampler=finer)
    with pytest.raises(ModelError, match="No upsampler comes with painter@1"):
        made(path, upsample=2)


@dataclass(frozen=True)
class Smooth:
    """Makes maps finer without a look at the picture."""

    factor: int = 4
    mode: str = "bilinear"

    def __call__(self, maps: torch.Tensor, pixels: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.interpolate(maps, scale_factor=self.factor, mode=self.mode)


def test_windows_and_cells_stay_where_they_are(scene: Path, tmp_path: Path) -> None:
    """A map made finer is of the same cells of the model: whatever the windows, and in what is cut out too."""
    more: dict[str, Any] = {"upsampler": Smooth(), "upsample": 4}
    whole = made(scene, **more).read()
    assert (whole == made(scene, **more, tile=128, overlap=0.5).read()).mean() > 0.995
    row, col = 37, 53
    with rasterio.open(scene) as file:
        picture = file.read()[:, row:, col:]
    origin = (500_000.0 + 10 * col, 5_500_000.0 - 10 * row)
    cut = made(write(tmp_path / "part.tif", picture, origin=origin), **more).read()
    small = made(write(tmp_path / "small.tif", picture[:, :47, :45], origin=origin), **more).read()
    inside = np.s_[2 * CELL : -2 * CELL, 2 * CELL : -2 * CELL]
    assert (whole[row:, col:] == cut)[inside].mean() > 0.995
    assert (cut[:47, :45] == small)[inside].mean() > 0.995


def test_a_finer_map_counts_only_what_was_observed(tmp_path: Path) -> None:
    """Cells without a pixel have no say in their neighbours, and the map ends where the picture does."""
    picture = np.full((3, 96, 96), 20, np.uint8)
    picture[1] = 220
    picture[:, :, 43:] = 0
    found = made(write(tmp_path / "holes.tif", picture, nodata=0), upsampler=Smooth(4, "bicubic"), upsample=4).read()
    assert (found[:, :43] == 2).all()
    assert (found[:, 43:] == NODATA).all()


def test_a_finer_map_goes_on_after_a_kill(scene: Path, tmp_path: Path) -> None:
    whole, out = Painter(), tmp_path / "map.tif"
    more: dict[str, Any] = {"upsampler": Smooth(2), "upsample": 2, "batch": 2}
    expected = made(scene, whole, **more).read()
    with pytest.raises(KeyboardInterrupt):
        made(scene, Painter(stop=whole.windows * 2 // 3), out=out, **more)
    rest = Painter()
    assert (made(scene, rest, out=out, **more).read() == expected).all()
    assert 0 < rest.windows < whole.windows * 2 // 3
    other = Painter()
    made(scene, other, out=out, **(more | {"upsample": 4, "upsampler": Smooth()}))
    assert other.windows == whole.windows


def test_bias_is_taken_away(scene: Path) -> None:
    plain, less = made(scene), made(scene, bias=0.3)
    assert (plain.read() == less.read()).mean() > 0.9
    assert [row["score"] for row in plain.rows()[:3]] != [row["score"] for row in less.rows()[:3]]


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(1, 700), st.integers(1, 700)),
    st.sampled_from([4, 7, 16]),
    st.integers(1, 12),
    st.integers(1, 12),
    st.integers(0, 3),
    st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)),
    st.sampled_from([0.5, 1.0, 1.37, 3.0]),
)
def test_windows_hold_every_cell(
    shape: tuple[int, int], cell: int, count: int, step: int, margin: int, origin: tuple[float, float], ratio: float
) -> None:
    grid = Grid(CRS.from_epsg(32631), rasterio.Affine(2, 0, origin[0], 0, -2, origin[1]), shape)
    frame = lattice.Frame(count, min(step, count), margin)
    found = lattice.lattice(shape, grid, ratio, cell, frame.step)
    cells = np.zeros(found.cells, int)
    side = (count + 2 * margin) * cell
    places = lattice.windows(found, frame)
    seen: list[tuple[int, int]] = []
    for chunk in places.chunks():
        row, col, height, width = chunk.window
        assert 0 <= row < row + height <= shape[0]
        assert 0 <= col < col + width <= shape[1]
        whole = [size + sum(more) for size, more in zip(chunk.shape, chunk.beyond, strict=True)]
        for (top, left, _, _), (down, right, *sides) in zip(chunk.tiles, chunk.places, strict=True):
            cells[top : top + count, left : left + count] += 1
            assert sides == [side, side]
            assert 0 <= down <= whole[0] - side
            assert 0 <= right <= whole[1] - side
            seen.append((top, left))
    assert (cells > 0).all()
    assert seen == sorted(seen, key=lambda at: at[0]) or len({top for top, _ in seen}) > 1
    assert len(seen) == len(set(seen)) == len(places)
    for axis in (0, 1):  # every pixel lies between or beside centres of cells
        place = found.position(axis, np.array([0.5, shape[axis] - 0.5]))
        assert place[0] >= -0.5 - 1 / cell
        assert place[1] <= found.cells[axis] - 0.5 + 1 / cell


@given(st.integers(1, 30), st.integers(1, 30))
def test_tapers_sum_to_one(count: int, step: int) -> None:
    step = max(min(step, count), -(-count // 2))  # at most two windows over any cell
    weight = np.sqrt(np.diagonal(lattice.taper(count, step)))
    total = np.zeros(count + 4 * step)
    for k in range(4):
        total[k * step : k * step + count] += weight
    assert total[count : 3 * step] == pytest.approx(1, abs=1e-5)
