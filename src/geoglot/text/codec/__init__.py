"""The codec between boxes and text: one file for each syntax in which models and files write boxes, found by its name.

`read` gives the boxes of a text, `write` a text of boxes, `convert` a text in another syntax. What a syntax means by its
numbers is its `SYNTAX` (see `Syntax`). Boxes are in pixels of the picture whose shape is given, else in its unit square.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol, cast

from geoglot.core import parts
from geoglot.core.errors import InputError
from geoglot.geo.boxes import Box
from geoglot.text.codec._frame import Refusal, Shape, Syntax, of_numbers, rounded, to_numbers
from geoglot.text.codec._scan import Piece, Row

__all__ = ["Found", "Reading", "Refused", "Syntax", "convert", "find", "guess", "names", "read", "unread", "write"]

ROOM = "text.codec"
# what may stand between boxes that belong together
JOIN = re.compile(r"\s*(?:<delim>|[,;]|\band\b)?\s*")
GAP = 40  # characters that may lie between them
# what looks like a box in some syntax or other
BOXLIKE = re.compile(
    r"\{\s*<\s*-?\d|<\s*(?:rbox|box|bbox|quad|seg|loc_\d+)\s*>|<\|box_start\|>|bbox|POLYGON\s*\(|\[\s*-?\d[\d.]*\s*(?:,\s*-?\d[\d.]*\s*){3}"
)


class Codec(Protocol):
    """A module of this folder."""

    SYNTAX: Syntax
    HINT: re.Pattern[str]

    def scan(self, text: str, syntax: Syntax) -> Iterator[Piece]:
        """The pieces of a text that say boxes."""

    def spell(self, rows: Sequence[Row], syntax: Syntax) -> str:
        """The text of some boxes."""


@dataclass(frozen=True)
class Found:
    """A box of a text, what it is said to be of ("" where nothing is said), its span, and what was put right."""

    box: Box
    label: str
    span: tuple[int, int]
    repaired: str = ""


@dataclass(frozen=True)
class Refused:
    """A span of text that should say a box, and why it says none."""

    span: tuple[int, int]
    why: str


@dataclass(frozen=True)
class Reading:
    """The boxes of a text in their order, and the pieces that were refused."""

    text: str
    found: tuple[Found, ...]
    refused: tuple[Refused, ...] = ()

    @property
    def boxes(self) -> tuple[Box, ...]:
        """The boxes."""
        return tuple(each.box for each in self.found)

    @property
    def labels(self) -> tuple[str, ...]:
        """What the boxes are of."""
        return tuple(each.label for each in self.found)

    @property
    def groups(self) -> list[tuple[tuple[int, int], tuple[Found, ...]]]:
        """Boxes that stand together, with the span of all of them."""
        out: list[tuple[tuple[int, int], tuple[Found, ...]]] = []
        for each in self.found:
            if out and _joined(self.text, out[-1][0][1], each.span[0]):
                out[-1] = ((out[-1][0][0], each.span[1]), (*out[-1][1], each))
            else:
                out.append((each.span, (each,)))
        return out

    @property
    def words(self) -> str:
        """The text without its boxes."""
        out, end = [], 0
        for (start, stop), _ in self.groups:
            out.append(self.text[end:start])
            end = stop
        return " ".join("".join([*out, self.text[end:]]).split())


def _joined(text: str, end: int, start: int) -> bool:
    """Whether what ends and what starts there belongs together."""
    return start - end <= GAP and JOIN.fullmatch(text, end, start) is not None


def _outside(hints: Iterator[re.Match[str]], spans: Sequence[tuple[int, int]]) -> Iterator[re.Match[str]]:
    """The matches that begin in none of some spans; both in the order of the text."""
    number = 0
    for hint in hints:
        while number < len(spans) and spans[number][1] <= hint.start():
            number += 1
        if number == len(spans) or hint.start() < spans[number][0]:
            yield hint


def names() -> list[str]:
    """The syntaxes by name."""
    return parts.names(ROOM)


def find(syntax: str | Syntax) -> tuple[Codec, Syntax]:
    """The module of a syntax, and what its numbers mean; NotFoundError names the nearest ones."""
    module = _module(syntax if isinstance(syntax, str) else syntax.name)
    return module, module.SYNTAX if isinstance(syntax, str) else syntax


@cache
def _module(name: str) -> Codec:
    return cast(Codec, parts.find(ROOM, name))  # the look-up takes longer than a reading


def read(text: str, syntax: str | Syntax, shape: Shape | None = None, *, strict: bool = False, repair: bool = True) -> Reading:
    """The boxes that a text says in a syntax, for a picture of `shape` (height, width).

    Upright boxes that reach over the frame are cut at it and swapped corners put right, which `Found.repaired` says; with
    `repair=False` they are refused. Spaces and decimals that the published form has not are let pass. With `strict` the form
    must be the published one, and the first piece that is no box raises InputError. Text that is nonsense gives no boxes.
    """
    module, means = find(syntax)
    found: list[Found] = []
    refused: list[Refused] = []
    seen: list[tuple[int, int]] = []
    for piece in module.scan(text, means):
        seen.append((piece.start, piece.end))
        try:
            if strict and not piece.exact:
                raise Refusal(f"not in the form {means.form}")
            box, done = of_numbers(piece.numbers, means, shape, repair and not strict)
        except Refusal as error:
            refused.append(Refused((piece.start, piece.end), str(error)))
            continue
        label = piece.label
        if not label and found and _joined(text, found[-1].span[1], piece.start):
            label = found[-1].label
        found.append(Found(box, label, (piece.start, piece.end), done))
    for hint in _outside(module.HINT.finditer(text), sorted(seen)):
        refused.append(Refused(hint.span(), f"not a whole box of the form {means.form}"))
    refused.sort(key=lambda each: each.span)
    if strict and refused:
        start, end = refused[0].span
        raise InputError(f"{text[start : end + 20]!r} at character {start} is no box of {means.name}: {refused[0].why}.")
    return Reading(text, tuple(found), tuple(refused))


def write(boxes: Sequence[Box], syntax: str | Syntax, shape: Shape | None = None, labels: Sequence[str] | None = None) -> str:
    """The text that says boxes, in their order, of a picture of `shape` (height, width); "" for none.

    Numbers are rounded to the syntax's step; turned boxes in a syntax without angles become the upright boxes around them.
    """
    module, means = find(syntax)
    if labels is not None and len(labels) != len(boxes):
        raise InputError(f"{len(boxes)} boxes, but {len(labels)} labels: give one for each box, or none.")
    if not boxes:
        return ""
    rows = [
        (rounded(to_numbers(box, means, shape), means), " ".join(label.split()))
        for box, label in zip(boxes, labels or [""] * len(boxes), strict=True)
    ]
    return module.spell(rows, means)


def convert(text: str, syntax: str | Syntax, to: str | Syntax, shape: Shape | None = None, *, strict: bool = False) -> str:
    """The text with its boxes in another syntax; labels that stand with them go along, as words where the other has no labels.

    Pieces that are no box stay as they are, with `strict` they raise InputError.
    """
    reading = read(text, syntax, shape, strict=strict)
    _, means = find(to)
    out, end = [], 0
    for (start, stop), group in reading.groups:
        labels = [each.label for each in group]
        made = write([each.box for each in group], means, shape, labels)
        if not means.labels and any(labels):
            made = f"{', '.join(dict.fromkeys(label for label in labels if label))} {made}"
        out += [text[end:start], made]
        end = stop
    return "".join([*out, text[end:]])


def unread(text: str, reading: Reading | None = None) -> list[str]:
    """What looks like boxes of some syntax in a text and is none of a reading: the first characters of each."""
    spans = sorted(each.span for each in reading.found) if reading is not None else []
    return [text[hint.start() : hint.start() + 40] for hint in _outside(BOXLIKE.finditer(text), spans)]


def guess(text: str, shape: Shape | None = None) -> list[str]:
    """The syntaxes that read all of a text that looks like boxes; none where nothing does, or where no syntax reads it all."""
    if not BOXLIKE.search(text):
        return []
    fit = []
    for name in names():
        if find(name)[1].space == "resized" and shape is None:
            continue
        reading = read(text, name, shape, repair=False)
        if reading.found and not reading.refused and not unread(text, reading):
            fit.append(name)
    return [name for name in fit if name != "vrsbench"] if "geochat" in fit else fit  # the latter reads all of the former
