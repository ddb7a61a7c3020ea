"""Whether the pictures of samples are there, asked before long work; missing ones are counted, named, left out on demand."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from geoglot.core.errors import DataError
from geoglot.data.sample import Sample
from geoglot.data.shards.damage import Tell, tell

NAMED = 5


def missing(samples: Iterable[Sample]) -> list[str]:
    """The picture and mask files that samples name and that are not there, each once."""
    return [str(path) for path in dict.fromkeys(path for row in samples for path in _files(row)) if not path.exists()]


def _files(sample: Sample) -> list[Path]:
    pictures = [picture.path for picture in sample.pictures if picture.data is None]
    return pictures + [mask.path for mask in sample.masks.values() if mask.data is None]


def present(
    samples: Iterable[Sample], on_missing: Literal["stop", "skip"] = "stop", source: str = "the data", say: Tell = tell
) -> list[Sample]:
    """Give the samples whose files are all there.

    With "stop" any that are not raise DataError, which counts and names them; with "skip" the same words go to ``say``.
    """
    rows = list(samples)
    gone = set(missing(rows))
    if not gone:
        return rows
    kept = [row for row in rows if gone.isdisjoint(map(str, _files(row)))]
    names = ", ".join(sorted(gone)[:NAMED]) + (f" and {len(gone) - NAMED:,} more" if len(gone) > NAMED else "")
    text = f"{source}: {len(gone):,} files are missing, for {len(rows) - len(kept):,} of {len(rows):,} samples: {names}."
    if on_missing == "stop":
        raise DataError(f"{text} Fetch them, or leave those samples out with --missing skip.")
    say(f"{text} Those samples are left out.")
    return kept
