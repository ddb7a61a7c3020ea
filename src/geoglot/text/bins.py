"""Numbers in bins, as RSVQA counts and areas are compared (Lobry et al. 2020, arXiv 2003.07333): 0, up to 10, 100, 1000, more."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence

from geoglot.text.asking import number

BINS = (0, 10, 100, 1000)


def binned(value: float, bounds: Sequence[int] = BINS) -> int:
    """The bin of a number, by the upper bounds of all but the last."""
    return bisect_left(bounds, value)


def bin_of(text: str, bounds: Sequence[int] = BINS) -> int | None:
    """The bin of the number that an answer gives, or which it names ("between 10 and 100", "more than 1000m2"), else None."""
    plain = re.sub(r"(?<=\d)\s*(?:m2|m²|sqm|square met(?:re|er)s)(?!\w)", " ", text.lower()).replace(",", "")
    if found := re.search(r"(?:more than|over|above|>)\s*(\d+)", plain):
        return len(bounds) if int(found[1]) == bounds[-1] else None
    if found := re.search(r"(\d+)\s*(?:-|–|to|and)\s*(\d+)", plain):
        low, high = int(found[1]), int(found[2])
        place = bounds.index(high) if high in bounds[1:] else None
        return place if place is not None and low - bounds[place - 1] in (0, 1) else None
    told = number(plain)
    return None if told is None else binned(told, bounds)
