"""Captions: one sentence, or a paragraph of what is known."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from geoglot.data.build.conversations._known import Crowd, Known
from geoglot.data.build.conversations._make import Exchange
from geoglot.data.build.conversations._phrasings import draw, pick, sentence

TASKS = ("caption", "caption long")
LONG = 3  # sentences that a paragraph has at least


def make(known: Known, crowd: Crowd, rng: np.random.Generator) -> Iterator[Exchange]:
    """A short caption where there is one, a long one where enough is known."""
    if known.captions:
        yield Exchange("caption", draw("caption", rng), sentence(pick(known.captions, rng)))
    said = [*known.captions[:4], *known.sentences[:1]]
    if len(said) >= LONG:
        yield Exchange("caption long", draw("caption long", rng), " ".join(sentence(text) for text in said))
