"""Expressions that mean one object: the share whose box is met at an overlap of 0.5 and of 0.7; no box counts as wrong."""

from __future__ import annotations

import numpy as np

from geoglot.core.errors import InputError
from geoglot.data.sample import Sample, Thing
from geoglot.evals.asking import replies
from geoglot.evals.grouped import Grouped
from geoglot.evals.job import Job, Mistake, Outcome
from geoglot.geo.boxes import Box
from geoglot.geo.iou import iou
from geoglot.metrics.grounding import Grounding

VECTORS = False


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
    met = Grounding()
    # several boxes for one thing are no answer
    met.add([reply.boxes[0] if len(reply.boxes) == 1 else None for reply in made], [_meant(thing) for _, _, thing in told])
    overlap = met.overlap
    row = {place: k for k, place in enumerate(places)}
    metric = Grouped(met, np.array([row[place] for place, _, _ in told]))
    labels = np.array([thing.name for _, _, thing in told])
    details = {
        "expressions": len(told),
        "per class": {"acc50": {str(name): 100 * float((overlap[labels == name] >= 0.5).mean()) for name in np.unique(labels)}},
    }
    mistakes = [
        Mistake(place, text, made[k].text, float(overlap[k])) for k, (place, text, _) in enumerate(told) if overlap[k] < 0.5
    ]
    return Outcome(metric, places, "boxes of expressions", _trivial(told, job), mistakes, details)


def _meant(thing: Thing) -> Box:
    left, top, right, bottom = thing.box
    return Box.upright(left, top, right, bottom, frame="unit")


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
