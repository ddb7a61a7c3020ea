"""Objective of a map of a few classes: cross entropy against shares, and Dice (Milletari et al. 2016, arXiv 1606.04797)."""

from __future__ import annotations

import torch
from torch import Tensor

from geoglot.core.config import Config


class CloudLossConfig(Config):
    """``weight``: what a place of each class counts in the cross entropy; ``dice``: weight of the Dice term, of all classes but
    the last; ``smooth``: places added to both sides of its ratio."""

    weight: tuple[float, ...] = (1.0, 1.5, 1.0)
    dice: float = 0.5
    smooth: float = 16.0


def cloud(logits: Tensor, true: Tensor, judged: Tensor, config: CloudLossConfig) -> tuple[Tensor, dict[str, float]]:
    """Give the objective of logits (B, K, h, w) against the share of each class (B, K, h, w) in each place, and its parts.

    ``judged`` (B, h, w) is False where nothing is known; what stands there changes nothing. The overlap of Dice is that of the
    whole batch, so that pictures without a class do not count against it.
    """
    known = judged[:, None].float()
    logits = torch.where(known > 0, logits.float(), torch.zeros(()))
    true = torch.where(known > 0, true.float(), torch.zeros(()))
    each = true * logits.new_tensor(config.weight)[:, None, None]
    entropy = -(each * logits.log_softmax(1)).sum() / each.sum().clamp(min=1e-6)
    p = logits.softmax(1)[:, :-1] * known
    wanted = true[:, :-1]
    both = (p * wanted).sum((0, 2, 3))
    sides = p.sum((0, 2, 3)) + wanted.sum((0, 2, 3))
    overlap = (1 - (2 * both + config.smooth) / (sides + config.smooth)).mean()
    return entropy + config.dice * overlap, {"entropy": float(entropy.detach()), "dice": float(overlap.detach())}
