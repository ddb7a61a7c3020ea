"""Relations: how one object lies to another, asked by words or by two boxes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from geoglot.data.build.conversations._known import Crowd, Known
from geoglot.data.build.conversations._make import Exchange
from geoglot.data.build.conversations._phrasings import draw, sentence
from geoglot.data.conversations import Placed, mark
from geoglot.text import places
from geoglot.text.sentences import article, has_direction

TASKS = ("relation",)
TRIES = 12
SOME = 3


def make(known: Known, crowd: Crowd, rng: np.random.Generator) -> Iterator[Exchange]:
    """The relations that the scene's own questions ask, and how pairs of objects lie where that is clear."""
    for family, question, answer in known.asked:
        if family == "relation":
            yield Exchange("relation", question, answer, attributes={"type": "yes/no"})
    if len(known.objects) < 2 or len(known.pictures) > 1:
        return
    units = [thing.upright.to_unit(known.shape).bounds() for thing in known.objects]
    words = {number: text for text, number in known.told if not (has_direction(text) or "most " in text or " image" in text)}
    made = 0
    for _ in range(TRIES):
        a, b = (int(k) for k in rng.choice(len(known.objects), 2, replace=False))
        how = places.relation(units[a], units[b])
        if how is None or made >= SOME:
            continue
        made += 1
        if a in words and b in words:
            answer = sentence(f"{words[a]} is {how} {words[b]}")
            yield Exchange("relation", draw("relation", rng, a=words[a], b=words[b]), answer, attributes={"type": how})
        else:
            one, other = known.objects[a], known.objects[b]
            answer = sentence(f"{article(one.name)} {how} {article(other.name)}")
            boxes = (Placed(one.upright, one.name), Placed(other.upright, other.name))
            asked = draw("relation of boxes", rng, a=mark(0), b=mark(1))
            yield Exchange("relation", asked, answer, boxes, {"type": how})
