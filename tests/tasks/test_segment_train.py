"""Heads from polygons: what they learn, what is measured of them, how they are kept, and what is refused."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
from rasterio.features import shapes
from shapely.geometry import Point, box, mapping, shape

import geoglot as gg
from geoglot.core.errors import InputError, ModelError, ModelMismatchError, NotFoundError
from geoglot.geo import vectors
from geoglot.geo.footprint import transformer
from geoglot.nn import heads
from geoglot.tasks.segment import Train, segment, segment_all, told
from segment_kit import Painter, fields, truth, write

PLAIN: dict[str, Any] = {"progress": False}


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    return write(tmp_path / "fields.tif", fields(200, 320))


def polygons(scene: Path, names: dict[int, str], every: int = 2) -> list[dict[str, Any]]:
    """Every second field of a scene as a polygon in longitude and latitude."""
    import shapely

    with rasterio.open(scene) as file:
        label = truth(file.read()).astype(np.uint8)
        forth = transformer(file.crs.to_wkt())
        parts = [(shape(part).buffer(-30), int(value)) for part, value in shapes(label, connectivity=4, transform=file.transform)]
    parts = [(part, value) for part, value in parts if part.area > 20_000][::every]

    def move(points: np.ndarray) -> np.ndarray:
        return np.column_stack(forth.transform(points[:, 0], points[:, 1]))

    return [{"geometry": shapely.transform(part, move), "label": names[value]} for part, value in parts]


NAMES = {1: "brick", 2: "meadow", 3: "lake"}


@pytest.fixture
def marks(scene: Path, tmp_path: Path) -> Path:
    return vectors.write_features(tmp_path / "labels.gpkg", polygons(scene, NAMES))


def test_a_head_learns_what_the_polygons_cover(scene: Path, marks: Path, tmp_path: Path) -> None:
    found = segment(Painter(), scene, train=marks, save=tmp_path / "head.safetensors", out=tmp_path / "map.tif", **PLAIN)
    assert found.names == ("brick", "lake", "meadow")
    with rasterio.open(scene) as file:
        right = np.array([0, 1, 3, 2])[truth(file.read())]
    assert (found.read() == right).mean() > 0.85
    assert found.figures is not None
    assert found.figures["head"]["mIoU"] > 90
    assert found.figures["head"]["mIoU"] > found.figures["commonest class"]["mIoU"] + 40
    assert set(found.figures["head"]["IoU"]) == {"brick", "lake", "meadow"}
    assert found.figures["folds"] >= 2
    assert "mIoU" in told(found.figures)
    again = segment(Painter(), scene, head=tmp_path / "head.safetensors", **PLAIN)
    assert (again.read() == found.read()).all()
    assert again.names == found.names
    many = segment_all(Painter(), [scene], head=tmp_path / "head.safetensors", out=tmp_path / "maps", **PLAIN)
    assert (many.maps[0].read() == found.read()).all()


@dataclass(frozen=True)
class Halves:
    """Makes maps twice as fine without a look at the picture."""

    def __call__(self, maps: torch.Tensor, pixels: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.interpolate(maps, scale_factor=2, mode="bilinear")


def test_a_head_is_used_as_finely_as_it_was_fitted(scene: Path, marks: Path, tmp_path: Path) -> None:
    """On finer vectors; that its logits are made finer, and not the vectors, comes to the same."""
    head, more = tmp_path / "head.safetensors", {"upsampler": Halves(), "upsample": 2, **PLAIN}
    found = segment(Painter(), scene, train=marks, save=head, **more)
    assert heads.load(head, Painter().spec, "cells")[1].look["factor"] == 2
    with rasterio.open(scene) as file:
        right = np.array([0, 1, 3, 2])[truth(file.read())]
    assert (found.read() == right).mean() > 0.85
    assert (segment(Painter(), scene, head=head, **more).read() == found.read()).all()
    with pytest.raises(ModelError, match="No upsampler comes with painter@1"):  # it is asked for by the head
        segment(Painter(), scene, head=head, **PLAIN)
    assert (segment(Painter(), scene, head=head, upsample=1, **PLAIN).read() == right).mean() > 0.85


def test_a_head_of_cells_is_not_one_of_images(scene: Path, marks: Path, tmp_path: Path) -> None:
    segment(Painter(), scene, train=marks, save=tmp_path / "head.safetensors", **PLAIN)
    with pytest.raises(ModelMismatchError, match="geoglot segment"):
        heads.load(tmp_path / "head.safetensors", Painter().spec)
    with pytest.raises(ModelError):
        segment(Painter(), scene, head=scene, **PLAIN)
    other = Painter()
    other.spec = gg.load("nano", device="cpu", dtype="float32").spec
    with pytest.raises(ModelMismatchError, match="fitted on features of painter"):
        segment(other, scene, head=tmp_path / "head.safetensors", **PLAIN)


def test_chance_labels_are_not_flattered(scene: Path, tmp_path: Path) -> None:
    """Labels that have nothing to do with the pixels: figures of places held out are near chance."""
    rng = np.random.default_rng(0)
    rows = [row | {"label": str(rng.choice(["a", "b"]))} for row in polygons(scene, NAMES, every=1)]
    path = vectors.write_features(tmp_path / "chance.geojson", rows)
    figures = segment(Painter(), scene, train=path, **PLAIN).figures
    assert figures is not None
    assert figures["head"]["mIoU"] < 60


def test_small_polygons_and_scenes_without_a_place(tmp_path: Path) -> None:
    """Polygons of two pixels, in columns and rows."""
    picture = fields(120, 160, side=40)
    path = write(tmp_path / "bare.tif", picture, crs=None)
    label = truth(picture)
    features = [
        {"type": "Feature", "geometry": mapping(box(c, r, c + 2, r + 1)), "properties": {"kind": NAMES[int(label[r, c])]}}
        for r in range(20, 120, 40)
        for c in range(20, 160, 40)
    ]
    marks = tmp_path / "small.geojson"
    marks.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    found = segment(Painter(), path, train=Train(marks, "kind", 3), **PLAIN)
    names = {name: value for value, name in enumerate(found.names, 1)}
    right = np.vectorize(lambda value: names[NAMES[value]])(label)
    assert (found.read() == right).mean() > 0.85


def test_polygons_over_several_scenes(tmp_path: Path) -> None:
    folder = tmp_path / "scenes"
    folder.mkdir()
    one = write(folder / "one.tif", fields(120, 160, seed=1))
    two = write(folder / "two.tif", fields(120, 160, seed=2), origin=(600_000.0, 5_500_000.0))
    marks = vectors.write_features(tmp_path / "both.gpkg", polygons(one, NAMES, 1) + polygons(two, NAMES, 1))
    (folder / "broken.tif").write_bytes(b"II*\0 nothing")
    made = segment_all(Painter(), folder, train=marks, out=tmp_path / "maps", **PLAIN)
    assert len(made) == 2
    assert [Path(name).name for name, _ in made.skipped] == ["broken.tif"]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda rows: [row | {"geometry": box(20 + i, 20, 20.1 + i, 20.1)} for i, row in enumerate(rows)], "lies within"),
        (lambda rows: [row | {"geometry": row["geometry"].centroid} for row in rows], "draw polygons"),
        (lambda rows: [row | {"label": "lake"} for row in rows], "of at least one other class"),
        (lambda rows: [row | {"label": ""} for row in rows], "empty"),
        (lambda rows: [{"geometry": row["geometry"], "name": "a"} for row in rows], "no.* property 'label'|--property"),
        (lambda rows: [], "no marks|property"),
        (lambda rows: [*rows[:1], *(row | {"geometry": box(20, 20, 21, 21), "label": "far"} for row in rows)], "Only marks of"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("suffix", [".gpkg", ".geojson"])
def test_polygons_that_cannot_be_used(
    scene: Path, tmp_path: Path, change: Any, match: str, suffix: str, monkeypatch: Any
) -> None:
    rows = change(polygons(scene, NAMES))
    if not rows and suffix == ".gpkg":
        pytest.skip("an empty layer has no properties to speak of")
    path = vectors.write_features(tmp_path / f"bad{suffix}", rows)
    monkeypatch.setattr("geoglot.geo.scene.Scene.display", lambda *_: pytest.fail("a pixel was read"))
    with pytest.raises(InputError, match=match):
        segment(Painter(), scene, train=path, **PLAIN)


def test_files_that_are_none(scene: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        segment(Painter(), scene, train=tmp_path / "none.gpkg", **PLAIN)
    (tmp_path / "bad.gpkg").write_bytes(b"SQLite format 3 or not")
    with pytest.raises(InputError, match="cannot be read"):
        segment(Painter(), scene, train=tmp_path / "bad.gpkg", **PLAIN)
    with pytest.raises(InputError, match="at least 2 folds"):
        Train(tmp_path / "bad.gpkg", folds=1)


def test_polygons_in_another_reference_system(scene: Path, marks: Path, tmp_path: Path) -> None:
    import geopandas

    table = geopandas.read_file(marks)
    table.to_crs(3857).to_file(tmp_path / "mercator.gpkg")
    same = segment(Painter(), scene, train=tmp_path / "mercator.gpkg", **PLAIN).read()
    assert (same == segment(Painter(), scene, train=marks, **PLAIN).read()).mean() > 0.999


def test_geopackages_come_back(tmp_path: Path) -> None:
    rows = [
        {"scene": "a", "label": "lake", "score": 0.5, "pixels": 3, "geometry": box(3, 50, 3.1, 50.1)},
        {"scene": "b", "label": "ß", "score": None, "pixels": 4, "geometry": None},
        {"scene": "c", "label": "p", "score": 1.0, "pixels": 5, "geometry": Point(1, 2)},
    ]
    path = vectors.write_features(tmp_path / "a.gpkg", rows)
    found = vectors.read_features(path)
    assert [values for _, values in found] == [
        {key: row[key] for key in ("scene", "label", "score", "pixels")} for row in rows if row["geometry"] is not None
    ]
    assert all(a.equals(b["geometry"]) for (a, _), b in zip(found, [rows[0], rows[2]], strict=True))
    assert vectors.write_features(path, []).exists()  # an empty table, over the old one
