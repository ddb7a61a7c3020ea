"""Expressions that mean one object: the share whose box, upright or turned, is met at an overlap of 0.5 and of 0.7.

No box counts as wrong, and so do several.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from geoglot.core.errors import InputError
from geoglot.data.sample import Sample, Thing
from geoglot.evals import baselines
from geoglot.evals.asking import replies
from geoglot.evals.grouped import Grouped
from geoglot.evals.job import Job, Mistake, Outcome
from geoglot.geo.boxes import Box
from geoglot.metrics.grounding import Grounding
from geoglot.metrics.released import plus_one

VECTORS = False
Size = tuple[int, int]
Told = tuple[int, str, Thing]


def expressions(item: Sample) -> list[tuple[str, Thing]]:
    """Expressions of a sample and what they mean: those it has, else of boxes by their class, place and size."""
    told = [(thing.attributes["expression"], thing) for thing in item.things if "expression" in thing.attributes]
    told += [(said(thing), thing) for thing in item.things if "referring" in thing.attributes]
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


def said(thing: Thing) -> str:
    """The sentence that annotators wrote of an object, as it stands within another."""
    text = thing.attributes["referring"].strip().rstrip(".")
    return f"the {text[4:]}" if text.startswith("The ") else text


def run(job: Job) -> Outcome:
    """Ask for each expression's box. Raises InputError without expressions, ModelError for a model that does not converse."""
    told = [(place, text, thing) for place, item in enumerate(job.items) for text, thing in expressions(item)]
    if not told:
        raise InputError(f"{job.rules.name} needs objects with boxes, and {job.rules.source} has none here.")
    places = sorted({place for place, _, _ in told})
    questions = [(job.items[place], job.rules.ask.format(text)) for place, text, _ in told]
    made = replies(job.model, questions, "locate", job.rules.verb)
    oriented = job.rules.boxes is not None and job.rules.boxes.oriented
    sizes = {place: job.items[place].pictures[0].size if oriented else None for place in places}
    truth = [_meant(thing, sizes[place]) for place, _, thing in told]
    # several boxes for one thing are no answer
    given = [
        _framed(reply.boxes[0], sizes[place]) if len(reply.boxes) == 1 else None
        for reply, (place, _, _) in zip(made, told, strict=True)
    ]
    met = Grounding()
    met.add(given, truth)
    overlap = met.overlap
    row = {place: k for k, place in enumerate(places)}
    metric = Grouped(met, np.array([row[place] for place, _, _ in told]))
    details = {
        "expressions": len(told),
        "per class": {"acc50": _by([thing.name for _, _, thing in told], overlap), **_published(told, overlap)},
        "released": _lenient([reply.boxes for reply in made], [thing for _, _, thing in told]),
    }
    mistakes = [
        Mistake(place, text, made[k].text, float(overlap[k])) for k, (place, text, _) in enumerate(told) if overlap[k] < 0.5
    ]
    return Outcome(metric, places, "boxes of expressions", _trivial(told, truth, sizes, job), mistakes, details)


def _meant(thing: Thing, size: Size | None) -> Box:
    """The upright box in the unit square, or with the size of the picture that of least area, in pixels."""
    return Box.upright(*thing.box, frame="unit") if size is None else thing.oriented(size)


def _framed(box: Box, size: Size | None) -> Box:
    return box if size is None else box.to_pixels(size)


def _by(names: Sequence[str], overlap: NDArray[np.float64]) -> dict[str, float]:
    of = np.array(names)
    return {str(name): 100 * float((overlap[of == name] >= 0.5).mean()) for name in np.unique(of)}


def _published(told: Sequence[Told], overlap: NDArray[np.float64]) -> dict[str, dict[str, float]]:
    """The shares of the groups that VRSBench publishes, by size and by whether the object is the only one of its class."""
    things = [thing for _, _, thing in told]
    found = {}
    if any("unique" in thing.attributes for thing in things):
        found["acc50 of the only one, or of several"] = _by(
            ["unique" if t.attributes.get("unique") else "multiple" for t in things], overlap
        )
    if any("size" in thing.attributes for thing in things):
        found["acc50 by size"] = _by([thing.attributes.get("size", "unknown") for thing in things], overlap)
    return found


def _lenient(boxes: Sequence[tuple[Box, ...]], things: Sequence[Thing]) -> dict[str, float]:
    """Acc@0.5 as scorers were released: upright, with one added to each side, of the first box."""
    known = [k for k, some in enumerate(boxes) if some and some[0].frame == "unit"]
    made = {}
    a = np.array([boxes[k][0].bounds() for k in known], float).reshape(-1, 4)
    b = np.array([things[k].box for k in known], float).reshape(-1, 4)
    for name, scale in (("on a grid of 100, plus one (VRSBench)", 100), ("in the unit square, plus one (LHRS-Bot)", 1)):
        made[f"acc50 {name}"] = 100 * float((plus_one(a * scale, b * scale) >= 0.5).sum()) / len(things)
    return made


def _trivial(told: Sequence[Told], truth: Sequence[Box], sizes: Mapping[int, Size | None], job: Job) -> dict[str, float]:
    """The middle half of the picture, an object of the same class taken by chance (its mean share, from the truth), and where
    such an object lies in the nearest training picture."""
    middle = Box.upright(0.25, 0.25, 0.75, 0.75, "unit")
    counts = [int(thing.attributes.get("others", 0)) or _others(job.items[place], thing) for place, _, thing in told]
    found = {
        "the picture's middle": _hit([middle] * len(told), told, truth, sizes),
        "any object of the class, boxes known": 100 * float(np.mean([1 / (1 + n) for n in counts])),
    }
    near = baselines.neighbours(job, [item for item in job.train if item.things])
    if near is not None:
        like = [next((t for t in near[place].things if t.name == thing.name), None) for place, _, thing in told]
        boxes = [middle if one is None else Box.upright(*one.box, frame="unit") for one in like]
        found["box of the nearest training picture"] = _hit(boxes, told, truth, sizes)
    return found


def _hit(boxes: Sequence[Box], told: Sequence[Told], truth: Sequence[Box], sizes: Mapping[int, Size | None]) -> float:
    met = Grounding()
    met.add([_framed(box, sizes[place]) for box, (place, _, _) in zip(boxes, told, strict=True)], truth)
    return met.result()["acc50"]


def _others(item: Sample, thing: Thing) -> int:
    return sum(other.name == thing.name for other in item.things) - 1
