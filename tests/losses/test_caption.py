"""Captioning loss against sums over tokens."""

import math

import pytest
import torch

from geoglot.losses.caption import CaptionConfig, caption


@pytest.mark.parametrize("smooth", [0.0, 0.2])
def test_token_by_token(smooth: float) -> None:
    torch.manual_seed(0)
    logits, ids = torch.randn(2, 5, 7), torch.randint(0, 7, (2, 5))
    mask = torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]])
    terms = []
    for b, length in enumerate((3, 5)):
        for t in range(1, length):
            row = logits[b, t - 1]
            total = math.log(sum(math.exp(float(v)) for v in row))
            target = [(1 - smooth) * (v == int(ids[b, t])) + smooth / 7 for v in range(7)]
            terms.append(-sum(share * (float(row[v]) - total) for v, share in enumerate(target)))
    found = caption(logits, ids, mask, CaptionConfig(smooth=smooth))
    assert float(found) == pytest.approx(sum(terms) / len(terms), rel=1e-5)


def test_padding_gives_no_gradient_and_nothing_to_tell_is_zero() -> None:
    logits = torch.randn(1, 4, 3, requires_grad=True)
    ids = torch.tensor([[1, 2, 0, 0]])
    caption(logits, ids, torch.tensor([[1, 1, 0, 0]])).backward()
    assert logits.grad is not None
    assert logits.grad[0, 0].abs().sum() > 0
    assert logits.grad[0, 1:].abs().sum() == 0
    assert float(caption(logits, ids, torch.zeros(1, 4)).detach()) == 0.0
