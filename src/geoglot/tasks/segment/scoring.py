"""What is computed of each cell, and how its numbers become a class.

For words these are cosines with the classes, from which a share of the cosines of the whole window is taken (the global bias
of SegEarth-OV, arXiv 2410.01768): what a picture is as a whole leaks into each of its cells.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from geoglot.core.errors import ModelError
from geoglot.models.decoder import Segmenter
from geoglot.models.dense import Variant
from geoglot.nn.batch import ImageBatch
from geoglot.nn.heads import Head
from geoglot.tasks.classify.scores import Calibration
from geoglot.tasks.segment.blend import Bytes, Floats

REACH = 16  # by seams and speed (docs/segment.md)

# From the cells of a batch (B, h, w, D) and its pixels (B, 3, H, W) to finer cells (B, f * h, f * w, D).
Upsampler = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Look:
    """What the model is asked of a batch of windows: cells, made finer by an upsampler of `factor` where there is one.

    Without `numbers` the result holds the vectors of the cells themselves.
    """

    model: Any
    variant: Variant | None = None
    bias: float = 0.0
    numbers: Callable[[Tensor], Tensor] | None = None
    upsampler: Upsampler | None = None
    factor: int = 1
    masks: Masks | None = None

    @property
    def cell(self) -> int:
        """Side of a cell in pixels of the model's input: the model's own, or what an upsampler or a decoder makes of it.

        Raises `ModelError` for a model without dense features.
        """
        model = self.model
        if not hasattr(model, "seen") or not hasattr(model, "cells"):
            name = model.spec.name if hasattr(model, "spec") else type(model).__name__
            raise ModelError(f"{name} has no dense features, which segmentation needs: use nano, or a published CLIP or SigLIP.")
        side: int = model.cells.side
        if self.masks is not None:
            return self.masks.side
        if side % self.factor:
            raise ModelError(f"Cells of {side} pixels cannot be made {self.factor} times finer: use another upsampler.")
        return side // self.factor

    @property
    def reach(self) -> int:
        """Pixels that a decoder feels the edge of a window further than the tower does, where that is a convolution."""
        return REACH if self.masks is not None and self.model.cells.margin else 0

    @property
    def group(self) -> int:
        """How many cells lie along the side of one of the model's own."""
        own: int = self.model.cells.side
        return own // self.cell

    def __call__(self, batch: ImageBatch) -> Tensor:
        """Numbers of cells and the share of each that was observed: (B, h, w, K + 1)."""
        if self.masks is not None:
            return _with_share(self.masks(batch, self.variant), batch)
        found = self.model.seen(batch, self.variant)
        cells = found.map()
        if self.upsampler is not None:
            with torch.inference_mode():
                cells = F.normalize(self.upsampler(cells, batch.pixels).float(), dim=-1)
        numbers = cells if self.numbers is None else self.numbers(cells)
        if self.bias and self.numbers is not None:
            numbers = numbers - self.bias * self.numbers(found.pooled)[:, None, None]
        return _with_share(numbers, batch)


def _with_share(numbers: Tensor, batch: ImageBatch) -> Tensor:
    share = F.adaptive_avg_pool2d(batch.valid[:, None].float(), (numbers.shape[1], numbers.shape[2]))
    return torch.cat([numbers.float(), share.movedim(1, -1).to(numbers.device)], dim=-1)


@dataclass(frozen=True)
class Masks:
    """Logits of classes by a decoder, the highest among the phrases of each: conditions (P, D), `owners` the class of each."""

    segmenter: Segmenter
    conditions: Tensor
    owners: tuple[int, ...]

    @property
    def side(self) -> int:
        """Pixels along the side of a place. Raises `ModelError` where the model's cells are not of whole places."""
        own = self.segmenter.model.cells.side
        if own % self.segmenter.side:
            raise ModelError(f"The decoder's places of {self.segmenter.side} pixels do not fit cells of {own}: train it anew.")
        return self.segmenter.side

    def __call__(self, batch: ImageBatch, variant: Variant | None) -> Tensor:
        """Logits (B, h, w, K)."""
        return _highest(self.segmenter.logits(batch, self.conditions, variant), self.owners)


def by_words(vectors: Floats, owners: tuple[int, ...], device: Any) -> Callable[[Tensor], Tensor]:
    """Cosines with classes, the highest among the phrases of each: phrases (P, D), `owners` the class of each."""
    text = torch.from_numpy(vectors).to(device)

    def numbers(cells: Tensor) -> Tensor:
        return _highest(cells @ text.T, owners)

    return numbers


def _highest(values: Tensor, owners: tuple[int, ...]) -> Tensor:
    """The highest of values (..., P) of each class (..., K); the phrases of a class come one after the other."""
    count = owners[-1] + 1
    if count == len(owners):
        return values
    edges = [(owners.index(k), len(owners) - owners[::-1].index(k)) for k in range(count)]
    return torch.stack([values[..., a:b].amax(-1) for a, b in edges], dim=-1)


def by_head(head: Head) -> Callable[[Tensor], Tensor]:
    """Logits of a fitted head."""

    def numbers(cells: Tensor) -> Tensor:
        return torch.from_numpy(head.logits(cells.cpu().numpy()))

    return numbers


@dataclass(frozen=True)
class Rule:
    """How the numbers of a pixel become its class: 1 and on in their order, 0 for nothing of these.

    `scale` multiplies numbers before the softmax. The last `background` of the classes are nothing of these; so is what scores
    below `threshold`; and with a calibration what comes near no label by it (see `classify.scores`). With `alone` numbers are
    logits of each class for itself, as a decoder gives them, and a score is the chance of the class alone.
    """

    scale: float
    background: bool = False
    threshold: float = 0.0
    none: Calibration | None = None
    reach: Floats | None = field(default=None, repr=False)
    alone: bool = False

    def __call__(self, values: Floats) -> tuple[Bytes, Floats]:
        """Classes and their scores (...) of numbers (..., K); a pixel that is nothing of these has the score of that."""
        best = values.argmax(axis=-1)
        top = np.take_along_axis(values, best[..., None], axis=-1)
        score = 1 / (1 + np.exp(-top[..., 0])) if self.alone else 1 / np.exp((values - top) * self.scale).sum(axis=-1)
        classes = (best + 1).astype(np.uint8)
        if self.background:
            classes[best == values.shape[-1] - 1] = 0
        if self.none is not None and self.reach is not None:
            known = self.none.known(values, self.reach)
            score = score * known
            nothing = score < 1 - known
            classes[nothing] = 0
            score = np.where(nothing, 1 - known, score)
        if self.threshold:
            low = (score < self.threshold) & (classes > 0)
            classes[low] = 0
            if self.alone:
                score = np.where(low, 1 - score, score)
        return classes, score.astype(np.float32)
