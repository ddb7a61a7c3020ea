"""Fewer steps: one step of a student is to go as far as several of its teacher.

Salimans and Ho 2022, "Progressive Distillation" (arXiv 2202.00512), in one go instead of halving: the path between two of the
student's times is walked by the teacher in small steps, and the student says the clean latents that lead there in one.
It is written with the shares of signal and of noise at a time, so that it holds for diffusion and for flows.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Levels = Callable[[Tensor], tuple[Tensor, Tensor]]  # shares of signal and of noise (B,) at times (B,)
Clean = Callable[[Tensor, Tensor], Tensor]  # clean latents of noisy ones (B, ...) at times (B,)


def step(x: Tensor, clean: Tensor, now: tuple[Tensor, Tensor], then: tuple[Tensor, Tensor]) -> Tensor:
    """Go from one time to another, without new noise, where the clean latents are known."""
    (signal, noise), (signal2, noise2) = (tuple(_like(one, x) for one in pair) for pair in (now, then))
    return signal2 * clean + noise2 * (x - signal * clean) / noise


def walk(clean: Clean, x: Tensor, times: Tensor, levels: Levels) -> Tensor:
    """Latents after a teacher's steps at times (B, steps + 1)."""
    for k in range(times.shape[1] - 1):
        now, then = times[:, k], times[:, k + 1]
        x = step(x, clean(x, now), levels(now), levels(then))
    return x


def goal(x: Tensor, after: Tensor, now: tuple[Tensor, Tensor], then: tuple[Tensor, Tensor]) -> Tensor:
    """The clean latents with which one step leads from ``x`` to ``after``."""
    (signal, noise), (signal2, noise2) = (tuple(_like(one, x) for one in pair) for pair in (now, then))
    share = noise2 / noise
    return (after - share * x) / (signal2 - share * signal)


def distil(said: Tensor, wanted: Tensor, now: tuple[Tensor, Tensor]) -> Tensor:
    """Give the mean squared error of clean latents, weighted by the ratio of signal to noise, at least 1."""
    weight = (now[0] / now[1]).square().clamp(min=1, max=1e4)
    return (weight * (said.float() - wanted.float()).square().flatten(1).mean(1)).mean()


def between(first: Tensor, last: Tensor, steps: int) -> Tensor:
    """Times (B, steps + 1) from one to another, evenly."""
    share = torch.linspace(0, 1, steps + 1, device=first.device)
    return first[:, None] + (last - first)[:, None] * share


def _like(share: Tensor, x: Tensor) -> Tensor:
    return share.reshape(-1, *([1] * (x.ndim - 1))).to(x.dtype)
