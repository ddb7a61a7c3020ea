"""Ottawa flooded and dry by RADARSAT: a pair of amplitudes and a mask of what changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from geoglot.data.sample import Card, Mask, Picture, Sample, Split, either

CARD = Card(
    name="sar_ottawa",
    title="SAR change of Ottawa",
    licence="research use, unverified",
    origin="Defence Research and Development Canada, 1997",
    splits=("test",),
    classes={"change": ("flooded land",)},
    task="change masks",
    quirks="No georeference. One pair, so it is for measuring only.",
)
FOLDERS = ("change/sar_ottawa", "sar_ottawa", "Ottawa", "ottawa")


def rows(root: Path, split: Split) -> Iterator[Sample]:
    """Give the one pair."""
    if split not in CARD.splits:
        return
    folder = either(root, CARD, *FOLDERS)
    yield Sample(
        id="sar_ottawa",
        source=CARD.name,
        pictures=(Picture(folder / "ottawa_1.bmp"), Picture(folder / "ottawa_2.bmp")),
        masks={"change": Mask(folder / "ottawa_gt.bmp", {0: "no change", 1: "change"}, threshold=127)},
    )
