"""Measuring in metres, from the ground sampling distance: lengths, areas of boxes, distances between middles."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from geoglot.data.build.conversations._known import Crowd, Known
from geoglot.data.build.conversations._make import Exchange
from geoglot.data.build.conversations._phrasings import draw

TASKS = ("measure",)
PIXELS = 8.0  # length in pixels from which a measure is good to some per cent
SOME = 2


def make(known: Known, crowd: Crowd, rng: np.random.Generator) -> Iterator[Exchange]:
    """Of objects that words can mean and that are wholly in sight; the exact value is the attribute `value`."""
    gsd = known.gsd
    if gsd is None or len(known.pictures) > 1:
        return
    one: dict[int, str] = {}
    for text, number in known.told:
        thing = known.objects[number]
        if thing.whole and thing.box.width >= PIXELS:
            one.setdefault(number, text)
    order = [list(one)[int(k)] for k in rng.permutation(len(one))]
    for number in order[:SOME]:
        box = known.objects[number].box
        long, area = box.width * gsd, box.area * gsd**2
        yield _measured("length", draw("length", rng, what=one[number]), f"about {rounded(long)} m", long)
        if box.height >= PIXELS:
            yield _measured("area", draw("area", rng, what=one[number]), f"about {rounded(area)} square metres", area)
    for a, b in zip(order[::2], order[1::2], strict=False):
        p, q = known.objects[a].box, known.objects[b].box
        apart = math.hypot(p.x - q.x, p.y - q.y) * gsd
        if apart >= PIXELS * gsd:
            asked = draw("distance", rng, a=one[a], b=one[b])
            yield _measured("distance", asked, f"about {rounded(apart)} m", apart)


def _measured(kind: str, asked: str, answer: str, value: float) -> Exchange:
    return Exchange("measure", asked, answer, attributes={"type": kind, "value": f"{value:.2f}"})


def rounded(value: float) -> str:
    """A number with two digits that say something: 8.4, 42, 130, 5600."""
    digits = 1 - math.floor(math.log10(max(value, 0.1)))
    return f"{round(value, digits):g}" if digits > 0 else f"{round(value, digits):.0f}"
