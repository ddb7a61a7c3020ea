"""An instruction-aware Q-Former: learned queries hear the question, and look at the picture every other block.

Dai et al. 2023, "InstructBLIP" (arXiv 2305.06500), the connector of RSGPT, rebuilt without its code and without BERT's
weights: queries and words attend to each other together; only queries look at cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from geoglot.core.config import Config
from geoglot.core.errors import ConfigError
from geoglot.nn.connectors._maps import Connector, Hw, beside


class Options(Config):
    """``queries`` and ``inner`` channels of ``blocks``; each block whose number divides by ``every`` looks at the cells."""

    queries: int = Field(default=32, ge=1)
    inner: int = 768
    heads: int = 12
    blocks: int = Field(default=12, ge=1)
    every: int = Field(default=2, ge=1)


class Block(nn.Module):
    """Self-attention of [queries; words], attention of queries to cells where ``looks``, and a feed-forward part."""

    def __init__(self, inner: int, heads: int, looks: bool) -> None:
        super().__init__()
        self.first, self.last = nn.LayerNorm(inner), nn.LayerNorm(inner)
        self.hear = nn.MultiheadAttention(inner, heads, batch_first=True)
        self.asking = nn.LayerNorm(inner) if looks else None
        self.look = nn.MultiheadAttention(inner, heads, batch_first=True) if looks else None
        self.feed = nn.Sequential(nn.Linear(inner, 4 * inner), nn.GELU(), nn.Linear(4 * inner, inner))

    def forward(self, x: Tensor, cells: Tensor, queries: int, silent: Tensor | None) -> Tensor:
        """Map [queries; words] (B, Q + T, D), of which ``silent`` (B, Q + T) are padding, beside cells (B, N, D)."""
        own = self.first(x)
        x = x + self.hear(own, own, own, key_padding_mask=silent, need_weights=False)[0]
        if self.look is not None and self.asking is not None:
            asked = x[:, :queries] + self.look(self.asking(x[:, :queries]), cells, cells, need_weights=False)[0]
            x = torch.cat([asked, x[:, queries:]], dim=1)
        made: Tensor = x + self.feed(self.last(x))
        return made


class QFormer(Connector):
    """As many tokens as queries. Without words the queries look alone."""

    reads_words: ClassVar[bool] = True

    def __init__(self, channels: Sequence[int], width: int, options: Options) -> None:
        super().__init__()
        if options.inner % options.heads:
            raise ConfigError(f"{options.inner} channels do not divide by {options.heads} heads: choose other numbers")
        self.channels, inner = tuple(channels), options.inner
        self.queries = nn.Parameter(torch.randn(options.queries, inner) * 0.02)
        self.cells, self.enter = nn.Linear(sum(channels), inner), nn.Linear(width, inner)
        self.seen = nn.LayerNorm(inner)
        self.blocks = nn.ModuleList(Block(inner, options.heads, k % options.every == 0) for k in range(options.blocks))
        self.norm, self.project = nn.LayerNorm(inner), nn.Linear(inner, width)

    def count(self, sizes: Sequence[Hw]) -> int:
        """The queries."""
        return len(self.queries)

    def forward(self, maps: Sequence[Tensor], words: Tensor | None = None, heard: Tensor | None = None) -> Tensor:
        """Give tokens (B, queries, width)."""
        cells = self.seen(self.cells(beside(maps, self.channels).flatten(1, 2)))
        x, silent, count = self.queries.expand(len(cells), -1, -1), None, len(self.queries)
        if words is not None:
            x = torch.cat([x, self.enter(words.to(x.dtype))], dim=1)
            if heard is not None:
                silent = ~torch.cat([heard.new_ones(len(heard), count), heard], dim=1).bool()
        for block in self.blocks:
            x = block(x, cells, count, silent)
        made: Tensor = self.project(self.norm(x[:, :count]))
        return made


KIND = QFormer
