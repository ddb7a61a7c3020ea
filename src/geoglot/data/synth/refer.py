"""Referring expressions: words that fit exactly one object of a window, for grounding."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from geoglot.data.synth.facts import NOUNS, Facts
from geoglot.data.synth.instances import Instance
from geoglot.data.synth.relations import part, side
from geoglot.geo.boxes import Box
from geoglot.text.sentences import plural

CLEAR = 1.2  # the first of a ranking by size must exceed the second by this factor
AHEAD = 0.03  # and by this share of the picture's side in a ranking by place
ORDINALS = ("second", "third")
EDGES = (
    ("leftmost", "westernmost", lambda x, y: x),
    ("rightmost", "easternmost", lambda x, y: -x),
    ("topmost", "northernmost", lambda x, y: y),
    ("bottommost", "southernmost", lambda x, y: -y),
)  # fmt: skip


@dataclass(frozen=True)
class Referring:
    """An expression and the one object that it means; boxes in pixels of the window."""

    text: str
    label: str
    item: Instance

    @property
    def upright(self) -> Box:
        """The upright box of the object."""
        return self.item.upright

    @property
    def oriented(self) -> Box:
        """The oriented box of the object."""
        return self.item.oriented


def noun(label: str, count: int = 1) -> str:
    """What a label is called, in the singular or plural."""
    if label in NOUNS:
        return NOUNS[label][count != 1]
    return label if count == 1 else plural(label)


def referring(facts: Facts, compass: bool = True) -> list[Referring]:
    """Every expression that means exactly one legible object, in a fixed order; `compass`: by north and south too."""
    out = []
    anchors = {}
    for label in facts.kinds:
        contenders = facts.by_label[label]
        if len(contenders) == 1 and contenders[0].legible and _alone(facts, label):
            anchors[label] = contenders[0]
            out += [
                Referring(f"the {noun(label)}", label, contenders[0]),
                Referring(f"the only {noun(label)}", label, contenders[0]),
            ]
        elif len(contenders) > 1:
            north = compass and facts.north_up
            out += [*_sizes(label, contenders), *_places(facts, label, contenders, north), *_colours(facts, label, contenders)]
    for label in facts.kinds:
        if len(facts.by_label[label]) > 1:
            out += _by_others(label, facts.by_label[label], anchors)
    return out


def _alone(facts: Facts, label: str) -> bool:
    return sum(item.label == label for item in facts.present) == 1


def _named(item: Instance) -> bool:
    return item.legible and item.visible > 0.7


def _sizes(label: str, found: tuple[Instance, ...]) -> Iterator[Referring]:
    word = noun(label)
    order = sorted(found, key=lambda item: -item.shape.area)
    first, second, last, other = order[0], order[1], order[-1], order[-2]
    # by what is seen and by the whole: the frame may cut the larger one
    whole = max(item.area for item in order[1:])
    if min(first.shape.area / second.shape.area, first.area / whole) > CLEAR and _named(first):
        yield from (Referring(f"the {size} {word}", label, first) for size in ("largest", "biggest"))
    # what is cut at the frame, or too small to be seen, might be the smallest
    if last.shape.area * CLEAR < other.shape.area and _named(last) and all(item.visible > 0.99 for item in found):
        yield Referring(f"the smallest {word}", label, last)


def _places(facts: Facts, label: str, found: tuple[Instance, ...], north: bool) -> Iterator[Referring]:
    word = noun(label)
    h, w = facts.shape
    for edge, compass, rank in EDGES:
        order, clear = _ranked(found, lambda item, rank=rank: rank(item.centre[0] / w, item.centre[1] / h))  # type: ignore[misc]
        if clear(0) and _named(order[0]):
            yield Referring(f"the {edge} {word}", label, order[0])
            if north:
                yield Referring(f"the {compass} {word}", label, order[0])
        if edge in ("leftmost", "rightmost") and len(found) <= 6:
            for k, nth in enumerate(ORDINALS[: len(found) - 1], 1):
                if clear(k - 1) and clear(k) and _named(order[k]):
                    yield Referring(f"the {nth} {word} from the {edge.removesuffix('most')}", label, order[k])
    points = {"the centre": (0.5, 0.5), "the top left corner": (0, 0), "the top right corner": (1, 0),
              "the bottom left corner": (0, 1), "the bottom right corner": (1, 1)}  # fmt: skip
    for name, (x, y) in points.items():
        order, clear = _ranked(found, lambda item, x=x, y=y: float(np.hypot(item.centre[0] / w - x, item.centre[1] / h - y)))  # type: ignore[misc]
        if clear(0) and _named(order[0]):
            yield Referring(f"the {word} closest to {name}", label, order[0])
    where = [part(*item.centre, facts.shape) for item in found]
    for item, spot in zip(found, where, strict=True):
        if spot and None not in where and where.count(spot) == 1 and _named(item):
            yield Referring(f"the {word} in the {spot} of the image", label, item)


def _ranked(found: tuple[Instance, ...], key: Callable[[Instance], float]) -> tuple[list[Instance], Callable[[int], bool]]:
    """Objects in order of a key, and whether number k is clearly before the next (always true of the last)."""
    order = sorted(found, key=key)
    values = [key(item) for item in order]
    return order, lambda k: k + 1 >= len(values) or values[k + 1] - values[k] > AHEAD


def _colours(facts: Facts, label: str, found: tuple[Instance, ...]) -> Iterator[Referring]:
    if len(found) > 12:
        return
    colours = [facts.colour(item) for item in found]
    if None in colours:
        return
    for item, colour in zip(found, colours, strict=True):
        if colours.count(colour) == 1 and _named(item):
            yield Referring(f"the {colour} {noun(label)}", label, item)


def _by_others(label: str, found: tuple[Instance, ...], anchors: dict[str, Instance]) -> Iterator[Referring]:
    """By the one object of another label: the nearest to it, or the only one on a side of it."""
    for other, anchor in anchors.items():
        gaps = sorted((float(np.hypot(*(np.array(item.centre) - anchor.centre))), k) for k, item in enumerate(found))
        if gaps[0][0] * 1.4 < gaps[1][0] and _named(found[gaps[0][1]]):
            yield Referring(f"the {noun(label)} closest to the {noun(other)}", label, found[gaps[0][1]])
        sides = [side(item, anchor) for item in found]
        if None in sides:
            continue
        for item, where in zip(found, sides, strict=True):
            if where and sides.count(where) == 1 and _named(item):
                yield Referring(f"the {noun(label)} {where} the {noun(other)}", label, item)
