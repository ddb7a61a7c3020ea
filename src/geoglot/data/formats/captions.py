"""Captions in the form of Karpathy's splits: RSICD, UCM-Captions, Sydney, and LEVIR-CC with `changeflag` and two dates.

A conversation for each different caption. LEVIR-CC's pictures are `<split>/A/<name>` and `<split>/B/<name>`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from geoglot.core.errors import DataError
from geoglot.core.protocols import Said
from geoglot.data import conversations as talk
from geoglot.data.formats import _kit
from geoglot.data.sample import Picture
from geoglot.text.cleaning import tidy

BOXES: str | None = None
LINES = False
give = None
ASK = "Describe the image in one sentence."
ASK_CHANGE = "What has changed between the two images?"


def records(file: Path) -> Iterator[tuple[str, Any]]:
    """Every entry of `images`."""
    rows = _kit.loaded(file)
    if not isinstance(rows, dict) or not isinstance(rows.get("images"), list):
        raise DataError(f"{file} is no captions file with a list `images`: fetch it again.")
    yield from ((f"{file.name}, image {number}", row) for number, row in enumerate(rows["images"]))


def take(record: Any, how: talk.How) -> Iterator[talk.Conversation]:
    """The captions of one picture, or of one pair."""
    row = _kit.mapping(record)
    name, split, flag = row["filename"], row["split"], row.get("changeflag")
    if flag is None:
        pictures: tuple[Picture, ...] = (_kit.picture(how.pictures, name),)
    else:
        pictures = tuple(_kit.picture(how.pictures / split / date, name) for date in "AB")
    texts = dict.fromkeys(tidy(each.get("raw") or " ".join(each["tokens"])) for each in row["sentences"])
    attributes = {"split": split} | ({} if flag is None else {"changed": "yes" if flag else "no"})
    for number, text in enumerate(text for text in texts if text):
        asked = Said("user", ASK if flag is None else ASK_CHANGE, tuple(range(len(pictures))))
        task = "caption" if flag is None else "change caption"
        yield talk.Conversation(f"{name}/{number}", pictures, (asked, Said("assistant", text)), task, attributes=attributes)
