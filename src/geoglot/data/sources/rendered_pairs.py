"""Rendered places at two dates: what changed for good, or only with the season, in sentences and questions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np

from geoglot.core.errors import InputError
from geoglot.data.build.rendered_talks import FIRST, SIDE
from geoglot.data.degrade import held
from geoglot.data.sample import Card, Picture, Sample, Split, Turn
from geoglot.data.synth import KINDS, RENDERER, Pair, View, pair
from geoglot.data.synth.retell import NOTHING, noticed

CARD = Card(
    name="rendered_pairs",
    title="rendered places at two dates",
    licence="this project's",
    origin="geoglot.data.synth: made-up places, seeds of their own for each split",
    splits=("train", "val", "test"),
    classes={"change": ("a change",), "no change": ("no change",)},
    task="change captions, questions",
    gsd=(1.0, 1.0),
    quirks="Nobody observed them. None, one or two lasting changes; the class says whether a viewer can notice one. Pairs of "
    "which that is not certain are left out. Seasons change too. Recipes draw other places.",
    version=f"{RENDERER}.1",
)
PLACES = {"train": 40, "val": 30, "test": 100}
CHANGES = (0, 1, 0, 2)  # lasting changes, of places in turn
APART = 15_000  # from the seeds of places of one date


def rows(root: Path, split: Split) -> Iterator[Sample]:
    """Render the pairs of a split; nothing is read below ``root``."""
    yield from _rows(split)


@cache  # protocols ask for the same pictures one after another
def _rows(split: Split) -> tuple[Sample, ...]:
    made = (_sample(split, number) for number in range(PLACES.get(split, 0)))
    return tuple(sample for sample in made if sample is not None)


def _sample(split: Split, number: int) -> Sample | None:
    """A pair, None where there is no room for its change, or nobody could say whether there is one."""
    seed = FIRST[split] + APART + number
    rng = np.random.default_rng(seed)
    first = datetime(int(rng.integers(2012, 2019)), int(rng.integers(1, 13)), 15, 10, tzinfo=UTC)
    last = datetime(first.year + int(rng.integers(1, 6)), int(rng.integers(1, 13)), 15, 10, tzinfo=UTC)
    kind = list(KINDS)[int(rng.integers(len(KINDS)))]
    try:
        made = pair(seed, kind, dates=(first, last), changes=CHANGES[number % 4], gsd=1.0, size=SIDE)
    except InputError:
        return None
    label = _label(made)
    if label is None or not made.captions:
        return None
    # nobody can know in which words it will be said that nothing changed
    captions = tuple(dict.fromkeys([*made.captions, *(() if made.events else NOTHING)]))
    name = f"rendered_pairs/{split}/{number}"
    pictures = (_picture(made.before, f"{name}/before"), _picture(made.after, f"{name}/after"))
    turns = tuple(Turn(question.question, question.answer, question.family) for question in made.questions)
    return Sample(name, CARD.name, pictures, captions, label, turns=turns, gsd=1.0)


def _label(made: Pair) -> str | None:
    if not made.events:
        return "no change"
    return "change" if noticed(made) else None


def _picture(view: View, name: str) -> Picture:
    pixels = np.ascontiguousarray(np.moveaxis(view.raster.data, 0, -1))
    return replace(held(pixels, f"{name}-{CARD.version}"), grid=view.raster.grid, time=view.raster.time)
