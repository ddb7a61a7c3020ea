"""NEON forest tiles with a box for every tree crown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from geoglot.data.build.windows import cut, squares
from geoglot.data.sample import Card, Picture, Sample, Split, Thing, require

CARD = Card(
    name="neon_trees",
    title="NEON tree crowns",
    licence="open, unverified",
    origin="National Ecological Observatory Network; Weinstein et al.",
    splits=("train", "val", "test"),
    task="boxes",
    gsd=(0.1, 0.1),
    quirks="One forest (Harvard Forest), eight tiles of 40 m. Split by place: five tiles within 1 km of each other are train, "
    "the other three, all more than 2 km from any, are val (one) and test (two).",
    classes={"tree": ("tree",)},
)
HELD: dict[str, Split] = {"HARV_027": "val", "HARV_024": "test", "HARV_026": "test"}


def rows(root: Path, split: Split) -> Iterator[Sample]:
    """Give every tile of a split whole and in windows of 200 px; 0.1 m a pixel."""
    if split not in CARD.splits:
        return
    folder = require(root / "neon_trees", CARD)
    for file in sorted(folder.glob("*.tif")):
        if HELD.get(file.stem, "train") != split:
            continue
        tree = ElementTree.parse(file.with_suffix(".xml")).getroot()
        width, height = (int(tree.findtext(f"size/{side}", "400")) for side in ("width", "height"))
        things = []
        for box in tree.iter("bndbox"):
            x0, y0, x1, y1 = (float(box.findtext(key, "0")) for key in ("xmin", "ymin", "xmax", "ymax"))
            things.append(Thing("tree", (x0 / width, y0 / height, x1 / width, y1 / height)))
        whole = Sample(
            id=f"neon_trees/{file.stem}",
            source=CARD.name,
            pictures=(Picture(file),),
            label="forest",
            things=tuple(things),
            gsd=0.1,
        )
        yield whole
        for window in squares(height, width, (200,)):
            yield cut(whole, (height, width), window)
