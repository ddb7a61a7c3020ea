import math

import pytest
import torch
import torch.nn.functional as F

from geoglot.losses.infonce import InfoNCEConfig, infonce


def unit(*shape: int) -> torch.Tensor:
    return F.normalize(torch.randn(*shape), dim=-1)


def test_without_repeats_it_is_clip_loss() -> None:
    torch.manual_seed(0)
    image, text = unit(6, 8), unit(6, 8)
    logits = image @ text.T * 10
    wanted = (F.cross_entropy(logits, torch.arange(6)) + F.cross_entropy(logits.T, torch.arange(6))) / 2
    assert infonce(image, text, torch.tensor(10.0), torch.arange(6)) == pytest.approx(float(wanted), rel=1e-5)


def test_equal_texts_are_shared_positives() -> None:
    image, text = unit(3, 8), unit(3, 8)
    text[1] = text[0]
    same = torch.tensor([5, 5, 2])
    rows = []
    for scores in (image @ text.T, text @ image.T):
        for i in range(3):
            total = math.log(sum(math.exp(float(v)) for v in scores[i]))
            mine = [j for j in range(3) if same[j] == same[i]]
            rows.append(-sum(float(scores[i, j]) - total for j in mine) / len(mine))
    assert infonce(image, text, torch.tensor(1.0), same) == pytest.approx(sum(rows) / 6, rel=1e-5)


def test_smoothing_and_gradient() -> None:
    image = unit(4, 8).requires_grad_()
    text, scale = unit(4, 8), torch.tensor(5.0)
    plain = infonce(image, text, scale, torch.arange(4))
    even = infonce(image, text, scale, torch.zeros(4, dtype=torch.long))
    half = infonce(image, text, scale, torch.arange(4), InfoNCEConfig(smooth=0.5))
    assert float(half.detach()) == pytest.approx((float(plain.detach()) + float(even.detach())) / 2, rel=1e-5)
    plain.backward()
    assert image.grad is not None
    assert image.grad.abs().sum() > 0
