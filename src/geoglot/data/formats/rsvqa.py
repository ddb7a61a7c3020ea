"""RSVQA's three linked files: `..._questions.json`, `..._answers.json` and `..._images.json`; give the first.

Inactive entries are left out. Some files say `quesiton_id`. Pictures are named by number: `0.tif`, or `0.png` where that is.
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

BOXES: str | None = None
LINES = False
give = None
SUFFIXES = (".tif", ".png", ".jpg", ".webp")


def records(file: Path) -> Iterator[tuple[str, Any]]:
    """Every active question with its answer's text, and the picture's name."""
    answers = {}
    for row in _entries(file.with_name(file.name.replace("questions", "answers")), "answers"):
        if isinstance(row, dict) and row.get("active", True):
            answers[row.get("question_id", row.get("quesiton_id"))] = row.get("answer")
    for number, row in enumerate(_entries(file, "questions")):
        if isinstance(row, dict) and not row.get("active", True):
            continue
        where = f"{file.name}, question {number}"
        yield where, {"question": row, "answer": answers.get(row.get("id")) if isinstance(row, dict) else None}


def _entries(file: Path, key: str) -> list[Any]:
    rows = _kit.loaded(file)
    if not isinstance(rows, dict) or not isinstance(rows.get(key), list):
        raise DataError(f"{file} has no list `{key}`: it is no file of RSVQA.")
    return list(rows[key])


def take(record: Any, how: talk.How) -> Iterator[talk.Conversation]:
    """The one question of a record and its answer."""
    row = _kit.mapping(record["question"])
    if record["answer"] is None:
        raise DataError(f"question {row['id']} has no active answer: add it to the answers, or make the question inactive.")
    turns = (Said("user", row["question"], (0,)), Said("assistant", str(record["answer"])))
    picture = named(how.pictures, row["img_id"])
    yield talk.Conversation(str(row["id"]), (picture,), turns, "vqa", attributes={"type": str(row.get("type", ""))})


def named(folder: Path, number: Any) -> Picture:
    """The picture of a number, whatever its suffix."""
    files = [folder / f"{number}{suffix}" for suffix in SUFFIXES]
    return Picture(next((file for file in files if file.exists()), files[0]))
