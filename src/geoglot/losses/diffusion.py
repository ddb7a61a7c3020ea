"""What a denoiser is taught: the noise, the clean latents or their velocity, weighted by how much noise there is.

Ho et al. 2020 (arXiv 2006.11239); velocity: Salimans and Ho 2022 (arXiv 2202.00512); min-SNR: Hang et al. 2023 (2303.09556).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from geoglot.core.config import Config

Predicts = Literal["epsilon", "v_prediction", "sample"]


class DiffusionConfig(Config):
    """``gamma`` is the ratio of signal to noise above which a step counts no more than one of it; None weights all alike."""

    gamma: float | None = 5.0


def target(clean: Tensor, noise: Tensor, alpha: Tensor, predicts: Predicts) -> Tensor:
    """What is to be said of latents (B, ...) whose share of signal is ``alpha`` (B,), the cumulated product of a schedule."""
    if predicts == "epsilon":
        return noise
    if predicts == "sample":
        return clean
    share = _like(alpha, clean)
    return share.sqrt() * noise - (1 - share).sqrt() * clean


def noised(clean: Tensor, noise: Tensor, alpha: Tensor) -> Tensor:
    """Latents with noise."""
    share = _like(alpha, clean)
    return share.sqrt() * clean + (1 - share).sqrt() * noise


def clean_of(said: Tensor, x: Tensor, alpha: Tensor, predicts: Predicts) -> Tensor:
    """The clean latents that are meant by what is said of noisy ones."""
    share = _like(alpha, x)
    if predicts == "sample":
        return said
    if predicts == "epsilon":
        return (x - (1 - share).sqrt() * said) / share.sqrt()
    return share.sqrt() * x - (1 - share).sqrt() * said


def weights(alpha: Tensor, predicts: Predicts, gamma: float | None) -> Tensor:
    """The weight (B,) of each row's squared error: min(SNR, gamma) as an error of the clean latents."""
    if gamma is None:
        return torch.ones_like(alpha)
    ratio = alpha / (1 - alpha).clamp(min=1e-8)
    least = ratio.clamp(max=gamma)
    if predicts == "epsilon":
        return least / ratio.clamp(min=1e-8)
    return least if predicts == "sample" else least / (ratio + 1)


def diffusion(said: Tensor, goal: Tensor, alpha: Tensor, predicts: Predicts, config: DiffusionConfig | None = None) -> Tensor:
    """Give the weighted mean squared error of what is said (B, ...)."""
    config = config or DiffusionConfig()
    apart = (said.float() - goal.float()).square().flatten(1).mean(1)
    return (weights(alpha, predicts, config.gamma) * apart).mean()


def _like(share: Tensor, x: Tensor) -> Tensor:
    return share.reshape(-1, *([1] * (x.ndim - 1))).to(x.dtype)
