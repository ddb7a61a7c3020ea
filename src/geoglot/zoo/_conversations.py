"""Conversations of files as a chat of parts learns from them: opened when they are drawn, task by task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from geoglot.core.errors import DataError, InputError, NotFoundError
from geoglot.core.protocols import Said
from geoglot.data import conversations as talk
from geoglot.data.conversations import IMAGE, Conversation, How
from geoglot.data.sample import Picture
from geoglot.data.shards.damage import tell
from geoglot.geo.raster import Raster
from geoglot.geo.sensors import Band
from geoglot.models.chat import Composed
from geoglot.models.conversant import Talk
from geoglot.models.picture import Shown

BANDS = tuple(Band(name, name) for name in ("red", "green", "blue"))
SHOWN = 3  # conversations that are left out and told one by one


def read(files: Sequence[str], form: str, pictures: str | None, codec: str) -> list[tuple[Conversation, How]]:
    """The conversations of files in a published form, each with how its boxes are written (in ``codec``).

    Raises NotFoundError, and DataError where no conversation is good.
    """
    found: list[tuple[Conversation, How]] = []
    for name in files:
        file = Path(name)
        if not file.exists():
            raise NotFoundError(f"There is no {file}: make it with `geoglot data conversations`.")
        folder = Path(pictures) if pictures is not None else file if file.is_dir() else file.parent
        held = talk.read(file, form, How(folder)).conversations
        found += [(one, How(folder, codec or None)) for one in held]
    if files and not found:
        raise DataError(f"{', '.join(files)}: no conversation is good: look at what was said of them.")
    return found


def spoken(conversation: Conversation, how: How) -> tuple[Said, ...]:
    """The turns with boxes in the syntax. Pictures that stand within a text are put before it. Raises InputError."""
    made = []
    for turn in conversation.turns:
        text = turn.text.replace(IMAGE, " ")
        if talk.numbers(text):
            if how.boxes is None:
                raise InputError("it names boxes: say in which syntax the model is to write them (codec)")
            text = talk.spelled(text, conversation, how)
        made.append(replace(turn, text=" ".join(text.split()) if IMAGE in turn.text else text))
    return tuple(made)


def shown(picture: Picture, gsd: float | None, blank: bool = False) -> Raster:
    """A picture as the model sees it, with what is known of it; ``blank``: of its size, but not decoded."""
    if blank:
        high, wide = picture.size
        data = np.broadcast_to(np.uint8(0), (3, high, wide))
    else:
        data = np.moveaxis(picture.read(), -1, 0)
    valid = np.broadcast_to(np.True_, data.shape[1:])
    return Shown.of(Raster(data, np.array(valid), picture.grid, BANDS, picture.time), gsd=gsd)


@dataclass(frozen=True)
class Stream:
    """Batches by number, of conversations that are drawn by task; a process can make its own part alone."""

    chat: Composed
    rows: Sequence[tuple[Conversation, How]]
    shares: NDArray[np.float64]
    count: int
    longest: int
    packed: bool
    seed: int

    @classmethod
    def of(
        cls, chat: Composed, rows: Sequence[tuple[Conversation, How]], mix: Mapping[str, float], count: int, longest: int,
        packed: bool, seed: int,
    ) -> Stream:  # fmt: skip
        """Of the rows that fit. ``mix`` says how often a conversation of a task is drawn, 1 where it is not named.

        Raises DataError where none fits or all shares are 0.
        """
        kept = list(_fitting(chat, rows, longest))
        weights = np.array([mix.get(one.task, 1.0) for one, _ in kept])
        if not weights.sum() > 0:
            raise DataError("no conversation is left to learn from: allow longer ones, or give their tasks a share above 0")
        return cls(chat, kept, weights / weights.sum(), count, longest, packed, seed)

    def __call__(self, index: int) -> Talk:
        """A batch."""
        return self.part(index, 0, 1)

    def part(self, index: int, rank: int, world: int) -> Talk:
        """What a process takes of a batch."""
        return self._made(self._drawn(index)[rank::world])

    def names(self, index: int) -> list[str]:
        """Ids of the conversations of a batch, which are its rows where they are not packed."""
        return [self.rows[row][0].id for row in self._drawn(index)]

    def held(self) -> Iterator[Talk]:
        """All conversations in their order, for validation."""
        for first in range(0, len(self.rows), self.count):
            yield self._made(range(first, min(first + self.count, len(self.rows))))

    def _drawn(self, index: int) -> list[int]:
        rng = np.random.default_rng(self.seed * 1_000_003 + index)
        return cast(list[int], rng.choice(len(self.rows), self.count, p=self.shares).tolist())

    def _made(self, chosen: Sequence[int]) -> Talk:
        found = []
        for row in chosen:
            one, how = self.rows[row]
            found.append((spoken(one, how), [shown(picture, one.gsd) for picture in one.pictures]))
        return self.chat.batch(found, self.longest, self.packed)


def _fitting(chat: Composed, rows: Sequence[tuple[Conversation, How]], longest: int) -> Iterator[tuple[Conversation, How]]:
    """The rows that are not too long and that the model can be told; the others are told of, and left out."""
    out = 0
    for one, how in rows:
        try:
            tokens = chat.length(spoken(one, how), [shown(picture, one.gsd, blank=True) for picture in one.pictures])
            why = "" if tokens <= longest else f"it has {tokens:,} tokens, more than {longest:,}"
        except InputError as error:
            why = str(error)
        if not why:
            yield one, how
            continue
        out += 1
        if out <= SHOWN:
            tell(f"left out: {one.id}: {why}")
    if out:
        tell(f"{out:,} of {len(rows):,} conversations are left out")
