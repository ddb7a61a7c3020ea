"""Referring and grounding: one object by an expression, all of a name, a description with boxes; upright and oriented."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from geoglot.data.build.conversations._known import Crowd, Known, counted
from geoglot.data.build.conversations._make import Exchange
from geoglot.data.build.conversations._phrasings import draw, sentence
from geoglot.data.conversations import Placed, mark
from geoglot.text.sentences import listing, plural

TASKS = ("refer", "ground")
MOST = 20  # boxes of an answer
EXPRESSIONS = 6
TURNED = 8.0  # degrees off the axes from which an oriented box is asked for


def make(known: Known, crowd: Crowd, rng: np.random.Generator) -> Iterator[Exchange]:
    """Some expressions that mean one object; every object of a name; the whole picture grounded."""
    if len(known.pictures) > 1:
        return
    for k in rng.permutation(len(known.told))[:EXPRESSIONS].tolist():
        text, number = known.told[k]
        thing = known.objects[number]
        kind = {"type": "unique" if text == f"the {thing.name}" else "expression"}
        askew = min(thing.box.angle % 90, -thing.box.angle % 90) >= TURNED
        if askew and thing.box.width > 1.2 * thing.box.height and rng.random() < 0.5:
            turned = (Placed(thing.box, thing.name),)
            yield Exchange("refer", draw("refer turned", rng, what=text), mark(0), turned, kind | {"box": "oriented"})
        else:
            upright = (Placed(thing.upright, thing.name),)
            yield Exchange("refer", draw("refer", rng, what=text), mark(0), upright, kind | {"box": "upright"})
    groups = {name: known.of(name) for name in sorted(known.counted) if known.of(name)}
    for name, own in groups.items():
        if 2 <= len(own) <= MOST:
            placed = tuple(Placed(known.objects[k].upright, name) for k in own)
            kind = {"type": "several", "box": "upright"}
            yield Exchange("refer", draw("refer all", rng, many=plural(name)), mark(*range(len(own))), placed, kind)
    if groups and sum(map(len, groups.values())) <= MOST:
        boxes: list[Placed] = []
        said = []
        for name, own in groups.items():
            first = len(boxes)
            boxes += [Placed(known.objects[k].upright, name) for k in own]
            said.append(f"{counted(len(own), name)} {mark(*range(first, len(boxes)))}")
        answer = sentence(f"the image shows {listing(said)}")
        yield Exchange("ground", draw("ground", rng), answer, tuple(boxes), {"type": "grounded"})
