"""A head that tells cloud, cloud shadow and clear ground at every fourth pixel, on the maps of a frozen tower and its pixels.

The maps are reduced and added from coarse to fine, as in feature pyramids (Lin et al. 2017, arXiv 1612.03144); the finest level
also sees the colours themselves, for how bright a place is counts and a tower made for meaning says little of it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geoglot.core.config import Config
from geoglot.nn.detection import Convolution, Lateral, Residual

STRIDE = 4  # pixels between the places that are told
KINDS = ("cloud", "shadow", "clear")  # the order of the logits; what is none of the first two is the last


class CloudConfig(Config):
    """Sizes: channels of the tower's maps and inside at each, the finest first; blocks at each."""

    channels: tuple[int, int, int] = (256, 512, 1024)
    inner: tuple[int, int, int] = (24, 32, 48)
    blocks: tuple[int, int, int] = (1, 1, 2)


class CloudHead(nn.Module):
    """From maps of a tower at 4, 8 and 16 pixels a cell, and the pixels, to logits of `KINDS`."""

    def __init__(self, config: CloudConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.inner
        self.laterals = nn.ModuleList(Lateral(*pair) for pair in zip(config.channels, widths, strict=True))
        self.colour = nn.Conv2d(3, widths[0], 1)
        self.levels = nn.ModuleList(
            nn.Sequential(*(Residual(width) for _ in range(count))) for width, count in zip(widths, config.blocks, strict=True)
        )
        self.narrow = nn.ModuleList(nn.Conv2d(widths[i + 1], widths[i], 1) for i in range(2))
        self.last = Convolution(widths[0])
        self.kinds = nn.Conv2d(widths[0], len(KINDS), 1)

    @torch.no_grad()
    def prepare(self, maps: list[Tensor]) -> None:
        """Measure the constants: statistics of maps of ordinary pictures."""
        for lateral, x in zip(self.laterals, maps, strict=True):
            assert isinstance(lateral, Lateral)
            lateral.measure(x)

    def forward(self, maps: list[Tensor], pixels: Tensor) -> Tensor:
        """Give logits (B, 3, h, w) of maps (B, channels[i], ...), the finest (h, w), and pixels (B, 3, 4h, 4w) in [0, 1]."""
        fine, middle, deep = (lateral(x) for lateral, x in zip(self.laterals, maps, strict=True))
        deep = self.levels[2](F.relu(deep))
        middle = self.levels[1](F.relu(middle + _enlarged(self.narrow[1](deep), middle)))
        small = F.adaptive_avg_pool2d(pixels.float(), (fine.shape[-2], fine.shape[-1])).to(fine.dtype)
        fine = self.levels[0](F.relu(fine + self.colour(2 * small - 1) + _enlarged(self.narrow[0](middle), fine)))
        logits: Tensor = self.kinds(self.last(fine)).float()
        return logits


def _enlarged(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=False)
