"""Objectives of the detection head: centres, upright boxes, turned boxes.

Centres: the focal loss of Zhou et al. 2019 (arXiv 1904.07850) on Gaussians. Boxes: generalised IoU (Rezatofighi et al. 2019,
arXiv 1902.09630) and smooth L1, weighted by the same Gaussians (Liu et al. 2019, arXiv 1909.00700).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from geoglot.core.config import Config


class DetectionLossConfig(Config):
    """Weights of upright and turned boxes beside that of centres, and the exponents of the focal loss."""

    upright: float = 2.0
    turned: float = 0.5
    hard: float = 2.0
    near: float = 4.0


class Targets(NamedTuple):
    """What is true at every place: Gaussians ``heat`` (B, K, h, w) of each class, 1 at its centres; ``judged`` (B, K, h, w)
    bool, False where nothing is known of a class; boxes ``edges`` (B, 4, h, w) and ``turned`` (B, 6, h, w) as the head gives
    them, with the weights ``upright`` and ``oblique`` (B, h, w), 0 where there is none."""

    heat: Tensor
    judged: Tensor
    edges: Tensor
    upright: Tensor
    turned: Tensor
    oblique: Tensor


def centres(logits: Tensor, heat: Tensor, judged: Tensor, config: DetectionLossConfig) -> Tensor:
    """Focal loss of logits (B, K, h, w), of each picture divided by the number of its centres, then the mean over pictures.

    Divided by the number of all centres, a picture with a hundred cars would count a hundred times one with a bridge.
    """
    p = logits.sigmoid()
    found = F.logsigmoid(logits) * (1 - p) ** config.hard
    quiet = F.logsigmoid(-logits) * p**config.hard * (1 - heat) ** config.near
    middle = heat >= 1
    value = torch.where(middle, found, quiet) * judged
    return -(value.sum((1, 2, 3)) / (middle & judged).sum((1, 2, 3)).clamp(min=1)).mean()


def giou(a: Tensor, b: Tensor) -> Tensor:
    """Generalised IoU (N,) of boxes (N, 4) given as distances of one place to its four edges."""
    left, top, right, bottom = torch.minimum(a, b).unbind(1)
    common = (left + right).clamp(min=0) * (top + bottom).clamp(min=0)
    union = (a[:, 0] + a[:, 2]) * (a[:, 1] + a[:, 3]) + (b[:, 0] + b[:, 2]) * (b[:, 1] + b[:, 3]) - common
    left, top, right, bottom = torch.maximum(a, b).unbind(1)
    hull = (left + right) * (top + bottom)
    return common / union.clamp(min=1e-6) - (hull - union) / hull.clamp(min=1e-6)


def oblique(made: Tensor, true: Tensor) -> Tensor:
    """Distance (N,) of turned boxes (N, 6): centre by the root of the area, sides by ratio, angle by how long the box is."""
    size = (true[:, 2] * true[:, 3]).sqrt().clamp(min=1)[:, None]
    place = F.smooth_l1_loss(made[:, :2] / size, true[:, :2] / size, reduction="none", beta=0.1).sum(1)
    sides = F.smooth_l1_loss(made[:, 2:4].log(), true[:, 2:4].clamp(min=1).log(), reduction="none", beta=0.1).sum(1)
    long = (1 - true[:, 3] / true[:, 2].clamp(min=1)).clamp(0, 1)  # a square has no angle
    angle = F.smooth_l1_loss(made[:, 4:], true[:, 4:], reduction="none", beta=0.1).sum(1)
    return place + sides + 2 * long * angle


def even(weight: Tensor) -> Tensor:
    """Weights (B, h, w) that sum to the same for every picture that has any, and to one in all."""
    whole = weight.sum((1, 2), keepdim=True)
    return weight / whole.clamp(min=1e-6) / (whole > 0).sum().clamp(min=1)


def detection(
    logits: Tensor, edges: Tensor, turned: Tensor, true: Targets, config: DetectionLossConfig
) -> tuple[Tensor, dict[str, float]]:
    """Give the objective of a batch and its parts."""
    middle = centres(logits, true.heat.float(), true.judged, config)
    box, other = logits.new_zeros(()), logits.new_zeros(())
    if (at := true.upright > 0).any():
        weight = even(true.upright)[at]
        gap = 1 - giou(edges.permute(0, 2, 3, 1)[at], true.edges.permute(0, 2, 3, 1)[at])
        box = (gap * weight).sum()
    if (at := true.oblique > 0).any():
        weight = even(true.oblique)[at]
        gap = oblique(turned.permute(0, 2, 3, 1)[at], true.turned.permute(0, 2, 3, 1)[at])
        other = (gap * weight).sum()
    report = {"centres": float(middle.detach()), "upright": float(box.detach()), "turned": float(other.detach())}
    return middle + config.upright * box + config.turned * other, report
