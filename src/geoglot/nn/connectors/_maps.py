"""What connectors have in common: maps of several encoders, levels or scales beside each other in channels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geoglot.core.errors import InputError

Hw = tuple[int, int]


class Connector(nn.Module, ABC):
    """Maps (B, h, w, C) to tokens (B, N, width). `reads_words`: whether the tokens depend on what is asked."""

    reads_words: ClassVar[bool] = False

    @abstractmethod
    def count(self, sizes: Sequence[Hw]) -> int:
        """How many tokens come of maps of these rows and columns."""

    @abstractmethod
    def forward(self, maps: Sequence[Tensor], words: Tensor | None = None, heard: Tensor | None = None) -> Tensor:
        """Give tokens (B, N, width) of maps, and of words (B, T, width) of which ``heard`` (B, T) are real."""


def beside(maps: Sequence[Tensor], channels: Sequence[int]) -> Tensor:
    """One map (B, h, w, sum of channels) on the cells of the finest, the others enlarged to it. Raises InputError."""
    if [found.shape[-1] for found in maps] != list(channels):
        raise InputError(
            f"the connector is for maps of {tuple(channels)} channels, and got {tuple(found.shape[-1] for found in maps)}: "
            "give it the encoders, levels and scales that it was made for"
        )
    hw = finest([(found.shape[1], found.shape[2]) for found in maps])
    return torch.cat([_enlarged(found, hw) for found in maps], dim=-1)


def finest(sizes: Sequence[Hw]) -> Hw:
    """The largest of some rows and columns."""
    return max(sizes, key=lambda hw: hw[0] * hw[1])


def _enlarged(found: Tensor, hw: Hw) -> Tensor:
    if found.shape[1:3] == hw:
        return found
    planes = F.interpolate(found.permute(0, 3, 1, 2).float(), hw, mode="bilinear", align_corners=False)
    return planes.permute(0, 2, 3, 1).to(found.dtype)
