"""Expressions that mean one object: the share whose box is met at an overlap of 0.5 and of 0.7; no box counts as wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoglot.core.errors import InputError
from geoglot.data.sample import Sample, Thing
from geoglot.evals.asking import replies
from geoglot.evals.job import Job, Mistake, Outcome
from geoglot.geo.iou import iou

VECTORS = False
LEVELS = (0.5, 0.7)


@dataclass
class Met:
    """Shares of expressions whose box is met, in per cent; weights are those of pictures."""

    overlap: NDArray[np.float64]
    answered: NDArray[np.bool_]
    picture: NDArray[np.int64]

    def result(self, weight: NDArray[np.float64] | None = None) -> dict[str, float]:
        """Give the figures: ``acc50``, ``acc70``, the mean overlap, and how many got no box (``unparsed``)."""
        each = np.ones(len(self.overlap)) if weight is None else weight[self.picture]
        whole = max(each.sum(), 1e-9)
        met = {f"acc{round(100 * level)}": 100 * float((each * (self.overlap >= level)).sum() / whole) for level in LEVELS}
        return met | {
            "iou": 100 * float((each * self.overlap).sum() / whole),
            "unparsed": 100 * float((each * ~self.answered).sum() / whole),
        }


def expressions(item: Sample) -> list[tuple[str, Thing]]:
    """Expressions of a sample and what they mean: those it has, else of boxes by their class, place and size."""
    told = [(thing.attributes["expression"], thing) for thing in item.things if "expression" in thing.attributes]
    if told:
        return told
    found = []
    for name in sorted({thing.name for thing in item.things}):
        some = [thing for thing in item.things if thing.name == name]
        if len(some) == 1:
            found.append((f"the {name}", some[0]))
            continue
        for word, axis, sign in (("leftmost", 0, 1), ("rightmost", 0, -1), ("topmost", 1, 1), ("bottommost", 1, -1)):
            order = sorted(some, key=lambda t, axis=axis, sign=sign: sign * (t.box[axis] + t.box[axis + 2]))  # type: ignore[misc]
            if abs(sum(order[1].box[axis::2]) - sum(order[0].box[axis::2])) / 2 > 0.04:
                found.append((f"the {word} {name}", order[0]))
    return found


def run(job: Job) -> Outcome:
    """Ask for each expression's box. Raises InputError without expressions, ModelError for a model that does not converse."""
    told = [(place, text, thing) for place, item in enumerate(job.items) for text, thing in expressions(item)]
    if not told:
        raise InputError(f"{job.rules.name} needs objects with boxes, and {job.rules.source} has none here.")
    places = sorted({place for place, _, _ in told})
    made = replies(job.model, [(job.items[place], job.rules.ask.format(text)) for place, text, _ in told], "locate")
    overlap = np.array([_overlap(reply.boxes, thing) for reply, (_, _, thing) in zip(made, told, strict=True)])
    row = {place: k for k, place in enumerate(places)}
    metric = Met(overlap, np.array([bool(reply.boxes) for reply in made]), np.array([row[place] for place, _, _ in told]))
    labels = np.array([thing.name for _, _, thing in told])
    details = {
        "expressions": len(told),
        "per class": {"acc50": {str(name): 100 * float((overlap[labels == name] >= 0.5).mean()) for name in np.unique(labels)}},
    }
    mistakes = [
        Mistake(place, text, made[k].text, float(overlap[k])) for k, (place, text, _) in enumerate(told) if overlap[k] < 0.5
    ]
    return Outcome(metric, places, "boxes of expressions", _trivial(told, job), mistakes, details)


def _overlap(boxes: tuple[object, ...], thing: Thing) -> float:
    if len(boxes) != 1:
        return 0.0
    given = np.array([boxes[0].bounds()])  # type: ignore[attr-defined]
    return float(iou(given, np.array([thing.box]))[0, 0])


def _trivial(told: list[tuple[int, str, Thing]], job: Job) -> dict[str, float]:
    """The middle half of the picture, and an object of the same class taken by chance (its mean share, from the truth)."""
    middle = np.array([[0.25, 0.25, 0.75, 0.75]])
    blind = 100 * float(np.mean([iou(middle, np.array([thing.box]))[0, 0] >= 0.5 for _, _, thing in told]))
    counts = [int(thing.attributes.get("others", 0)) or _others(job.items[place], thing) for place, _, thing in told]
    return {
        "the picture's middle": blind,
        "any object of the class, boxes known": 100 * float(np.mean([1 / (1 + n) for n in counts])),
    }


def _others(item: Sample, thing: Thing) -> int:
    return sum(other.name == thing.name for other in item.things) - 1
