"""What is computed of each cell, and how its numbers become a class.

For words these are cosines with the classes, from which a share of the cosines of the whole window is taken (the global bias
of SegEarth-OV, arXiv 2410.01768): what a picture is as a whole leaks into each of its cells.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from geoglot.core.errors import InputError, ModelError
from geoglot.models.decoder import Segmenter
from geoglot.models.dense import Variant
from geoglot.nn.batch import ImageBatch
from geoglot.nn.heads import Head
from geoglot.tasks.classify.scores import Calibration
from geoglot.tasks.segment.blend import Bytes, Floats

REACH = 16  # by seams and speed (docs/segment.md)
# From maps (B, C, h, w) of a batch and its pixels (B, 3, H, W) to finer maps (B, C, f * h, f * w), linearly in the maps.
Upsampler = Callable[[Tensor, Tensor], Tensor]
LEAST = 0.05  # of what was observed around a finer cell, so that nothing is divided by next to nothing


class Drawn(Protocol):
    """Numbers that are drawn from pictures by something else than the model's cells: a decoder, or a head of its maps."""

    @property
    def side(self) -> int:
        """Pixels along the side of a place."""

    def __call__(self, batch: ImageBatch, variant: Variant | None) -> Tensor:
        """Numbers (B, h, w, K)."""


@dataclass(frozen=True)
class Look:
    """What the model is asked of a batch of windows: numbers of cells, made `factor` times finer where there is an upsampler.

    Without `numbers` the result holds the vectors of the cells themselves. An upsampler's weights come from the picture, so it
    is the few numbers that are made finer and not the vectors that they are computed from.
    """

    model: Any
    variant: Variant | None = None
    bias: float = 0.0
    numbers: Callable[[Tensor], Tensor] | None = None
    upsampler: Upsampler | None = None
    factor: int = 1
    masks: Drawn | None = None

    @property
    def whole(self) -> int:
        """Side of the model's own cells in pixels of its input. Raises `ModelError` for a model without dense features."""
        model = self.model
        if not hasattr(model, "seen") or not hasattr(model, "cells"):
            name = model.spec.name if hasattr(model, "spec") else type(model).__name__
            raise ModelError(f"{name} has no dense features, which segmentation needs: use nano, or a published CLIP or SigLIP.")
        side: int = model.cells.side
        return side

    @property
    def cell(self) -> int:
        """Side of the cells that are told: the model's own, or what an upsampler or a decoder makes of them.

        Raises `InputError` where the model's cells cannot be cut so.
        """
        if self.masks is not None:
            return self.masks.side
        if self.whole % self.factor:
            raise InputError(f"Cells of {self.whole} pixels cannot be made {self.factor} times finer: ask for less (--upsample).")
        return self.whole // self.factor

    @property
    def reach(self) -> int:
        """Pixels that a decoder feels the edge of a window further than the tower does, where that is a convolution."""
        return REACH if self.masks is not None and self.model.cells.margin else 0

    @property
    def group(self) -> int:
        """How many cells lie along the side of one of the model's own."""
        return self.whole // self.cell

    def __call__(self, batch: ImageBatch) -> Tensor:
        """Numbers of cells and the share of each that was observed: (B, h, w, K + 1)."""
        maps = self._numbers(batch).float().movedim(-1, 1)
        share = _observed(batch, maps)
        if self.upsampler is not None:
            maps = self._finer(maps, share, batch)
            share = _observed(batch, maps)
        return torch.cat([maps, share], dim=1).movedim(1, -1)

    def _numbers(self, batch: ImageBatch) -> Tensor:
        if self.masks is not None:
            return self.masks(batch, self.variant)
        found = self.model.seen(batch, self.variant)
        cells: Tensor = found.map()
        numbers = cells if self.numbers is None else self.numbers(cells)
        if self.bias and self.numbers is not None:
            numbers = numbers - self.bias * self.numbers(found.pooled)[:, None, None]
        return numbers

    def _finer(self, maps: Tensor, share: Tensor, batch: ImageBatch) -> Tensor:
        """Finer maps, in which cells count by what was observed of them; a map of one value keeps it."""
        assert self.upsampler is not None
        pictures = torch.where(batch.valid[:, None], batch.pixels, 0).to(maps)
        with torch.inference_mode():
            made = self.upsampler(torch.cat([maps * share, share], dim=1), pictures)
            return made[:, :-1] / made[:, -1:].clamp(min=LEAST)


def _observed(batch: ImageBatch, maps: Tensor) -> Tensor:
    """The share of the pixels of each cell (B, 1, h, w) that was observed."""
    return F.adaptive_avg_pool2d(batch.valid[:, None].to(maps), (maps.shape[-2], maps.shape[-1]))


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
