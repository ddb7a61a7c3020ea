"""Airports with a box for every airplane, whole pictures and windows of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from geoglot.data.build.files import labelled, wrong
from geoglot.data.build.folders import known
from geoglot.data.build.windows import cut, squares
from geoglot.data.sample import Card, Picture, Sample, Split, Thing, require

CARD = Card(
    name="airport_obb",
    title="Airplanes at airports",
    licence="public domain by its card, unverified",
    origin="Roboflow universe; corner notation, all boxes upright",
    splits=("train", "val"),
    task="boxes",
    quirks="Corner notation, but all boxes are upright. Pictures are AID's own airports under the same numbers.",
    classes={"airplane": ("airplane",)},
)
FOLDERS = {"train": "train", "val": "valid"}


def rows(root: Path, split: Split) -> Iterator[Sample]:
    """Give every picture whole and in windows of 256 px."""
    if split not in FOLDERS:
        return
    folder = require(root / "airport_obb" / FOLDERS[split], CARD)
    for file, (height, width), lines in labelled(folder):
        things = []
        for number, words in enumerate(lines, 1):
            if not words:
                continue
            label = file.with_suffix(".txt")
            if len(words) != 10:
                raise wrong(label, number, f"{len(words)} words, where eight coordinates, a class and a difficulty are wanted")
            known(words[8], CARD, label, number)
            xs, ys = [float(w) / width for w in words[0:8:2]], [float(w) / height for w in words[1:8:2]]
            things.append(Thing("airplane", (min(xs), min(ys), max(xs), max(ys))))
        whole = Sample(
            id=f"airport_obb/{file.stem}",
            source=CARD.name,
            pictures=(Picture(file),),
            label="airport",
            things=tuple(things),
        )
        yield whole
        for window in squares(height, width, (256,)):
            yield cut(whole, (height, width), window)
