"""A small head on a tower's maps at 4, 8 and 16 pixels a cell: what differs at each, and what is there, from coarse to fine."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geoglot.core.config import Config
from geoglot.core.errors import ConfigError
from geoglot.nn.dates import Changer, Date, cosine, depths, enlarged, measured
from geoglot.nn.detection import ChannelNorm, Convolution, Lateral, Residual


class Options(Config):
    """Channels of the tower's maps and inside at each, the finest first; blocks at each; length of its vectors (not used)."""

    channels: tuple[int, ...] = (256, 512, 1024)
    dim: int = 384
    inner: tuple[int, ...] = (32, 48, 64)
    blocks: tuple[int, ...] = (1, 1, 2)


class Head(Changer):
    """At each level the gap and the sum of both dates and the cosine of all channels: the same whichever comes first."""

    symmetric = True

    def __init__(self, options: Options) -> None:
        super().__init__()
        if not len(options.channels) == len(options.inner) == len(options.blocks):
            raise ConfigError(f"channels, inner and blocks of the head are of one length, got {options.model_dump()}.")
        widths = options.inner
        self.laterals = nn.ModuleList(Lateral(*pair) for pair in zip(options.channels, widths, strict=True))
        self.norms = nn.ModuleList(ChannelNorm(width) for width in widths)
        self.joins = nn.ModuleList(nn.Conv2d(2 * width + 1, width, 1) for width in widths)
        self.levels = nn.ModuleList(
            nn.Sequential(*(Residual(width) for _ in range(count))) for width, count in zip(widths, options.blocks, strict=True)
        )
        self.narrow = nn.ModuleList(nn.Conv2d(low, high, 1) for high, low in pairwise(widths))
        self.last = Convolution(widths[0])
        self.mask = nn.Conv2d(widths[0], 1, 1)
        nn.init.constant_(self.mask.bias, -2.0)  # type: ignore[arg-type]

    @torch.no_grad()
    def prepare(self, seen: Date, vectors: Tensor) -> None:
        """Measure the channels of maps of ordinary pictures."""
        measured(list(self.laterals), depths(seen).maps)

    def forward(self, before: Date, after: Date) -> Tensor:
        """Give logits (B, h, w) of the finest map's size."""
        parts = zip(self.laterals, self.norms, self.joins, depths(before).maps, depths(after).maps, strict=True)
        skips = [_compared(*part) for part in parts]
        x = self.levels[-1](F.relu(skips[-1]))
        for level, narrow, skip in zip(reversed(self.levels[:-1]), reversed(self.narrow), reversed(skips[:-1]), strict=True):
            x = level(F.relu(enlarged(narrow(x), skip) + skip))
        logits: Tensor = self.mask(self.last(x)).float()[:, 0]
        return logits


def _compared(lateral: nn.Module, norm: nn.Module, join: nn.Module, a: Tensor, b: Tensor) -> Tensor:
    assert isinstance(lateral, Lateral)
    one, other = norm(lateral(a)), norm(lateral(b))
    far = cosine(a, b, lateral).to(one.dtype)
    made: Tensor = join(torch.cat([(one - other).abs(), one + other, far], 1))
    return made


KIND = Head
