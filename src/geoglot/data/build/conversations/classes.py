"""Scene classes, asked openly or with a choice of names."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from geoglot.data.build.conversations._known import Crowd, Known
from geoglot.data.build.conversations._make import Exchange
from geoglot.data.build.conversations._phrasings import draw

TASKS = ("class",)
MOST = 30  # names of a choice


def make(known: Known, crowd: Crowd, rng: np.random.Generator) -> Iterator[Exchange]:
    """The class openly, and out of the set's classes."""
    if known.label is None or len(known.pictures) > 1:
        return
    yield Exchange("class", draw("class", rng), known.label)
    others = [name for name in dict.fromkeys(known.choices) if name != known.label]
    if others:
        order = [others[int(k)] for k in rng.permutation(len(others))[: MOST - 1]]
        order.insert(int(rng.integers(len(order) + 1)), known.label)
        yield Exchange("class", draw("class of", rng, choices=", ".join(order)), known.label)
