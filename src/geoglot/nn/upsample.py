"""Finer maps by a joint bilateral filter that learns from pictures what belongs together.

SimFeatUp of SegEarth-OV (Li et al. 2024, arXiv 2410.01768), after FeatUp (Fu et al. 2024, arXiv 2403.10516): one filter that
doubles a map, applied as often as wanted. The weights of a place come from the picture alone, so what is filtered may be
features, or scores of classes, which are far fewer and give the same cosines up to the length of the vectors.
"""

from __future__ import annotations

import math
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geoglot.core.config import Config


class UpsamplerConfig(Config):
    """``radius`` of the neighbourhood in places of the finer map, ``keys`` channels that colours are compared in, ``times``
    that a map is doubled."""

    radius: int = 5
    keys: int = 32
    times: int = 4


class JointBilateral(nn.Module):
    """Doubles maps (B, C, h, w) ``times`` times, guided by pictures (B, 3, H, W) in [0, 1].

    A place of the finer map is a mean of its neighbours in the map that was doubled bicubically: weighted by how alike their
    colours are (a learned projection and temperature) and how near they lie (a learned width), plus a tenth of a learned
    correction.
    """

    def __init__(self, config: UpsamplerConfig) -> None:
        super().__init__()
        self.config = config
        self.hash = ""  # of the weights, where they were read from a file
        around = range(-config.radius, config.radius + 1)
        self.offsets = tuple(product(around, around))
        count = len(self.offsets)
        self.project = nn.Sequential(nn.Conv2d(3, config.keys, 1), nn.GELU(), nn.Conv2d(config.keys, config.keys, 1))
        self.correct = nn.Sequential(nn.Conv2d(count + 3, count, 1), nn.GELU(), nn.Conv2d(count, count, 1))
        self.temperature = nn.Parameter(torch.zeros(()))  # logarithms, so that both stay positive
        self.width = nn.Parameter(torch.tensor(math.log(0.5)))
        far = torch.tensor(self.offsets, dtype=torch.float32).square().sum(1) / config.radius**2
        self.register_buffer("far", far.view(1, count, 1, 1), persistent=False)
        self.far: Tensor

    @property
    def factor(self) -> int:
        """How many times finer a map becomes."""
        return 1 << self.config.times

    def forward(self, maps: Tensor, pictures: Tensor) -> Tensor:
        """Give maps (B, C, h * factor, w * factor)."""
        for _ in range(self.config.times):
            size = (maps.shape[-2] * 2, maps.shape[-1] * 2)
            guide = F.adaptive_avg_pool2d(pictures.to(maps.dtype), size)
            maps = self._filter(F.interpolate(maps, size=size, mode="bicubic", align_corners=False), self.weights(guide))
        return maps

    def weights(self, guide: Tensor) -> Tensor:
        """How much each neighbour (B, K, H, W) counts, from a picture at the size of the finer map."""
        keys = self.project(guide)
        near = self._around(keys)
        alike = torch.stack([(keys * shifted).sum(1) for shifted in near], dim=1)
        weight = (alike * self.temperature.exp()).softmax(1) * torch.exp(-self.far / (2 * (2 * self.width).exp()))
        weight = weight / weight.sum(1, keepdim=True).clamp(min=1e-7)
        correction: Tensor = self.correct(torch.cat([weight, guide], dim=1))
        return weight + 0.1 * correction

    def _filter(self, maps: Tensor, weight: Tensor) -> Tensor:
        # neighbour by neighbour: all of them at once would take a hundred times the memory of the map
        out = torch.zeros_like(maps)
        for at, shifted in enumerate(self._around(maps)):
            out = torch.addcmul(out, shifted, weight[:, at : at + 1])
        return out

    def _around(self, maps: Tensor) -> list[Tensor]:
        """The map moved to each of the neighbours; beyond the edge the last place is repeated."""
        r, (height, width) = self.config.radius, maps.shape[-2:]
        padded = F.pad(maps, (r, r, r, r), mode="replicate")
        return [padded[..., r + down : r + down + height, r + right : r + right + width] for down, right in self.offsets]


class Retrace(nn.Module):
    """Colours (B, 3, H, W) in [0, 1] from finer maps (B, C, H, W): keeps what a picture shows in them while they are learned."""

    def __init__(self, channels: int, hidden: int = 32) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(channels, hidden, 3, padding=1), nn.GELU(), nn.Conv2d(hidden, 3, 1))

    def forward(self, maps: Tensor) -> Tensor:
        """Give the colours."""
        return torch.sigmoid(self.net(maps))
