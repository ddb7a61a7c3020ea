"""SYSU-CD: what was built around Hong Kong between 2007 and 2014, 256 px at 0.5 m, as published."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from geoglot.data.build.pairs import pairs
from geoglot.data.sample import Card, Sample, Split, either

CARD = Card(
    name="sysu_cd",
    title="SYSU-CD",
    licence="research use",
    origin="Shi et al. 2021, aerial images of Hong Kong",
    splits=("train", "val", "test"),
    classes={"change": ("new buildings, roads, vegetation or works at sea",)},
    task="change masks",
    gsd=(0.5, 0.5),
    quirks="12,000, 4,000 and 4,000 pairs. A fifth of the pixels changed.",
    layout="train, val and test with time1, time2 and label: unverified.",
)


def rows(root: Path, split: Split) -> Iterator[Sample]:
    """Give the pairs of a split."""
    if split not in CARD.splits:
        return
    folder = either(root, CARD, "SYSU-CD", "SYSU_CD", "sysu_cd") / split
    yield from pairs(CARD, (folder / "time1", folder / "time2", folder / "label"), gsd=0.5)
