"""Questions with short answers: how many are answered as people did, strictly, in the words of `text.answers.normal`."""

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
from geoglot.evals.protocol import Protocol
from geoglot.metrics import released
from geoglot.metrics.answers import Answers
from geoglot.text.answers import kind_of, normal
from geoglot.text.bins import bin_of

VECTORS = False


def questions(item: Sample) -> tuple[Turn, ...]:
    """Questions that people made: those on the theme are automatic."""
    return tuple(turn for turn in item.turns if "theme" not in turn.question.lower())


def kind(turn: Turn) -> str:
    """What its source calls what is asked, else what the words say."""
    return turn.kind or kind_of(turn.question)


def read(turn: Turn, text: str, rules: Protocol) -> str:
    """An answer in the words or the bin that it is compared in, "" where it could not be read."""
    bounds = rules.bins.get(kind(turn))
    if bounds is None:
        return normal(text)
    found = bin_of(text, bounds)
    return "" if found is None else f"bin {found}"


def run(job: Job) -> Outcome:
    """Ask what people asked. Raises InputError without such questions, ModelError for a model that does not converse."""
    places = [place for place, item in enumerate(job.items) if questions(item)]
    asked = [(row, turn) for row, place in enumerate(places) for turn in questions(job.items[place])]
    if not asked:
        raise InputError(f"{job.rules.name} needs questions that people made, and {job.rules.source} has none here.")
    made = replies(job.model, [(job.items[places[row]], turn.question) for row, turn in asked], verb=job.rules.verb)
    said = [read(turn, reply.text, job.rules) for (_, turn), reply in zip(asked, made, strict=True)]
    wanted = [read(turn, turn.answer, job.rules) for _, turn in asked]
    picture, kinds = np.array([row for row, _ in asked]), [kind(turn) for _, turn in asked]
    metric = _judged(said, wanted, kinds, picture)
    found = {
        label: _judged(texts, wanted, kinds, picture)
        for label, texts in _others(job, [(places[row], turn) for row, turn in asked]).items()
    }
    details: dict[str, Any] = {
        "questions": len(asked),
        "per class": {
            label: {name: share for name, (share, _) in other.metric.per_type().items()} for label, other in found.items()
        },
        "released": {
            f"answers by {name}": 100
            * float(np.mean([judge(r.text, turn.answer) for r, (_, turn) in zip(made, asked, strict=True)]))
            for name, judge in released.JUDGES.items()
            if name != "first-letter"  # for choices alone
        },
    }
    for label, other in found.items():
        details[f"above the {label}"] = baselines.above(metric, other, "accuracy", len(places))
    mistakes = [
        Mistake(places[row], f"{turn.question} {turn.answer}", said[k], 0.0)
        for k, (row, turn) in enumerate(asked)
        if said[k] != wanted[k] or not said[k]
    ]
    trivial = {label: other.result()[job.rules.metric] for label, other in found.items()}
    return Outcome(metric, places, "answers in words", trivial, mistakes, details)


def _others(job: Job, asked: Sequence[tuple[int, Turn]]) -> dict[str, list[str]]:
    """The commonest training answer to the same question, and that of the nearest training picture, where it was asked there."""
    train = [item for item in job.train if questions(item)]
    taught = [
        (turn.question.lower(), kind(turn), read(turn, turn.answer, job.rules)) for item in train for turn in questions(item)
    ]
    prior = baselines.Prior(taught, "yes")
    blind = [prior(turn.question.lower(), kind(turn)) for _, turn in asked]
    made = {"question prior": blind}
    near = baselines.neighbours(job, train)
    if near is not None:
        known = [{turn.question.lower(): turn for turn in questions(near[place])} for place, _ in asked]
        made["answer for the nearest training picture"] = [
            read(own[turn.question.lower()], own[turn.question.lower()].answer, job.rules)
            if turn.question.lower() in own
            else guess
            for own, (_, turn), guess in zip(known, asked, blind, strict=True)
        ]
    return made


def _judged(said: Sequence[str], wanted: Sequence[str], kinds: Sequence[str], picture: NDArray[np.int64]) -> Grouped:
    metric = Answers()
    metric.add([a == b for a, b in zip(said, wanted, strict=True)], kinds, [bool(text) for text in said])
    return Grouped(metric, picture)
