"""Captions: an image-text model says the training caption that is nearest to the picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from geoglot.core.errors import InputError
from geoglot.evals import baselines
from geoglot.evals.job import Job, Mistake, Outcome
from geoglot.metrics import meteor
from geoglot.metrics.bleu import Bleu
from geoglot.metrics.captions import Corpus
from geoglot.metrics.cider import Cider
from geoglot.metrics.rouge import Rouge
from geoglot.text.ptb import tokenize


class Captions:
    """BLEU-1 to 4, ROUGE-L and CIDEr-D of one answer an image."""

    def __init__(self, answers: Sequence[str], references: Sequence[Sequence[str]]) -> None:
        self.answers = [tokenize(text) for text in answers]
        self.references = [[tokenize(text) for text in texts] for texts in references]
        corpus = Corpus.of(self.answers, self.references)
        self.bleu, self.rouge, self.cider = Bleu(), Rouge(), Cider()
        for metric in (self.bleu, self.rouge, self.cider):
            metric.add(self.answers, self.references, corpus)

    def result(self, weight: NDArray[np.float64] | None = None) -> dict[str, float]:
        """Give the figures, in [0, 1] but for CIDEr-D, in [0, 10]; ``weight`` (I,) repeats images."""
        return self.bleu.result(weight) | self.rouge.result(weight) | self.cider.result(weight)


def run(job: Job) -> Outcome:
    """Answer for each picture with captions. Raises InputError without captions here or in the training split."""
    places = [place for place, item in enumerate(job.items) if item.captions]
    taught = list(dict.fromkeys(text for sample in job.train for text in sample.captions))
    if not places or not taught:
        raise InputError(f"{job.rules.name} needs captions, here and in the training split of {job.rules.source}.")
    references = [job.items[place].captions for place in places]
    scores = job.vectors[places] @ job.text(taught).T
    answers = [taught[k] for k in scores.argmax(1).tolist()]
    metric = Captions(answers, references)

    def figure(given: Sequence[str]) -> float:
        return Captions(given, references).result()[job.rules.metric]

    common = baselines.commonest([text for sample in job.train for text in sample.captions])
    found = {"image-blind": figure([common] * len(places))}
    near = baselines.neighbours(job)
    if near is not None:
        found["nearest image's caption"] = figure([(*near[place].captions, common)[0] for place in places])
    each = metric.cider.scores()
    mistakes = [
        Mistake(places[row], " / ".join(dict.fromkeys(references[row])), answers[row], float(each[row]))
        for row in np.argsort(each, kind="stable").tolist()
        if each[row] < 0.5
    ]
    return Outcome(metric, places, "captions found among those of training", found, mistakes, {"meteor": meteor_of(metric)})


def meteor_of(metric: Captions) -> float | str:
    """METEOR of the answers, or what it lacks here."""
    lacking = meteor.missing()
    if lacking is not None:
        return lacking
    program = meteor.Meteor()
    program.add(metric.answers, metric.references)
    return program.result()["meteor"]
