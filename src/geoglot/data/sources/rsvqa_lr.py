"""RSVQA-LR: questions on Sentinel-2 tiles over the Netherlands, as published: three linked files a split."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from geoglot.data.build.questions import linked
from geoglot.data.sample import Card, Sample, Split, either

CARD = Card(
    name="rsvqa_lr",
    title="RSVQA, low resolution",
    licence="CC BY 4.0 by its record, unverified",
    origin="Lobry et al. 2020",
    splits=("train", "val", "test"),
    task="questions",
    gsd=(10.0, 10.0),
    quirks="772 pictures of 256 px, 77,232 questions, 10,004 of them for the test. Counts are scored in the bins 0, 1-10, "
    "11-100, 101-1000 and more; papers on VLMs leave out counts and areas.",
    layout="LR_split_<split>_questions.json, _answers.json and _images.json, Images_LR with <number>.tif.",
)


def rows(root: Path, split: Split) -> Iterator[Sample]:
    """Give the pictures of a split with their active questions, 10.0 m a pixel."""
    folder = either(root, CARD, "RSVQA_LR", "RSVQA-LR", "rsvqa_lr")
    if split in CARD.splits:
        yield from linked(
            folder / f"LR_split_{split}_questions.json", [folder / name for name in ("Images_LR", "Images", "")], CARD, 10.0
        )
