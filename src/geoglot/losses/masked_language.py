"""Masked language modelling: some tokens are hidden, and told from the rest.

Devlin et al. 2018, "BERT" (arXiv 1810.04805): of the chosen tokens 80 % become the mask, 10 % another token, 10 % stay.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Generator, Tensor

from geoglot.core.config import Config
from geoglot.nn.gather import mean_of_all


class MaskedLanguageConfig(Config):
    """``share`` of the tokens is chosen; of those, ``hidden`` become the mask and ``swapped`` another token."""

    share: float = Field(default=0.15, gt=0, le=1)
    hidden: float = Field(default=0.8, ge=0, le=1)
    swapped: float = Field(default=0.1, ge=0, le=1)


def hide(
    ids: Tensor, free: Tensor, mask_id: int, vocabulary: int, config: MaskedLanguageConfig, rng: Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Give ids (B, T) with some tokens hidden, and which were chosen (B, T).

    Only ``free`` tokens (B, T) may be chosen: neither padding nor marks. At least one a text is, where one is free.
    """
    draw = torch.rand(ids.shape, generator=rng, device=ids.device).masked_fill(~free, 2.0)
    first = torch.zeros_like(free).scatter_(1, draw.argmin(1, keepdim=True), True)
    chosen = free & ((draw < config.share) | first)
    kind = torch.rand(ids.shape, generator=rng, device=ids.device)
    other = torch.randint(0, vocabulary, ids.shape, generator=rng, device=ids.device)
    seen = torch.where(chosen & (kind < config.hidden), mask_id, ids)
    swapped = chosen & (kind >= config.hidden) & (kind < config.hidden + config.swapped)
    return torch.where(swapped, other, seen), chosen


def masked_language(logits: Tensor, ids: Tensor, chosen: Tensor) -> Tensor:
    """Give the mean cross-entropy a chosen token of logits (B, T, V) for the true ids (B, T).

    With several processes the mean of their values is the mean over all their chosen tokens.
    """
    total = F.cross_entropy(logits[chosen].float(), ids[chosen], reduction="sum")
    return mean_of_all(total, chosen.sum())
