"""UC Merced land use as it is published: a folder of scenes for each class, without an official split."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from geoglot.data.build.folders import of_classes, split_of
from geoglot.data.sample import Card, Picture, Sample, Split, either
from geoglot.data.sources import ucm

CARD = Card(
    name="uc_merced",
    title="UC Merced land use",
    licence="imagery USGS, public domain",
    origin="Yang and Newsam 2010",
    splits=("train", "val", "test"),
    classes=ucm.CARD.classes,
    task="scene classes",
    gsd=(0.3, 0.3),
    quirks="No official split: the last fifth of each class by sorted file name is test, the tenth before it val. This is not "
    "the split of UCM-Captions (`ucm`, `ucm_captions`). A few images are off 256 by some pixels; airplane01 and airplane02 "
    "are identical.",
)
FOLDERS = ("UCMerced_LandUse/Images", "Images", "ucm")
NUMBERED = ("UCM_captions/imgs", "UCM_captions/images", "imgs")


def rows(root: Path, split: Split) -> Iterator[Sample]:
    """Give the scenes of a split, 0.3 m a pixel."""
    for label, file in of_classes(either(root, CARD, *FOLDERS), CARD, split):
        yield Sample(id=f"ucm/{label}/{file.name}", source=CARD.name, pictures=(Picture(file),), label=label, gsd=0.3)


def of_number(number: int) -> tuple[str, str, Split]:
    """The class, the name without suffix and the split of image 1 to 2100 in the numbering of UCM-Captions and RSIVQA."""
    order, index = divmod(number - 1, 100)
    label = sorted(CARD.classes)[order]
    return label, f"{label}{index:02d}", split_of(index, 100)


def numbered(root: Path, card: Card, number: int) -> Path:
    """The file of a numbered image: as captions are published, `imgs/1.tif`, or in the class folders of the images' own set."""
    folder = next((root / name for name in NUMBERED if (root / name).is_dir()), None)
    if folder is not None:
        return folder / f"{number}.tif"
    label, name, _ = of_number(number)
    place = either(root, card, *FOLDERS) / label
    return next((file for file in place.glob(f"{name}.*")), place / f"{name}.tif")
