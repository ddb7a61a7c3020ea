"""Reading captions in the form of Karpathy's splits, in which RSICD, UCM-Captions, Sydney and LEVIR-CC are published."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from geoglot.core.errors import DataError
from geoglot.data.sample import Split
from geoglot.text.cleaning import tidy

SPLITS = {"train": "train", "val": "val", "test": "test", "restval": "train"}


@dataclass(frozen=True)
class Captioned:
    """One picture of a captions file: its name, its different captions, and whether there is a change (None: not said)."""

    name: str
    captions: tuple[str, ...]
    changed: bool | None


def captioned(file: Path, split: Split) -> Iterator[Captioned]:
    """Give the pictures of a split in the file's order; captions are tidied, repeats left out.

    Raises DataError that names the file, and the picture where one entry is wrong.
    """
    try:
        images = json.loads(file.read_text(encoding="utf-8"))["images"]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{file} is no captions file with a list `images` ({error}): fetch it again.") from None
    for number, row in enumerate(images):
        try:
            own, name = SPLITS[row["split"]], row["filename"]
            texts = [sentence.get("raw") or " ".join(sentence["tokens"]) for sentence in row["sentences"]]
        except (KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{file}, image {number} ({row.get('filename', '?') if isinstance(row, dict) else row}): "
                            f"{type(error).__name__} {error}: correct or remove the entry.") from None  # fmt: skip
        if own == split:
            flag = row.get("changeflag")
            captions = tuple(dict.fromkeys(text for text in map(tidy, texts) if text))
            yield Captioned(name, captions, None if flag is None else bool(flag))
