"""VDD: varied drone pictures in seven classes, as published."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from geoglot.data.build.pixels import beside, masked
from geoglot.data.sample import Card, Sample, Split, either

CARD = Card(
    name="vdd",
    title="VDD",
    licence="non-commercial use",
    origin="Cai et al. 2023, arXiv 2305.13608",
    splits=("train", "val", "test"),
    classes={
        "other": ("other",),
        "wall": ("wall",),
        "road": ("road",),
        "vegetation": ("vegetation",),
        "vehicle": ("vehicle",),
        "roof": ("roof",),
        "water": ("water",),
    },
    task="masks",
    quirks="Views at 30, 60 and 90 degrees, 4000 x 3000 px. Masks hold 0 to 6, as in the readme of RussRobin/VDD.",
    layout="Train, val and test with src (JPG) and gt (PNG), as in SegEarth-OV's list of data.",
)
VALUES = dict(enumerate(CARD.classes))


def rows(root: Path, split: Split) -> Iterator[Sample]:
    """Give the pictures of a split."""
    folder = either(root, CARD, f"VDD/{split}", f"vdd/{split}")
    yield from masked(CARD, beside(folder / "src", folder / "gt"), VALUES)
