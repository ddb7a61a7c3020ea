"""RSICD as it is published: `dataset_rsicd.json` with splits and five captions an image, and a folder of images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from geoglot.data.build.karpathy import captioned
from geoglot.data.sample import Card, Picture, Sample, Split, either
from geoglot.data.sources import aid_rsicd

CARD = Card(
    name="rsicd",
    title="RSICD",
    licence="research use, unverified",
    origin="Lu et al. 2018",
    splits=("train", "val", "test"),
    classes=aid_rsicd.CARD.classes,
    task="captions",
    quirks="Images are the centre of AID's, 224 px. The class is in the file name of most (`airport_1.jpg`), not of all "
    "(`00433.jpg`). Many of the five captions of an image are repeats, which are left out here.",
)
FILES = ("dataset_rsicd.json", "RSICD/dataset_rsicd.json", "rsicd/dataset_rsicd.json")
FOLDERS = ("RSICD_images", "RSICD/RSICD_images", "rsicd/RSICD_images")


def rows(root: Path, split: Split) -> Iterator[Sample]:
    """Give the images of a split; the ground sampling distance differs by scene and is unknown."""
    file = either(root, CARD, *FILES)
    folder = either(root, CARD, *FOLDERS)
    for row in captioned(file, split):
        yield Sample(
            id=f"rsicd/{row.name}",
            source=CARD.name,
            pictures=(Picture(folder / row.name),),
            captions=row.captions,
            label=label_of(row.name),
        )


def label_of(name: str) -> str | None:
    """The class in a file name such as `airport_1.jpg`, None where it names none."""
    word = name.partition("_")[0].lower()
    return next((label for label in CARD.classes if label.lower() == word), None)
