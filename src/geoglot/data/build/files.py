"""Reading the forms in which several data sets are published: JSON lines with a split, pictures beside lines of labels."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image


def of_split(file: Path, split: str) -> Iterator[dict[str, Any]]:
    """Give the rows of a JSON lines file whose key `split` is this one."""
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            if row["split"] == split:
                yield row


def labelled(folder: Path) -> Iterator[tuple[Path, tuple[int, int], list[list[str]]]]:
    """Give each picture of a folder, its height and width, and the words of each line of the text file beside it."""
    for file in sorted(folder.glob("*.webp")):
        with Image.open(file) as image:
            width, height = image.size
        text = file.with_suffix(".txt").read_text(encoding="utf-8")
        yield file, (height, width), [line.split() for line in text.splitlines()]
