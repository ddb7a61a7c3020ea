"""SigLIP's pairwise sigmoid loss in which equal texts are positives of each other, over one process or many.

Zhai et al. 2023, "Sigmoid Loss for Language Image Pre-Training" (arXiv 2303.15343).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from geoglot.core.config import Config
from geoglot.losses.infonce import Negatives
from geoglot.nn.gather import gather


class SigLIPConfig(Config):
    """``negatives`` as in `InfoNCEConfig`; ``scale`` and ``bias`` are where training begins (the paper's: 10 and -10)."""

    negatives: Negatives = "local"
    scale: float = 10.0
    bias: float = -10.0


def siglip(image: Tensor, text: Tensor, scale: Tensor, bias: Tensor, same: Tensor, config: SigLIPConfig | None = None) -> Tensor:
    """Give the loss of unit vectors (B, D) and (B, D): the sum over all pairs divided by the number of images.

    ``scale`` and ``bias`` are learned scalars; ``same`` (B,) marks equal texts, whose pairs are positive. With several
    processes the mean of their values is the loss of all rows; every process must hold as many rows.
    """
    config = config or SigLIPConfig()
    all_text, all_same = (text, same) if config.negatives == "own" else (gather(text), gather(same))
    if config.negatives == "gathered":
        image, same = gather(image), all_same
    logits = (image @ all_text.T).float() * scale + bias
    sign = torch.where(same[:, None] == all_same[None, :], 1.0, -1.0)
    return -F.logsigmoid(sign * logits).sum(1).mean()
