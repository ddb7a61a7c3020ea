"""Of several sentences the one that the others agree with most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from geoglot.text.ptb import words

LONGEST = 4


def agreed(texts: Sequence[str], merit: Sequence[float] | None = None) -> str:
    """The text whose runs of one to four words are, on average, shared most with the other texts (the first of equals).

    ``merit`` is added to the mean likeness of each: a mean log chance, say.

    Likeness is the mean over lengths of the cosine of counts: CIDEr (Vedantam et al. 2015) without rarities, as a measure of
    risk (Kumar and Byrne 2004, "Minimum Bayes-Risk decoding"). Raises ValueError for no text.
    """
    counts = Counter(texts)
    distinct = list(counts)
    bags = [_bags(text) for text in distinct]
    own = dict(zip(texts, merit or [0.0] * len(texts), strict=True))
    scores = [
        (sum(counts[other] * _alike(bag, bags[k]) for k, other in enumerate(distinct) if other != text) + counts[text] - 1)
        / max(len(texts) - 1, 1)
        + own[text]
        for text, bag in zip(distinct, bags, strict=True)
    ]
    return distinct[max(range(len(distinct)), key=lambda k: (scores[k], -k))]


def _bags(text: str) -> list[Counter[tuple[str, ...]]]:
    said = words(text)
    return [Counter(tuple(said[k : k + size]) for k in range(len(said) - size + 1)) for size in range(1, LONGEST + 1)]


def _alike(one: Sequence[Counter[tuple[str, ...]]], other: Sequence[Counter[tuple[str, ...]]]) -> float:
    total = 0.0
    for a, b in zip(one, other, strict=True):
        norm = (sum(v * v for v in a.values()) * sum(v * v for v in b.values())) ** 0.5
        total += sum(min(v, b[run]) * b[run] for run, v in a.items() if run in b) / norm if norm else 0.0
    return total / LONGEST
