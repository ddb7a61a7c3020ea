"""Captions that a model says, beside the modal caption of the predicted class, retrieved ones, and the commonest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from geoglot import models
from geoglot.core.errors import InputError
from geoglot.evals import baselines, material
from geoglot.evals.asking import replies
from geoglot.evals.job import Job, Mistake, Outcome
from geoglot.evals.kinds.describe import Captions, meteor_of
from geoglot.metrics import released

VECTORS = False
DUAL = "nano"  # whose vectors and classes the baselines take
TEMPLATE = "a satellite photo of {}."


def run(job: Job) -> Outcome:
    """Have each picture described. Raises InputError without captions here or in the training split, ModelError."""
    places = [place for place, item in enumerate(job.items) if item.captions]
    items, train = [job.items[place] for place in places], [item for item in job.train if item.captions]
    if not items or not train:
        raise InputError(f"{job.rules.name} needs captions, here and in the training split of {job.rules.source}.")
    answers = [reply.text for reply in replies(job.model, [(item, job.rules.ask) for item in items], "describe")]
    references = [item.captions for item in items]
    metric, name = Captions(answers, references), job.rules.metric
    others = _others(job, items, train)
    found = {label: Captions(texts, references) for label, texts in others.items()}
    each = metric.cider.scores()
    mistakes = [
        Mistake(places[row], " / ".join(references[row]), answers[row], float(each[row]))
        for row in np.argsort(each, kind="stable").tolist()
        if each[row] < 0.5
    ]
    details: dict[str, Any] = {"meteor": meteor_of(metric), "answers": len(set(answers))}
    details["released"] = lenient(metric)
    for label, other in found.items():
        details[f"above {label}"] = baselines.above(metric, other, name, len(items), 300)
    trivial = {label: other.result()[name] for label, other in found.items()}
    return Outcome(metric, places, "captions written by the model", trivial, mistakes, details)


def lenient(metric: Captions) -> dict[str, float]:
    """What released scorers make of the captions."""
    return {
        "mean ROUGE-L over references (EarthDial)": released.mean_rouge(metric.answers, metric.references),
        "BLEU-4 of characters (RSThinker)": released.character_bleu(metric.answers, metric.references),
    }


def _others(job: Job, items: Sequence[Any], train: Sequence[Any]) -> dict[str, list[str]]:
    """Captions without writing: of the class that an image-text model predicts, of the training picture most like this one."""
    common = baselines.commonest([text for item in train for text in item.captions])
    made = {"image-blind": [common] * len(items)}
    dual = models.load(DUAL)
    own, kept, _ = material.vectors(dual, items, job.rules.prepare, job.cache)
    taught, some, _ = material.vectors(dual, train, job.rules.prepare, job.cache)
    called = {label: phrases[0] for label, phrases in job.rules.card().classes.items()}
    if called:
        words = dual.text([TEMPLATE.format(name) for name in called.values()]).float().cpu().numpy()
        modal, labels = baselines.modal(train), list(called)
        made["modal caption of the predicted class"] = [common] * len(items)
        for row, place in enumerate(kept):
            predicted = labels[int((words @ own[row]).argmax())]
            made["modal caption of the predicted class"][place] = modal.get(predicted, common)
    made["caption of the nearest training picture"] = [common] * len(items)
    for row, place in enumerate(kept):
        near = train[some[int((taught @ own[row]).argmax())]]
        made["caption of the nearest training picture"][place] = near.captions[0]
    return made
