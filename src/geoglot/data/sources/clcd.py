"""CLCD: farmland that became something else in Guangdong, 512 px at 0.5 to 2 m, as published."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from geoglot.data.build.pairs import pairs
from geoglot.data.sample import Card, Sample, Split, either

CARD = Card(
    name="clcd",
    title="CLCD",
    licence="research use",
    origin="Liu et al. 2022, GaoFen-2 over Guangdong, 2017 and 2019",
    splits=("train", "val", "test"),
    classes={"change": ("changed farmland",)},
    task="change masks",
    gsd=(0.5, 2.0),
    quirks="360, 120 and 120 pairs. Only changes of farmland count.",
    layout="train, val and test with time1, time2 and label: unverified.",
)


def rows(root: Path, split: Split) -> Iterator[Sample]:
    """Give the pairs of a split."""
    if split not in CARD.splits:
        return
    folder = either(root, CARD, "CLCD", "clcd") / split
    yield from pairs(CARD, (folder / "time1", folder / "time2", folder / "label"))
