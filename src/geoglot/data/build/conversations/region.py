"""Region and point prompts: what lies in a box, or under a point (a box without size)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from geoglot.data.build.conversations._known import Crowd, Known
from geoglot.data.build.conversations._make import Exchange
from geoglot.data.build.conversations._phrasings import draw, sentence
from geoglot.data.conversations import Placed, mark
from geoglot.geo.boxes import Box
from geoglot.text.places import spot
from geoglot.text.sentences import article

TASKS = ("region",)
SOME = 3
CLOSE = 0.5  # how far from the middle, in half sides, a point may lie


def make(known: Known, crowd: Crowd, rng: np.random.Generator) -> Iterator[Exchange]:
    """Some objects by their box, some by a point on them."""
    if len(known.pictures) > 1:
        return
    for k in rng.permutation(len(known.objects))[:SOME].tolist():
        thing = known.objects[k]
        left, top, right, bottom = thing.upright.to_unit(known.shape).bounds()
        where = spot((left, top, right, bottom))
        facts = [article(f"{thing.colour} {thing.name}" if thing.colour else thing.name), *([where] if where else [])]
        if thing.whole and known.gsd is not None and thing.box.width * known.gsd >= 8:
            facts.append(f"about {round(thing.box.width * known.gsd)} m long")
        placed = Placed(thing.upright, thing.name)
        yield Exchange("region", draw("region", rng, box=mark(0)), sentence(", ".join(facts)), (placed,), {"type": "region"})
    boxes = [thing.upright for thing in known.objects]
    for k in rng.permutation(len(known.objects))[:1].tolist():
        thing = known.objects[k]
        u, v = rng.uniform(-CLOSE, CLOSE, 2) / 2
        long, short, turn = thing.box.width, thing.box.height, np.radians(thing.box.angle)
        x = thing.box.x + u * long * np.cos(turn) + v * short * np.sin(turn)
        y = thing.box.y - u * long * np.sin(turn) + v * short * np.cos(turn)
        over = [box for j, box in enumerate(boxes) if j != k and _holds(box, x, y)]
        if not over:  # else it is not certain which is meant
            point = Placed(Box(float(x), float(y), 0.0, 0.0), thing.name)
            yield Exchange("region", draw("point", rng, box=mark(0)), sentence(article(thing.name)), (point,), {"type": "point"})


def _holds(box: Box, x: float, y: float) -> bool:
    left, top, right, bottom = box.bounds()
    return bool(left <= x <= right and top <= y <= bottom)
