"""`detect`: tiles put together, counts, routes, examples, results, and what it refuses."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from affine import Affine
from rasterio.crs import CRS

import nano_kit
from geoglot.core.errors import InputError, ModelError, NotFoundError, RasterError
from geoglot.core.protocols import ModelSpec
from geoglot.geo.grid import Grid
from geoglot.models import detector as heads
from geoglot.models.dual import DualModel
from geoglot.nn.batch import ImageBatch
from geoglot.nn.detection import DetectionConfig, DetectionHead
from geoglot.tasks import detect as task
from geoglot.tasks.classify.prompts import Prompts
from geoglot.tasks.detect import counts, tiles
from geoglot.tasks.detect.dense import by_masks, refine
from geoglot.tasks.detect.raster import RasterDetector
from geoglot.tasks.detect.tiles import Boxes

HASH = "0" * 32


def spec() -> ModelSpec:
    return nano_kit.tiny_nano().spec(HASH, "none", "tiny", "1")


def blobs(batch: ImageBatch) -> list[Boxes]:
    """Finds bright rectangles on black, as a perfect detector would, each cut at the edge of the picture."""
    from geoglot.tasks.detect.dense import _of_class

    found = []
    for picture in batch.pixels.numpy():
        mask = picture[0] > 0.5
        steps = np.zeros((mask.shape[0], mask.shape[1] - 1)), np.zeros((mask.shape[0] - 1, mask.shape[1]))
        found.append(_of_class(0, mask, mask.astype(np.float32), (1.0, 1.0), steps))
    return found


def write(path: Path, rectangles: list[tuple[int, int, int, int]], shape: tuple[int, int], grid: Grid | None = None) -> Path:
    data = np.zeros((3, *shape), np.uint8)
    for left, top, right, bottom in rectangles:
        data[:, top:bottom, left:right] = 255
    profile = {"driver": "GTiff", "height": shape[0], "width": shape[1], "count": 3, "dtype": "uint8", "photometric": "RGB"}
    if grid is not None:
        profile |= {"crs": grid.crs, "transform": grid.transform}
    with rasterio.open(path, "w", **profile) as file:
        file.write(data)
    return path


def look(paths: list[Path], **how: object) -> list[task.SceneBoxes]:
    from geoglot.archive.rows import Asked
    from geoglot.archive.sources import listed

    asked = tiles.Run(spec(), blobs, **{"tile": 128, "upright": True, "progress": False, "batch": 3, **how})  # type: ignore[arg-type]
    return tiles.run(listed(paths, Asked(None, None, None)), asked)[0]


def test_objects_on_seams_are_found_once_and_whole(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    wanted = []
    for row in range(0, 480, 40):  # one rectangle in each field of 40 pixels, wherever seams are
        for col in range(0, 640, 40):
            left, top = (int(v) for v in rng.integers(2, 12, 2))
            w, h = (int(v) for v in rng.integers(8, 26, 2))
            wanted.append((col + left, row + top, col + left + w, row + top + h))
    (found,) = look([write(tmp_path / "a.tif", wanted, (480, 640))])
    made = {tuple(round(v) for v in found.box(i).bounds()) for i in range(len(found))}
    assert made == set(wanted)
    assert len(found) == len(wanted)


def test_an_object_longer_than_what_tiles_share_is_kept(tmp_path: Path) -> None:
    (found,) = look([write(tmp_path / "a.tif", [(20, 50, 120, 60)], (128, 200))])
    assert [found.box(i).bounds() for i in range(len(found))] == [(20.0, 50.0, 120.0, 60.0)]


def test_small_scenes_and_resolutions(tmp_path: Path) -> None:
    grid = Grid.at(6.1, 52.3, 0.5, 64)
    path = write(tmp_path / "a.tif", [(8, 8, 24, 16)], (64, 64), grid)
    (found,) = look([path], gsd=0.25)
    (row,) = found.rows(["thing"])
    assert np.allclose([row[key] for key in ("left", "top", "right", "bottom")], (8, 8, 24, 16), atol=1)
    assert row["width"] == pytest.approx(8, rel=0.1)
    assert row["height"] == pytest.approx(4, rel=0.2)
    assert min(abs(row["angle"] - 90), 180 - abs(row["angle"] - 90)) < 3  # east-west, but for the convergence of the grid
    assert row["geometry"].is_valid
    with pytest.raises(RasterError, match="no resolution"):
        look([write(tmp_path / "b.tif", [], (64, 64))], gsd=1.0)


def test_a_broken_file_is_told_and_stops_nothing(tmp_path: Path) -> None:
    good = write(tmp_path / "good.tif", [(8, 8, 24, 16)], (64, 64))
    bad = tmp_path / "bad.tif"
    bad.write_bytes(good.read_bytes()[:200])
    from geoglot.archive.rows import Asked
    from geoglot.archive.sources import listed

    how = tiles.Run(spec(), blobs, tile=128, progress=False)
    found, skipped = tiles.run(listed([tmp_path], Asked(None, None, None)), how)
    assert [Path(scene.scene).name for scene in found] == ["good.tif"]
    assert [Path(name).name for name, _ in skipped] == ["bad.tif"]


def test_poisson_binomial_interval() -> None:
    rng = np.random.default_rng(0)
    chances = rng.uniform(0, 1, 40)
    low, high = counts.interval(chances)
    drawn = (rng.uniform(0, 1, (20_000, 40)) < chances).sum(1)
    assert 0.9 <= ((drawn >= low) & (drawn <= high)).mean() < 0.97
    assert counts.interval(np.zeros(0)) == (0, 0)
    many = rng.uniform(0, 1, counts.EXACT + 1)
    assert np.allclose(counts.interval(many), counts.interval(many[:-1]), atol=2)


def test_counts_make_up_for_what_is_missed() -> None:
    known = counts.Calibration(slope=1.0, bias=0.0, recall=0.5)
    one = counts.count(2, np.array([0.999999, 0.999999]), known)
    assert (one.boxes, one.low, one.high) == (2, 4, 4)
    assert one.expected == pytest.approx(4, abs=1e-3)
    wide = counts.count(2, np.array([0.999999, 0.999999]), counts.Calibration(recall=0.5, spread=0.3))
    assert (wide.low, wide.high) == (2, 6)
    assert counts.count(3, np.array([0.5] * 3), None).expected is None


def tiny(tmp_path: Path) -> tuple[DualModel, Path]:
    torch.manual_seed(0)
    nano = nano_kit.tiny_nano()
    model = DualModel(nano, spec(), torch.device("cpu"), torch.float32)
    head = DetectionHead(DetectionConfig(channels=(16, 32, 32), inner=8, fine=8, deep=1, middle=1, dim=16))
    head.bias.data.zero_()
    card = heads.HeadCard(HASH, ("boat",), {"slope": 1.0, "bias": 0.0, "recall": 0.8, "spread": 0.1, "least": 0.01})
    heads.save(head, card, tmp_path / "tiny.detect.safetensors", spec())
    return model, tmp_path / "tiny.detect.safetensors"


def test_the_head_is_a_file_of_its_model(tmp_path: Path) -> None:
    model, file = tiny(tmp_path)
    found = heads.open_detector(model, file)
    assert found.card.classes == ("boat",)
    other = DualModel(
        nano_kit.tiny_nano(), nano_kit.tiny_nano().spec("1" * 32, "", "tiny", "1"), torch.device("cpu"), torch.float32
    )
    with pytest.raises(ModelError, match="train it anew"):
        heads.open_detector(other, file)
    with pytest.raises(ModelError, match="no detection head"):
        heads.open_detector(model)


def test_results_and_writers(tmp_path: Path) -> None:
    model, file = tiny(tmp_path)
    path = write(
        tmp_path / "a.tif", [(8, 8, 24, 16)], (96, 96), Grid(CRS.from_epsg(32631), Affine(1, 0, 5e5, 0, -1, 5e6), (96, 96))
    )
    how = {"head": file, "min_score": 0.0, "progress": False, "tile": 96}
    made = task.detect(model, path, ["boat", "water|harbour"], **how)  # type: ignore[arg-type]
    again = task.detect(model, path, ["boat", "water|harbour"], **how)  # type: ignore[arg-type]
    assert [row | {"geometry": None} for row in made] == [row | {"geometry": None} for row in again]
    assert made.route == "head"
    assert set(made.counts()) == {"boat", "water"}
    assert made.counts()["boat"].expected is not None
    assert "boat" in made.table()
    assert "boxes by tiny@1" in made._repr_html_()
    rows = json.loads(Path(made.write(tmp_path / "a.geojson")).read_text())["features"]
    assert len(rows) == len(made)
    for suffix in (".csv", ".parquet", ".gpkg"):
        assert made.write(tmp_path / f"a{suffix}").stat().st_size > 0
    with (tmp_path / "a.csv").open() as listed:
        names = next(csv.reader(listed))
    assert names[:3] == ["scene", "label", "score"]
    assert {"left", "top", "right", "bottom", "width", "height", "angle"} <= set(names)


def test_examples_point_to_what_they_show(tmp_path: Path) -> None:
    model, file = tiny(tmp_path)
    path = write(tmp_path / "a.tif", [(8, 8, 24, 16), (60, 60, 76, 68)], (96, 96))
    ring = [[8, 8], [24, 8], [24, 16], [8, 16], [8, 8]]
    drawn = tmp_path / "boxes.geojson"
    feature = {"type": "Feature", "properties": {"label": "boat"}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
    drawn.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    how = {"head": file, "min_score": 0.0, "progress": False, "tile": 96}
    shown = task.detect(model, path, examples=task.Shown(drawn, prompt="examples"), **how)  # type: ignore[arg-type]
    both = task.detect(model, path, examples=drawn, **how)  # type: ignore[arg-type]
    text = task.detect(model, path, "boat", **how)  # type: ignore[arg-type]
    assert shown.names == both.names == ("boat",)
    assert shown.scenes[0].score.max() > text.scenes[0].score.max()
    assert both.counts()["boat"].expected is None  # not calibrated for examples
    far = json.loads(json.dumps(feature).replace("24", "2400"))
    drawn.write_text(json.dumps({"type": "FeatureCollection", "features": [far]}))
    with pytest.raises(InputError, match="lies in none of the 1 scenes"):
        task.detect(model, path, examples=drawn, **how)  # type: ignore[arg-type]


def test_dense_route_needs_no_head(tmp_path: Path) -> None:
    model, _ = tiny(tmp_path)
    path = write(tmp_path / "a.tif", [(8, 8, 56, 56)], (96, 96))
    made = task.detect(model, path, "boat", min_score=0.0, progress=False)
    assert made.route == "dense"
    assert made.counts()["boat"].expected is None
    drawn = tmp_path / "b.geojson"
    corners = [[0, 0], [9, 0], [9, 9], [0, 0]]
    geometry = {"type": "Polygon", "coordinates": [corners]}
    drawn.write_text(json.dumps({"type": "Feature", "properties": {"label": "boat"}, "geometry": geometry}))
    with pytest.raises(InputError, match="Examples are for the route head"):
        task.detect(model, path, "boat", examples=drawn, progress=False)


def test_edges_move_to_edges_of_the_picture() -> None:
    grey = np.zeros((64, 64), np.float32)
    grey[20:44, 12:50] = 1
    steps = np.abs(np.diff(grey, axis=1)).astype(float), np.abs(np.diff(grey, axis=0)).astype(float)
    assert refine((15, 17, 46, 48), steps, 8) == (12.0, 20.0, 50.0, 44.0)


@pytest.mark.parametrize(
    ("labels", "how", "told"),
    [
        ([], {}, "No class was named"),
        (["ship", "ship"], {}, "named twice"),
        (["ship", ""], {}, "empty"),
        (None, {}, "Say what to look for"),
        (["ship"], {"route": "best"}, "route is one of auto"),
        (["ship"], {"min_score": 2.0}, "from 0 to 1"),
        (["ship"], {"tile": 100}, "multiple of 32"),
        (["ship"], {"overlap": 0.8}, "overlap"),
        (["ship"], {"gsd": -1.0}, "positive metres"),
        (["ship"], {"batch": 0}, "at least one"),
        (["ship"], {"route": "dense", "head": "a.safetensors"}, "leave out"),
    ],
)
def test_a_wrong_request_is_answered_before_the_model_is_loaded(
    tmp_path: Path, labels: list[str] | None, how: dict[str, object], told: str
) -> None:
    path = write(tmp_path / "a.tif", [], (64, 64))

    def load() -> DualModel:
        raise AssertionError("the model was loaded")

    with pytest.raises(InputError, match=told):
        task.detect(load, path, labels, progress=False, **how)  # type: ignore[arg-type]


class Bright:
    """A decoder that draws the first class where a picture is bright, the second where it is red, seen in places of 4 pixels."""

    def texts(self, vectors: torch.Tensor) -> torch.Tensor:
        return vectors

    def logits(self, batch: ImageBatch, conditions: torch.Tensor) -> torch.Tensor:
        small = torch.nn.functional.avg_pool2d(batch.pixels, 4)
        bright = small.amin(1) * 20 - 10
        return torch.stack([bright, (small[:, 0] - small[:, 1]) * 20 - 10], dim=-1)


def test_boxes_from_masks_of_a_decoder() -> None:
    known = Prompts(("roof", "tile"), (("roof",), ("tile",)), ("{}",), np.eye(2, 8, dtype=np.float32))
    pixels = torch.zeros(1, 3, 64, 64)
    pixels[:, :, 8:24, 12:40] = 1.0
    pixels[:, 0, 40:60, 8:24] = 1.0
    valid = torch.ones(1, 64, 64, dtype=torch.bool)
    (found,) = by_masks(Bright(), known)(ImageBatch.of(pixels, valid))  # type: ignore[arg-type]
    assert found.label.tolist() == [0, 1]
    assert found.upright.tolist() == [[12, 8, 40, 24], [8, 40, 24, 60]]
    assert (found.score > 0.99).all()
    valid[:, :32] = False
    (found,) = by_masks(Bright(), known)(ImageBatch.of(pixels, valid))  # type: ignore[arg-type]
    assert found.label.tolist() == [1]


def test_masks_need_a_decoder(tmp_path: Path) -> None:
    model, _ = tiny(tmp_path)
    path = write(tmp_path / "a.tif", [(8, 8, 56, 56)], (96, 96))
    with pytest.raises(NotFoundError, match="There is no decoder"):
        task.detect(model, path, "boat", route="masks", progress=False)


@pytest.mark.parametrize(
    ("route", "head", "told"),
    [("foo", None, "auto, head, masks or dense"), ("points", None, "auto, head, masks or dense"), ("dense", "a", "--head")],
)
def test_pictures_in_memory_have_no_other_routes(route: str, head: str | None, told: str) -> None:
    with pytest.raises(InputError, match=told):
        RasterDetector(object(), False, route, head)  # type: ignore[arg-type]
