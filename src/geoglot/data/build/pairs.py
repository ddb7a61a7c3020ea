"""Reading the form in which changes are published: two folders of pictures of one name each, and one of masks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from geoglot.core.errors import DataError
from geoglot.data.build.folders import PICTURES
from geoglot.data.sample import Card, Mask, Picture, Sample

VALUES = {0: "no change", 1: "change"}


def pairs(card: Card, folders: tuple[Path, Path, Path], prefix: str = "", gsd: float | None = None) -> Iterator[Sample]:
    """Give a sample for each file of the first folder: before, after and mask, in which bright pixels changed.

    Raises DataError where the picture after or the mask is missing.
    """
    first, second, masks = folders
    if not first.is_dir():
        return
    for file in sorted(first.iterdir()):
        if file.suffix.lower() not in PICTURES or file.name.startswith("."):
            continue
        after, mask = _same(second, file), _same(masks, file)
        yield Sample(
            id=f"{card.name}/{prefix}{file.stem}",
            source=card.name,
            pictures=(Picture(file), Picture(after)),
            masks={"change": Mask(mask, VALUES, threshold=0)},
            gsd=gsd,
        )


def _same(folder: Path, file: Path) -> Path:
    """The file of the same name, whatever its suffix."""
    if (folder / file.name).exists():
        return folder / file.name
    found = sorted(path for path in folder.glob(f"{file.stem}.*") if path.suffix.lower() in PICTURES)
    if not found:
        raise DataError(f"{file} has no counterpart {file.stem} in {folder}: fetch the data set again, or remove the picture.")
    return found[0]
