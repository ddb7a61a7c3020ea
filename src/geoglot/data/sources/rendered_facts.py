"""Rendered places with what is exactly true of their objects: outlines, how many there are, sizes, how they lie to each other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from geoglot.data.build import rendered_talks as talks
from geoglot.data.build.rendered_talks import LABELS, SIDE
from geoglot.data.degrade import held
from geoglot.data.sample import Card, Sample, Split, Thing, Turn
from geoglot.data.synth import RENDERER, View
from geoglot.data.synth.facts import Facts, facts
from geoglot.data.synth.instances import Instance
from geoglot.data.synth.refer import Referring, noun, referring
from geoglot.data.synth.relations import OPPOSITE, between, near, side

CARD = Card(
    name="rendered_facts",
    title="rendered places, what is exactly true of them",
    licence="this project's",
    origin="geoglot.data.synth: the pictures of rendered at 0.3 to 0.5 m",
    splits=("train", "val", "test"),
    task="counts, measures, relations, outlines",
    gsd=(0.3, 0.5),
    quirks="Nobody observed them. Counts are of labels all of whose objects can be told; sizes of objects that lie wholly in the "
    "picture. What two viewers might see otherwise is left out. The places of training are among those that recipes draw.",
    classes={label: (noun(label),) for label in LABELS},
    version=f"{RENDERER}.1",
)
PLACES = {"train": 24, "val": 30, "test": 80}
MEASURED, PAIRS = 4, 4  # objects of a picture that are measured, pairs whose relations are asked
TRIED = 200  # pairs between which a third object is looked for
CLEAR = 8.0  # pixels of a side from which it is measured
WORDLESS: frozenset[str] = frozenset()
ACROSS = frozenset({"left", "right", "leftmost", "rightmost", "west", "east", "westernmost", "easternmost"})
DOWN = frozenset({"top", "bottom", "topmost", "bottommost", "north", "south", "northernmost", "southernmost", "above", "below"})
VAGUE = frozenset({"house", "bridge"})  # whose ends two viewers would not see in one place
# whose outline is the ground that they take; that of an airplane is a hull
FLAT = frozenset({"industrial building", "terminal", "hangar", "commercial building", "apartment building", "storage tank",
                  "tennis court", "swimming pool", "football field", "stadium"})  # fmt: skip


def rows(root: Path, split: Split) -> Iterator[Sample]:
    """Render the pictures of a split; nothing is read below ``root``."""
    yield from _rows(split)


@cache  # protocols ask for the same pictures one after another
def _rows(split: Split) -> tuple[Sample, ...]:
    return tuple(
        _sample(name, plan.view(), gsd)
        for number in range(PLACES.get(split, 0))
        for name, plan, gsd in talks.framed(split, number)
        if gsd <= talks.FINE[-1]
    )


def _sample(name: str, view: View, gsd: float) -> Sample:
    f = facts(view.truth)
    told: dict[int, list[Referring]] = {}
    for expression in referring(f):
        told.setdefault(id(expression.item), []).append(expression)
    asked = {id(item) for item in _in_turn([own[0].item for own in told.values() if _measurable(own[0].item)])}
    pixels = np.ascontiguousarray(np.moveaxis(view.raster.data, 0, -1))
    return Sample(
        id=name,
        source=CARD.name,
        pictures=(replace(held(pixels, f"{name}-{CARD.version}"), grid=view.raster.grid),),
        things=tuple(
            _thing(item, told.get(id(item), []), id(item) in asked, len(f.by_label[label]) - 1)
            for label in f.kinds
            for item in f.legible(label)
        ),
        turns=tuple(_relations(told, name)),
        gsd=gsd,
        counts=_counts(f),
    )


def _counts(f: Facts) -> dict[str, int]:
    """Numbers of what can be counted, and of what is not there for certain."""
    return {
        noun(label): len(f.by_label.get(label, ()))
        for label in LABELS
        if f.tells(label) and (f.absent(label) or (f.by_label.get(label) and f.countable(label)))
    }


def _measurable(item: Instance) -> bool:
    return item.visible > 0.99 and item.sides[0] >= CLEAR * item.gsd and item.label not in VAGUE


def _in_turn(found: list[Instance]) -> list[Instance]:
    """At most so many objects: of each label in turn."""
    by_label: dict[str, list[Instance]] = {}
    for item in found:
        by_label.setdefault(item.label, []).append(item)
    ordered = [own[step] for step in range(MEASURED) for own in by_label.values() if step < len(own)]
    return ordered[:MEASURED]


def _thing(item: Instance, told: list[Referring], measured: bool, others: int) -> Thing:
    attributes = {"expression": told[0].text, "others": str(others)} if told else {}
    if measured:
        attributes["across" if item.label == "storage tank" else "length"] = f"{item.sides[0]:.2f}"
        if item.label in FLAT and item.sides[1] >= CLEAR * item.gsd:
            attributes["area"] = f"{item.area:.2f}"
    outline = tuple((float(x) / SIDE, float(y) / SIDE) for x, y in item.polygon)
    return Thing.outlined(noun(item.label), outline, attributes)


def _relations(told: dict[int, list[Referring]], name: str) -> Iterator[Turn]:
    """Questions on some pairs and one three of objects: of each relation that holds and its like that does not, and none where
    viewers might differ. The words for an object say nothing of its place along the axis that is asked about."""
    items = [own[0].item for own in told.values()]
    rng = np.random.default_rng([ord(c) for c in name])

    def words(item: Instance, silent: frozenset[str]) -> str | None:
        return next((one.text for one in told[id(item)] if not silent & set(re.findall(r"[a-z]+", one.text))), None)

    pairs = [(a, b) for i, a in enumerate(items) for b in items[i + 1 :]]
    for k in rng.permutation(len(pairs))[:PAIRS].tolist():
        a, b = pairs[k] if rng.random() < 0.5 else pairs[k][::-1]
        if way := side(a, b):
            silent = ACROSS if way in ("left of", "right of") else DOWN
            yield from _asked(words(a, silent), (way, OPPOSITE[way]), words(b, silent))
        if (close := near(a, b)) is not None:
            silent = ACROSS | DOWN if a.label == b.label else WORDLESS  # the leftmost is hardly near the rightmost
            yield from _asked(words(a, silent), ("near",), words(b, silent), close)
    for k in rng.permutation(len(pairs))[:TRIED].tolist():
        a, b = pairs[k]
        for c in items:
            if c is not a and c is not b and between(c, a, b):
                one, two, other = (words(item, ACROSS | DOWN) for item in (c, a, b))
                if one and two and other:
                    yield from _asked(one, ("between",), f"{two} and {other}")
                    yield from _asked(two, ("between",), f"{one} and {other}", False)
                    return


def _asked(a: str | None, how: tuple[str, ...], b: str | None, holds: bool = True) -> Iterator[Turn]:
    """Questions on relations, of which the first one holds or not, and its like the other way round."""
    for number, relation in enumerate(how if a and b else ()):
        yield Turn(f"Is {a} {relation} {b}?", "yes" if holds == (number == 0) else "no", relation)
