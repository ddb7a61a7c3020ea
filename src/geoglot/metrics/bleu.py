"""BLEU-1 to BLEU-4 of captions (Papineni et al. 2002), with the figures of `pycocoevalcap`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from geoglot.metrics.captions import LONGEST, Bits, Corpus, how_many

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
        """Take in an answer and at least one reference for each of I pictures; ``corpus`` where they are numbered already."""
        corpus = Corpus.of(answers, references) if corpus is None else corpus
        self.right = np.concatenate([self.right, _clipped(corpus)])
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


def _clipped(corpus: Corpus) -> NDArray[np.float64]:
    """How many runs (I, 4) of each answer are in its references, each at most as often as in the reference that has most of it.

    Bit j of a number stands for the run that begins at word j of the answer; level k of a caption has it set where the
    caption has that run more than k times.
    """
    right = np.zeros((len(corpus.answer), LONGEST))
    picture, reference = corpus.pairs
    met = [
        (picture[part], [_levels(runs) for runs in _runs(bits)])
        for part, bits in corpus.meetings(corpus.answer[picture], reference)
    ]
    for pictures, bits in corpus.meetings(corpus.answer, corpus.answer):
        for size, runs in enumerate(_runs(bits)):
            mine = _levels(runs)
            for k, level in enumerate(mine):
                theirs = np.zeros(len(corpus.answer), level.dtype)
                for owner, levels in met:
                    # answers of more than 64 words have blocks, and a kind of numbers, of their own
                    if k < len(levels[size]) and levels[size][k].dtype == level.dtype:
                        first = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]])
                        theirs[owner[first]] |= np.bitwise_or.reduceat(levels[size][k], first)
                right[pictures, size] += how_many(level & theirs[pictures] & ~_later(runs))
    return right


def _runs(bits: Bits) -> list[Bits]:
    """From bits (L, P) of words that meet, those of runs of one to four words."""
    found = [bits]
    for size in range(1, LONGEST):
        last = found[-1]
        found.append(last[: max(len(last) - 1, 0)] & bits[size:] >> (size if bits.dtype == object else np.uint64(size)))
    return found


def _levels(bits: Bits) -> list[Bits]:
    """Levels (P,) of counts over the first axis: the first is set where there is one, the next where there are two ..."""
    levels: list[Bits] = []
    for more in bits:
        for k, level in enumerate(levels):
            levels[k], more = level | more, level & more
        if more.any():
            levels.append(more)
    return levels


def _later(bits: Bits) -> Bits:
    """Of answers against themselves (L, P): the runs (P,) that an earlier word began already."""
    found = np.zeros(bits.shape[1], bits.dtype)
    for column, row in enumerate(bits):
        upto = (2 << column) - 1
        beyond = ~upto if bits.dtype == object else ~np.uint64(upto)
        found = found | (row & beyond)
    return found


def _closest(corpus: Corpus) -> NDArray[np.float64]:
    """The length of the reference that is nearest to the answer's, the shorter one of two."""
    length = corpus.length[corpus.reference]
    # both in one number, the gap first; lengths are below this scale
    scale = int(corpus.length.max(initial=0)) + 1
    key = np.abs(length - corpus.length[corpus.answer][corpus.picture]) * scale + length
    first = np.flatnonzero(np.r_[True, corpus.picture[1:] != corpus.picture[:-1]])
    return (np.minimum.reduceat(key, first) % scale).astype(np.float64)
