"""Several labels an image by name: each label ranks all images."""

from __future__ import annotations

import numpy as np

from geoglot.core.errors import InputError
from geoglot.evals import baselines
from geoglot.evals.job import Job, Mistake, Outcome
from geoglot.evals.kinds.classes import class_vectors
from geoglot.metrics.multilabel import MultiLabel, average_precision


class Ranked(MultiLabel):
    """Mean average precision alone: cosines have no threshold that was fixed beforehand."""

    def result(self, weight: np.ndarray | None = None) -> dict[str, float]:
        """Give ``mAP`` in per cent."""
        return {"mAP": super().result(weight)["mAP"]}


def run(job: Job) -> Outcome:
    """Rank the images for each label. Raises InputError where no item has labels."""
    called = job.rules.called()
    names = list(called)
    places = [place for place, item in enumerate(job.items) if item.labels]
    if not places:
        raise InputError(f"No item of {job.rules.name} has labels.")
    truth = np.array([[name in job.items[place].labels for name in names] for place in places])
    scores = job.vectors[places] @ class_vectors(job, list(called.values())).T
    metric = Ranked()
    metric.add(scores, truth)
    even = Ranked()
    even.add(np.zeros(truth.shape), truth)
    found = {"chance": even.result()["mAP"]}
    near = baselines.neighbours(job)
    if near is not None:
        given = np.array([[name in near[place].labels for name in names] for place in places])
        thumbs = Ranked()
        thumbs.add(given.astype(float), truth)
        found["nearest image"] = thumbs.result()["mAP"]
    details = {
        "labels": {
            name: {"average precision": 100 * average_precision(scores[:, k], truth[:, k]), "n": int(truth[:, k].sum())}
            for k, name in enumerate(names)
        }
    }
    # the best-ranked image of each label that lacks it
    mistakes = []
    for k, name in enumerate(names):
        wrong = np.where(truth[:, k], -np.inf, scores[:, k])
        row = int(wrong.argmax())
        best = float(np.where(truth[:, k], scores[:, k], -np.inf).max())
        mistakes.append(Mistake(places[row], ", ".join(job.items[places[row]].labels), name, float(wrong[row]) - best))
    return Outcome(metric, places, "prompted labelling", found, sorted(mistakes, key=lambda m: -m.gap), details)
