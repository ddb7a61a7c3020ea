"""Questions with short answers: how many are answered as people did, strictly, in the words of `text.answers.normal`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from geoglot.core.errors import InputError
from geoglot.data.sample import Sample, Turn
from geoglot.evals.asking import replies
from geoglot.evals.grouped import Grouped
from geoglot.evals.job import Job, Mistake, Outcome
from geoglot.metrics.answers import Answers
from geoglot.metrics.bootstrap import paired
from geoglot.text.answers import kind_of, normal

VECTORS = False


def questions(item: Sample) -> tuple[Turn, ...]:
    """Questions that people made: those on the theme are automatic."""
    return tuple(turn for turn in item.turns if "theme" not in turn.question.lower())


def prior(train: Sequence[Sample]) -> tuple[dict[str, str], dict[str, str]]:
    """The commonest answer to each question, and to each kind of question."""
    by_text: dict[str, Counter[str]] = defaultdict(Counter)
    by_kind: dict[str, Counter[str]] = defaultdict(Counter)
    for item in train:
        for turn in questions(item):
            by_text[turn.question.lower()][normal(turn.answer)] += 1
            by_kind[kind_of(turn.question)][normal(turn.answer)] += 1
    return {q: _first(c) for q, c in by_text.items()}, {k: _first(c) for k, c in by_kind.items()}


def _first(counts: Counter[str]) -> str:
    return min(counts, key=lambda value: (-counts[value], value))


def run(job: Job) -> Outcome:
    """Ask what people asked. Raises InputError without such questions, ModelError for a model that does not converse."""
    places = [place for place, item in enumerate(job.items) if questions(item)]
    asked = [(row, turn) for row, place in enumerate(places) for turn in questions(job.items[place])]
    if not asked:
        raise InputError(f"{job.rules.name} needs questions that people made, and {job.rules.source} has none here.")
    said = [normal(r.text) for r in replies(job.model, [(job.items[places[row]], turn.question) for row, turn in asked])]
    wanted = [normal(turn.answer) for _, turn in asked]
    picture, kinds = np.array([row for row, _ in asked]), [kind_of(turn.question) for _, turn in asked]
    metric = _judged(said, wanted, kinds, picture)
    by_text, by_kind = prior(job.train)
    blind = [by_text.get(turn.question.lower(), by_kind.get(kind_of(turn.question), "yes")) for _, turn in asked]
    other = _judged(blind, wanted, kinds, picture)
    gap = paired(lambda w: metric.result(w)["accuracy"], lambda w: other.result(w)["accuracy"], len(places))
    details = {
        "above the question prior": [gap.value, gap.low, gap.high],
        "questions": len(asked),
        "per class": {"prior": {name: share for name, (share, _) in other.metric.per_type().items()}},
    }
    mistakes = [
        Mistake(places[row], f"{turn.question} {turn.answer}", said[k], 0.0)
        for k, (row, turn) in enumerate(asked)
        if said[k] != wanted[k]
    ]
    trivial = {"question prior": other.result()[job.rules.metric]}
    return Outcome(metric, places, "answers in words", trivial, mistakes, details)


def _judged(said: Sequence[str], wanted: Sequence[str], kinds: Sequence[str], picture: NDArray[np.int64]) -> Grouped:
    metric = Answers()
    metric.add([a == b for a, b in zip(said, wanted, strict=True)], kinds, [bool(text) for text in said])
    return Grouped(metric, picture)
