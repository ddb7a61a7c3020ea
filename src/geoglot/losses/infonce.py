"""Symmetric InfoNCE in which equal texts are shared positives.

Radford et al. 2021 (arXiv 2103.00020) for the loss; where several images of a batch carry the same text, each is a
positive of every other, with the target shared evenly (as in supervised contrastive learning, arXiv 2004.11362).
"""

from __future__ import annotations

import torch
from torch import Tensor

from geoglot.core.config import Config


class InfoNCEConfig(Config):
    """``smooth`` is the share of the target that goes to all pairs of the batch evenly."""

    smooth: float = 0.0


def infonce(image: Tensor, text: Tensor, scale: Tensor, same: Tensor, config: InfoNCEConfig | None = None) -> Tensor:
    """Give the mean loss of unit vectors (B, D) and (B, D) at a logit ``scale``; ``same`` (B,) marks equal texts."""
    config = config or InfoNCEConfig()
    logits = (image @ text.T).float() * scale
    target = (same[:, None] == same[None, :]).float()
    target = target / target.sum(1, keepdim=True)
    target = target * (1 - config.smooth) + config.smooth / len(target)
    forward = -(target * logits.log_softmax(1)).sum(1).mean()
    backward = -(target * logits.T.log_softmax(1)).sum(1).mean()
    return torch.stack([forward, backward]).mean()
