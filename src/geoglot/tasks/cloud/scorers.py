"""How much of a tile is cloud, for an archive that is made: by the tile's vector, by a mask, or by words alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from geoglot.core.errors import InputError
from geoglot.core.protocols import Scorer, VectorScorer
from geoglot.nn.heads import LinearHead
from geoglot.tasks.classify import prompts
from geoglot.text.clouds import CLEAR, CLOUDED

Floats = NDArray[np.float32]
By = Literal["vector", "mask", "words"]
BY: tuple[By, ...] = get_args(By)
STEEP = 60.0  # of the chance by words: cosines differ by a tenth or so


class ByVector:
    """The share of cloud that a linear head reads off a tile's vector: the model looks only once."""

    def __init__(self, head: LinearHead) -> None:
        self.head = head

    def of_vectors(self, vectors: Floats) -> Floats:
        """Shares (B,) of unit vectors (B, D)."""
        made: Floats = (1 / (1 + np.exp(-self.head.logits(vectors)[:, 0].astype(np.float64)))).astype(np.float32)
        return made


class ByMask:
    """The share of a tile's observed pixels that a mask calls cloud: a second look, and exact to a few pixels."""

    def __init__(self, masker: Any) -> None:
        self.masker = masker

    def score(self, tiles: Floats, valid: NDArray[np.bool_]) -> Floats:
        """Shares (B,) of tiles (B, 3, H, W) in [0, 1]; 0 where nothing was observed."""
        import torch

        from geoglot.nn.batch import ImageBatch

        seen = torch.from_numpy(valid)
        kinds = self.masker.logits(ImageBatch.of(torch.from_numpy(tiles), seen)).argmax(-1).cpu()
        weight = torch.nn.functional.adaptive_avg_pool2d(seen[:, None].float(), (kinds.shape[1], kinds.shape[2]))[:, 0]
        cloudy = (kinds == 0).float() * weight
        made: Floats = (cloudy.sum((1, 2)) / weight.sum((1, 2)).clamp(min=1e-6)).numpy()
        return made


def by_words(model: Any) -> LinearHead:
    """The chance that words for clouds fit better than words for what is clear, for any model with words."""
    meant, other = prompts.encode(model, {"cloud": CLOUDED, "clear": CLEAR}).vectors
    return LinearHead(STEEP * (meant - other)[None], np.zeros(1, np.float32))


def scorer(model: Any, by: str = "vector", head: str | Path | None = None) -> Scorer | VectorScorer:
    """What tells the share of cloud of tiles: by their "vector" or by a "mask" with a cloud head, or by "words" with any model.

    By words it is a chance that there is cloud, and no share. Raises `InputError` for another way, `ModelError` for a model
    without a cloud head.
    """
    if by not in BY:
        raise InputError(f"Cloud is told by {', '.join(BY)}, got {by!r}.")
    if by == "words":
        return ByVector(by_words(model))
    from geoglot.models.cloud import parts_of
    from geoglot.tasks.cloud.ready import masker_of

    if by == "mask":
        return ByMask(masker_of(model, head))
    return ByVector(parts_of(model.spec, None if head is None else Path(head)).tile)
