"""Two linear layers a cell with GELU between, as in LLaVA-1.5 (Liu et al. 2023, arXiv 2310.03744)."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from geoglot.core.config import Config
from geoglot.nn.connectors._maps import Connector, Hw, beside, finest


class Options(Config):
    """``hidden`` values between the layers; 0: as many as the language model's width."""

    hidden: int = 0


class Mlp(Connector):
    """Maps side by side in channels, each cell taken through Linear, GELU, Linear."""

    def __init__(self, channels: Sequence[int], width: int, options: Options) -> None:
        super().__init__()
        self.channels = tuple(channels)
        hidden = options.hidden or width
        self.first, self.second = nn.Linear(sum(channels), hidden), nn.Linear(hidden, width)

    def count(self, sizes: Sequence[Hw]) -> int:
        """A token a cell of the finest map."""
        h, w = finest(sizes)
        return h * w

    def forward(self, maps: Sequence[Tensor], words: Tensor | None = None, heard: Tensor | None = None) -> Tensor:
        """Give tokens (B, h * w, width) in row-major order."""
        made: Tensor = self.second(F.gelu(self.first(beside(maps, self.channels).flatten(1, 2))))
        return made


KIND = Mlp
