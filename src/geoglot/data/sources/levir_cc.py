"""LEVIR-CC: five sentences on what changed between two dates of a Texan town, 256 px at 0.5 m, as published."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from geoglot.data.build.karpathy import captioned
from geoglot.data.sample import Card, Picture, Sample, Split, either, require

CARD = Card(
    name="levir_cc",
    title="LEVIR-CC",
    licence="research use, unverified",
    origin="Liu et al. 2022; pictures of LEVIR-CD",
    splits=("train", "val", "test"),
    classes={"change": ("a change",), "no change": ("no change",)},
    task="change captions",
    gsd=(0.5, 0.5),
    quirks="6,815, 1,333 and 1,929 pairs, half of them without a change. `changeflag` is the class here. Its official scorer"
    " compares vocabulary indices, with rare words as one.",
    layout="images/<split>/A and B, LevirCCcaptions.json in the form of Karpathy's splits.",
)


def rows(root: Path, split: Split) -> Iterator[Sample]:
    """Give the pairs of a split, before and after."""
    folder = either(root, CARD, "LEVIR-CC", "Levir-CC-dataset", "LEVIR_CC", "levir_cc")
    for row in captioned(require(folder / "LevirCCcaptions.json", CARD), split):
        pictures = tuple(Picture(folder / "images" / split / date / row.name) for date in "AB")
        label = None if row.changed is None else "change" if row.changed else "no change"
        yield Sample(f"levir_cc/{Path(row.name).stem}", CARD.name, pictures, row.captions, label, gsd=0.5)
