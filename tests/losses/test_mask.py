"""The objective of masks: its definition, and what is not judged changes nothing."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from geoglot.losses.mask import MaskLossConfig, mask

CONFIG = MaskLossConfig(dice=0.5, absent=0.25, smooth=1.0)


def drawn() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    logits, true = torch.randn(3, 5, 6, generator=rng), (torch.rand(3, 5, 6, generator=rng) < 0.4).float()
    true[2] = 0
    judged = torch.rand(3, 5, 6, generator=rng) < 0.8
    return logits, true, judged


def test_the_definition() -> None:
    logits, true, judged = drawn()
    entropy, dice = [], []
    for k in range(3):
        at = judged[k]
        entropy.append(F.binary_cross_entropy_with_logits(logits[k][at], true[k][at]))
        if k < 2:
            p, t = logits[k][at].sigmoid(), true[k][at]
            dice.append(1 - (2 * (p * t).sum() + 1) / (p.sum() + t.sum() + 1))
    wanted = (entropy[0] + entropy[1] + 0.25 * entropy[2]) / 2.25
    value, report = mask(logits, true, judged, CONFIG)
    assert report["bce"] == pytest.approx(float(wanted), rel=1e-5)
    assert report["dice"] == pytest.approx(float(sum(dice)) / 2, rel=1e-5)
    assert float(value) == pytest.approx(report["bce"] + 0.5 * report["dice"], rel=1e-5)


def test_what_is_not_judged_changes_nothing() -> None:
    logits, true, judged = drawn()
    logits.requires_grad_(True)
    value, _ = mask(logits, true, judged, CONFIG)
    value.backward()
    assert logits.grad is not None
    assert (logits.grad[~judged] == 0).all()
    other = torch.where(judged, logits.detach(), torch.full((), float("nan")))
    assert float(mask(other, torch.where(judged, true, 7.0), judged, CONFIG)[0]) == pytest.approx(float(value.detach()))


def test_nothing_judged_at_all() -> None:
    logits = torch.randn(2, 3, 3, requires_grad=True)
    value, _ = mask(logits, torch.ones(2, 3, 3), torch.zeros(2, 3, 3), CONFIG)
    value.backward()
    assert float(value) == 0
    assert (logits.grad == 0).all()
