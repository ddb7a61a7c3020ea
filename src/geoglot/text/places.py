"""Sentences from boxes and masks: where things are in a picture, how they lie to each other, what part of it a cover takes.

Boxes are (left, top, right, bottom) in the unit square, y downwards. Only what holds with a margin is said, so that a reader
who looks at the picture agrees. All variants are given, in a fixed order; `geoglot.text.directions` turns them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from geoglot.text.sentences import MASS, NUMBERS, article, plural

Box = tuple[float, float, float, float]
Named = tuple[str, Box]
CORNER = 0.38  # a centre nearer to a corner than this along both axes lies in it
MIDDLE = (0.4, 0.6)
APART = 1.5  # how much farther along one axis than along the other something lies to be "to the left", and clear of it
NEAR = 0.04  # how far a share may be from the fraction that is said


def spot(box: Box) -> str | None:
    """Where a box lies: a corner, a side or the middle; None where it is none of them for certain, or fills the picture."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    if max(box[2] - box[0], box[3] - box[1]) > 0.5:
        return None
    low, high = MIDDLE
    across = "left" if x < CORNER else "right" if x > 1 - CORNER else ""
    down = "upper" if y < CORNER else "lower" if y > 1 - CORNER else ""
    if across and down:
        return f"in the {down} {across} corner"
    if across and low <= y <= high:
        return f"on the {across}"
    if down and low <= x <= high:
        return "at the top" if down == "upper" else "at the bottom"
    return "in the middle" if low <= x <= high and low <= y <= high else None


def from_positions(things: Iterable[Named]) -> list[str]:
    """Sentences that say where things are: one by one, and how many there are in one spot; each only where it is certain."""
    groups: dict[str, list[str | None]] = defaultdict(list)
    for name, box in things:
        groups[name].append(spot(box))
    texts = []
    for name, spots in groups.items():
        for place in dict.fromkeys(spots):
            if place is None:
                continue
            count = spots.count(place)
            if count == 1:
                texts += [f"{article(name)} {place}.", f"there is {article(name)} {place} of the image."]
            elif None not in spots or count > spots.count(None):
                number = NUMBERS[count] if count < len(NUMBERS) else "many"
                texts += [f"{number} {plural(name)} {place}.", f"there are {number} {plural(name)} {place} of the image."]
        if len(spots) > 1 and len(set(spots)) == 1 and spots[0] is not None:
            texts.append(f"all {plural(name)} are {spots[0]}.")
    return texts


def relation(a: Box, b: Box) -> str | None:
    """How a lies to b: "to the left of" and so on where it is clear of b and mostly along one axis, "inside" where it is in b."""
    if b[0] <= a[0] and b[1] <= a[1] and a[2] <= b[2] and a[3] <= b[3] and a != b:
        return "inside"
    dx, dy = (a[0] + a[2] - b[0] - b[2]) / 2, (a[1] + a[3] - b[1] - b[3]) / 2
    if abs(dx) > APART * abs(dy) and (a[2] <= b[0] or b[2] <= a[0]):
        return "to the left of" if dx < 0 else "to the right of"
    if abs(dy) > APART * abs(dx) and (a[3] <= b[1] or b[3] <= a[1]):
        return "above" if dy < 0 else "below"
    return None


def gap(a: Box, b: Box) -> float:
    """The distance between two boxes, 0 where they touch."""
    across, down = max(a[0] - b[2], b[0] - a[2], 0.0), max(a[1] - b[3], b[1] - a[3], 0.0)
    return float(np.hypot(across, down))


def from_relations(things: Sequence[Named], most: int = 12) -> list[str]:
    """Sentences on pairs of things that are alone of their kind, so that it is clear which are meant; nearest pairs first."""
    names = [name for name, _ in things]
    alone = [(name, box) for name, box in things if names.count(name) == 1]
    pairs = [(gap(a[1], b[1]), a, b) for i, a in enumerate(alone) for b in alone[i + 1 :]]
    texts = []
    for distance, (name, box), (other, place) in sorted(pairs, key=lambda pair: pair[0]):
        how, back = relation(box, place), relation(place, box)
        texts += [f"{article(name)} {how} {article(other)}."] if how else []
        texts += [f"{article(other)} {back} {article(name)}."] if back else []
        side = min(box[2] - box[0], box[3] - box[1], place[2] - place[0], place[3] - place[1])
        if distance < side and "inside" not in (how, back):
            texts.append(f"{article(name)} next to {article(other)}.")
    return texts[:most]


def from_sizes(things: Sequence[Named], margin: float = 1.5) -> list[str]:
    """Sentences on the largest of a kind where it is larger than every other by a margin, and where it lies."""
    groups: dict[str, list[Box]] = defaultdict(list)
    for name, box in things:
        groups[name].append(box)
    texts = []
    for name, boxes in groups.items():
        order = sorted(boxes, key=_area, reverse=True)
        place = spot(order[0])
        if len(order) > 1 and place is not None and _area(order[0]) > margin * _area(order[1]):
            texts.append(f"the largest {name} is {place}.")
    return texts


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def fraction(share: float) -> str | None:
    """A share in words ("about a third"), None where no common fraction is near."""
    sizes = {"all": 1.0, "three quarters": 0.75, "two thirds": 2 / 3, "half": 0.5, "a third": 1 / 3, "a quarter": 0.25,
             "a fifth": 0.2, "a tenth": 0.1}  # fmt: skip
    best = min(sizes, key=lambda word: abs(sizes[word] - share))
    return best if abs(sizes[best] - share) <= min(NEAR, 0.2 * sizes[best]) else None


def from_mask(mask: NDArray[np.uint8], names: Mapping[int, str], labelled: float = 0.9) -> list[str]:
    """Sentences on a mask (H, W) of classes by value: shares as fractions, and halves of the picture that a cover keeps to.

    Nothing is said where less than ``labelled`` of the picture has a class.
    """
    known = np.isin(mask, list(names))
    if known.mean() < labelled:
        return []
    shares = {name: float((mask == value).sum() / known.sum()) for value, name in names.items()}
    texts = []
    for name, share in sorted(shares.items(), key=lambda item: -item[1]):
        word = fraction(share)
        if word == "all":
            texts.append(f"the whole image is {name}.")
        elif word is not None:
            texts += [
                f"about {word} of the image is {name}.",
                f"{name} {'covers' if _verb(name) == 'is' else 'cover'} about {word} of the image.",
            ]
    for value, name in names.items():
        side = _half(mask == value)
        if side is not None:
            texts.append(f"{name} {_verb(name)} in the {side} half of the image.")
    absent = sorted(name for name, share in shares.items() if share == 0)
    if absent and known.all():
        texts += [f"there {_verb(name)} no {name}." for name in absent]
    return texts


def _verb(name: str) -> str:
    return "is" if name in MASS or not name.endswith("s") else "are"


def _half(where: NDArray[np.bool_], least: float = 0.03, within: float = 0.9) -> str | None:
    """The half of a picture that holds nearly all of a cover, None where none does or it is a trace."""
    if where.mean() < least:
        return None
    h, w = where.shape
    halves = {"left": where[:, : w // 2], "right": where[:, -(w // 2) :], "upper": where[: h // 2], "lower": where[-(h // 2) :]}
    share = {name: part.sum() / where.sum() for name, part in halves.items()}
    best = max(share, key=lambda name: share[name])
    # a patch in a corner lies in two halves: say neither
    return best if share[best] >= within and sorted(share.values())[-2] < 0.8 else None
