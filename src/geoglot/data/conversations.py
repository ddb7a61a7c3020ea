"""Conversations about pictures: turns, boxes, dates; checked, read from and written to the published forms.

Forms are the modules of `geoglot.data.formats`, box syntaxes those of `geoglot.text.codec`. In a conversation boxes are apart
from the words: a turn says `<box:0,2>` where its text names the boxes number 0 and 2, so that any syntax can be written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Protocol, cast

from geoglot.core.errors import DataError, GeoglotError, InputError
from geoglot.core.parts import find
from geoglot.core.protocols import Said
from geoglot.data.sample import Picture
from geoglot.data.shards.damage import Tell, tell
from geoglot.geo.boxes import Box
from geoglot.geo.write import atomic
from geoglot.text import codec, instructions

MARK = re.compile(r"<box:(\d+(?:,\d+)*)>")
IMAGE = "<image>"
SHOWN = 5  # faults that are told one by one
_LEAD = re.compile(rf"(?:\s*{IMAGE}[ \t]*\n?)+")


@dataclass(frozen=True)
class Placed:
    """A box of picture number `of`, in its pixels or its unit square, and what it is of.

    `said`: the label stands with the box in the text, where the syntax has labels; else it is known, and would tell an answer.
    """

    box: Box
    label: str = ""
    of: int = 0
    said: bool = False


@dataclass(frozen=True)
class Conversation:
    """Pictures (several: dates of one place, in order, or as the turns name them) and turns that begin with the user's.

    A turn's `pictures` stand before its text, or where it says `<image>`. `boxes` are those that the turns name by `<box:n>`.
    `task` is one of `geoglot.text.instructions.TASKS` where known; `attributes` are further words, such as the type of a question
    or the id of the factual twin of a false premise.
    """

    id: str
    pictures: tuple[Picture, ...]
    turns: tuple[Said, ...]
    task: str = ""
    boxes: tuple[Placed, ...] = ()
    source: str = ""
    gsd: float | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)

    def check(self) -> Conversation:
        """Give the conversation back; DataError for a missing turn, an empty one, and marks without pictures or boxes."""
        body = self.turns[1:] if self.turns and self.turns[0].role == "system" else self.turns
        if not body:
            raise DataError("it has no turns: give a question and an answer.")
        for number, turn in enumerate(body, 1):
            wanted = "user" if number % 2 else "assistant"
            if turn.role != wanted:
                missing = "question" if wanted == "user" else "answer"
                raise DataError(
                    f"turn {number} is the {turn.role}'s where the {wanted}'s {missing} is missing: add or remove one."
                )
            if not turn.text.strip() and not (turn.role == "user" and turn.pictures):
                raise DataError(f"turn {number} ({turn.role}) is empty: write it, or remove the pair of turns.")
        if len(body) % 2:
            raise DataError(f"turn {len(body)} is a question without an answer: add the answer, or remove it.")
        shown = [number for turn in self.turns for number in turn.pictures]
        if sorted(set(shown)) != list(range(len(self.pictures))):
            raise DataError(f"the turns show the pictures {shown}, but there are {len(self.pictures)}: each must be shown.")
        for turn in self.turns:
            if IMAGE in turn.text and turn.text.count(IMAGE) != len(turn.pictures):
                raise DataError(f"a turn has {turn.text.count(IMAGE)} {IMAGE} marks for {len(turn.pictures)} pictures.")
        named = {number for turn in self.turns for number in numbers(turn.text)}
        if named and max(named) >= len(self.boxes):
            raise DataError(f"the turns name box {max(named)}, but there are {len(self.boxes)}.")
        return self


def numbers(text: str) -> list[int]:
    """The numbers of the boxes that a text names."""
    return [int(number) for found in MARK.finditer(text) for number in found[1].split(",")]


def mark(*boxes: int) -> str:
    """The mark that names boxes in a turn."""
    return f"<box:{','.join(map(str, boxes))}>"


@dataclass(frozen=True)
class How:
    """How a form is read or written: the folder of the pictures, the box syntax (None: the form's own, else what fits), the
    grammar of task identifiers, and whether pictures are opened for their size (else boxes that need none are in the unit
    square, and written as of square pictures)."""

    pictures: Path = Path()
    boxes: str | codec.Syntax | None = None
    grammar: str = "plain"
    sizes: bool = True

    def shape(self, picture: Picture) -> tuple[int, int] | None:
        """Height and width of a picture, None where it is not there."""
        if not self.sizes or (picture.data is None and not picture.path.exists()):
            return None
        return picture.size

    def path(self, picture: Picture) -> str:
        """The path of a picture as it is written; InputError for one that is no file of its own."""
        if picture.window is not None or picture.data is not None:
            raise InputError(f"{picture.path} is a part of a file: write the pictures to a folder first.")
        path = picture.path
        return (path.relative_to(self.pictures) if path.is_relative_to(self.pictures) else path).as_posix()


class Format(Protocol):
    """A module of `geoglot.data.formats`. `BOXES` is the syntax of its boxes, None where files differ; `give` is None in forms
    that are read only, `LINES` says whether a written file is JSON lines."""

    BOXES: str | None
    LINES: bool
    give: Callable[[Conversation, How], Mapping[str, Any]] | None

    def records(self, file: Path) -> Iterator[tuple[str, Any]]:
        """Every record, with where it is for messages."""

    def take(self, record: Any, how: How) -> Iterator[Conversation]:
        """The conversations of a record; DataError, KeyError, TypeError or ValueError for a broken one."""


@dataclass(frozen=True)
class Fault:
    """A record that was left out: where it is and why."""

    where: str
    why: str


@dataclass(frozen=True)
class Loaded:
    """The conversations of a file, and the records that are none."""

    conversations: tuple[Conversation, ...]
    faults: tuple[Fault, ...] = ()


def read(
    file: str | Path, format: str, how: How | None = None, on_fault: Literal["stop", "skip"] = "skip", say: Tell = tell
) -> Loaded:
    """Read a file (or folder) of conversations in a published form.

    A broken record (a missing turn, marks and pictures that do not match, boxes in an unknown syntax) is told, counted and left
    out, or raises DataError with "stop". NotFoundError without the file, DataError for one that is not of this form at all.
    """
    module = cast(Format, find("data.formats", format))
    how = how or How(Path(file).parent)
    how = how if how.boxes is not None else replace(how, boxes=module.BOXES)
    good: list[Conversation] = []
    faults: list[Fault] = []
    for where, record in module.records(Path(file)):
        try:
            good += [made.check() for made in module.take(record, how)]
        except (GeoglotError, KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            why = str(error) if isinstance(error, GeoglotError) else f"{type(error).__name__} {error}: not a record of {format}"
            if on_fault == "stop":
                raise DataError(f"{where}: {why}") from None
            faults.append(Fault(where, why))
            if len(faults) <= SHOWN:
                say(f"left out: {where}: {why}")
    if faults:
        say(f"{file}: {len(faults):,} records are broken and left out, {len(good):,} conversations are good")
    return Loaded(tuple(good), tuple(faults))


def write(conversations: Iterable[Conversation], file: str | Path, format: str, how: How | None = None) -> int:
    """Write conversations in a published form, whole or not at all, and give their number; InputError for one only read."""
    import json

    module = cast(Format, find("data.formats", format))
    if module.give is None:
        raise InputError(f"{format} is read, not written: choose llava, llama_factory, ms_swift, teochatlas, fit_rs or answers.")
    how = how or How(Path(file).parent)
    how = how if how.boxes is not None else replace(how, boxes=module.BOXES or "geochat")
    count = 0
    with atomic(file) as part, part.open("w", encoding="utf-8") as out:
        out.write("" if module.LINES else "[\n")
        for each in conversations:
            text = json.dumps(module.give(each.check(), how), ensure_ascii=False)
            out.write(f"{text}\n" if module.LINES else f"{',' if count else ''}\n{text}")
            count += 1
        out.write("" if module.LINES else "\n]\n")
    return count


def taken(text: str, how: How, picture: Picture | None, boxes: list[Placed], of: int = 0) -> str:
    """A text whose boxes are marks; the boxes go to the end of `boxes`. DataError for pieces that are no whole box.

    Without a syntax the one that fits the text is taken, and DataError says where none or several do.
    """
    shape = None if picture is None else how.shape(picture)
    if how.boxes is None:
        fit = codec.guess(text, shape)
        if len(fit) != 1:
            left = codec.unread(text)
            if not left:
                return text
            raise DataError(f"boxes in {'an unknown' if not fit else 'one of several'} syntax ({left[0]!r}; "
                            f"{', '.join(fit or codec.names())}): name it.")  # fmt: skip
        how = replace(how, boxes=fit[0])
    assert how.boxes is not None
    reading = codec.read(text, how.boxes, shape)
    if reading.refused:
        start, end = reading.refused[0].span
        raise DataError(f"{text[start : end + 20]!r} is no box: {reading.refused[0].why}.")
    if left := codec.unread(text, reading):
        name = how.boxes if isinstance(how.boxes, str) else how.boxes.name
        raise DataError(f"boxes in an unknown syntax: {left[0]!r} is not of {name}.")
    out, stop = [], 0
    for (start, end), group in reading.groups:
        first = len(boxes)
        boxes += [Placed(each.box, each.label, of, bool(each.label)) for each in group]
        out += [text[stop:start], mark(*range(first, len(boxes)))]
        stop = end
    return "".join([*out, text[stop:]])


def spelled(text: str, conversation: Conversation, how: How) -> str:
    """A text whose marks are boxes of the syntax."""

    def say(found: re.Match[str]) -> str:
        chosen = [conversation.boxes[int(number)] for number in found[1].split(",")]
        picture = conversation.pictures[chosen[0].of]
        shape = how.shape(picture)
        assert how.boxes is not None
        try:
            labels = [each.label if each.said else "" for each in chosen]
            return codec.write([each.box for each in chosen], how.boxes, shape, labels)
        except InputError as error:
            hint = "" if shape is not None else f" {picture.path} is not there: name the folder of the pictures."
            raise InputError(f"{error}{hint}") from None

    return MARK.sub(say, text)


def shown(text: str, first: int, marks: str = IMAGE) -> tuple[str, tuple[int, ...]]:
    """A text and the pictures that it shows, numbered from `first`; marks before the text are taken away, others stay."""
    count = text.count(marks)
    lead = _LEAD.match(text)
    if lead and lead[0].count(marks) == count:
        text = text[lead.end() :]
    return text.strip(), tuple(range(first, first + count))


def with_marks(turn: Said) -> str:
    """The text of a turn with a mark for each of its pictures."""
    return turn.text if IMAGE in turn.text else f"{IMAGE}\n" * len(turn.pictures) + turn.text


def of_turns(
    rows: Sequence[tuple[str, str]], pictures: tuple[Picture, ...], how: How, boxes: list[Placed] | None = None
) -> tuple[tuple[Said, ...], tuple[Placed, ...], str, dict[str, str]]:
    """Turns, boxes, task and attributes of (role, text) rows whose texts hold `<image>` marks, task identifiers and boxes.

    DataError where marks and pictures do not match. Boxes are taken to be of the first picture.
    """
    boxes = [] if boxes is None else boxes
    marks = sum(text.count(IMAGE) for _, text in rows)
    if marks != len(pictures):
        raise DataError(f"{marks} {IMAGE} marks for {len(pictures)} pictures: add or remove marks.")
    turns: list[Said] = []
    first, task = 0, ""
    attributes: dict[str, str] = {}
    for role, raw in rows:
        text = raw
        if role == "user":
            lead = _LEAD.match(raw)
            text, found, own = instructions.untagged(raw[lead.end() :] if lead else raw)
            text = (lead[0] if lead else "") + text  # marks may stand before pictures or behind them
            task = task or own or ""
            if found:
                attributes.setdefault("marks", " ".join(found))
        text, numbered = shown(text, first)
        first += len(numbered)
        turns.append(Said(cast(Any, role), taken(text, how, pictures[0] if pictures else None, boxes), numbered))
    return tuple(turns), tuple(boxes), task, attributes
