"""Reading the containers of several forms: a JSON list, JSON lines, a folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from geoglot.core.errors import DataError, NotFoundError
from geoglot.data.sample import Picture
from geoglot.geo.identify import parse_time

ROLES = {"human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant", "system": "system"}


def loaded(file: Path) -> Any:
    """What a JSON file holds; NotFoundError and DataError name the file."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotFoundError(f"There is no file {file}.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{file} is no JSON ({error}): fetch it again, or convert it.") from None


def records(file: Path) -> Iterator[tuple[str, Any]]:
    """The entries of a JSON list, or the lines of JSON lines, each with file and number; a broken line is its error."""
    if file.suffix != ".jsonl":
        rows = loaded(file)
        if not isinstance(rows, list):
            raise DataError(f"{file} holds no list of records: this form is a JSON list.")
        yield from ((f"{file.name}, record {number}", row) for number, row in enumerate(rows))
        return
    try:
        with file.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    try:
                        yield f"{file.name}, line {number}", json.loads(line)
                    except (ValueError, RecursionError) as error:
                        yield f"{file.name}, line {number}", f"no JSON ({error})"
    except FileNotFoundError:
        raise NotFoundError(f"There is no file {file}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file} cannot be read as text ({error}).") from None


def mapping(record: Any) -> dict[str, Any]:
    """A record that must be a table."""
    if not isinstance(record, dict):
        raise DataError(f"a record is a table, not {str(record)[:60]!r}.")
    return record


def listed(value: Any) -> list[Any]:
    """A value that may be one or a list of them."""
    return value if isinstance(value, list) else [] if value is None else [value]


def role(name: Any) -> str:
    """Whose turn it is."""
    if name not in ROLES:
        raise DataError(f"a turn is from {name!r}: it must be one of {', '.join(ROLES)}.")
    return ROLES[name]


def text(value: Any) -> str:
    """The words of a turn, which must be there."""
    if not isinstance(value, str):
        raise DataError(f"a turn without words ({str(value)[:40]}): write them, or remove the pair of turns.")
    return value


def picture(folder: Path, name: Any, time: datetime | None = None) -> Picture:
    """A picture by its name below a folder."""
    if not isinstance(name, str) or not name:
        raise DataError(f"{name!r} names no picture.")
    return Picture(folder / name, time=time)


def moment(value: Any) -> datetime | None:
    """A date as published files write it; InputError for what is none."""
    return None if value in (None, "") else parse_time(str(value))
