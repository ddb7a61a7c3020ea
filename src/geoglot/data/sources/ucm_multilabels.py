"""Seventeen object labels for every image of UC Merced, as published: a table of flags beside the class folders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from geoglot.core.errors import DataError
from geoglot.data.build.folders import of_classes
from geoglot.data.sample import Card, Picture, Sample, Split, either
from geoglot.data.sources import uc_merced, ucm

CARD = Card(
    name="ucm_multilabels",
    title="UC Merced multi-labels",
    licence="imagery USGS, public domain; labels research use, unverified",
    origin="Chaudhuri et al. 2018",
    splits=("train", "val", "test"),
    classes=ucm.CARD.classes,
    task="object labels",
    gsd=(0.3, 0.3),
    quirks="Labels say what is present, not how many. The split is that of `uc_merced`.",
)
FILES = ("LandUse_Multilabeled.txt", "multilabels.txt", "UCMerced_LandUse/multilabels.txt", "ucm_multilabels.txt")


def rows(root: Path, split: Split) -> Iterator[Sample]:
    """Give the images of a split with their object labels, 0.3 m a pixel."""
    table = either(root, CARD, *FILES)
    labels = ucm.labels_of(table)
    for label, file in of_classes(either(root, CARD, *uc_merced.FOLDERS), CARD, split):
        if file.stem not in labels:
            raise DataError(f"{table} has no line for {file.stem}, but {file} exists: fetch the table again.")
        yield Sample(
            id=f"ucm_multilabels/{file.name}",
            source=CARD.name,
            pictures=(Picture(file),),
            label=label,
            labels=labels[file.stem],
            gsd=0.3,
        )
