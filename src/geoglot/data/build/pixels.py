"""Reading the form in which pixel labels are published: a folder of pictures, and one of masks under nearly the same names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from geoglot.core.errors import DataError
from geoglot.data.build.folders import PICTURES
from geoglot.data.sample import Card, Mask, Picture, Sample


def masked(
    card: Card,
    files: Iterator[tuple[str, Path, Path]],
    values: Mapping[int, str],
    gsd: float | None = None,
) -> Iterator[Sample]:
    """Give a sample for each name, picture and mask; ``values`` name the classes of the card by value or colour.

    Raises DataError where the mask of a picture is not there.
    """
    phrases = {value: card.classes[label][0] for value, label in values.items()}
    for name, picture, mask in files:
        if not mask.exists():
            raise DataError(f"{picture} has no mask at {mask}: fetch the labels of {card.title}, or remove the picture.")
        yield Sample(
            id=f"{card.name}/{name}",
            source=card.name,
            pictures=(Picture(picture),),
            masks={"cover": Mask(mask, phrases)},
            gsd=gsd,
        )


def beside(pictures: Path, masks: Path, ending: str = "", suffix: str = ".png") -> Iterator[tuple[str, Path, Path]]:
    """Give name, picture and mask of each picture of a folder; a mask is called like its picture, with ``ending``."""
    if not pictures.is_dir():
        return
    for file in sorted(pictures.iterdir()):
        if file.suffix.lower() in PICTURES and not file.name.startswith("."):
            yield file.stem, file, masks / f"{file.stem}{ending}{suffix}"
