"""NWPU VHR-10 as it is published: two folders of images and a text file of boxes for each image with objects."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from geoglot.data.build.files import wrong
from geoglot.data.build.folders import pictures, split_of
from geoglot.data.sample import Card, Picture, Sample, Split, Thing, either
from geoglot.data.sources import vhr10

CARD = Card(
    name="nwpu_vhr10",
    title="NWPU VHR-10 (published layout)",
    licence="research use, unverified",
    origin="Cheng et al. 2014",
    splits=("train", "val", "test"),
    classes=vhr10.CARD.classes,
    task="boxes",
    gsd=(0.08, 2.0),
    quirks="No official split: the last fifth of the images with objects, and of those without, is test, the tenth before it "
    "val. The images are those of `vhr10`, which has outlines too: train on one of the two.",
)
FOLDERS = ("NWPU VHR-10 dataset", "NWPU VHR-10", "NWPU_VHR10", "nwpu_vhr10")
_LINE = re.compile(r"\(\s*(\d+)\s*,\s*(\d+)\s*\)\s*,\s*\(\s*(\d+)\s*,\s*(\d+)\s*\)\s*,\s*(\d+)\s*")


def rows(root: Path, split: Split) -> Iterator[Sample]:
    """Give the whole images of a split, those without objects last."""
    folder = either(root, CARD, *FOLDERS)
    for kind in ("positive", "negative"):
        place = folder / f"{kind} image set"
        files = pictures(place) if place.is_dir() else []
        for index, file in enumerate(files):
            if split_of(index, len(files)) == split:
                picture = Picture(file)
                things = _things(folder / "ground truth" / f"{file.stem}.txt", picture.size) if kind == "positive" else ()
                yield Sample(id=f"nwpu_vhr10/{kind}/{file.stem}", source=CARD.name, pictures=(picture,), things=things)


def _things(file: Path, size: tuple[int, int]) -> tuple[Thing, ...]:
    height, width = size
    classes = [phrases[0] for phrases in CARD.classes.values()]
    found = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise wrong(file, number, f"{line[:80]!r} is not (x1,y1),(x2,y2),class")
        x0, y0, x1, y1, kind = (int(part) for part in match.groups())
        if not 1 <= kind <= len(classes):
            raise wrong(file, number, f"{kind} is no class of {CARD.title}, which has 1 to {len(classes)}")
        found.append(Thing(classes[kind - 1], (x0 / width, y0 / height, x1 / width, y1 / height)))
    return tuple(found)
