"""ROUGE-L of captions (Lin and Och 2004), with the figures of `pycocoevalcap`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

BETA = 1.2


class Rouge:
    """Longest common subsequence of words: the best precision and the best recall over references, as one F measure.

    Captions are words with single spaces between them (`geoglot.text.ptb.tokenize`).
    """

    def __init__(self) -> None:
        self.scores: NDArray[np.float64] = np.zeros(0)

    def add(self, answers: Sequence[str], references: Sequence[Sequence[str]]) -> None:
        """Take in an answer and at least one reference for each of I pictures."""
        split = {text: text.split(" ") for text in {*answers, *chain.from_iterable(references)}}
        found = [_score(split[own], [split[text] for text in set(texts)]) for own, texts in zip(answers, references, strict=True)]
        self.scores = np.concatenate([self.scores, found])

    def merge(self, other: Rouge) -> None:
        """Take in the captions of another."""
        self.scores = np.concatenate([self.scores, other.scores])

    def result(self, weight: NDArray[np.float64] | None = None) -> dict[str, float]:
        """Give ``rouge_l`` in [0, 1]; ``weight`` (I,) repeats pictures, as a bootstrap does."""
        return {"rouge_l": float(np.average(self.scores, weights=weight))}


def _score(answer: list[str], references: list[list[str]]) -> float:
    places: dict[str, int] = {}
    for place, word in enumerate(answer):
        places[word] = places.get(word, 0) | 1 << place
    common = [_common(places, len(answer), words) for words in references]
    precision = max(common) / len(answer)
    recall = max(length / len(words) for length, words in zip(common, references, strict=True))
    if not precision or not recall:
        return 0.0
    return (1 + BETA**2) * precision * recall / (recall + BETA**2 * precision)


def _common(places: dict[str, int], length: int, words: list[str]) -> int:
    """Length of the longest common subsequence, all cells of a row at once as bits of one number (Hyyrö 2004).

    ``places`` are the bits where each word of the other sentence, of ``length`` words, stands.
    """
    full = row = (1 << length) - 1
    for word in words:
        if word in places:
            met = row & places[word]
            row = row + met | row - met
    return length - (row & full).bit_count()
