"""Counting: how many there are of what is boxed completely."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from geoglot.data.build.conversations._known import Crowd, Known
from geoglot.data.build.conversations._make import Exchange
from geoglot.data.build.conversations._phrasings import draw
from geoglot.text.sentences import plural

TASKS = ("count",)
MOST = 60  # objects that one would still count


def make(known: Known, crowd: Crowd, rng: np.random.Generator) -> Iterator[Exchange]:
    """A number for each name that is there, and a nought for one that is not."""
    for name in sorted(known.counted):
        number = len(known.of(name))
        if 0 < number <= MOST:
            yield Exchange("count", draw("count", rng, many=plural(name)), str(number), attributes={"type": "count"})
    none = sorted(name for name in known.counted if not known.of(name))
    if none:
        name = none[int(rng.integers(len(none)))]
        yield Exchange("count", draw("count", rng, many=plural(name)), "0", attributes={"type": "count"})
