"""S2Looking: new and removed buildings seen from the side, 1024 px at 0.5 to 0.8 m, as published."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from geoglot.data.build.pairs import pairs
from geoglot.data.sample import Card, Sample, Split, either

CARD = Card(
    name="s2looking",
    title="S2Looking",
    licence="research use",
    origin="Shen et al. 2021, arXiv 2107.09244; GaoFen, SuperView, Beijing-2",
    splits=("train", "val", "test"),
    classes={"change": ("new or removed buildings",)},
    task="change masks",
    gsd=(0.5, 0.8),
    quirks="3,500, 500 and 1,000 pairs. label1 and label2 hold new and removed buildings apart and are not read. "
    "Side-looking: the same building stands elsewhere at the other date.",
    layout="train, val and test with Image1, Image2 and label, as in Open-CD's configuration for this set.",
)


def rows(root: Path, split: Split) -> Iterator[Sample]:
    """Give the pairs of a split."""
    if split not in CARD.splits:
        return
    folder = either(root, CARD, "S2Looking", "s2looking") / split
    yield from pairs(CARD, (folder / "Image1", folder / "Image2", folder / "label"))
