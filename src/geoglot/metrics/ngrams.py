"""What BLEU and CIDEr-D share: runs of one to four words of many captions, counted all at once.

Captions come in words with single spaces between them (`geoglot.text.ptb.tokenize`). Equal captions are counted once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

LONGEST = 4
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Counts:
    """Runs of one length: entry e says that caption ``caption[e]`` has run ``run[e]`` ``count[e]`` times; sorted by caption.

    ``start`` (captions + 1,) is where each caption's entries begin, ``runs`` how many different runs there are.
    """

    caption: Ints
    run: Ints
    count: Ints
    start: Ints
    runs: int

    def of(self, captions: Ints) -> tuple[Ints, Ints]:
        """Give the entries of a list of captions, one after another, and the place in the list that each belongs to."""
        size = self.start[captions + 1] - self.start[captions]
        place = np.repeat(np.arange(len(captions)), size)
        first = np.repeat(self.start[captions] - np.r_[0, np.cumsum(size)[:-1]], size)
        return first + np.arange(len(place)), place


@dataclass(frozen=True)
class Corpus:
    """One answer for each of I pictures and their references, as numbers of different captions.

    ``answer`` (I,), ``reference`` (R,) with ``picture`` (R,), ``length`` of every caption in words, ``grams`` the counts of
    runs of one to four words.
    """

    answer: Ints
    reference: Ints
    picture: Ints
    length: Ints
    grams: tuple[Counts, ...]

    @classmethod
    def of(cls, answers: Sequence[str], references: Sequence[Sequence[str]]) -> Corpus:
        """Number the captions and count their runs."""
        table: dict[str, int] = {}
        answer = [table.setdefault(text, len(table)) for text in answers]
        reference = [table.setdefault(text, len(table)) for texts in references for text in texts]
        words = [text.split() for text in table]
        length = np.fromiter(map(len, words), np.int64, len(words))
        known = {word: number for number, word in enumerate(dict.fromkeys(chain.from_iterable(words)))}
        flat = np.fromiter(map(known.__getitem__, chain.from_iterable(words)), np.int64, length.sum())
        picture = np.repeat(np.arange(len(answers)), [len(texts) for texts in references])
        grams = tuple(_count(flat, length, max(len(known), 1)))
        return cls(np.array(answer, np.int64), np.array(reference, np.int64), picture, length, grams)


def _count(flat: Ints, length: Ints, words: int) -> list[Counts]:
    owner = np.repeat(np.arange(len(length)), length)
    run, found = flat, []
    for size in range(1, LONGEST + 1):
        if size > 1:
            # a run is the run one word shorter that begins it, and its last word; none goes over the end of a caption
            inside = owner[: len(run) - 1] == owner[size - 1 :] if len(run) else np.zeros(0, bool)
            longer = run[:-1] * words + flat[size - 1 :]
            _, numbers = np.unique(longer[inside], return_inverse=True)
            run = np.full(len(longer), -1)
            run[inside] = numbers
        kept = run >= 0
        runs = int(run.max(initial=-1)) + 1
        key, count = np.unique(owner[: len(run)][kept] * max(runs, 1) + run[kept], return_counts=True)
        caption = key // max(runs, 1)
        start = np.searchsorted(caption, np.arange(len(length) + 1))
        found.append(Counts(caption, key % max(runs, 1), count, start, runs))
    return found
