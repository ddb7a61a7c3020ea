"""How objects lie to each other: which relations hold, asked one by one; what is neither yes nor no counts as wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglot.core.errors import InputError
from geoglot.data.sample import Sample, Turn
from geoglot.evals import baselines
from geoglot.evals.asking import replies
from geoglot.evals.grouped import Grouped
from geoglot.evals.job import Job, Mistake, Outcome
from geoglot.metrics.answers import Answers
from geoglot.text.asking import affirmed

VECTORS = False
RELATIONS = ("left of", "right of", "above", "below", "near", "between")


class Related:
    """Answers of each relation, and ``sets``: of groups of objects (N,) the share of which every relation was told rightly."""

    def __init__(self, answers: Answers, group: NDArray[np.int64]) -> None:
        self.answers, self.group = answers, group
        self.all = np.ones(int(group.max(initial=-1)) + 1)
        np.minimum.at(self.all, group, answers.right)
        self.first = np.unique(group, return_index=True)[1]

    def result(self, weight: NDArray[np.float64] | None = None) -> dict[str, float]:
        """Give the figures; ``weight`` (N,) repeats questions, those of one group alike."""
        some = np.ones(len(self.all)) if weight is None else weight[self.first]
        share = 100 * float(some @ self.all) / float(some.sum()) if some.sum() else float("nan")
        return self.answers.result(weight) | {"sets": share}


def asked(items: Sequence[Sample]) -> list[tuple[int, Turn]]:
    """Questions on relations, by the place of their picture."""
    return [(place, turn) for place, item in enumerate(items) for turn in item.turns if turn.kind in RELATIONS]


def run(job: Job) -> Outcome:
    """Ask whether relations hold. Raises InputError without any, ModelError for a model that does not converse."""
    told = asked(job.items)
    if not told:
        raise InputError(f"{job.rules.name} needs questions on relations, and {job.rules.source} has none here.")
    made = replies(job.model, [(job.items[place], turn.question) for place, turn in told], "relate", job.rules.verb)
    places = sorted({place for place, _ in told})
    metric = _judged([affirmed(reply.text) for reply in made], told, places)
    prior = baselines.Prior([(turn.kind, "", turn.answer) for _, turn in asked(job.train)], "yes")
    trivial = {
        "the commonest answer in training": _judged([prior(turn.kind, "") == "yes" for _, turn in told], told, places),
        "always yes": _judged([True] * len(told), told, places),
        "always no": _judged([False] * len(told), told, places),
    }
    details: dict[str, Any] = {
        "questions": len(told),
        "groups": len(metric.metric.all),
        "per class": {"n": {name: float(count) for name, (_, count) in metric.metric.answers.per_type().items()}},
    }
    for name, other in trivial.items():
        details[f"above {name}"] = baselines.above(metric, other, job.rules.metric, len(places))
    mistakes = [
        Mistake(place, f"{turn.question} {turn.answer}", made[k].text, 0.0)
        for k, (place, turn) in enumerate(told)
        if not metric.metric.answers.right[k]
    ]
    scores = {name: other.result()[job.rules.metric] for name, other in trivial.items()}
    return Outcome(metric, places, "relations judged", scores, mistakes, details)


def _judged(given: Sequence[bool | None], told: Sequence[tuple[int, Turn]], places: Sequence[int]) -> Grouped:
    answers = Answers()
    right = [one is not None and one == (turn.answer == "yes") for one, (_, turn) in zip(given, told, strict=True)]
    answers.add(right, [turn.kind for _, turn in told], [one is not None for one in given])
    # questions on the same objects differ by the relation alone
    keys = [(place, turn.question.replace(f" {turn.kind} ", " ", 1)) for place, turn in told]
    number = {key: k for k, key in enumerate(dict.fromkeys(keys))}
    row = {place: k for k, place in enumerate(places)}
    related = Related(answers, np.array([number[key] for key in keys]))
    return Grouped(related, np.array([row[place] for place, _ in told]))
