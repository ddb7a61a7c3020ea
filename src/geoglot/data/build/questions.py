"""Reading RSVQA's linked files as samples: one for each picture, with all its active questions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from geoglot.core.errors import DataError
from geoglot.data.formats import rsvqa
from geoglot.data.sample import Card, Sample, Turn, require


def linked(file: Path, folders: Sequence[Path], card: Card, gsd: float) -> Iterator[Sample]:
    """Give the pictures that the questions of a file are about, in the order of their numbers; pictures are in the first of the
    folders that is there. DataError for a question without an answer or a picture."""
    turns: dict[int, list[Turn]] = defaultdict(list)
    for where, record in rsvqa.records(require(file, card)):
        row, answer = record["question"], record["answer"]
        try:
            turns[int(row["img_id"])].append(Turn(row["question"], str(answer), str(row.get("type") or "")))
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{where}: {type(error).__name__} {error}: correct or remove the question.") from None
        if answer is None:
            raise DataError(f"{where}: no active answer: add it to the answers, or make the question inactive.")
    images = next((folder for folder in folders if folder.is_dir()), folders[0])
    for number in sorted(turns):
        picture = rsvqa.named(images, number)
        yield Sample(f"{card.name}/{number}", card.name, (picture,), turns=tuple(turns[number]), gsd=gsd)
