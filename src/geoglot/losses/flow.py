"""Flow matching on straight paths from clean latents to noise: the network says the velocity.

Lipman et al. 2023 (arXiv 2210.02747), Liu et al. 2023, "rectified flow" (2209.03003); times by Esser et al. 2024 (2403.03206).
"""

from __future__ import annotations

import torch
from torch import Tensor

from geoglot.core.config import Config


class FlowConfig(Config):
    """Times are the logistic of normal values of ``mean`` and ``spread``: most in the middle, where the paths cross."""

    mean: float = 0.0
    spread: float = 1.0


def times(share: Tensor, config: FlowConfig) -> Tensor:
    """Times (B,) in (0, 1), of which 1 is noise, from even draws (B,) in (0, 1)."""
    return torch.sigmoid(config.mean + config.spread * torch.special.ndtri(share.clamp(1e-6, 1 - 1e-6)))


def between(clean: Tensor, noise: Tensor, time: Tensor) -> Tensor:
    """Latents (B, ...) on the way at times (B,)."""
    share = time.reshape(-1, *([1] * (clean.ndim - 1))).to(clean.dtype)
    return (1 - share) * clean + share * noise


def flow(said: Tensor, clean: Tensor, noise: Tensor) -> Tensor:
    """Give the mean squared error of a velocity (B, ...), which is noise less clean."""
    return (said.float() - (noise - clean).float()).square().mean()
