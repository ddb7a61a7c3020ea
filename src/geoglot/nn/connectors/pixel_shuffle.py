"""Squares of cells become one token with all their channels, then norm and two linear layers, as in InternVL.

Chen et al. 2024, "How far are we to GPT-4V?" (arXiv 2404.16821). The cells of a square stand in row-major order.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from geoglot.core.config import Config
from geoglot.nn.connectors._maps import Connector, Hw, beside, finest


class Options(Config):
    """``factor`` cells along each side of a square."""

    factor: int = Field(default=2, ge=1)


class PixelShuffle(Connector):
    """A map whose sides are no multiple of the factor is filled up with zeros at the right and below."""

    def __init__(self, channels: Sequence[int], width: int, options: Options) -> None:
        super().__init__()
        self.channels, self.factor = tuple(channels), options.factor
        whole = sum(channels) * options.factor**2
        self.norm = nn.LayerNorm(whole)
        self.first, self.second = nn.Linear(whole, width), nn.Linear(width, width)

    def count(self, sizes: Sequence[Hw]) -> int:
        """A token a square."""
        h, w = finest(sizes)
        return -(-h // self.factor) * -(-w // self.factor)

    def forward(self, maps: Sequence[Tensor], words: Tensor | None = None, heard: Tensor | None = None) -> Tensor:
        """Give tokens (B, squares, width) in row-major order."""
        found, r = beside(maps, self.channels), self.factor
        found = F.pad(found, (0, 0, 0, -found.shape[2] % r, 0, -found.shape[1] % r))
        b, h, w, c = found.shape
        squares = found.reshape(b, h // r, r, w // r, r, c).permute(0, 1, 3, 2, 4, 5).reshape(b, h * w // r**2, r * r * c)
        made: Tensor = self.second(F.gelu(self.first(self.norm(squares))))
        return made


KIND = PixelShuffle
