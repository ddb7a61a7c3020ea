"""OpenEarthMap: land cover of 97 regions of the world, as published without the pictures of xBD."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from geoglot.core.errors import DataError
from geoglot.data.build.pixels import masked
from geoglot.data.sample import Card, Sample, Split, either, require

CARD = Card(
    name="open_earth_map",
    title="OpenEarthMap",
    licence="labels CC BY-NC-SA 4.0, images by region, unverified",
    origin="Xia et al. 2023, arXiv 2210.10732",
    splits=("train", "val"),
    classes={
        "bareland": ("bare land",),
        "rangeland": ("grass",),
        "developed": ("pavement",),
        "road": ("road",),
        "tree": ("tree",),
        "water": ("water",),
        "agriculture": ("cropland",),
        "building": ("building",),
    },
    task="masks",
    gsd=(0.25, 0.5),
    quirks="Masks hold 1 to 8; 0 is not labelled and does not count here (SegEarth-OV lists it as a class of its own). The "
    "masks of the test are not published.",
    layout="A folder for each region with images and labels, train.txt and val.txt with file names, as in the readme of "
    "OpenEarthMap_wo_xBD; classes and colours as in SegEarth-OV's class for this set.",
)
VALUES = dict(enumerate(CARD.classes, 1))


def rows(root: Path, split: Split) -> Iterator[Sample]:
    """Give the pictures that the split's list names, in its order."""
    if split not in CARD.splits:
        return
    folder = either(root, CARD, "OpenEarthMap/OpenEarthMap_wo_xBD", "OpenEarthMap_wo_xBD", "OpenEarthMap")
    listed = require(folder / f"{split}.txt", CARD).read_text(encoding="utf-8").split()
    yield from masked(CARD, _files(folder, listed, split), VALUES)


def _files(folder: Path, listed: list[str], split: str) -> Iterator[tuple[str, Path, Path]]:
    for number, name in enumerate(listed, 1):
        region = name.rpartition("_")[0]
        if not region:
            raise DataError(f"{folder / f'{split}.txt'}, line {number}: {name!r} is not region_number.tif. Fetch the list again.")
        picture = folder / region / "images" / name
        if picture.exists():  # those of xBD are listed too, and are not in the download
            yield picture.stem, picture, folder / region / "labels" / name
