"""The head that embeds every cell of a map and then pools, so that dense and whole-image vectors share one space."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geoglot.core.config import Config


class CellHeadConfig(Config):
    """Sizes of the head."""

    inner: int = 1024
    dim: int = 384
    dropout: float = 0.2


class CellHead(nn.Module):
    """Two 1x1 convolutions a cell, and a learned gate that says how much each cell counts in the whole.

    The channels of a tower differ in scale a hundredfold, which keeps a small head from using the quiet ones: they are
    brought to mean 0 and deviation 1 first, by constants that `standardise` measures once (two points of mean recall).
    """

    def __init__(self, channels: int, config: CellHeadConfig) -> None:
        super().__init__()
        self.up = nn.Conv2d(channels, config.inner, 1)
        self.down = nn.Conv2d(config.inner, config.dim, 1)
        self.gate = nn.Conv2d(config.inner, 1, 1)
        self.dropout = nn.Dropout2d(config.dropout)
        nn.init.zeros_(self.gate.weight)
        self.register_buffer("centre", torch.zeros(channels, 1, 1))
        self.register_buffer("spread", torch.ones(channels, 1, 1))
        self.centre: Tensor
        self.spread: Tensor

    @torch.no_grad()
    def standardise(self, features: Tensor) -> None:
        """Measure the constants on features (B, C, h, w) of ordinary pictures."""
        self.centre.copy_(features.float().mean((0, 2, 3))[:, None, None])
        self.spread.copy_(features.float().std((0, 2, 3))[:, None, None].clamp(min=1e-4))

    def forward(self, features: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """Map features (B, C, h, w) and validity of the pixels (B, H, W) to cells (B, h, w, D) and weights (B, h, w).

        The weights of an image sum to one; a cell without a valid pixel weighs nothing (all the same where an image has
        no valid pixel at all). The cells are not normalised: their length is part of how much they count.
        """
        x = (features - self.centre) / self.spread
        x = F.gelu(self.up(self.dropout(x)))
        cells = self.down(x).permute(0, 2, 3, 1)
        share = F.adaptive_avg_pool2d(valid[:, None].float(), (features.shape[-2], features.shape[-1]))
        share = torch.where(share.amax((1, 2, 3), keepdim=True) > 0, share, torch.ones_like(share))
        logits = self.gate(x).float()[:, 0] + share[:, 0].log()
        weights = logits.flatten(1).softmax(1).reshape(logits.shape)
        return cells, weights


def pool(cells: Tensor, weights: Tensor) -> Tensor:
    """Give the unit vector (B, D) of the weighted sum of cells (B, h, w, D)."""
    return F.normalize(torch.einsum("bhwd,bhw->bd", cells.float(), weights.float()), dim=-1)


def channels_last(module: nn.Module) -> None:
    """Lay out the convolution weights of a module for channels-last input, in place: the fast layout on most devices."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            part.weight.data = part.weight.data.contiguous(memory_format=torch.channels_last)
