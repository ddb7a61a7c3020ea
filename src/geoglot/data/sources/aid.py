"""AID as it is published: a folder of scenes for each class, without captions and without an official split."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from geoglot.data.build.folders import of_classes
from geoglot.data.sample import Card, Picture, Sample, Split, either
from geoglot.data.sources import aid_rsicd

CARD = Card(
    name="aid",
    title="AID",
    licence="research use, unverified",
    origin="Xia et al. 2017",
    splits=("train", "val", "test"),
    classes=aid_rsicd.CARD.classes,
    task="scene classes",
    gsd=(0.5, 8.0),
    quirks="No official split: the last fifth of each class by sorted file name is test, the tenth before it val. This is not "
    "the split of RSICD, whose pictures are AID's: train on one of `aid`, `aid_rsicd` and `rsicd` only.",
)


def rows(root: Path, split: Split) -> Iterator[Sample]:
    """Give the scenes of a split."""
    folder = either(root, CARD, "AID", "aid")
    for label, file in of_classes(folder, CARD, split):
        yield Sample(
            id=f"aid/{label}/{file.name}",
            source=CARD.name,
            pictures=(Picture(file),),
            label=label,
            labels=aid_rsicd.CONTAINS.get(label, ()),
        )
