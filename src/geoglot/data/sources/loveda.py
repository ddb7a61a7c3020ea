"""LoveDA: land cover of three Chinese cities, urban and rural, as published."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from geoglot.data.build.pixels import beside, masked
from geoglot.data.sample import Card, Sample, Split, either

CARD = Card(
    name="loveda",
    title="LoveDA",
    licence="CC BY-NC-SA 4.0",
    origin="Wang et al. 2021, arXiv 2110.08733",
    splits=("train", "val"),
    classes={
        "background": ("background",),
        "building": ("building",),
        "road": ("road",),
        "water": ("water",),
        "barren": ("barren land",),
        "forest": ("forest",),
        "agricultural": ("farmland",),
    },
    task="masks",
    gsd=(0.3, 0.3),
    quirks="Masks hold 1 to 7, and 0 where there is no data. The masks of the test are kept by the authors' server.",
    layout="Train and Val with Rural and Urban, images_png and masks_png, as in mmsegmentation's converter and in its class "
    "for this set.",
)
FOLDERS = {"train": "Train", "val": "Val"}
VALUES = dict(enumerate(CARD.classes, 1))


def rows(root: Path, split: Split) -> Iterator[Sample]:
    """Give the pictures of a split, 1024 px at 0.3 m, rural ones first."""
    if split not in FOLDERS:
        return
    folder = either(root, CARD, f"LoveDA/{FOLDERS[split]}", f"loveda/{FOLDERS[split]}")
    for area in ("Rural", "Urban"):
        files = beside(folder / area / "images_png", folder / area / "masks_png")
        yield from masked(CARD, ((f"{area}/{name}", picture, mask) for name, picture, mask in files), VALUES, 0.3)
