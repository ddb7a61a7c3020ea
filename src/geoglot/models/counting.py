"""How many objects of a kind a picture shows, counted among those that were found: a small language model does not count."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from geoglot.models.leaning import named
from geoglot.models.nano_eyes import Seen
from geoglot.text.answers import kind_of

SURE = 0.35  # score from which an object is one of its kind


class Counted(NamedTuple):
    """The kind's number among the classes, rows of its objects, and how plain these are, in [0, 1]."""

    kind: int
    rows: tuple[int, ...]
    chance: float


def counted(seen: Seen, classes: Sequence[str], question: str, shows: float) -> Counted | None:
    """Count what a question asks the number of; None where it asks no number, or of a kind that the head was not taught.

    ``shows`` is the logit that the picture has the kind (0 unknown): below 0 there are none.
    """
    kind = named(question, classes) if kind_of(question) == "count" else None
    if kind is None:
        return None
    rows: tuple[int, ...] = ()
    if len(seen.scores) and shows >= 0:
        own = seen.scores[:, kind]
        rows = tuple(int(k) for k in np.flatnonzero((own >= SURE) & (seen.scores.argmax(1) == kind)))
    if rows:
        return Counted(kind, rows, float(seen.scores[list(rows), kind].mean()))
    best = float(seen.scores[:, kind].max()) if len(seen.scores) else 0.0
    return Counted(kind, (), max(1 - best, 1 / (1 + math.exp(min(shows, 50.0)))))
