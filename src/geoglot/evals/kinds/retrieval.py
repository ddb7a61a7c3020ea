"""Caption retrieval both ways."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from geoglot.core.errors import InputError
from geoglot.data.sample import Sample
from geoglot.evals import baselines
from geoglot.evals.job import Floats, Job, Mistake, Outcome
from geoglot.evals.protocol import Text
from geoglot.metrics.recall import MeanRecall
from geoglot.text.sentences import has_direction


def run(job: Job) -> Outcome:
    """Rank captions for pictures and pictures for captions. Raises InputError where no item has a caption."""
    captions = [processed(item, job.rules.text) for item in job.items]
    places = [place for place, texts in enumerate(captions) if texts]
    if not places:
        raise InputError(f"No item of {job.rules.name} has a caption: {job.rules.source} is not a set of captions.")
    texts = [text for place in places for text in captions[place]]
    image = np.repeat(np.arange(len(places)), [len(captions[place]) for place in places])
    table = {text: row for row, text in enumerate(dict.fromkeys(texts))}
    column = np.array([table[text] for text in texts])
    scores = (job.vectors[places] @ job.text(list(table)).T)[:, column]

    def measured(given: NDArray[np.floating]) -> MeanRecall:
        metric = MeanRecall(job.rules.gallery)
        metric.add(given, texts, image)
        return metric

    found = {"chance": measured(np.zeros(scores.shape, np.float32)).result()["mR"]}
    if job.train:
        taught = [caption for sample in job.train for caption in sample.captions]
        if taught:
            blind = baselines.likeness([taught], texts)
            found["image-blind"] = measured(np.repeat(blind, len(places), 0)).result()["mR"]
        near = baselines.neighbours(job)
        if near is not None:
            like = baselines.likeness([near[place].captions for place in places], list(table))[:, column]
            found["nearest image's captions"] = measured(like).result()["mR"]
    details = {"texts": len(texts), "distinct texts": len(table), "gallery": job.rules.gallery}
    term = "image-text retrieval"
    return Outcome(measured(scores), places, term, found, mistakes(scores, texts, image, places), details)


def processed(item: Sample, rules: Text) -> list[str]:
    """The captions of an item after the protocol's rules: the different ones, or repeated in turn up to so many."""
    kept = [text for text in dict.fromkeys(item.captions) if rules.directions or not has_direction(text)]
    if rules.each is not None and kept:
        kept = [kept[i % len(kept)] for i in range(max(rules.each, len(kept)))]
    return [rules.prefix + (text.capitalize() if rules.capitalize else text) for text in kept]


def mistakes(scores: Floats, texts: Sequence[str], image: NDArray[np.int64], places: Sequence[int]) -> list[Mistake]:
    """Pictures whose first text is none of theirs, those furthest off first."""
    found = []
    for row, place in enumerate(places):
        own = np.flatnonzero(image == row).tolist()
        order = np.argsort(-scores[row], kind="stable").tolist()
        if texts[order[0]] not in {texts[i] for i in own}:
            first = list(dict.fromkeys(texts[i] for i in order[:30]))[:3]
            gap = float(scores[row, order[0]] - scores[row, own].max())
            found.append(Mistake(place, " / ".join(dict.fromkeys(texts[i] for i in own)), " / ".join(first), gap))
    return sorted(found, key=lambda mistake: -mistake.gap)
