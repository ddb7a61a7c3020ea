"""What BLEU, ROUGE-L and CIDEr-D share: many captions as numbers, their runs of words, and where two of them have one word.

Captions come in words with single spaces between them (`geoglot.text.ptb.tokenize`). Equal captions are numbered once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

LONGEST = 4
WIDE = 64
BLOCK = 1 << 22  # comparisons of words at a time
# The lowest bytes of eight, and the steps of a 64-bit mixing function (the finalizer of MurmurHash3, Appleby 2011)
KEEP = np.array([(1 << 8 * size) - 1 for size in range(9)], np.uint64)
MIX = ((np.uint64(33), np.uint64(0xFF51AFD7ED558CCD)), (np.uint64(33), np.uint64(0xC4CEB9FE1A85EC53)))
Ints = NDArray[np.int64]
Bits = NDArray[Any]  # uint64, or Python's integers for captions of more than 64 words


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

    ``answer`` (I,), ``reference`` (R,) with ``picture`` (R,) in order, ``length`` of every caption in words, ``words`` of all
    captions, one caption after another, as numbers of 64 bits (`_numbers`).
    """

    answer: Ints
    reference: Ints
    picture: Ints
    length: Ints
    words: NDArray[np.uint64]

    @classmethod
    def of(cls, answers: Sequence[str], references: Sequence[Sequence[str]]) -> Corpus:
        """Number the captions and their words."""
        texts = [*answers, *chain.from_iterable(references)]
        table = {text: number for number, text in enumerate(dict.fromkeys(texts))}
        place = np.fromiter(map(table.__getitem__, texts), np.int64, len(texts))
        picture = np.repeat(np.arange(len(answers)), np.fromiter(map(len, references), np.int64, len(references)))
        return cls(place[: len(answers)], place[len(answers) :], picture, *_numbers(table))

    @cached_property
    def grams(self) -> tuple[Counts, ...]:
        """Counts of runs of one to four words."""
        return tuple(_count(self.words, self.length))

    @cached_property
    def pairs(self) -> tuple[Ints, Ints]:
        """The different pairs of a picture (P,), in order, and a reference (P,) of it."""
        key = np.unique(self.picture * len(self.length) + self.reference)
        return key // len(self.length), key % len(self.length)

    def meetings(self, one: Ints, other: Ints) -> Iterator[tuple[Ints, Bits]]:
        """For pairs of captions (P,), give blocks of pairs and bits (L, p): bit j for word i of the other is set where that is
        word j of the one. The pairs of a block are in order."""
        long = self.length[one] > WIDE
        for rows in (np.flatnonzero(~long), np.flatnonzero(long)):
            if len(rows):
                size = int(self.length[one[rows]].max(initial=1)) * int(self.length[other[rows]].max(initial=1))
                step = max(BLOCK // max(size, 1), 1)
                for start in range(0, len(rows), step):
                    part = rows[start : start + step]
                    yield part, _bits(self._padded(one[part], 0, 8), self._padded(other[part], 1))

    def _padded(self, captions: Ints, beyond: int, to: int = 1) -> NDArray[np.uint64]:
        """Words (P, L) of captions, L a multiple of ``to``; what is beyond the last word is a number that no word has."""
        length = self.length[captions]
        most = max(int(length.max(initial=0)), 1)
        column = np.arange(-(-most // to) * to)
        place = np.minimum(self._start[captions][:, None] + column, max(len(self.words) - 1, 0))
        found = self.words[place] if len(self.words) else np.zeros(place.shape, np.uint64)
        found[column >= length[:, None]] = beyond
        return found

    @cached_property
    def _start(self) -> Ints:
        start: Ints = np.r_[0, np.cumsum(self.length)[:-1]]
        return start


def _numbers(texts: Iterable[str]) -> tuple[Ints, NDArray[np.uint64]]:
    """Give the length of each caption in words, and a number for each word.

    Words of up to eight bytes are their own bytes. Longer ones are hashed from eight bytes at a time: two different ones have
    the same number with a chance of about 2^-64.
    """
    # words end at a space, captions at a line's end
    lines = [text if "\n" not in text else " ".join(text.split()) for text in texts]
    data = np.frombuffer((" \n".join(lines) + " \n" + "\0" * 8).encode(), np.uint8)
    end = np.flatnonzero(data[:-8] <= ord(" "))
    start = np.r_[0, end[:-1] + 1]
    size = end - start
    # an end without letters before it is no word: at a line's end, in an empty caption, of a space too many
    line = data[end] == ord("\n")
    words = np.flatnonzero(size > 0)
    caption = (np.cumsum(line) - line)[words]
    start, size = start[words], size[words]
    eight = np.lib.stride_tricks.as_strided(data[:8].view("<u8"), (len(data) - 7,), (1,), writeable=False)
    value = eight[start] & KEEP[np.minimum(size, 8)]
    for done in range(8, int(size.max(initial=0)), 8):
        rows = np.flatnonzero(size > done)
        more = eight[start[rows] + done] & KEEP[np.minimum(size[rows] - done, 8)]
        mixed = value[rows]
        for shift, factor in MIX:
            mixed = (mixed ^ (mixed >> shift)) * factor
        value[rows] = (mixed ^ (mixed >> MIX[0][0])) + more
    return np.bincount(caption, minlength=len(lines)), value


def _bits(one: NDArray[np.uint64], other: NDArray[np.uint64]) -> Bits:
    """Bits (L, P) from words (P, a multiple of eight) and words (P, L)."""
    other = np.ascontiguousarray(other.T)
    shape, width = other.shape, one.shape[1] // 8
    packed = np.packbits((one == other[:, :, None]).reshape(-1), bitorder="little").reshape(*shape, width)
    if width <= WIDE // 8:
        whole = np.zeros((*shape, 8), np.uint8)
        whole[..., :width] = packed
        return whole.view("<u8")[..., 0]
    made = np.empty(shape, object)
    made.ravel()[:] = [int.from_bytes(row.tobytes(), "little") for row in packed.reshape(-1, width)]
    return made


def ones(length: Ints, like: Bits) -> Bits:
    """Numbers (P,) whose lowest bits are set, as many as ``length`` says, in the kind of numbers of ``like``."""
    if like.dtype == object:
        return np.array([(1 << int(size)) - 1 for size in length], object)
    full = ~np.uint64(0) >> (np.uint64(WIDE) - np.maximum(length, 1).astype(np.uint64))
    return np.where(length > 0, full, np.uint64(0))


def how_many(bits: Bits) -> Ints:
    """Count the set bits of each number."""
    if bits.dtype == object:
        return np.array([value.bit_count() for value in bits.ravel()], np.int64).reshape(bits.shape)
    return np.bitwise_count(bits).astype(np.int64)


def _count(words: NDArray[np.uint64], length: Ints) -> Iterator[Counts]:
    known, flat = np.unique(words, return_inverse=True)
    owner = np.repeat(np.arange(len(length)), length)
    begin, run = np.arange(len(flat)), flat
    for size in range(1, LONGEST + 1):
        if size > 1:
            # a run is the run one word shorter that begins it, and its last word; none goes over the end of a caption
            kept = np.flatnonzero(begin + size <= len(flat))
            kept = kept[owner[begin[kept]] == owner[begin[kept] + size - 1]]
            begin = begin[kept]
            _, run = np.unique(run[kept] * len(known) + flat[begin + size - 1], return_inverse=True)
        runs = max(int(run.max(initial=-1)) + 1, 1)
        key, count = np.unique(owner[begin] * runs + run, return_counts=True)
        caption = key // runs
        yield Counts(caption, key % runs, count, np.searchsorted(caption, np.arange(len(length) + 1)), runs)
