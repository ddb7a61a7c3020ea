"""Building outlines on panchromatic WorldView scenes, whole and in windows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rasterio.crs import CRS
from rasterio.warp import transform_geom
from shapely.geometry import Polygon, box, shape

from geoglot.core.errors import DataError
from geoglot.data.build.windows import cut, squares
from geoglot.data.sample import Card, Picture, Sample, Split, Thing, either
from geoglot.geo.grid import Grid
from geoglot.geo.scene import Scene

CARD = Card(
    name="spacenet",
    title="SpaceNet buildings",
    licence="CC BY-SA 4.0",
    origin="SpaceNet, Maxar",
    splits=("train", "val", "test"),
    classes={"building": ("building",)},
    task="outlines",
    gsd=(0.5, 0.5),
    quirks="One panchromatic scene of 900 px here, cut into strips: the western half is train, the next sixth val, the eastern "
    "third test. So the test adjoins what is trained on: a figure for one place, not for others.",
)
STRIPS: dict[Split, tuple[float, float]] = {"train": (0, 1 / 2), "val": (1 / 2, 2 / 3), "test": (2 / 3, 1)}
FOLDERS = ("scenes/spacenet", "spacenet")
PAIRS = {"sample_geotiff.tif": "geotiff_labels.geojson"}


def rows(root: Path, split: Split) -> Iterator[Sample]:
    """Give a split's strip of each scene, and windows of 300 px of it; an outline counts where most of its box lies in view."""
    if split not in CARD.splits:
        return
    folder = either(root, CARD, *FOLDERS)
    for image, labels in PAIRS.items():
        with Scene.open(folder / image) as scene:
            grid = scene.grid
        if grid is None:
            raise DataError(f"{folder / image} has no georeference, so its outlines cannot be placed: fetch it again.")
        whole = Sample(
            id=f"spacenet/{Path(image).stem}",
            source=CARD.name,
            pictures=(Picture(folder / image),),
            things=tuple(_things(folder / labels, grid)),
            gsd=grid.gsd,
        )
        height, width = grid.shape
        west, east = (round(width * share) for share in STRIPS[split])
        yield replace(cut(whole, grid.shape, (0, west, height, east - west)), id=f"{whole.id}-{split}")
        for row, col, h, w in squares(height, east - west, (300,)):
            yield cut(whole, grid.shape, (row, west + col, h, w))


def _things(file: Path, grid: Grid) -> Iterator[Thing]:
    made = json.loads(file.read_text(encoding="utf-8"))
    name = made.get("crs", {}).get("properties", {}).get("name", "EPSG:4326").replace("::", ":").removeprefix("urn:ogc:def:crs:")
    back = ~grid.transform
    for feature in made["features"]:
        found = shape(transform_geom(CRS.from_string(name), grid.crs, feature["geometry"]))
        if not isinstance(found, Polygon):
            continue
        pixels = [back * point[:2] for point in found.exterior.coords]
        unit = Polygon([(x / grid.shape[1], y / grid.shape[0]) for x, y in pixels]).intersection(box(0, 0, 1, 1))
        if isinstance(unit, Polygon) and unit.area > 0:
            yield Thing.outlined("building", tuple((float(x), float(y)) for x, y in unit.exterior.coords[:-1]))
