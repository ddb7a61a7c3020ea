"""One linear layer a cell, as in the first LLaVA (Liu et al. 2023, arXiv 2304.08485)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from geoglot.core.config import Config
from geoglot.nn.connectors._maps import Connector, Hw, beside, finest


class Options(Config):
    """There is nothing to choose."""


class Linear(Connector):
    """Maps side by side in channels, each cell projected."""

    def __init__(self, channels: Sequence[int], width: int, options: Options) -> None:
        super().__init__()
        self.channels = tuple(channels)
        self.project = nn.Linear(sum(channels), width)

    def count(self, sizes: Sequence[Hw]) -> int:
        """A token a cell of the finest map."""
        h, w = finest(sizes)
        return h * w

    def forward(self, maps: Sequence[Tensor], words: Tensor | None = None, heard: Tensor | None = None) -> Tensor:
        """Give tokens (B, h * w, width) in row-major order."""
        made: Tensor = self.project(beside(maps, self.channels).flatten(1, 2))
        return made


KIND = Linear
