"""Numbers of objects: how far off, how often exact and how often by one at most; no number counts as wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from geoglot.core.errors import InputError
from geoglot.data.sample import Sample
from geoglot.evals import baselines
from geoglot.evals.asking import replies
from geoglot.evals.grouped import Grouped
from geoglot.evals.job import Job, Mistake, Outcome
from geoglot.evals.protocol import Protocol
from geoglot.metrics.counting import Counting
from geoglot.metrics.released import parsed_only
from geoglot.text.asking import number
from geoglot.text.sentences import plural

VECTORS = False


class Asked(NamedTuple):
    """A number that is asked for: the item's place, the name of what is counted, and how many there are."""

    place: int
    name: str
    wanted: int


def numbers(item: Sample, rules: Protocol) -> Mapping[str, int]:
    """How many there are of each name: what the source says, else its boxes where it is a set of boxes, of whole pictures."""
    card = rules.card()
    if item.counts or "boxes" not in card.task or any(picture.window is not None for picture in item.pictures):
        return item.counts
    found = Counter(thing.name for thing in item.things)
    return {phrases[0]: found[phrases[0]] for phrases in card.classes.values()}


def asked(items: Sequence[Sample], rules: Protocol) -> list[Asked]:
    """Of each picture all that is there, and one name of what is not, of those in turn."""
    found = []
    for place, item in enumerate(items):
        known = numbers(item, rules)
        found += [Asked(place, name, count) for name, count in sorted(known.items()) if count]
        none = sorted(name for name, count in known.items() if not count)
        found += [Asked(place, none[place % len(none)], 0)] if none else []
    return found


def run(job: Job) -> Outcome:
    """Ask for numbers. Raises InputError without objects that are counted, ModelError for a model that does not converse."""
    told = asked(job.items, job.rules)
    if not told:
        raise InputError(f"{job.rules.name} needs objects that are all known, and {job.rules.source} has none here.")
    questions = [(job.items[one.place], job.rules.ask.format(plural(one.name))) for one in told]
    made = replies(job.model, questions, "count", job.rules.verb)
    given = [number(reply.text) for reply in made]
    places = sorted({one.place for one in told})
    metric = _counted(given, told, places)
    trivial = {name: _counted(answers, told, places) for name, answers in _others(job, told).items()}
    truth, said = np.array([one.wanted for one in told], float), _floats(given)
    of = np.array([one.name for one in told])
    exact = said == truth
    details: dict[str, Any] = {
        "questions": len(told),
        "there": {"exact": 100 * float(exact[truth > 0].mean()) if (truth > 0).any() else None, "n": int((truth > 0).sum())},
        "per class": {"exact": {str(name): 100 * float(exact[of == name].mean()) for name in np.unique(of)}},
        "released": {"mean absolute error of parsed answers alone": parsed_only(said, truth)},
    }
    for name, other in trivial.items():
        details[f"above {name}"] = baselines.above(metric, other, job.rules.metric, len(places))
    mistakes = [
        Mistake(one.place, f"{one.name}: {one.wanted}", made[k].text, abs(float(said[k] - one.wanted)))
        for k, one in enumerate(told)
        if said[k] != one.wanted
    ]
    mistakes.sort(key=lambda mistake: -np.nan_to_num(mistake.gap, nan=np.inf))
    scores = {name: other.result()[job.rules.metric] for name, other in trivial.items()}
    return Outcome(metric, places, "numbers of objects", scores, mistakes, details)


def _others(job: Job, told: Sequence[Asked]) -> dict[str, list[int | None]]:
    """The commonest number of a name in training, and that of the nearest training picture."""
    taught = asked(job.train, job.rules)
    prior = baselines.Prior([(one.name, "", str(one.wanted)) for one in taught], "0")
    blind = [int(prior(one.name, "")) for one in told]
    made: dict[str, list[int | None]] = {"the commonest number in training": list(blind)}
    near = baselines.neighbours(job, [item for item in job.train if numbers(item, job.rules)])
    if near is not None:
        own = [numbers(near[one.place], job.rules) for one in told]
        made["number in the nearest training picture"] = [
            known.get(one.name, guess) for known, one, guess in zip(own, told, blind, strict=True)
        ]
    return made


def _counted(given: Sequence[int | None], told: Sequence[Asked], places: Sequence[int]) -> Grouped:
    metric = Counting()
    metric.add(_floats(given), np.array([one.wanted for one in told]))
    row = {place: k for k, place in enumerate(places)}
    return Grouped(metric, np.array([row[one.place] for one in told]))


def _floats(given: Sequence[int | None]) -> Any:
    return np.array([np.nan if one is None else one for one in given], float)
