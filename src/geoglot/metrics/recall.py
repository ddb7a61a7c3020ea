"""Cross-modal recall: which share of queries finds its own partner among the first k."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def ranks(scores: NDArray[np.floating], own: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Give the rank (0 is best) of the best own column for each row of scores (Q, N), with ``own`` (Q, N).

    Foreign columns with the very same score count half, so that a constant model ranks in the middle.
    """
    best = np.where(own, scores, -np.inf).max(axis=1, keepdims=True)
    foreign = ~own
    found: NDArray[np.float64] = ((scores > best) & foreign).sum(axis=1) + 0.5 * ((scores == best) & foreign).sum(axis=1)
    return found


class MeanRecall:
    """Recall at 1, 5 and 10 from images to texts and back, in per cent, and their mean ("mR").

    `add` takes scores (images, texts) and the image of each text. Texts must be distinct within an image. Where several
    images carry the same text, each is right for it from image to text; from text to image only the own one is.
    """

    KS = (1, 5, 10)

    def __init__(self) -> None:
        self.image_hits: list[NDArray[np.float64]] = []
        self.text_hits: list[NDArray[np.float64]] = []
        self.text_image: list[NDArray[np.int64]] = []
        self.count = 0

    def add(self, scores: NDArray[np.floating], texts: Sequence[str], image: NDArray[np.int64]) -> None:
        """Take in one gallery: scores (I, T), the T texts and the index of the image that each belongs to."""
        names, column = np.unique(np.asarray(texts, dtype=object).astype(str), return_inverse=True)
        first = np.array([np.flatnonzero(column == k)[0] for k in range(len(names))])
        own = np.zeros((scores.shape[0], len(names)), dtype=bool)
        own[image, column] = True
        to_text = ranks(scores[:, first], own)
        to_image = ranks(scores.T, np.arange(scores.shape[0])[None, :] == image[:, None])
        self.image_hits.append(np.stack([to_text < k for k in self.KS], 1).astype(float))
        self.text_hits.append(np.stack([to_image < k for k in self.KS], 1).astype(float))
        self.text_image.append(image + self.count)
        self.count += scores.shape[0]

    def merge(self, other: MeanRecall) -> None:
        """Take in the galleries of another."""
        self.image_hits += other.image_hits
        self.text_hits += other.text_hits
        self.text_image += [index + self.count for index in other.text_image]
        self.count += other.count

    def result(self, weight: NDArray[np.float64] | None = None) -> dict[str, float]:
        """Give the figures in per cent; ``weight`` (images,) repeats images, as a bootstrap does."""
        weight = np.ones(self.count) if weight is None else weight
        to_text = np.concatenate(self.image_hits)
        to_image, image = np.concatenate(self.text_hits), np.concatenate(self.text_image)
        a = 100 * np.average(to_text, axis=0, weights=weight)
        b = 100 * np.average(to_image, axis=0, weights=weight[image])
        found = {f"i2t@{k}": float(v) for k, v in zip(self.KS, a, strict=True)}
        found |= {f"t2i@{k}": float(v) for k, v in zip(self.KS, b, strict=True)}
        return found | {"mR": float(np.mean([*a, *b]))}
