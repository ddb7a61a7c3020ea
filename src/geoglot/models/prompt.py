"""Conversations as a model reads them: what is checked of turns, where pictures stand, and which text is a model's own marks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from geoglot.core.errors import InputError
from geoglot.core.protocols import Said
from geoglot.geo.raster import Raster
from geoglot.models.picture import check, facts


@dataclass(frozen=True)
class Layout:
    """How a picture stands in a prompt.

    `count` places, of which `hw` rows and columns are cells for models that know where each is; `size` rows and columns of
    pixels that it is resized to.
    """

    count: int
    hw: tuple[int, int]
    size: tuple[int, int]


@dataclass(frozen=True)
class Look:
    """What a language model gets of a picture: tokens (N, D), and what is added (N, D) after its first blocks, if anything."""

    tokens: Tensor
    deep: tuple[Tensor, ...] = ()


@dataclass(frozen=True)
class Prompt:
    """Token ids of which those that are ``hole`` stand for the cells of pictures, in their order.

    `words` is the text of the turn in which each picture stands, `numbers` its place in the list that was given; `keys` tell
    pictures apart.
    """

    ids: tuple[int, ...]
    hole: int
    pictures: tuple[Raster, ...] = ()
    layouts: tuple[Layout, ...] = ()
    keys: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()

    def marks(self) -> list[int | str]:
        """One value a place, equal in two prompts where what stands there is equal."""
        cells = iter([key for key, layout in zip(self.keys, self.layouts, strict=True) for _ in range(layout.count)])
        return [next(cells) if token == self.hole else token for token in self.ids]

    def positions(self) -> Tensor:
        """Places (1, T) of the tokens, one after the other."""
        return torch.arange(len(self.ids))[None]


def checked(turns: Sequence[Said], pictures: Sequence[Any], marks: Sequence[str]) -> list[tuple[int, Raster, str]]:
    """The pictures that turns name, in their order, each with its number and the text of its turn.

    Raises InputError for turns that are no conversation, for pictures that are not there or cannot be shown, and for text with
    one of the model's own ``marks``, which would be read as what it is not.
    """
    if not turns or turns[-1].role != "user":
        raise InputError("a conversation ends with a question: the last turn must be the user's")
    spoken = [turn.role for turn in turns if turn.role != "system"]
    if spoken != ["user" if k % 2 == 0 else "assistant" for k in range(len(spoken))]:
        raise InputError("the user and the assistant take turns, the user first: a turn is missing, or one is there twice")
    if any(turn.role == "system" for turn in turns[1:]):
        raise InputError("a system's text stands at the beginning, once")
    found = []
    for turn in turns:
        if turn.pictures and turn.role != "user":
            raise InputError(f"pictures stand before the user's text, and not the {turn.role}'s")
        wrong = next((mark for mark in marks if mark and mark in turn.text), None)
        if wrong is not None:
            raise InputError(f"the text holds {wrong!r}, a mark of the model's own: leave it out; pictures are given apart")
        for number in turn.pictures:
            if not 0 <= number < len(pictures):
                raise InputError(f"a turn names picture {number}, and there are {len(pictures)}: the first is 0")
            found.append((number, check(pictures[number], number), turn.text))
    return found


def content(turn: Said, pictures: Sequence[Any], marks: Sequence[str], between: str = "\n") -> str:
    """The text of a turn after its pictures: each one's ``marks``, led by its number where it is not alone, and by what is known.

    A pair or a dated series thus reads "Image 1: 10 m per pixel...; 2019-01-02", mark, "Image 2: ...", mark, text. A
    picture that is alone in a conversation, and of which nothing is known, is the mark only.
    """
    parts = []
    for number, mark in zip(turn.pictures, marks, strict=True):
        known = facts(pictures[number])
        if len(pictures) > 1:
            known = f"Image {number + 1}: {known}" if known else f"Image {number + 1}:"
        parts.append(f"{known}{between or ' '}{mark}{between}" if known else f"{mark}{between}")
    return "".join(parts) + turn.text
