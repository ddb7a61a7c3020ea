"""Sentences on what changed between two dates, and whether they rightly say that anything did, beside those without looking."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglot.core.errors import InputError
from geoglot.data.sample import Sample
from geoglot.evals import baselines, digests
from geoglot.evals.asking import replies
from geoglot.evals.job import Job, Mistake, Outcome
from geoglot.evals.kinds.caption import lenient
from geoglot.evals.kinds.describe import Captions, meteor_of
from geoglot.metrics import released
from geoglot.text.changed import changed

VECTORS = False
CHANGE = "change"  # the class of pairs that changed
COMMON = 5  # times that a word is met in training, below which LEVIR-CC's own scorer knows it not


class Compared:
    """Captions of pairs, and whether they say that there is a change.

    The figures of `Captions` of all pairs, `cider_changed` of those that changed, ``flag`` the share of pairs of which it is
    rightly told whether they did, ``flag_balanced`` the mean of that of both kinds, in per cent; a caption without words is
    wrong and counted as ``unparsed``.
    """

    def __init__(self, answers: Sequence[str], references: Sequence[Sequence[str]], truth: Sequence[bool]) -> None:
        self.captions = Captions(answers, references)
        said = [changed(text) for text in answers]
        self.truth = np.array(truth, bool)
        self.parsed = np.array([one is not None for one in said])
        self.right = np.array([one == wanted for one, wanted in zip(said, truth, strict=True)], float)

    def result(self, weight: NDArray[np.float64] | None = None) -> dict[str, float]:
        """Give the figures; ``weight`` (N,) repeats pairs. NaN for what no pair is of."""
        weight = np.ones(len(self.right)) if weight is None else weight
        some, other = weight * self.truth, weight * ~self.truth
        found = self.captions.result(weight)
        found["cider_changed"] = self.captions.cider.result(some)["cider"] if some.any() else float("nan")
        found["flag"] = _share(self.right, weight)
        found["flag_balanced"] = (_share(self.right, some) + _share(self.right, other)) / 2
        return found | {"unparsed": _share(~self.parsed, weight)}


def _share(hit: NDArray[Any], weight: NDArray[np.float64]) -> float:
    total = float(weight.sum())
    return 100 * float(weight @ hit) / total if total else float("nan")


def run(job: Job) -> Outcome:
    """Have the change of each pair told. Raises InputError without pairs, captions and classes, ModelError."""
    places = [place for place, item in enumerate(job.items) if _fit(item)]
    items, train = [job.items[place] for place in places], [item for item in job.train if _fit(item)]
    if not items or not train:
        raise InputError(
            f"{job.rules.name} needs pairs with captions that changed or did not, here and in the training split of "
            f"{job.rules.source}."
        )
    answers = [reply.text for reply in replies(job.model, [(item, job.rules.ask) for item in items], "compare", job.rules.verb)]
    references, truth = [item.captions for item in items], [item.label == CHANGE for item in items]
    metric, name = Compared(answers, references, truth), job.rules.metric
    found = {label: Compared(texts, references, truth) for label, texts in _others(job, items, train).items()}
    details: dict[str, Any] = {
        "meteor": meteor_of(metric.captions),
        "answers": len(set(answers)),
        "pairs that changed": int(np.sum(truth)),
        "released": lenient(metric.captions) | _rare(metric.captions, train),
        "per class": {f"{label}, flag": {"all": other.result()["flag"]} for label, other in found.items()},
    }
    for label, other in found.items():
        details[f"above {label}"] = baselines.above(metric, other, name, len(items), 300)
    each = metric.captions.cider.scores()
    mistakes = [
        Mistake(places[row], " / ".join(references[row]), answers[row], float(each[row]))
        for row in np.argsort(each, kind="stable").tolist()
        if each[row] < 0.5 or not metric.right[row]
    ]
    scores = {label: other.result()[name] for label, other in found.items()}
    return Outcome(metric, places, "changes told in words", scores, mistakes, details)


def _fit(item: Sample) -> bool:
    return bool(item.captions) and item.label is not None and len(item.pictures) == 2


def _others(job: Job, items: Sequence[Sample], train: Sequence[Sample]) -> dict[str, list[str]]:
    """Captions without words for what is seen: the commonest one, of the training pair that looks most like it, and the commonest
    one of pairs that changed or did not, as plain differencing says."""
    common = baselines.commonest([text for item in train for text in item.captions])
    own, taught = (_thumbs(job, some, label) for some, label in ((items, "hash"), (train, "hash train")))
    apart = [(np.abs(after - before)).mean(1) for before, after in (own, taught)]
    flags = np.array([item.label == CHANGE for item in train])
    levels = np.unique(apart[1])
    level = max(levels.tolist(), key=lambda one: float(((apart[1] >= one) == flags).mean()))
    modal = baselines.modal(train)
    named = {True: modal.get(CHANGE, common), False: next((text for key, text in modal.items() if key != CHANGE), common)}
    pairs, pool = (np.concatenate(both, axis=1) for both in (own, taught))
    near = [int(((pool - one) ** 2).sum(1).argmin()) for one in pairs]
    return {
        "image-blind": [common] * len(items),
        "modal caption of the predicted class": [named[bool(one >= level)] for one in apart[0]],
        "caption of the nearest training pair": [train[place].captions[0] for place in near],
    }


def _thumbs(job: Job, items: Sequence[Sample], label: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Thumbnails (N, 192) of both dates."""
    dates = [[replace(item, pictures=item.pictures[k : k + 1]) for item in items] for k in range(2)]
    before, after = (digests.of(some, job.cache, label).thumbs for some in dates)
    return before, after


def _rare(metric: Captions, train: Sequence[Sample]) -> dict[str, float]:
    """CIDEr-D and BLEU-4 as LEVIR-CC's own scorer has them, to which words that are rare in training are one."""
    many = Counter(word for item in train for text in item.captions for word in text.lower().rstrip(" .").split())
    known = {word for word, count in many.items() if count >= COMMON}
    answers = [released.rare_as_one(text, known) for text in metric.answers]
    references = [[released.rare_as_one(text, known) for text in texts] for texts in metric.references]
    told = Captions(answers, references).result()
    return {f"{label} with rare words as one (LEVIR-CC)": told[key] for label, key in (("BLEU-4", "bleu4"), ("CIDEr-D", "cider"))}
