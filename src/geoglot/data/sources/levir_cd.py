"""LEVIR-CD: new and removed buildings of Texan towns, 1024 px at 0.5 m, as published."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from geoglot.data.build.pairs import pairs
from geoglot.data.sample import Card, Sample, Split, either

CARD = Card(
    name="levir_cd",
    title="LEVIR-CD",
    licence="research use",
    origin="Chen and Shi 2020, Google Earth",
    splits=("train", "val", "test"),
    classes={"change": ("new buildings",)},
    task="change masks",
    gsd=(0.5, 0.5),
    quirks="445, 64 and 128 pairs. Only buildings count as change.",
    layout="train, val and test with A (before), B (after) and label, as in Open-CD's configuration for this set.",
)


def rows(root: Path, split: Split) -> Iterator[Sample]:
    """Give the pairs of a split."""
    if split not in CARD.splits:
        return
    folder = either(root, CARD, "LEVIR-CD", "LEVIR_CD", "levir_cd") / split
    yield from pairs(CARD, (folder / "A", folder / "B", folder / "label"), gsd=0.5)
