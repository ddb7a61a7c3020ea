"""Reading the form in which scene classes are published: a folder of pictures for each class; and splits where none are."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from geoglot.core.errors import DataError
from geoglot.data.sample import Card, Split

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".bmp", ".gif"})
HELD = 5  # the last fifth is the test split
LOOKED_AT = 10  # the tenth before it is the validation split


def pictures(folder: Path) -> list[Path]:
    """The picture files directly in a folder, by name."""
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in PICTURES and not file.name.startswith("."))


def split_of(index: int, count: int) -> Split:
    """The split of the i-th of ``count`` things in order: the last fifth is test, the tenth before it val, the rest train.

    This is RemoteCLIP's rule for sets without an official split (the last 20 % of each class, by sorted file name; its
    issue 11), with a validation part taken from what it trains on.
    """
    held, looked_at = count // HELD, count // LOOKED_AT
    if index >= count - held:
        return "test"
    return "val" if index >= count - held - looked_at else "train"


def split_by_hash(source: str, name: str, alike: Sequence[Collection[str]] = ()) -> Split:
    """The split of a picture by the hash of its name, whatever else there is: 70 % train, 10 % val, 20 % test.

    ``alike`` are groups of pictures that show the same: they go where the first of them by name goes.
    """
    own = next((min(group) for group in alike if name in group), name)
    share = int.from_bytes(hashlib.sha256(f"{source}/{own}".encode()).digest()[:4], "big") / 2**32
    return "train" if share < 0.7 else "val" if share < 0.8 else "test"


def of_classes(folder: Path, card: Card, split: Split) -> Iterator[tuple[str, Path]]:
    """Give class and picture of a split; raises DataError for a folder that is none of the card's classes."""
    for place in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        known(place.name, card, place)
        files = pictures(place)
        for index, file in enumerate(files):
            if split_of(index, len(files)) == split:
                yield place.name, file


def known(label: object, card: Card, file: Path, line: int | None = None) -> str:
    """Give back a label that is one of the card's classes; raises DataError that names file, line and the nearest class."""
    if isinstance(label, str) and label in card.classes:
        return label
    near = difflib.get_close_matches(str(label), card.classes, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(sorted(card.classes))}."
    where = str(file) if line is None else f"{file}, line {line}"
    raise DataError(f"{where}: {label!r} is no class of {card.title}: {hint} Correct the label, or remove it.")
