"""BLEU-1 to BLEU-4 of captions (Papineni et al. 2002), with the figures of `pycocoevalcap`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from geoglot.metrics.ngrams import LONGEST, Corpus

# pycocoevalcap's guards against division by zero, part of its figures
SMALL, TINY = 1e-9, 1e-15


class Bleu:
    """Clipped precision of runs of words, pooled over pictures, with the brevity penalty of the closest reference length.

    Captions are words with single spaces between them (`geoglot.text.ptb.tokenize`).
    """

    def __init__(self) -> None:
        self.right: NDArray[np.float64] = np.zeros((0, LONGEST))
        self.length: NDArray[np.float64] = np.zeros((0, 2))

    def add(self, answers: Sequence[str], references: Sequence[Sequence[str]], corpus: Corpus | None = None) -> None:
        """Take in an answer and at least one reference for each of I pictures; ``corpus`` where they are counted already."""
        corpus = Corpus.of(answers, references) if corpus is None else corpus
        right = np.stack([_clipped(corpus, size) for size in range(LONGEST)], 1)
        self.right = np.concatenate([self.right, right])
        self.length = np.concatenate([self.length, np.stack([corpus.length[corpus.answer], _closest(corpus)], 1)])

    def merge(self, other: Bleu) -> None:
        """Take in the captions of another."""
        self.right = np.concatenate([self.right, other.right])
        self.length = np.concatenate([self.length, other.length])

    def result(self, weight: NDArray[np.float64] | None = None) -> dict[str, float]:
        """Give ``bleu1`` to ``bleu4`` in [0, 1]; ``weight`` (I,) repeats pictures, as a bootstrap does."""
        weight = np.ones(len(self.right)) if weight is None else weight
        guess = np.maximum(self.length[:, :1] - np.arange(LONGEST), 0)
        precision = (weight @ self.right + TINY) / (weight @ guess + SMALL)
        answer, reference = weight @ self.length
        ratio = (answer + TINY) / (reference + SMALL)
        penalty = np.exp(1 - 1 / ratio) if ratio < 1 else 1.0
        values = np.cumprod(precision) ** (1 / np.arange(1, LONGEST + 1)) * penalty
        return {f"bleu{size + 1}": float(value) for size, value in enumerate(values)}


def _clipped(corpus: Corpus, size: int) -> NDArray[np.float64]:
    """How many runs of each answer are in its references, each at most as often as in the reference that has most of it."""
    grams = corpus.grams[size]
    mine, picture = grams.of(corpus.answer)
    # a reference that a picture has twice adds nothing
    pairs = np.unique(corpus.picture * len(corpus.length) + corpus.reference)
    theirs, place = grams.of(pairs % len(corpus.length))
    runs = max(grams.runs, 1)
    # an answer's own runs are in order, as are its pictures: a sorted table
    wanted = picture * runs + grams.run[mine]
    given = (pairs // len(corpus.length))[place] * runs + grams.run[theirs]
    if not len(wanted):
        return np.zeros(len(corpus.answer))
    at = np.minimum(np.searchsorted(wanted, given), len(wanted) - 1)
    met = wanted[at] == given
    most = np.zeros(len(wanted), np.int64)
    np.maximum.at(most, at[met], grams.count[theirs[met]])
    return np.bincount(picture, np.minimum(most, grams.count[mine]), len(corpus.answer)).astype(np.float64)


def _closest(corpus: Corpus) -> NDArray[np.float64]:
    """The length of the reference that is nearest to the answer's, the shorter one of two."""
    length = corpus.length[corpus.reference]
    gap = np.abs(length - corpus.length[corpus.answer][corpus.picture])
    order = np.lexsort((length, gap, corpus.picture))
    _, first = np.unique(corpus.picture[order], return_index=True)
    return length[order][first].astype(np.float64)
