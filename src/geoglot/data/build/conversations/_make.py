"""Exchanges, and conversations woven of them: one request and answer each, or several turns about one place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Protocol, cast

import numpy as np

from geoglot.core.errors import InputError
from geoglot.core.parts import find, names
from geoglot.core.protocols import Said
from geoglot.data.build.conversations._known import Crowd, Known
from geoglot.data.conversations import MARK, Conversation, Placed, mark
from geoglot.data.sample import Picture

ROOM = "data.build.conversations"
SHARE = 6  # of the conversations of a place one in so many is a pair of twins, where other things can be asked too


@dataclass(frozen=True)
class Exchange:
    """One request and its answer, whose `<box:n>` marks are numbers of its own `boxes`.

    `pictures` are shown in place of the place's own. Exchanges of one `twin` are a false premise and its factual counterpart.
    """

    task: str
    asked: str
    answer: str
    boxes: tuple[Placed, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    pictures: tuple[Picture, ...] = ()
    twin: str = ""


class Maker(Protocol):
    """A module of this folder whose name has no underscore."""

    TASKS: tuple[str, ...]

    def make(self, known: Known, crowd: Crowd, rng: np.random.Generator) -> Iterator[Exchange]:
        """The exchanges that a place allows, in a fixed order for a seed."""


@cache
def kinds() -> tuple[str, ...]:
    """The kinds of exchanges, by name."""
    return tuple(names(ROOM))


@cache
def _maker(name: str) -> Maker:
    return cast(Maker, find(ROOM, name))  # the look-up takes longer than the making


def exchanges(known: Known, crowd: Crowd, seed: int, wanted: Sequence[str] | None = None) -> dict[str, list[Exchange]]:
    """All exchanges of a place by kind; one seed gives the same, whatever other kinds are wanted."""
    out = {}
    for name in wanted or kinds():
        words = [ord(c) for c in f"{name}/{known.id}"]
        found = list(_maker(name).make(known, crowd, np.random.default_rng([seed, *words])))
        if found:
            out[name] = found
    return out


def conversations(
    known: Known, crowd: Crowd, seed: int, wanted: Sequence[str] | None = None, most: int = 8, turns: int = 1
) -> list[Conversation]:
    """At most `most` conversations of a place, spread over the kinds, of up to `turns` requests each; a twin comes with its twin.

    What is asked first shows the pictures. Honesty is asked one by one. InputError for numbers below one.
    """
    if min(most, turns) < 1:
        raise InputError(f"Ask for at least one conversation of at least one turn, not {most} of {turns}.")
    rng = np.random.default_rng([seed, 5, *(ord(c) for c in known.id)])
    pools = {name: [found[int(k)] for k in rng.permutation(len(found))] for name, found in
             exchanges(known, crowd, seed, wanted).items()}  # fmt: skip
    chosen: list[list[Exchange]] = []
    pairs = most // 2 if set(pools) == {"honesty"} else max(1, most // SHARE)
    while pools and len(chosen) < most:
        for name in [list(pools)[int(k)] for k in rng.permutation(len(pools))]:
            pool = pools[name]
            first = pool.pop()
            if not pool:
                del pools[name]
            if first.twin:
                others = [other for other in pool if other.twin == first.twin]
                for other in others:
                    pool.remove(other)
                if not pool:
                    pools.pop(name, None)
                pair = sorted([first, *others], key=lambda each: each.attributes.get("premise", ""))
                if len(chosen) + len(pair) <= most and len(pair) == 2 and pairs:
                    pairs -= 1
                    chosen += [[each] for each in pair]
            elif len(chosen) < most:
                talk = next((one for one in chosen if len(one) < turns and _fits(one, first)), None)
                if talk is None:
                    chosen.append([first])
                else:
                    talk.append(first)
    return [_woven(known, number, parts) for number, parts in enumerate(chosen)]


def _fits(parts: Sequence[Exchange], other: Exchange) -> bool:
    return not any(each.twin or each.pictures or each.asked == other.asked for each in parts) and not other.pictures


def _woven(known: Known, number: int, parts: Sequence[Exchange]) -> Conversation:
    turns: list[Said] = []
    boxes: list[Placed] = []
    attributes: dict[str, str] = {}
    pictures = parts[0].pictures or known.pictures
    for part in parts:
        shift = len(boxes)
        asked, answer = (_shifted(text, shift) for text in (part.asked, part.answer))
        turns += [Said("user", asked, () if turns else tuple(range(len(pictures)))), Said("assistant", answer)]
        boxes += part.boxes
        attributes |= part.attributes if len(parts) == 1 else {}
    if parts[0].twin:
        attributes["twin"] = f"{known.id}#{parts[0].twin}"
    task = parts[0].task if len(parts) == 1 else "talk"
    made = Conversation(f"{known.id}#{number}", pictures, tuple(turns), task, tuple(boxes), known.source, known.gsd, attributes)
    return made.check()


def _shifted(text: str, by: int) -> str:
    return MARK.sub(lambda found: mark(*(int(n) + by for n in found[1].split(","))), text)


def renamed(conversation: Conversation, picture: Mapping[Picture, Picture]) -> Conversation:
    """The conversation with other files for its pictures."""
    return replace(conversation, pictures=tuple(picture.get(each, each) for each in conversation.pictures))
