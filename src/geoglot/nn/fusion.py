"""A small encoder that reads a text beside a picture: self-attention over words, cross-attention to cells.

The build of ALBEF's multimodal encoder (Li et al. 2021, arXiv 2107.07651), with norms before each part.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geoglot.core.config import Config


class FusionConfig(Config):
    """Sizes of the encoder; ``cells`` is the width of the picture's cells."""

    dim: int = 256
    cells: int = 256
    layers: int = 2
    heads: int = 4
    hidden: int = 1024
    dropout: float = 0.0


class Attention(nn.Module):
    """Multi-head attention of (B, T, D) to (B, N, E)."""

    def __init__(self, dim: int, other: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.query, self.out = nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.key, self.value = nn.Linear(other, dim), nn.Linear(other, dim)

    def forward(self, x: Tensor, other: Tensor, mask: Tensor | None) -> Tensor:
        """Give (B, T, D); ``mask`` (B, N) says which of the others may be looked at."""
        q, k, v = (
            layer(source).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for layer, source in ((self.query, x), (self.key, other), (self.value, other))
        )
        seen = None if mask is None else mask[:, None, None, :]
        y = F.scaled_dot_product_attention(q, k, v, seen, self.dropout if self.training else 0.0)
        out: Tensor = self.out(y.transpose(1, 2).flatten(2))
        return out


class FusionBlock(nn.Module):
    """Words look at words, then at cells, then think."""

    def __init__(self, config: FusionConfig) -> None:
        super().__init__()
        self.words = Attention(config.dim, config.dim, config.heads, config.dropout)
        self.cells = Attention(config.dim, config.cells, config.heads, config.dropout)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(config.dim) for _ in range(3))
        self.up, self.down = nn.Linear(config.dim, config.hidden), nn.Linear(config.hidden, config.dim)

    def forward(self, x: Tensor, mask: Tensor, cells: Tensor, seen: Tensor | None) -> Tensor:
        """Map words (B, T, D) beside cells (B, N, E) to (B, T, D)."""
        y = self.norm1(x)
        x = x + self.words(y, y, mask)
        x = x + self.cells(self.norm2(x), cells, seen)
        z: Tensor = x + self.down(F.gelu(self.up(self.norm3(x))))
        return z


class Fusion(nn.Module):
    """Blocks over embedded words, and a head that says whether text and picture belong together."""

    def __init__(self, config: FusionConfig) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(FusionBlock(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.dim)
        self.match = nn.Linear(config.dim, 2)

    def forward(self, words: Tensor, mask: Tensor, cells: Tensor, seen: Tensor | None = None) -> Tensor:
        """Give logits (B, 2), of which the second says that they belong together.

        ``words`` (B, T, D) with ``mask`` (B, T) of real ones, whose first stands for the text; ``cells`` (B, N, E) with
        ``seen`` (B, N), False where a cell has no observation (None: all have).
        """
        logits: Tensor = self.match(self.encode(words, mask, cells, seen)[:, 0])
        return logits

    def encode(self, words: Tensor, mask: Tensor, cells: Tensor, seen: Tensor | None = None) -> Tensor:
        """Give the words (B, T, D) after they have looked at the picture."""
        x: Any = words
        if seen is not None:  # a picture without any observation is looked at whole, rather than at nothing
            seen = seen | ~seen.any(1, keepdim=True)
        for block in self.blocks:
            x = block(x, mask.bool(), cells, seen)
        found: Tensor = self.norm(x)
        return found


def mean_first(words: Tensor, mask: Tensor) -> Tensor:
    """Put the mean of the real words before them, for towers without a token that stands for the text: (B, T + 1, D)."""
    weight = mask[..., None].to(words.dtype)
    mean = (words * weight).sum(1, keepdim=True) / weight.sum(1, keepdim=True).clamp(min=1)
    return torch.cat([mean, words], 1)
