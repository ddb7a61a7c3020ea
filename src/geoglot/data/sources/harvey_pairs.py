"""Places before and after hurricane Harvey as pairs of pictures: what changed is that they are flooded or damaged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from geoglot.data.sample import Card, Picture, Sample, Split, either
from geoglot.data.sources import harvey

CARD = Card(
    name="harvey_pairs",
    title="Satellite images of hurricane damage, in pairs",
    licence=harvey.CARD.licence,
    origin=harvey.CARD.origin,
    splits=harvey.CARD.splits,
    classes={"damage": harvey.CARD.classes["damage"]},
    task="pairs of dates",
    quirks=harvey.CARD.quirks + " Places that have one picture only are left out.",
)


def rows(root: Path, split: Split) -> Iterator[Sample]:
    """Give the picture before and the picture after of each place of a split."""
    for name, lonlat, files in harvey.places(either(root, CARD, *harvey.FOLDERS), split):
        if len(files) == 2:
            pair = (Picture(files["no_damage"]), Picture(files["damage"]))
            yield Sample(id=f"harvey_pairs/{name}", source=CARD.name, pictures=pair, label="damage", lonlat=lonlat)
