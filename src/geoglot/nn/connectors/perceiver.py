"""The vision perceiver of LHRS-Bot: learned queries of each level ask its cells, by blocks that the levels share.

Muhtar et al. 2024, "LHRS-Bot: Empowering Remote Sensing with VGI-Enhanced Large Multimodal Language Model"
(arXiv 2402.02544), without its code: keys and values are the queries and the cells together; what the levels give stands one
after the other.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from pydantic import Field
from torch import Tensor, nn

from geoglot.core.config import Config
from geoglot.core.errors import ConfigError
from geoglot.nn.connectors._maps import Connector, Hw


class Options(Config):
    """``queries`` of each level, the shallow first; ``inner`` channels and ``heads`` of the shared ``blocks``."""

    queries: tuple[int, ...] = (64, 48, 32)
    inner: int = 1024
    heads: int = 8
    blocks: int = Field(default=6, ge=1)


class Block(nn.Module):
    """Attention of queries to [queries; cells], then a feed-forward part, each after a norm and added."""

    def __init__(self, inner: int, heads: int) -> None:
        super().__init__()
        self.ask, self.answer, self.second = nn.LayerNorm(inner), nn.LayerNorm(inner), nn.LayerNorm(inner)
        self.attend = nn.MultiheadAttention(inner, heads, batch_first=True)
        self.feed = nn.Sequential(nn.Linear(inner, 4 * inner), nn.GELU(), nn.Linear(4 * inner, inner))

    def forward(self, queries: Tensor, cells: Tensor) -> Tensor:
        """Map queries (B, Q, D) that look at cells (B, N, D)."""
        own = self.ask(queries)
        keys = torch.cat([own, self.answer(cells)], dim=1)
        queries = queries + self.attend(own, keys, keys, need_weights=False)[0]
        made: Tensor = queries + self.feed(self.second(queries))
        return made


class Perceiver(Connector):
    """As many tokens as there are queries, whatever the size of the maps."""

    def __init__(self, channels: Sequence[int], width: int, options: Options) -> None:
        super().__init__()
        if len(channels) != len(options.queries):
            raise ConfigError(
                f"the perceiver has queries for {len(options.queries)} levels and gets {len(channels)}: give one number a level"
            )
        if options.inner % options.heads:
            raise ConfigError(f"{options.inner} channels do not divide by {options.heads} heads: choose other numbers")
        self.enter = nn.ModuleList(nn.Linear(count, options.inner) for count in channels)
        self.queries = nn.ParameterList(torch.randn(count, options.inner) * 0.02 for count in options.queries)
        self.blocks = nn.ModuleList(Block(options.inner, options.heads) for _ in range(options.blocks))
        self.norm, self.project = nn.LayerNorm(options.inner), nn.Linear(options.inner, width)

    def count(self, sizes: Sequence[Hw]) -> int:
        """The queries of all levels."""
        return sum(len(queries) for queries in self.queries)

    def forward(self, maps: Sequence[Tensor], words: Tensor | None = None, heard: Tensor | None = None) -> Tensor:
        """Give tokens (B, queries of all levels, width), level after level."""
        made = []
        for found, enter, queries in zip(maps, self.enter, self.queries, strict=True):
            cells, asked = enter(found.flatten(1, 2)), queries.expand(len(found), -1, -1)
            for block in self.blocks:
                asked = block(asked, cells)
            made.append(asked)
        tokens: Tensor = self.project(self.norm(torch.cat(made, dim=1)))
        return tokens


KIND = Perceiver
