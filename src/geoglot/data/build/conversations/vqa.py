"""Questions: those that come with the data, and presence and comparison from complete labels, yes and no alike."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from geoglot.data.build.conversations._known import Crowd, Known
from geoglot.data.build.conversations._make import Exchange
from geoglot.data.build.conversations._phrasings import draw, pick
from geoglot.text.sentences import article, plural

TASKS = ("vqa",)
OTHERS = ("relation", "change", "season", "size", "count")  # families that have files of their own


def make(known: Known, crowd: Crowd, rng: np.random.Generator) -> Iterator[Exchange]:
    """The questions at hand; for each thing that is there one that is not; which of two kinds there are more of."""
    for family, question, answer in known.asked:
        if family not in OTHERS:
            yield Exchange("vqa", question, answer, attributes={"type": family})
    absent = [known.absent[int(k)] for k in rng.permutation(len(known.absent))]
    for name, other in zip(known.present, absent, strict=False):
        for each, answer in ((name, "yes"), (other, "no")):
            asked = draw("presence", rng, one=article(each), many=plural(each))
            yield Exchange("vqa", asked, answer, attributes={"type": "presence"})
    numbers = {name: len(known.of(name)) for name in sorted(known.counted) if known.of(name)}
    if len(numbers) > 1:
        a = pick(sorted(numbers), rng)
        b = pick([name for name in sorted(numbers) if name != a], rng)
        if numbers[a] != numbers[b]:
            answer = "yes" if numbers[a] > numbers[b] else "no"
            yield Exchange("vqa", draw("more", rng, a=plural(a), b=plural(b)), answer, attributes={"type": "comparison"})
