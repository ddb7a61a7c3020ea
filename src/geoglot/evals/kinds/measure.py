"""Lengths and areas in metres: the share that is near enough, and how far off; no measure counts as wrong."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from geoglot.core.errors import InputError
from geoglot.data.sample import Sample
from geoglot.evals import baselines
from geoglot.evals.asking import replies
from geoglot.evals.grouped import Grouped
from geoglot.evals.job import Job, Mistake, Outcome
from geoglot.metrics.measuring import LEVELS, Measuring
from geoglot.text.measures import metres, square_metres

VECTORS = False
UNITS = {"length": "m", "across": "m", "area": "m²"}


class Asked(NamedTuple):
    """A size that is asked for: the item's place, length, across or area, of which object, and what it is in (square) metres."""

    place: int
    kind: str
    name: str
    expression: str
    wanted: float


def asked(items: Sequence[Sample]) -> list[Asked]:
    """The sizes that a source tells of objects that words can mean."""
    return [
        Asked(place, kind, thing.name, thing.attributes["expression"], float(thing.attributes[kind]))
        for place, item in enumerate(items)
        for thing in item.things
        for kind in UNITS
        if kind in thing.attributes and "expression" in thing.attributes
    ]


def run(job: Job) -> Outcome:
    """Ask for sizes. Raises InputError without objects of known size, ModelError for a model that does not converse."""
    told = [one for one in asked(job.items) if one.kind in job.rules.asks]
    if not told:
        raise InputError(f"{job.rules.name} needs objects of known size, and {job.rules.source} has none here.")
    questions = [(job.items[one.place], job.rules.asks[one.kind].format(one.expression)) for one in told]
    made = replies(job.model, questions, "measure", job.rules.verb)
    given = [(square_metres if one.kind == "area" else metres)(reply.text) for one, reply in zip(told, made, strict=True)]
    places = sorted({one.place for one in told})
    metric = _measured(given, told, places)
    trivial = {name: _measured(sizes, told, places) for name, sizes in _others(job, told).items()}
    near = metric.metric.near(LEVELS[-1])
    of = np.array([one.name for one in told])
    details: dict[str, Any] = {
        "questions": len(told),
        "refused": 100 * float(np.mean([reply.refused for reply in made])),
        "per class": {"within25": {str(name): 100 * float(near[of == name].mean()) for name in np.unique(of)}},
    }
    for name, other in trivial.items():
        details[f"above {name}"] = baselines.above(metric, other, job.rules.metric, len(places))
    mistakes = [
        Mistake(one.place, f"{one.kind} of {one.expression}: {one.wanted:.1f} {UNITS[one.kind]}", made[k].text,
                float(metric.metric.off[k]))
        for k, one in enumerate(told)
        if not near[k]
    ]  # fmt: skip
    scores = {name: other.result()[job.rules.metric] for name, other in trivial.items()}
    return Outcome(metric, places, "sizes of objects", scores, mistakes, details)


def _others(job: Job, told: Sequence[Asked]) -> dict[str, list[float | None]]:
    """The median size of the same kind of object in training, without looking, and that in the nearest training picture."""
    taught = asked(job.train)
    sizes: dict[tuple[str, str], list[float]] = defaultdict(list)
    for one in taught:
        sizes[one.name, one.kind].append(one.wanted)
        sizes["", one.kind].append(one.wanted)
    middle = {key: float(np.median(values)) for key, values in sizes.items()}
    blind = [middle.get((one.name, one.kind), middle.get(("", one.kind))) for one in told]
    made = {"the median of such objects in training": blind}
    near = baselines.neighbours(job, [item for item in job.train if asked([item])])
    if near is not None:
        found = []
        for one, guess in zip(told, blind, strict=True):
            own = [other.wanted for other in asked([near[one.place]]) if (other.name, other.kind) == (one.name, one.kind)]
            found.append(float(np.median(own)) if own else guess)
        made["such objects of the nearest training picture"] = found
    return made


def _measured(given: Sequence[float | None], told: Sequence[Asked], places: Sequence[int]) -> Grouped:
    metric = Measuring()
    values = np.array([np.nan if one is None else one for one in given], float)
    metric.add(values, np.array([one.wanted for one in told]), [one.kind for one in told])
    row = {place: k for k, place in enumerate(places)}
    return Grouped(metric, np.array([row[one.place] for one in told]))
