"""Cross-entropy of the next token of captions, padding left out.

With label smoothing as Szegedy et al. 2016 (arXiv 1512.00567): a share of the target goes to all tokens evenly.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from geoglot.core.config import Config
from geoglot.nn.gather import mean_of_all


class CaptionConfig(Config):
    """``smooth`` is the share of the target that goes to all tokens evenly."""

    smooth: float = Field(default=0.0, ge=0, lt=1)


def caption(logits: Tensor, ids: Tensor, mask: Tensor, config: CaptionConfig | None = None) -> Tensor:
    """Give the mean loss a token of logits (B, T, V) for ids (B, T), of which ``mask`` (B, T) are to be told.

    The logits at a position tell the token after it; the first token is given. With several processes the mean of their
    values is the mean over all their tokens.
    """
    config = config or CaptionConfig()
    target = torch.where(mask[:, 1:].bool(), ids[:, 1:], -1)
    total = F.cross_entropy(
        logits[:, :-1].float().flatten(0, 1), target.flatten(), ignore_index=-1, reduction="sum", label_smoothing=config.smooth
    )
    return mean_of_all(total, (target >= 0).sum())
