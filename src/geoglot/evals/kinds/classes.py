"""Classes by name: the class whose prompts are nearest to the picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from geoglot.core.errors import InputError
from geoglot.evals import baselines
from geoglot.evals.job import Floats, Job, Mistake, Outcome
from geoglot.evals.protocol import Protocol
from geoglot.metrics.accuracy import Accuracy
from geoglot.metrics.calibration import Calibration
from geoglot.models.record import Record


def run(job: Job) -> Outcome:
    """Rank the class names for each picture. Raises InputError where no item has one of the classes."""
    called = wanted_classes(job.rules, job.record)
    names = list(called)
    places = [place for place, item in enumerate(job.items) if item.label in called]
    if not places:
        raise InputError(f"No item of {job.rules.name} has one of its {len(names)} classes: take another split or more items.")
    truth = np.array([names.index(str(job.items[place].label)) for place in places])
    vectors = job.vectors[places]
    scores = vectors @ class_vectors(job, list(called.values())).T
    ranking = np.argsort(-scores, axis=1, kind="stable")
    metric = Accuracy()
    metric.add(ranking, truth)
    trust = Calibration()
    logits = job.rules.scale * scores.astype(np.float64)
    probability = np.exp(logits - logits.max(1, keepdims=True))
    trust.add(probability / probability.sum(1, keepdims=True), truth)
    unseen = [name for name in names if is_unseen(name, called[name], job.rules, job.record)]
    details = {
        "classes": {names[k]: {"accuracy": share, "n": n} for k, (share, n) in metric.per_class().items()},
        "calibration": trust.result() | {"scale": job.rules.scale, "bins": [vars(b) for b in trust.reliability()]},
        "confusions": confusions(truth, ranking[:, 0], names),
        "unseen": unseen,
        "top": {"seen": _part(truth, ranking, names, unseen, False), "unseen": _part(truth, ranking, names, unseen, True)},
    }
    return Outcome(
        metric,
        places,
        term(len(names), len(unseen), job.record),
        trivial(job, places, truth, names),
        mistakes(job, places, truth, ranking, scores, list(called.values())),
        details,
    )


def wanted_classes(rules: Protocol, record: Record | None) -> dict[str, str]:
    """The classes that are asked for, with what each is called. Raises InputError where none is unseen, or nobody knows."""
    called = rules.called()
    if rules.among == "all":
        return called
    if record is None:
        raise InputError(f"{rules.name} asks for classes that the model was not taught, and its training record is not known.")
    kept = {name: words for name, words in called.items() if is_unseen(name, words, rules, record)}
    if len(kept) < 2:
        raise InputError(
            f"{rules.name} asks for classes that the model was not taught, and {record.model} was taught all but {len(kept)} of "
            f"{len(called)}: take a model whose training kept some out."
        )
    return kept


def is_unseen(name: str, words: str, rules: Protocol, record: Record | None) -> bool:
    """Whether a class was kept out of training: by label in its own source, by its words in a source that was not taught."""
    if record is None:
        return False
    taught = record.sources.get(rules.source)
    if taught is not None:
        return name in taught.unseen
    return words.lower() not in record.taught_words()


def term(count: int, unseen: int, record: Record | None) -> str:
    """What the result may be called."""
    if record is None:
        return "prompted classification (whether the classes were in training is not known)"
    if not unseen:
        return "prompted classification of seen classes"
    if unseen == count:
        return "zero-shot classification (no class was in training)"
    return f"prompted classification of {count - unseen} seen and {unseen} unseen classes"


def class_vectors(job: Job, names: Sequence[str]) -> Floats:
    """Unit vectors (C, D): the mean over prompts of unit vectors, at length one."""
    prompts = job.rules.prompts()
    found = job.text([prompt.replace("{}", name) for name in names for prompt in prompts])
    return averaged(found, len(prompts))


def averaged(vectors: Floats, prompts: int) -> Floats:
    """Average unit vectors (C * P, D) of P prompts a class to unit vectors (C, D)."""
    mean = vectors.reshape(-1, prompts, vectors.shape[1]).mean(1)
    result: Floats = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    return result


def trivial(job: Job, places: Sequence[int], truth: NDArray[np.int64], names: Sequence[str]) -> dict[str, float]:
    """Accuracy of guessing evenly, of the commonest class of training (image-blind) and here, and of the nearest thumbnail."""
    found = {"chance": 100 / len(names), "majority": 100 * float(np.bincount(truth).max()) / len(truth)}
    taught = [str(sample.label) for sample in job.train if sample.label in names]
    if taught:
        blind = names.index(baselines.commonest(taught))
        found["image-blind"] = 100 * float(np.mean(truth == blind))
    near = baselines.neighbours(job)
    if near is not None:
        label = [near[place].label for place in places]
        found["nearest image"] = 100 * float(np.mean([names[t] == given for t, given in zip(truth, label, strict=True)]))
    return found


def mistakes(
    job: Job, places: Sequence[int], truth: NDArray[np.int64], ranking: NDArray[np.int64], scores: Floats, words: Sequence[str]
) -> list[Mistake]:
    """Wrong answers, the surest first."""
    rows = np.flatnonzero(ranking[:, 0] != truth)
    gap = scores[rows, ranking[rows, 0]] - scores[rows, truth[rows]]
    order = np.argsort(-gap, kind="stable")
    return [
        Mistake(places[rows[i]], words[truth[rows[i]]], ", ".join(words[k] for k in ranking[rows[i], :3]), float(gap[i]))
        for i in order
    ]


def confusions(
    truth: NDArray[np.int64], answer: NDArray[np.int64], names: Sequence[str], most: int = 10
) -> list[dict[str, object]]:
    """The commonest wrong answers: wanted, given, how often."""
    pairs = Counter((int(t), int(a)) for t, a in zip(truth, answer, strict=True) if t != a)
    ordered = sorted(pairs.items(), key=lambda row: (-row[1], row[0]))[:most]
    return [{"wanted": names[t], "given": names[a], "n": n} for (t, a), n in ordered]


def _part(
    truth: NDArray[np.int64], ranking: NDArray[np.int64], names: Sequence[str], unseen: Sequence[str], wanted: bool
) -> dict[str, float] | None:
    """Accuracy over the items of seen or unseen classes, where there are both."""
    rows = np.array([(names[t] in unseen) == wanted for t in truth])
    if not rows.any() or rows.all():
        return None
    part = Accuracy()
    part.add(ranking[rows], truth[rows])
    return part.result() | {"n": float(rows.sum())}
