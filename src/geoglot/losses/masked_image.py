"""Masked image modelling: patches are hidden, and their pixels told from the rest.

He et al. 2021, "Masked Autoencoders" (arXiv 2111.06377) for squared error on patches of unit variance; Xie et al. 2021, "SimMIM"
(arXiv 2111.09886) for absolute error on plain pixels.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Generator, Tensor

from geoglot.core.config import Config
from geoglot.nn.gather import mean_of_all


class MaskedImageConfig(Config):
    """``share`` of the patches (``patch`` pixels a side) is hidden.

    ``kind`` "mae": squared error, each patch brought to zero mean and unit variance; "simmim": absolute error on pixels.
    """

    share: float = Field(default=0.75, gt=0, lt=1)
    patch: int = Field(default=16, ge=1)
    kind: Literal["mae", "simmim"] = "mae"


def hide(count: int, hw: tuple[int, int], config: MaskedImageConfig, rng: Generator | None = None) -> Tensor:
    """Choose which patches to hide: (B, h * w) bool, equally many of each image."""
    patches = hw[0] * hw[1]
    hidden = min(patches - 1, max(1, round(config.share * patches)))
    order = torch.rand(count, patches, generator=rng).argsort(1)
    return torch.zeros(count, patches, dtype=torch.bool).scatter_(1, order[:, :hidden], True)


def patches(pixels: Tensor, patch: int) -> Tensor:
    """Cut images (B, C, H, W) into patches (B, h * w, patch * patch * C), row-major, channels last within a patch."""
    b, c, h, w = pixels.shape
    cut = pixels.reshape(b, c, h // patch, patch, w // patch, patch)
    return cut.permute(0, 2, 4, 3, 5, 1).reshape(b, (h // patch) * (w // patch), patch * patch * c)


def masked_image(told: Tensor, pixels: Tensor, hidden: Tensor, valid: Tensor, config: MaskedImageConfig | None = None) -> Tensor:
    """Give the mean error a value of ``told`` (B, h * w, patch * patch * C) on the ``hidden`` patches (B, h * w) of images.

    What is not ``valid`` (B, H, W) neither counts nor enters a patch's mean and variance. With several processes the mean
    of their values is the mean over all their values.
    """
    config = config or MaskedImageConfig()
    c = pixels.shape[1]
    seen = patches(valid[:, None].expand(-1, c, -1, -1).float(), config.patch)
    # where, not a product: what stands in invalid pixels may be no number
    target = torch.where(seen > 0, patches(pixels.float(), config.patch), 0.0)
    error = told.float() - target
    if config.kind == "mae":
        count = seen.sum(-1, keepdim=True)
        mean = (target * seen).sum(-1, keepdim=True) / count.clamp(min=1)
        # the unbiased variance, as the authors compute it
        variance = ((target - mean).square() * seen).sum(-1, keepdim=True) / (count - 1).clamp(min=1)
        error = told.float() - (target - mean) / (variance + 1e-6).sqrt()
    weight = seen * hidden[..., None]
    terms = error.square() if config.kind == "mae" else error.abs()
    return mean_of_all((terms * weight).sum(), weight.sum())
