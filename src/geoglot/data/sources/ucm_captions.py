"""UCM-Captions as it is published: `dataset.json` with splits and five captions an image, images by number."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from geoglot.core.errors import DataError
from geoglot.data.build.karpathy import captioned
from geoglot.data.sample import Card, Picture, Sample, Split, either
from geoglot.data.sources import ucm
from geoglot.data.sources.uc_merced import numbered, of_number

CARD = Card(
    name="ucm_captions",
    title="UCM-Captions",
    licence="imagery USGS, public domain; texts research use, unverified",
    origin="Qu et al. 2016",
    splits=("train", "val", "test"),
    classes=ucm.CARD.classes,
    task="captions",
    gsd=(0.3, 0.3),
    quirks="Captions repeat heavily within a class. Image n is UC Merced's number (n - 1) % 100 of the class (n - 1) // 100.",
)
FILES = ("UCM_captions/dataset.json", "ucm_captions/dataset.json", "dataset_ucm.json")


def rows(root: Path, split: Split) -> Iterator[Sample]:
    """Give the images of a split, 0.3 m a pixel."""
    file = either(root, CARD, *FILES)
    for row in captioned(file, split):
        stem = Path(row.name).stem
        if not stem.isdigit() or not 1 <= int(stem) <= 100 * len(CARD.classes):
            raise DataError(f"{file}: {row.name!r} is no image from 1.tif to 2100.tif: correct or remove the entry.")
        yield Sample(
            id=f"ucm_captions/{row.name}",
            source=CARD.name,
            pictures=(Picture(numbered(root, CARD, int(stem))),),
            captions=row.captions,
            label=of_number(int(stem))[0],
            gsd=0.3,
        )
