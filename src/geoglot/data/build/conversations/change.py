"""Two dates: captions of what changed, and questions about it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from geoglot.data.build.conversations._known import Crowd, Known
from geoglot.data.build.conversations._make import Exchange
from geoglot.data.build.conversations._phrasings import draw, pick, sentence

TASKS = ("change caption", "change vqa")
FLAGS = {"change": "yes", "a change": "yes", "no change": "no"}


def make(known: Known, crowd: Crowd, rng: np.random.Generator) -> Iterator[Exchange]:
    """One caption, whether anything changed, and the questions at hand; nothing for a single picture."""
    if len(known.pictures) < 2:
        return
    if known.changes:
        yield Exchange("change caption", draw("change caption", rng), sentence(pick(known.changes, rng)))
    if known.label in FLAGS:
        yield Exchange("change vqa", draw("changed", rng), FLAGS[known.label], attributes={"type": "change"})
    for family, question, answer in known.asked:
        yield Exchange("change vqa", question, answer, attributes={"type": family})
