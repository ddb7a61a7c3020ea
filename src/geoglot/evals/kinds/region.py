"""What a model says of a region that is given by its box, beside sentences without looking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from geoglot import models
from geoglot.core.errors import InputError
from geoglot.data.sample import Sample, Thing
from geoglot.evals import baselines, digests, material
from geoglot.evals.asking import replies
from geoglot.evals.grouped import Grouped
from geoglot.evals.job import Job, Mistake, Outcome
from geoglot.evals.kinds.caption import DUAL, TEMPLATE, lenient
from geoglot.evals.kinds.describe import Captions, meteor_of
from geoglot.geo.boxes import Box
from geoglot.text import codec

VECTORS = False
SYNTAX = "lhrs"  # corners as shares of the sides, for a model that names no syntax of boxes
LEAST = 8  # pixels of a side of what is cut out for the baselines
TAUGHT = 2000  # regions of training, evenly spread, among which the nearest is looked for


class Region(NamedTuple):
    """An object with a sentence about it: its item's place, and itself."""

    place: int
    thing: Thing


def regions(items: Sequence[Sample]) -> list[Region]:
    """The objects that annotators wrote a sentence about."""
    return [Region(place, t) for place, item in enumerate(items) for t in item.things if t.attributes.get("referring")]


def run(job: Job) -> Outcome:
    """Have regions described. Raises InputError without sentences here or in the training split, ModelError."""
    told, taught = regions(job.items), material.spread(regions(job.train), TAUGHT)
    if not told or not taught:
        raise InputError(f"{job.rules.name} needs sentences on objects, here and in the training split of {job.rules.source}.")
    places = sorted({one.place for one in told})
    syntax = getattr(job.model, "codec", "") or SYNTAX
    questions = []
    for one in told:
        item = job.items[one.place]
        box = codec.write([Box.upright(*one.thing.box, frame="unit")], syntax, item.pictures[0].size)
        questions.append((item, job.rules.ask.format(box)))
    answers = [reply.text for reply in replies(job.model, questions, "describe")]
    references = [[one.thing.attributes["referring"]] for one in told]
    row = {place: k for k, place in enumerate(places)}
    picture = np.array([row[one.place] for one in told])
    metric, name = Captions(answers, references), job.rules.metric
    grouped = Grouped(metric, picture)
    found = {label: Grouped(Captions(texts, references), picture) for label, texts in _others(job, told, taught).items()}
    details: dict[str, Any] = {
        "regions": len(told), "meteor": meteor_of(metric), "answers": len(set(answers)), "released": lenient(metric),
    }  # fmt: skip
    for label, other in found.items():
        details[f"above {label}"] = baselines.above(grouped, other, name, len(places), 300)
    each = metric.cider.scores()
    mistakes = [
        Mistake(told[k].place, references[k][0], answers[k], float(each[k]))
        for k in np.argsort(each, kind="stable").tolist()
        if each[k] < 0.5
    ]
    trivial = {label: other.result()[name] for label, other in found.items()}
    return Outcome(grouped, places, "regions described", trivial, mistakes, details)


def _others(job: Job, told: Sequence[Region], taught: Sequence[Region]) -> dict[str, list[str]]:
    """Without looking: the commonest sentence. Of the region alone: that of the class that an image-text model predicts, and
    of the training region that looks most like it."""
    pool = [replace(_cut(job.train, one), captions=(one.thing.attributes["referring"],), label=one.thing.name) for one in taught]
    own = [_cut(job.items, one) for one in told]
    common, modal = baselines.commonest([item.captions[0] for item in pool]), baselines.modal(pool)
    dual = models.load(DUAL)
    vectors, kept, _ = material.vectors(dual, own, job.rules.prepare, job.cache)
    words = dual.text([TEMPLATE.format(name.replace("-", " ")) for name in modal]).float().cpu().numpy()
    said = [common] * len(told)
    for place, best in zip(kept, (vectors @ words.T).argmax(1).tolist(), strict=True):
        said[place] = list(modal.values())[best]
    near = digests.nearest(digests.of(own, job.cache, "hash"), digests.of(pool, job.cache, "hash train"))
    return {
        "image-blind": [common] * len(told),
        "modal sentence of the predicted class": said,
        "sentence of the nearest training region": [pool[k].captions[0] for k in near],
    }


def _cut(items: Sequence[Sample], one: Region) -> Sample:
    """What the box holds, as a picture."""
    item = items[one.place]
    picture = item.pictures[0]
    height, width = picture.size
    left, top, right, bottom = one.thing.box
    high, wide = (min(max(round(share * size), LEAST), size) for share, size in ((bottom - top, height), (right - left, width)))
    row, col = min(max(round(top * height), 0), height - high), min(max(round(left * width), 0), width - wide)
    return Sample(f"{item.id}@{row},{col},{high},{wide}", item.source, (replace(picture, window=(row, col, high, wide)),))
