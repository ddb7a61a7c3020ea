"""Dubai tiles with six-class masks, in windows at several sizes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from geoglot.data.build.windows import shares, squares
from geoglot.data.sample import Card, Mask, Picture, Sample, Split, require

CARD = Card(
    name="dubai",
    title="Semantic segmentation of Dubai",
    licence="CC0",
    origin="Mohammed Bin Rashid Space Centre and Humans in the Loop",
    splits=("train", "test"),
    task="masks",
    quirks="Split by group of tiles, not by tile: neighbours overlap. Group 6 is the test; `group` of a sample is for "
    "cross-validation on groups 1 to 5. Group 6 has far more vegetation (32 % of its pixels) and fewer roads (0.8 %) than the "
    "others. 0.7 % of all pixels are unlabelled, a class of its own as published; black ones (0.005 %) do not count.",
    classes={
        "land": ("bare land",),
        "water": ("water",),
        "building": ("buildings",),
        "vegetation": ("vegetation",),
        "road": ("roads",),
        "unlabelled": ("unlabelled",),
    },
)
COLOURS = {
    0x8429F6: "land",
    0xE2A929: "water",
    0x3C1098: "building",
    0xFEDD3A: "vegetation",
    0x6EC1E4: "road",
    0x9B9B9B: "unlabelled",
}
TEST_GROUP = "tile6"


def rows(root: Path, split: Split) -> Iterator[Sample]:
    """Give windows of 640, 400 and 240 px with their shares of cover; one tile group is kept for the test."""
    if split not in CARD.splits:
        return
    folder = require(root / "dubai", CARD)
    names = {colour: CARD.classes[key][0] for colour, key in COLOURS.items()}
    said = {colour: name for colour, name in names.items() if name != "unlabelled"}
    for file in sorted((folder / "images").glob("*.webp")):
        group = file.stem.split("_")[0]
        if (group == TEST_GROUP) != (split == "test"):
            continue
        with Image.open(folder / "masks" / f"{file.stem}.png") as image:
            rgb = np.asarray(image.convert("RGB")).astype(np.int32)
        mask = (rgb[..., 0] << 16) + (rgb[..., 1] << 8) + rgb[..., 2]
        for window in squares(mask.shape[0], mask.shape[1], (640, 400, 240)):
            row, col, h, w = window
            yield Sample(
                id=f"dubai/{file.stem}@{row},{col},{h}",
                source=CARD.name,
                pictures=(Picture(file, window),),
                cover=shares(mask[row : row + h, col : col + w], said),
                masks={"cover": Mask(folder / "masks" / f"{file.stem}.png", names, window)},
                group=group,
            )
