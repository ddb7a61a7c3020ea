"""A host like ChangeFormer: a siamese hierarchy of transformers, a learned difference at each level, an MLP decoder.

Bandara & Patel 2022, "A transformer-based siamese network for change detection" (arXiv 2201.01293), without its code: overlapping
patches, attention over reduced keys and feed-forward parts with a depthwise convolution in them; differences of concatenated
maps; all levels brought to one width and size, joined, and enlarged by transposed convolutions with residual blocks.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geoglot.core.config import Config
from geoglot.core.errors import ConfigError
from geoglot.nn.dates import Host, enlarged
from geoglot.nn.detection import ChannelNorm, Residual


class Options(Config):
    """Of each level (at 4, 8, 16 and 32 pixels a cell): channels, blocks, heads, how many times fewer keys a side; width of the
    decoder; how often its map is doubled: 0 for a logit every 4 pixels, 2 for one each pixel."""

    widths: tuple[int, ...] = (32, 64, 128, 192)
    blocks: tuple[int, ...] = (1, 1, 2, 1)
    heads: tuple[int, ...] = (1, 2, 4, 6)
    reduce: tuple[int, ...] = (8, 4, 2, 1)
    inner: int = 64
    doubled: int = 1


class Block(nn.Module):
    """Attention to a reduced map, and a feed-forward part that sees neighbours (Mix-FFN)."""

    def __init__(self, width: int, heads: int, reduce: int) -> None:
        super().__init__()
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.reduce = nn.Conv2d(width, width, reduce, reduce) if reduce > 1 else nn.Identity()
        self.attend = nn.MultiheadAttention(width, heads, batch_first=True)
        self.up, self.near, self.down = (
            nn.Linear(width, 4 * width),
            nn.Conv2d(4 * width, 4 * width, 3, 1, 1, groups=4 * width),
            nn.Linear(4 * width, width),
        )
        self.step = reduce

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, h, w) to the same."""
        _, _, h, w = x.shape
        cells = x.flatten(2).transpose(1, 2)
        seen = self.first(cells)
        few = _map(seen, (h, w))
        few = self.reduce(F.pad(few, (0, -w % self.step, 0, -h % self.step))).flatten(2).transpose(1, 2)
        cells = cells + self.attend(seen, few, few, need_weights=False)[0]
        wide = self.near(_map(self.up(self.second(cells)), (h, w))).flatten(2).transpose(1, 2)
        return _map(cells + self.down(F.gelu(wide)), (h, w))


def _map(cells: Tensor, hw: tuple[int, int]) -> Tensor:
    return cells.transpose(1, 2).reshape(len(cells), -1, *hw)


class ChangeFormer(Host):
    """Logits at 4 pixels a cell, or finer."""

    def __init__(self, options: Options) -> None:
        super().__init__()
        levels = {name: len(getattr(options, name)) for name in ("widths", "blocks", "heads", "reduce")}
        if len(set(levels.values())) != 1:
            raise ConfigError(f"widths, blocks, heads and reduce of changeformer are of one length, got {levels}.")
        self.widths, inner = options.widths, options.inner
        entries, blocks = [], []
        for number, (width, count, heads, reduce) in enumerate(
            zip(options.widths, options.blocks, options.heads, options.reduce, strict=True)
        ):
            low = options.widths[number - 1] if number else 3
            patch = nn.Conv2d(low, width, 3, 2, 1) if number else nn.Conv2d(low, width, 7, 4, 3)
            entries.append(nn.Sequential(patch, ChannelNorm(width)))
            blocks.append(nn.Sequential(*(Block(width, heads, reduce) for _ in range(count)), ChannelNorm(width)))
        self.entries, self.blocks = nn.ModuleList(entries), nn.ModuleList(blocks)
        self.gaps = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(2 * w, inner, 3, 1, 1), nn.ReLU(), ChannelNorm(inner), nn.Conv2d(inner, inner, 3, 1, 1), nn.ReLU()
            )
            for w in options.widths
        )
        self.join = nn.Sequential(nn.Conv2d(inner * len(options.widths), inner, 1), ChannelNorm(inner))
        self.finer = nn.Sequential(
            *(nn.Sequential(nn.ConvTranspose2d(inner, inner, 4, 2, 1), Residual(inner)) for _ in range(options.doubled))
        )
        self.mask = nn.Conv2d(inner, 1, 1)
        nn.init.constant_(self.mask.bias, -2.0)  # type: ignore[arg-type]

    def stage(self, number: int, x: Tensor) -> Tensor:
        """Patches of a coarser level, and their blocks."""
        y: Tensor = self.blocks[number](self.entries[number](x))
        return y

    def decide(self, before: list[Tensor], after: list[Tensor]) -> Tensor:
        """Difference of each level, joined at the finest: logits (B, h, w)."""
        gaps = [gap(torch.cat(pair, 1)) for gap, *pair in zip(self.gaps, before, after, strict=True)]
        x = self.join(torch.cat([enlarged(gap, gaps[0]) for gap in gaps], 1))
        logits: Tensor = self.mask(self.finer(x))[:, 0]
        return logits


KIND = ChangeFormer
