"""Suburban pictures with road masks, in windows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from geoglot.data.build.folders import split_by_hash
from geoglot.data.build.windows import squares
from geoglot.data.sample import Card, Mask, Picture, Sample, Split, require

CARD = Card(
    name="epfl_roads",
    title="EPFL road segmentation",
    licence="course data, research use, unverified",
    origin="EPFL machine learning course",
    splits=("train", "val", "test"),
    task="masks",
    quirks="No official split here: by the hash of the file name, 70 % train, 10 % val, 20 % test. No two pictures look alike by "
    "perceptual hash.",
    classes={"road": ("roads",)},
)


def rows(root: Path, split: Split) -> Iterator[Sample]:
    """Give every picture of a split whole and in windows of 200 px, with the share of road."""
    if split not in CARD.splits:
        return
    folder = require(root / "epfl_roads", CARD)
    for file in sorted((folder / "images").glob("*.webp")):
        masks = list((folder / "masks").glob(f"{file.stem}.*"))
        if not masks or split_by_hash(CARD.name, file.stem) != split:
            continue
        with Image.open(masks[0]) as image:
            mask = np.asarray(image.convert("L")) > 127
        for window in squares(mask.shape[0], mask.shape[1], (400, 200)):
            row, col, h, w = window
            road = float(mask[row : row + h, col : col + w].mean())
            yield Sample(
                id=f"epfl_roads/{file.stem}@{row},{col},{h}",
                source=CARD.name,
                pictures=(Picture(file, window),),
                cover={"roads": road} if road > 0 else {},
                masks={"cover": Mask(masks[0], {0: "other", 1: "roads"}, window, threshold=127)},
            )
