"""Finding the pieces of a text that say boxes: patterns that several syntaxes share."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

N = r"[-+]?(?:\d{1,9}(?:\.\d{0,12})?|\.\d{1,12})"  # a number; longer ones are nonsense
Row = tuple[tuple[str, ...], str]  # the numbers of a box as written, and its label or ""


class Piece(NamedTuple):
    """Numbers that were found, the span of text that says them, the label that stands with them, and whether the form is the
    published one to the letter."""

    numbers: tuple[float, ...]
    start: int
    end: int
    label: str = ""
    exact: bool = True


def numbers_of(text: str) -> tuple[float, ...]:
    """All numbers of a piece of text."""
    return tuple(float(found) for found in re.findall(N, text))


def list_of(counts: Sequence[int]) -> str:
    """A pattern for a bracketed list of so many numbers."""
    most, least = max(counts), min(counts)
    more = rf"(?:\s*,\s*{N}){{{least - 1},{most - 1}}}"
    return rf"\[\s*{N}{more}\s*\]"


def lists(text: str, counts: Sequence[int], exact: re.Pattern[str], begin: int = 0, end: int | None = None) -> Iterator[Piece]:
    """Every bracketed list of so many numbers between two places of a text."""
    for found in re.compile(list_of(counts)).finditer(text, begin, len(text) if end is None else end):
        numbers = numbers_of(found[0])
        if len(numbers) in counts:
            yield Piece(numbers, found.start(), found.end(), "", exact.fullmatch(found[0]) is not None)


def wrapped(
    text: str, wrapper: re.Pattern[str], inner: re.Pattern[str], exact: re.Pattern[str], counts: Sequence[int]
) -> Iterator[Piece]:
    """Boxes within a wrapper (its group `label`, if any, is theirs; its group `rows` holds them).

    The first piece begins and the last ends with the wrapper.
    """
    for outer in wrapper.finditer(text):
        rows = [row for row in inner.finditer(text, *outer.span("rows")) if len(numbers_of(row[0])) in counts]
        label = " ".join((outer.groupdict().get("label") or "").split())
        whole = exact.fullmatch(outer[0]) is not None
        for k, row in enumerate(rows):
            start = outer.start() if k == 0 else row.start()
            end = outer.end() if k == len(rows) - 1 else row.end()
            yield Piece(numbers_of(row[0]), start, end, label, whole)


def grouped(rows: Sequence[Row]) -> list[tuple[str, list[tuple[str, ...]]]]:
    """Rows with one label after another, as (label, their numbers)."""
    out: list[tuple[str, list[tuple[str, ...]]]] = []
    for numbers, label in rows:
        if out and out[-1][0] == label:
            out[-1][1].append(numbers)
        else:
            out.append((label, [numbers]))
    return out
