"""Buildings before and after hurricane Harvey, one picture each; the file name is the place."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from geoglot.core.errors import DataError
from geoglot.data.build.folders import pictures
from geoglot.data.build.places import by_place
from geoglot.data.sample import Card, Picture, Sample, Split, either

CARD = Card(
    name="harvey",
    title="Satellite images of hurricane damage",
    licence="CC BY, unverified",
    origin="Cao and Choe 2018",
    splits=("train", "val", "test"),
    classes={
        "no_damage": ("buildings before the flood", "dry ground with buildings"),
        "damage": ("flooded or damaged buildings", "flood water around buildings"),
    },
    task="scene classes",
    quirks="Class-balanced by construction. The published folders split by picture, so that neighbours and the same place are "
    "on both sides: here whole cells of 0.02 degrees are held out, and what lies within 300 m of them is left out.",
)
# the published folders, and those of places that come in pairs
PARTS = ("train_another", "validation_another", "test_another", "test", "")
KINDS = {"no_damage": "no_damage", "damage": "damage", "before": "no_damage", "after": "damage"}
FOLDERS = ("harvey", "Post-hurricane", "hurricane")
CELL, MARGIN = 0.02, 300.0


def rows(root: Path, split: Split) -> Iterator[Sample]:
    """Give the pictures of a split's places."""
    for name, lonlat, files in places(either(root, CARD, *FOLDERS), split):
        for label, file in sorted(files.items(), reverse=True):
            yield Sample(id=f"harvey/{label}/{name}", source=CARD.name, pictures=(Picture(file),), label=label, lonlat=lonlat)


def places(folder: Path, split: Split) -> Iterator[tuple[str, tuple[float, float], dict[str, Path]]]:
    """Give the places of a split: name, longitude and latitude, and the picture by class."""
    found: dict[str, dict[str, Path]] = defaultdict(dict)
    for part in PARTS:
        for kind, label in KINDS.items():
            place = folder / part / kind
            for file in pictures(place) if place.is_dir() else ():
                found[file.stem].setdefault(label, file)
    names = sorted(found)
    lonlat = [_place(found[name], name) for name in names]
    for name, centre, own in zip(names, lonlat, by_place(lonlat, CELL, MARGIN), strict=True):
        if own == split:
            yield name, centre, found[name]


def _place(files: dict[str, Path], name: str) -> tuple[float, float]:
    try:
        lon, lat = (float(part) for part in name.split("_"))
    except ValueError:
        raise DataError(f"{next(iter(files.values()))} is not named longitude_latitude: rename or remove it.") from None
    return lon, lat
