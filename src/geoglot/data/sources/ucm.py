"""UC Merced land use: captions, object labels and questions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from geoglot.data.build.files import of_split
from geoglot.data.sample import Card, Picture, Sample, Split, Turn, require

CARD = Card(
    name="ucm",
    title="UC Merced with captions, object labels and questions",
    licence="imagery USGS public domain; texts research use, unverified",
    origin="Yang and Newsam 2010; Qu et al. 2016 (captions); Chaudhuri et al. 2018 (labels); Lobry et al. (questions)",
    splits=("train", "val", "test"),
    task="scene classes, captions, object labels, questions",
    gsd=(0.3, 0.3),
    quirks="A few images are off 256 by some pixels; airplane01 and airplane02 are identical. Questions on the theme are "
    "automatic; those on 559 images are human-made.",
    classes={
        "agricultural": ("farmland", "agricultural field", "cropland"),
        "airplane": ("airplane", "airplanes", "parked aircraft"),
        "baseballdiamond": ("baseball diamond", "baseball field"),
        "beach": ("beach", "sandy beach by the sea"),
        "buildings": ("buildings",),
        "chaparral": ("chaparral", "shrubs on dry ground"),
        "denseresidential": ("dense residential area", "crowded houses"),
        "forest": ("forest", "trees"),
        "freeway": ("freeway", "highway"),
        "golfcourse": ("golf course",),
        "harbor": ("harbor", "harbour with boats", "boats at the docks"),
        "intersection": ("intersection", "road crossing"),
        "mediumresidential": ("medium residential area", "residential area with houses"),
        "mobilehomepark": ("mobile home park",),
        "overpass": ("overpass",),
        "parkinglot": ("parking lot", "parked cars"),
        "river": ("river",),
        "runway": ("runway", "airport runway"),
        "sparseresidential": ("sparse residential area", "a few houses among trees"),
        "storagetanks": ("storage tanks", "oil tanks"),
        "tenniscourt": ("tennis court", "tennis courts"),
    },
)

OBJECTS = {
    "airplane": "airplanes",
    "bare-soil": "bare soil",
    "mobile-home": "mobile homes",
    "tanks": "storage tanks",
    "court": "tennis courts",
    "dock": "docks",
    "field": "fields",
    "ship": "boats",
}


def rows(root: Path, split: Split) -> Iterator[Sample]:
    """Give the scenes of a split, 0.3 m a pixel."""
    file = require(root / "ucm_captions_qa.jsonl", CARD)
    table = require(root / "ucm_multilabels.txt", CARD)
    labels, names = labels_of(table), names_of(table)
    for row in of_split(file, split, CARD):
        yield Sample(
            id=row["image"],
            source=CARD.name,
            pictures=(Picture(root / row["image"]),),
            captions=tuple(dict.fromkeys(row["captions"])),
            label=row["class"],
            labels=(own := labels.get(Path(row["image"]).stem, ())),
            lacking=tuple(name for name in names if name not in own) if own else (),
            turns=tuple(Turn(q, a) for q, a in row["qa"]),
            gsd=0.3,
        )


def names_of(file: Path) -> list[str]:
    """The object labels of the published table of flags, in its order."""
    head = file.read_text(encoding="utf-8").split("\n", 1)[0]
    return [OBJECTS.get(name, name) for name in head.strip().split("\t")[1:]]


def labels_of(file: Path) -> dict[str, tuple[str, ...]]:
    """Give the object labels by the name of the image, from the published table of flags."""
    names, table = names_of(file), {}
    _, *lines = file.read_text(encoding="utf-8").splitlines()
    for line in lines:
        key, *flags = line.split("\t")
        table[key] = tuple(name for name, flag in zip(names, flags, strict=False) if flag.strip() == "1")
    return table
