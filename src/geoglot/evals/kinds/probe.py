"""A linear head on frozen features: of the whole training split, or of a few examples a class, drawn several times."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from geoglot.core.errors import InputError
from geoglot.evals import material
from geoglot.evals.job import Floats, Job, Mistake, Outcome
from geoglot.evals.kinds.classes import confusions, trivial
from geoglot.nn.heads import fit_linear


class Draws:
    """Mean accuracy over draws, in per cent, for each number of examples; the headline is that of the largest number."""

    def __init__(self, right: dict[str, NDArray[np.bool_]]) -> None:
        self.right = right

    def result(self, weight: NDArray[np.float64] | None = None) -> dict[str, float]:
        """Give the figures; ``weight`` (N,) repeats items."""
        found = {name: 100 * float(np.average(right.mean(0), weights=weight)) for name, right in self.right.items()}
        return {"accuracy": list(found.values())[-1]} | (found if len(found) > 1 else {})


def run(job: Job) -> Outcome:
    """Fit on the training split and answer for each item. Raises InputError without a training split."""
    names = sorted({str(item.label) for item in job.items if item.label is not None})
    taught = [item for item in job.train if item.label in names]
    if len({item.label for item in taught}) < len(names):
        raise InputError(f"{job.rules.name} fits a head on the training split of {job.rules.source}, which lacks classes here.")
    places = [place for place, item in enumerate(job.items) if item.label is not None]
    truth = np.array([names.index(str(job.items[place].label)) for place in places])
    vectors, kept, _ = material.vectors(job.model, taught, job.rules.prepare, job.cache, "look at train")
    y = np.array([names.index(str(taught[place].label)) for place in kept])
    x = job.vectors[places]
    right: dict[str, NDArray[np.bool_]] = {}
    spread: dict[str, float] = {}
    answer = truth
    for shots in job.rules.shots or (0,):
        name = f"{shots} shot" if shots else "accuracy"
        rows = []
        for draw in range(job.rules.draws if shots else 1):
            chosen = drawn(y, shots, draw) if shots else np.arange(len(y))
            answer = _answers(vectors[chosen], y[chosen], x, len(names), job.rules.l2)
            rows.append(answer == truth)
        right[name] = np.array(rows)
        spread[name] = 100 * float(right[name].mean(1).std(ddof=1)) if len(rows) > 1 else 0.0
    wrong = [Mistake(places[i], names[truth[i]], names[answer[i]], 0.0) for i in np.flatnonzero(answer != truth)]
    details = {
        "standard deviation over draws": spread,
        "l2": job.rules.l2,
        "taught": len(y),
        "confusions": confusions(truth, answer, names),
    }
    term = "few-shot classification on frozen features" if job.rules.shots else "linear probe on frozen features"
    return Outcome(Draws(right), places, term, trivial(job, places, truth, names), wrong, details)


def drawn(y: NDArray[np.int64], shots: int, draw: int) -> NDArray[np.int64]:
    """Places of so many examples of each class (all where a class has fewer); same draw, same places."""
    rng = np.random.default_rng([draw, shots])
    found: Sequence[NDArray[np.int64]] = [rng.permutation(np.flatnonzero(y == k))[:shots] for k in range(int(y.max()) + 1)]
    return np.sort(np.concatenate(found))


def _answers(x: Floats, y: NDArray[np.int64], held: Floats, classes: int, l2: float) -> NDArray[np.int64]:
    answer: NDArray[np.int64] = fit_linear(x, y, classes, l2).logits(held).argmax(1)
    return answer
