"""Symmetric InfoNCE in which equal texts are shared positives, over one process or many.

Radford et al. 2021 (arXiv 2103.00020) for the loss; where several images of a batch carry the same text, each is a
positive of every other, with the target shared evenly (as in supervised contrastive learning, arXiv 2004.11362).
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from geoglot.core.config import Config
from geoglot.nn.gather import gather, world

Negatives = Literal["own", "gathered", "local"]


class InfoNCEConfig(Config):
    """``smooth`` is the share of the target that goes to all pairs of the batch evenly.

    ``negatives`` matters with several processes. "own": each sees its own rows only. "gathered": each computes the whole
    matrix of all rows. "local": each computes its own rows against all, which needs less memory. The last two give values
    and gradients of one large batch; they are open_clip's ``gather_with_grad`` without and with ``local_loss``.
    """

    smooth: float = Field(default=0.0, ge=0, lt=1)
    negatives: Negatives = "local"


def infonce(image: Tensor, text: Tensor, scale: Tensor, same: Tensor, config: InfoNCEConfig | None = None) -> Tensor:
    """Give the mean loss of unit vectors (B, D) and (B, D) at a logit ``scale``; ``same`` (B,) marks equal texts.

    With several processes and ``negatives`` other than "own", the mean of the processes' values is the loss of all rows;
    every process must hold as many rows.
    """
    config = config or InfoNCEConfig()
    if config.negatives == "own":
        all_image, all_text, all_same = image, text, same
    else:
        all_image, all_text, all_same = gather(image), gather(text), gather(same)
    if config.negatives == "gathered":
        image, text, same = all_image, all_text, all_same
    target = (same[:, None] == all_same[None, :]).float()
    target = target / target.sum(1, keepdim=True)
    target = target * (1 - config.smooth) + config.smooth / len(all_same)
    forward = -(target * ((image @ all_text.T).float() * scale).log_softmax(1)).sum(1).mean()
    backward = -(target * ((text @ all_image.T).float() * scale).log_softmax(1)).sum(1).mean()
    return torch.stack([forward, backward]).mean()


def hits(image: Tensor, text: Tensor, same: Tensor, negatives: Negatives = "local") -> Tensor:
    """Give the share of images (B, D) whose nearest text (B, D) says the same, among those that the loss compares."""
    with torch.no_grad():
        alone = negatives == "own" or world()[1] == 1
        texts, marks = (text, same) if alone else (gather(text), gather(same))
        return (marks[(image @ texts.T).argmax(1)] == same).float().mean()
