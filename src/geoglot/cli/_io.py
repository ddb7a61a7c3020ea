"""What the verbs share: writing to standard output and standard error, and reading lists from options."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any

import typer

from geoglot.core.errors import InputError

CLOSED = 128 + 13  # what a shell gives for a process that ended because nobody read its output


def emit(text: str) -> None:
    """Write data to standard output at once; where nobody reads it any more, the command ends without a word."""
    try:
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        close()
        raise typer.Exit(CLOSED) from None


def close() -> None:
    """Lead standard output nowhere, so that the interpreter's last flush of it cannot fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def emit_json(value: Any) -> None:
    """Write a result as JSON: times as ISO 8601, geometries as GeoJSON, what is not a number as null."""
    emit(json.dumps(_plain(value), ensure_ascii=False, indent=2))


def note(text: str) -> None:
    """Tell something on standard error."""
    print(text, file=sys.stderr, flush=True)


def _plain(value: Any) -> Any:
    from shapely.geometry.base import BaseGeometry

    from geoglot.geo import vectors

    if isinstance(value, BaseGeometry):
        return vectors.geometry(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return vectors.plain(value)


def numbers(text: str, count: int, option: str, form: str) -> tuple[float, ...]:
    """Numbers with commas between them; `InputError` names the option and the form that it takes."""
    try:
        made = tuple(float(part) for part in text.split(","))
    except ValueError:
        made = ()
    if len(made) != count:
        raise InputError(f"{option} takes {form}, got {text!r}.")
    return made


def words(text: str | None) -> list[str] | None:
    """Names with commas between them; None stays None."""
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]


def size(count: float) -> str:
    """A number of bytes in words."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
