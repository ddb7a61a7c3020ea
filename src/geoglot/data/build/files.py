"""Reading the forms in which several data sets are published: JSON lines with a split, pictures beside lines of labels."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from geoglot.core.errors import DataError
from geoglot.data.build.folders import known
from geoglot.data.sample import Card


def of_split(file: Path, split: str, card: Card | None = None) -> Iterator[dict[str, Any]]:
    """Give the rows of a JSON lines file whose key `split` is this one.

    Raises DataError that names file and line for a line that is no such row, or whose `class` is none of ``card``.
    """
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
                wanted = row["split"] == split
            except (ValueError, KeyError, TypeError) as error:
                raise wrong(file, number, f"{type(error).__name__} {error}") from None
            if wanted:
                if card is not None:
                    known(row.get("class"), card, file, number)
                yield row


def wrong(file: Path, line: int, what: str) -> DataError:
    """The error for a line of a file that cannot be understood."""
    return DataError(f"{file}, line {line}: {what}. Correct or remove the line, or fetch the file again.")


def labelled(folder: Path) -> Iterator[tuple[Path, tuple[int, int], list[list[str]]]]:
    """Give each picture of a folder, its height and width, and the words of each line of the text file beside it."""
    for file in sorted(folder.glob("*.webp")):
        with Image.open(file) as image:
            width, height = image.size
        text = file.with_suffix(".txt").read_text(encoding="utf-8")
        yield file, (height, width), [line.split() for line in text.splitlines()]
