"""Answers without the model: by chance, the commonest, the same for every image, those of the nearest training thumbnail."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from geoglot.data.sample import Sample
from geoglot.evals import digests
from geoglot.evals.job import Job, Weighted
from geoglot.metrics.bootstrap import paired
from geoglot.text.ptb import words


def commonest(values: Sequence[str]) -> str:
    """The value that occurs most, the first by name of several."""
    counts = Counter(values)
    return min(counts, key=lambda value: (-counts[value], value))


def modal(train: Sequence[Sample]) -> dict[str, str]:
    """The commonest caption of each class."""
    by_class: dict[str, list[str]] = defaultdict(list)
    for item in train:
        by_class[str(item.label)] += item.captions
    return {label: commonest(texts) for label, texts in by_class.items() if texts}


class Prior:
    """The commonest answer to what is asked, and to its kind where it was not asked in training: answers without looking."""

    def __init__(self, taught: Iterable[tuple[str, str, str]], other: str) -> None:
        by_key: dict[str, list[str]] = defaultdict(list)
        by_kind: dict[str, list[str]] = defaultdict(list)
        for key, kind, answer in taught:
            by_key[key].append(answer)
            by_kind[kind].append(answer)
        self.by_key = {key: commonest(answers) for key, answers in by_key.items()}
        self.by_kind = {kind: commonest(answers) for kind, answers in by_kind.items()}
        self.other = other

    def __call__(self, key: str, kind: str) -> str:
        """The answer; ``other`` where no such thing was asked."""
        return self.by_key.get(key, self.by_kind.get(kind, self.other))


def above(metric: Weighted, other: Weighted, name: str, count: int, draws: int = 1000) -> list[float]:
    """How far a figure lies above another's on the same pictures, and the bounds of the paired interval."""
    gap = paired(lambda weight: metric.result(weight)[name], lambda weight: other.result(weight)[name], count, draws)
    return [gap.value, gap.low, gap.high]


def neighbours(job: Job, among: Sequence[Sample] | None = None) -> list[Sample] | None:
    """For each item the training item (or that ``among`` some) whose thumbnail is nearest; None where there is none here."""
    train = job.train if among is None else among
    if not train:
        return None
    own = digests.of(job.items, job.cache, "hash")
    taught = digests.of(train, job.cache, "hash train")
    if not taught.good.any():
        return None
    return [train[i] for i in digests.nearest(own, taught)]


def likeness(texts: Sequence[Sequence[str]], gallery: Sequence[str]) -> NDArray[np.float32]:
    """Cosine (Q, T) of bags of words weighted by rarity in the gallery: each query is several texts at once."""
    bags = [Counter(words(text)) for text in gallery]
    table = {word: place for place, word in enumerate(sorted({word for bag in bags for word in bag}))}
    rare = np.zeros(len(table), np.float32)
    for bag in bags:
        rare[[table[word] for word in bag]] += 1
    rare = (np.log(len(gallery) / np.maximum(rare, 1)) + 1e-3).astype(np.float32)
    queries = [Counter(word for text in group for word in words(text) if word in table) for group in texts]
    alike: NDArray[np.float32] = _unit(queries, table, rare) @ _unit(bags, table, rare).T
    return alike


def _unit(bags: Sequence[Counter[str]], table: dict[str, int], rare: NDArray[np.float32]) -> NDArray[np.float32]:
    found = np.zeros((len(bags), len(table)), np.float32)
    for row, bag in enumerate(bags):
        for word, count in bag.items():
            found[row, table[word]] = count
    found *= rare
    unit: NDArray[np.float32] = found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-6)
    return unit
