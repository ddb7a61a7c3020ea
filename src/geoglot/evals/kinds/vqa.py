"""Questions with short answers: how many are answered as people did, strictly, in the words of `text.answers.normal`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoglot.core.errors import InputError
from geoglot.data.sample import Sample, Turn
from geoglot.evals.asking import replies
from geoglot.evals.job import Job, Mistake, Outcome
from geoglot.metrics.bootstrap import paired
from geoglot.text.answers import kind_of, normal

VECTORS = False


@dataclass
class Answers:
    """Accuracy over all questions, over kinds of questions, and the mean of the kinds; weights are those of pictures."""

    right: NDArray[np.bool_]
    picture: NDArray[np.int64]
    kind: NDArray[np.str_]

    def result(self, weight: NDArray[np.float64] | None = None) -> dict[str, float]:
        """Give the figures in per cent."""
        each = np.ones(len(self.right)) if weight is None else weight[self.picture]
        kinds = {str(k): _share(self.right, each * (self.kind == k)) for k in np.unique(self.kind)}
        return {"accuracy": _share(self.right, each), "mean": float(np.mean(list(kinds.values()))), **kinds}


def _share(right: NDArray[np.bool_], weight: NDArray[np.float64]) -> float:
    return 100 * float((right * weight).sum() / max(weight.sum(), 1e-9))


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
    picture, kind = np.array([row for row, _ in asked]), np.array([kind_of(turn.question) for _, turn in asked])
    metric = Answers(np.array([a == b for a, b in zip(said, wanted, strict=True)]), picture, kind)
    by_text, by_kind = prior(job.train)
    blind = [by_text.get(turn.question.lower(), by_kind.get(kind_of(turn.question), "yes")) for _, turn in asked]
    other = Answers(np.array([a == b for a, b in zip(blind, wanted, strict=True)]), picture, kind)
    gap = paired(lambda w: metric.result(w)["accuracy"], lambda w: other.result(w)["accuracy"], len(places))
    details = {
        "above the question prior": [gap.value, gap.low, gap.high],
        "questions": len(asked),
        "per class": {"prior": {name: value for name, value in other.result().items() if name not in ("accuracy", "mean")}},
    }
    mistakes = [
        Mistake(places[row], f"{turn.question} {turn.answer}", said[k], 0.0)
        for k, (row, turn) in enumerate(asked)
        if not metric.right[k]
    ]
    trivial = {"question prior": other.result()[job.rules.metric]}
    return Outcome(metric, places, "answers in words", trivial, mistakes, details)
