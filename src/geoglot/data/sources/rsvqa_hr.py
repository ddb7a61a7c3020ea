"""RSVQA-HR: questions on aerial pictures of the USGS at 0.15 m, as published: three linked files a split."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from geoglot.data.build.questions import linked
from geoglot.data.sample import Card, Sample, Split, either

CARD = Card(
    name="rsvqa_hr",
    title="RSVQA, high resolution",
    licence="CC BY 4.0 by its record, imagery public domain, unverified",
    origin="Lobry et al. 2020",
    splits=("train", "val", "test"),
    task="questions",
    gsd=(0.15, 0.15),
    quirks="Counts are not binned, areas are (the answers end in m2). The second test split, on Philadelphia, is named "
    "test_phili and is not read here.",
    layout="USGS_split_<split>_questions.json, _answers.json and _images.json, Data with <number>.tif; the folder is unverified.",
)


def rows(root: Path, split: Split) -> Iterator[Sample]:
    """Give the pictures of a split with their active questions, 0.15 m a pixel."""
    folder = either(root, CARD, "RSVQA_HR", "RSVQA-HR", "rsvqa_hr")
    if split in CARD.splits:
        yield from linked(
            folder / f"USGS_split_{split}_questions.json",
            [folder / name for name in ("Data", "Images_HR", "Images", "")],
            CARD,
            0.15,
        )
