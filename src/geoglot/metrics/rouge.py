"""ROUGE-L of captions (Lin and Och 2004), with the figures of `pycocoevalcap`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from geoglot.metrics.captions import Corpus, how_many, ones

BETA = 1.2


class Rouge:
    """Longest common subsequence of words: the best precision and the best recall over references, as one F measure.

    Captions are words with single spaces between them (`geoglot.text.ptb.tokenize`).
    """

    def __init__(self) -> None:
        self.scores: NDArray[np.float64] = np.zeros(0)

    def add(self, answers: Sequence[str], references: Sequence[Sequence[str]], corpus: Corpus | None = None) -> None:
        """Take in an answer and at least one reference for each of I pictures; ``corpus`` where they are numbered already."""
        corpus = Corpus.of(answers, references) if corpus is None else corpus
        picture, reference = corpus.pairs
        answer = corpus.answer[picture]
        common = _common(corpus, answer, reference)
        # an empty caption is one empty word to pycocoevalcap, which only another one has
        first = np.flatnonzero(np.r_[True, picture[1:] != picture[:-1]])
        precision = np.maximum.reduceat(common / np.maximum(corpus.length[answer], 1), first)
        recall = np.maximum.reduceat(common / np.maximum(corpus.length[reference], 1), first)
        both = recall + BETA**2 * precision
        scores = (1 + BETA**2) * precision * recall / np.where(both > 0, both, 1)
        self.scores = np.concatenate([self.scores, scores])

    def merge(self, other: Rouge) -> None:
        """Take in the captions of another."""
        self.scores = np.concatenate([self.scores, other.scores])

    def result(self, weight: NDArray[np.float64] | None = None) -> dict[str, float]:
        """Give ``rouge_l`` in [0, 1]; ``weight`` (I,) repeats pictures, as a bootstrap does."""
        return {"rouge_l": float(np.average(self.scores, weights=weight))}


def _common(corpus: Corpus, answer: NDArray[np.int64], reference: NDArray[np.int64]) -> NDArray[np.int64]:
    """Lengths (P,) of longest common subsequences, all cells of a row at once as bits of one number (Hyyrö 2004)."""
    found: NDArray[np.int64] = ((corpus.length[answer] == 0) & (corpus.length[reference] == 0)).astype(np.int64)
    for rows, bits in corpus.meetings(answer, reference):
        length = corpus.length[answer[rows]]
        full = ones(length, bits)
        row = full
        for places in bits:
            met = row & places
            row = (row + met) | (row - met)
        found[rows] += length - how_many(row & full)
    return found
