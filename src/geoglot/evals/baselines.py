"""Answers without the model: by chance, the commonest, the same for every image, those of the nearest training thumbnail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from geoglot.data.sample import Sample
from geoglot.evals import digests
from geoglot.evals.job import Job
from geoglot.text.ptb import words


def commonest(values: Sequence[str]) -> str:
    """The value that occurs most, the first by name of several."""
    counts = Counter(values)
    return min(counts, key=lambda value: (-counts[value], value))


def neighbours(job: Job) -> list[Sample] | None:
    """For each item the training item whose thumbnail is nearest; None where the source has no training split here."""
    if not job.train:
        return None
    own = digests.of(job.items, job.cache, "hash")
    taught = digests.of(job.train, job.cache, "hash train")
    if not taught.good.any():
        return None
    return [job.train[i] for i in digests.nearest(own, taught)]


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
