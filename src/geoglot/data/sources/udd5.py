"""UDD5: drone pictures of campuses and towns in five classes, as published."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from geoglot.data.build.pixels import beside, masked
from geoglot.data.sample import Card, Sample, Split, either

CARD = Card(
    name="udd5",
    title="UDD5",
    licence="non-commercial use",
    origin="Chen et al. 2018, Urban Drone Dataset, Peking University",
    splits=("train", "val"),
    classes={
        "vegetation": ("vegetation",),
        "building": ("building",),
        "road": ("road",),
        "vehicle": ("vehicle",),
        "other": ("other",),
    },
    task="masks",
    quirks="Views from 60 to 100 m at several angles. Masks hold 0 to 4. Published figures are of val, there is no test.",
    layout="UDD5/train and UDD5/val with src (JPG) and gt (PNG), as in SegEarth-OV's list of data; values as in the readme "
    "of MarcWong/UDD.",
)
VALUES = dict(enumerate(CARD.classes))


def rows(root: Path, split: Split) -> Iterator[Sample]:
    """Give the pictures of a split."""
    if split not in CARD.splits:
        return
    folder = either(root, CARD, f"UDD5/{split}", f"UDD/UDD/UDD5/{split}", f"UDD/UDD5/{split}", f"udd5/{split}")
    yield from masked(CARD, beside(folder / "src", folder / "gt"), VALUES)
