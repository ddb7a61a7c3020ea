"""Objective of masks drawn for a condition: cross entropy a place, and Dice (Milletari et al. 2016, arXiv 1606.04797)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from geoglot.core.config import Config


class MaskLossConfig(Config):
    """``dice``: weight of the Dice term beside the cross entropy; ``absent``: that of the cross entropy of masks that hold
    nothing; ``smooth``: places added to both sides of the Dice ratio."""

    dice: float = 0.5
    absent: float = 0.5
    smooth: float = 4.0


def mask(logits: Tensor, true: Tensor, judged: Tensor, config: MaskLossConfig) -> tuple[Tensor, dict[str, float]]:
    """Give the objective of logits (N, h, w) against shares (N, h, w) in [0, 1], and its parts.

    ``judged`` (N, h, w) is the weight of each place, 0 where nothing is known; what stands there changes nothing. Masks count
    alike, however much of them is judged. Dice is of masks that hold something: an empty one has no overlap to raise.
    """
    weight = judged.float()
    area = weight.sum((1, 2))
    known = area > 0
    if not known.any():
        return logits.sum() * 0, {"bce": 0.0, "dice": 0.0}
    logits, true, weight, area = logits[known].float(), true[known].float(), weight[known], area[known]
    logits = torch.where(weight > 0, logits, torch.zeros(()))
    true = torch.where(weight > 0, true, torch.zeros(()))
    bce = (F.binary_cross_entropy_with_logits(logits, true, reduction="none") * weight).sum((1, 2)) / area
    held = (true * weight).sum((1, 2))
    there = held > 0
    share = torch.where(there, 1.0, config.absent)
    each = (bce * share).sum() / share.sum()
    overlap = logits.new_zeros(())
    if there.any():
        p = logits.sigmoid()[there]
        both = (p * true[there] * weight[there]).sum((1, 2))
        sides = (p * weight[there]).sum((1, 2)) + held[there]
        overlap = (1 - (2 * both + config.smooth) / (sides + config.smooth)).mean()
    return each + config.dice * overlap, {"bce": float(each.detach()), "dice": float(overlap.detach())}
