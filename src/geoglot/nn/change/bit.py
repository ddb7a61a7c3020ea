"""A host like BiT: a small siamese CNN, a few semantic tokens for each date, a transformer over them, the difference.

Chen, Qi & Shi 2021, "Remote sensing image change detection with transformers" (arXiv 2103.00482), without its code. Departures:
a small CNN stands for ResNet-18, and the positions of tokens are shared by both dates, so that their order is all one.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from geoglot.core.config import Config
from geoglot.core.errors import ConfigError
from geoglot.nn.dates import Host, enlarged
from geoglot.nn.detection import ChannelNorm, Convolution, Residual


class Options(Config):
    """Channels that leave the stages (at 2, 4 and 8 pixels a cell), inside, tokens of a date, blocks of encoder and decoder."""

    widths: tuple[int, ...] = (32, 64, 96)
    inner: int = 32
    tokens: int = 4
    encoder: int = 1
    decoder: int = 2
    heads: int = 4


class Attention(nn.Module):
    """x + MHA(norm x, context), then a feed-forward part: the block of the encoder (context: x itself) and of the decoder."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.context = nn.LayerNorm(width)
        self.attend = nn.MultiheadAttention(width, heads, batch_first=True)
        self.feed = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """Map x (B, N, C), which looks at a context (B, M, C), to the same shape."""
        other = self.context(context)
        x = x + self.attend(self.first(x), other, other, need_weights=False)[0]
        made: Tensor = x + self.feed(self.second(x))
        return made


class BiT(Host):
    """Logits at 4 pixels a cell."""

    symmetric = True

    def __init__(self, options: Options) -> None:
        super().__init__()
        if len(options.widths) != 3:
            raise ConfigError(f"widths of bit are three, got {options.widths}.")
        self.widths, width = options.widths, options.inner
        steps, inside = (3, *options.widths[:-1]), options.widths
        self.stages = nn.ModuleList(
            nn.Sequential(nn.Conv2d(low, high, 3, 2, 1), ChannelNorm(high), nn.ReLU(), Residual(high), Residual(high))
            for low, high in zip(steps, inside, strict=True)
        )
        self.reduce = nn.Conv2d(options.widths[1] + options.widths[2], width, 3, 1, 1)
        self.where = nn.Conv2d(width, options.tokens, 1)
        self.position = nn.Parameter(torch.zeros(options.tokens, width))
        self.encoder = nn.ModuleList(Attention(width, options.heads) for _ in range(options.encoder))
        self.decoder = nn.ModuleList(Attention(width, options.heads) for _ in range(options.decoder))
        self.last = nn.Sequential(Convolution(width), nn.Conv2d(width, 1, 1))
        nn.init.constant_(self.last[1].bias, -2.0)  # type: ignore[arg-type]

    def stage(self, number: int, x: Tensor) -> Tensor:
        """Halve the map and look at 3 x 3 cells four times."""
        y: Tensor = self.stages[number](x)
        return y

    def tokens(self, x: Tensor) -> Tensor:
        """Means (B, L, C) of a map (B, C, h, w), weighted by learned maps of attention."""
        weight = self.where(x).flatten(2).softmax(-1)
        return torch.einsum("bln,bcn->blc", weight, x.flatten(2)) + self.position

    def decide(self, before: list[Tensor], after: list[Tensor]) -> Tensor:
        """Rewrite both maps by the tokens of their dates, which have seen each other, and compare: logits (B, h, w)."""
        one, other = (self.reduce(torch.cat([x[1], enlarged(x[2], x[1])], 1)) for x in (before, after))
        found = torch.cat([self.tokens(one), self.tokens(other)], 1)
        for block in self.encoder:
            found = block(found, found)
        first, second = found.chunk(2, 1)
        gap = (self._rewritten(one, first) - self._rewritten(other, second)).abs()
        logits: Tensor = self.last(gap)[:, 0]
        return logits

    def _rewritten(self, x: Tensor, tokens: Tensor) -> Tensor:
        cells = x.flatten(2).transpose(1, 2)
        for block in self.decoder:
            cells = block(cells, tokens)
        return cells.transpose(1, 2).reshape(x.shape)


KIND = BiT
