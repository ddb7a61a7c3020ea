"""Cross-modal recall: which share of queries finds its own partner among the first k."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Gallery = Literal["distinct", "rows", "shared"]


def standing(
    scores: NDArray[np.floating], own: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """For each row of scores (Q, N) with ``own`` (Q, N): how many foreign columns stand above the best own one, how many
    foreign and how many own ones have the very same score as it. Each (Q,)."""
    best = np.where(own, scores, -np.inf).max(axis=1, keepdims=True)
    level = scores == best
    return ((scores > best) & ~own).sum(1), (level & ~own).sum(1), (level & own).sum(1)


def found(scores: NDArray[np.floating], own: NDArray[np.bool_], ks: Sequence[int]) -> NDArray[np.float64]:
    """Give the probability (Q, len(ks)) that an own column is among the first k, equal scores standing in random order.

    One minus the hypergeometric chance that the places left to the level of the best own score all go to foreign columns.
    """
    above, foreign, own_level = standing(scores, own)
    result = np.ones((len(scores), len(ks)))
    for column, k in enumerate(ks):
        room = k - above
        for step in range(int(k)):
            left = np.maximum(foreign - step, 0) / np.maximum(foreign + own_level - step, 1)
            result[:, column] *= np.where(step < room, left, 1.0)
    return 1 - result


class MeanRecall:
    """Recall at 1, 5 and 10 from images to texts and back, in per cent, and their mean ("mR").

    What the gallery of texts holds differs between published scorers, and moves the figures by ten points and more:

    - ``distinct``: every text once. It is right for all images that carry it; each pair of an image and a text is a query
      to the images, where only the pair's own image is right.
    - ``shared``: every text once. It is right for all images that carry it, and as a query finds any of them (SkyScript).
    - ``rows``: every caption of every image, repeats included; only the image's own rows are right, the same words of
      another image are not (CLIP-benchmark, RemoteCLIP, GeoRSCLIP).

    Equal scores count as in random order, so that a constant model gets what chance gives.
    """

    KS = (1, 5, 10)

    def __init__(self, gallery: Gallery = "distinct") -> None:
        self.gallery = gallery
        self.image_hits: list[NDArray[np.float64]] = []
        self.text_hits: list[NDArray[np.float64]] = []
        self.text_owners: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
        self.count = 0
        self.queries = 0

    def add(self, scores: NDArray[np.floating], texts: Sequence[str], image: NDArray[np.int64]) -> None:
        """Take in one gallery: scores (I, T), the T texts and the index of the image that each belongs to.

        Every image needs at least one text.
        """
        pictures, pairs = np.arange(scores.shape[0]), np.arange(len(texts))
        _, first, column = np.unique(np.asarray(texts, dtype=object).astype(str), return_index=True, return_inverse=True)
        if self.gallery == "rows":
            own = image[None, :] == pictures[:, None]
            to_text, to_image, owners = found(scores, own, self.KS), found(scores.T, own.T, self.KS), (pairs, image)
        else:
            own = np.zeros((scores.shape[0], len(first)), dtype=bool)
            own[image, column] = True
            to_text = found(scores[:, first], own, self.KS)
            if self.gallery == "shared":
                # a query of several images is drawn as often as they are on average
                query, owner = np.nonzero(own.T)
                to_image, owners = found(scores[:, first].T, own.T, self.KS), (query, owner)
            else:
                # a text twice with one image is one query
                _, kept = np.unique(np.stack([image, column]), axis=1, return_index=True)
                kept.sort()
                one = image[kept, None] == pictures[None, :]
                to_image, owners = found(scores[:, kept].T, one, self.KS), (np.arange(len(kept)), image[kept])
        self.image_hits.append(to_text)
        self.text_hits.append(to_image)
        self.text_owners.append((owners[0] + self.queries, owners[1] + self.count))
        self.count += scores.shape[0]
        self.queries += len(to_image)

    def merge(self, other: MeanRecall) -> None:
        """Take in the galleries of another."""
        self.image_hits += other.image_hits
        self.text_hits += other.text_hits
        self.text_owners += [(query + self.queries, owner + self.count) for query, owner in other.text_owners]
        self.count += other.count
        self.queries += other.queries

    def result(self, weight: NDArray[np.float64] | None = None) -> dict[str, float]:
        """Give the figures in per cent; ``weight`` (images,) repeats images, as a bootstrap does."""
        weight = np.ones(self.count) if weight is None else weight
        query = np.concatenate([query for query, _ in self.text_owners])
        owner = np.concatenate([owner for _, owner in self.text_owners])
        drawn = np.bincount(query, weight[owner], self.queries) / np.bincount(query, minlength=self.queries)
        a = 100 * np.average(np.concatenate(self.image_hits), axis=0, weights=weight)
        b = 100 * np.average(np.concatenate(self.text_hits), axis=0, weights=drawn)
        figures = {f"i2t@{k}": float(v) for k, v in zip(self.KS, a, strict=True)}
        figures |= {f"t2i@{k}": float(v) for k, v in zip(self.KS, b, strict=True)}
        return figures | {"mR": float(np.mean([*a, *b]))}
