"""CIDEr-D of captions (Vedantam et al. 2015), with the figures of `pycocoevalcap`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from geoglot.metrics.captions import Corpus, Counts

SIGMA = 6.0


class Cider:
    """Likeness of answer and references as bags of rare runs of words, with clipping and a penalty for other lengths.

    How rare a run is comes from the references of all pictures taken in; a bootstrap leaves that as it is. Captions are
    words with single spaces between them (`geoglot.text.ptb.tokenize`).
    """

    def __init__(self) -> None:
        self.answers: list[str] = []
        self.references: list[Sequence[str]] = []
        self._corpus: Corpus | None = None
        self._scores: NDArray[np.float64] | None = None

    def add(self, answers: Sequence[str], references: Sequence[Sequence[str]], corpus: Corpus | None = None) -> None:
        """Take in an answer and at least one reference for each of I pictures; ``corpus`` where they are numbered already."""
        self._corpus = corpus if not self.answers else None
        self._scores = None
        self.answers += answers
        self.references += references

    def merge(self, other: Cider) -> None:
        """Take in the captions of another."""
        self.add(other.answers, other.references)

    def result(self, weight: NDArray[np.float64] | None = None) -> dict[str, float]:
        """Give ``cider``, ten times the mean likeness; ``weight`` (I,) repeats pictures, as a bootstrap does."""
        return {"cider": float(np.average(self.scores(), weights=weight))}

    def scores(self) -> NDArray[np.float64]:
        """Give the score (I,) of each picture's answer."""
        if self._scores is None:
            self._scores = _scores(self._corpus or Corpus.of(self.answers, self.references))
        return self._scores


def _scores(corpus: Corpus) -> NDArray[np.float64]:
    gap = np.maximum(corpus.length[corpus.answer][corpus.picture] - 1, 0) - np.maximum(corpus.length[corpus.reference] - 1, 0)
    alike = np.mean([_alike(corpus, grams) for grams in corpus.grams], axis=0) * np.exp(-(gap**2) / (2 * SIGMA**2))
    many = np.bincount(corpus.picture, minlength=len(corpus.answer))
    scores: NDArray[np.float64] = 10 * np.bincount(corpus.picture, alike, len(corpus.answer)) / many
    return scores


def _alike(corpus: Corpus, grams: Counts) -> NDArray[np.float64]:
    """Clipped cosine (R,) of each reference with its picture's answer, over runs of one length weighted by rarity."""
    runs = max(grams.runs, 1)
    mine, owner = grams.of(corpus.answer)
    theirs, place = grams.of(corpus.reference)
    run = grams.run[theirs]
    given = corpus.picture[place] * runs + run
    seen = np.bincount(np.unique(given) % runs, minlength=runs)
    rarity = np.log(len(corpus.answer)) - np.log(np.maximum(seen, 1))
    value = grams.count * rarity[grams.run]
    norm = np.sqrt(np.bincount(grams.caption, value**2, len(corpus.length)))
    # most runs of references are in no answer at all, of any picture
    asked = np.zeros(runs, bool)
    asked[grams.run[mine]] = True
    some = np.flatnonzero(asked[run])
    theirs, place, given = theirs[some], place[some], given[some]
    # an answer's own runs are in order, as are its pictures: a sorted table
    wanted = owner * runs + grams.run[mine]
    at = np.minimum(np.searchsorted(wanted, given), max(len(wanted) - 1, 0))
    met = wanted[at] == given if len(wanted) else np.zeros(len(given), bool)
    theirs, place, at = theirs[met], place[met], at[met]
    product = np.bincount(place, np.minimum(value[mine[at]], value[theirs]) * value[theirs], len(corpus.reference))
    scale = norm[corpus.answer][corpus.picture] * norm[corpus.reference]
    return product / np.where(scale > 0, scale, 1)
