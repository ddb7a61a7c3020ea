"""The cloud head: shapes at odd sides, its loss, what is learned on vectors."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from geoglot.losses.cloud import CloudLossConfig, cloud
from geoglot.nn import heads, prompts
from geoglot.nn.cloud import CloudConfig, CloudHead

CONFIG = CloudConfig(channels=(8, 12, 16), inner=(6, 8, 10), blocks=(1, 1, 1))


def maps(side: int, count: int = 2) -> list[Tensor]:
    rng = torch.Generator().manual_seed(0)
    sizes = [math.ceil(side / stride) for stride in (4, 8, 16)]
    return [torch.randn(count, c, s, s, generator=rng) for c, s in zip(CONFIG.channels, sizes, strict=True)]


@pytest.mark.parametrize("side", [64, 70])
def test_logits_at_every_fourth_pixel(side: int) -> None:
    head = CloudHead(CONFIG)
    assert head(maps(side), torch.rand(2, 3, side, side)).shape == (2, 3, math.ceil(side / 4), math.ceil(side / 4))


def test_it_learns_a_picture_by_heart() -> None:
    torch.manual_seed(0)
    head, pixels = CloudHead(CONFIG), torch.rand(2, 3, 64, 64)
    seen = maps(64)
    head.prepare(seen)
    wanted = torch.nn.functional.one_hot(torch.randint(3, (2, 4, 4)), 3).movedim(-1, 1).float()
    true = wanted.repeat_interleave(4, 2).repeat_interleave(4, 3)
    judged = torch.ones(2, 16, 16, dtype=torch.bool)
    solver = torch.optim.Adam(head.parameters(), 0.02)
    for _ in range(80):
        solver.zero_grad()
        value, _ = cloud(head(seen, pixels), true, judged, CloudLossConfig())
        value.backward()
        solver.step()
    assert (head(seen, pixels).argmax(1) == true.argmax(1)).float().mean() > 0.8


def test_the_loss_of_what_is_right_and_of_what_is_not_judged() -> None:
    true = torch.zeros(1, 3, 8, 8)
    true[:, 0, :, :4], true[:, 2, :, 4:] = 1.0, 1.0
    judged = torch.ones(1, 8, 8, dtype=torch.bool)
    right, _ = cloud(40 * true - 20, true, judged, CloudLossConfig(smooth=1e-3))
    wrong, parts = cloud(20 - 40 * true, true, judged, CloudLossConfig(smooth=1e-3))
    assert right < 0.3  # a class that is nowhere has half of the smoothing left
    assert wrong > 10
    assert set(parts) == {"entropy", "dice"}
    judged[:, :, 6:] = False
    logits = torch.randn(1, 3, 8, 8)
    one, _ = cloud(logits, true, judged, CloudLossConfig())
    logits[..., 6:] = 99.0
    other, _ = cloud(logits, true, judged, CloudLossConfig())
    assert one == pytest.approx(float(other))


def test_a_share_is_read_off_vectors() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 8)).astype(np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    share = (1 / (1 + np.exp(-3 * x[:, 0] - 1))).astype(np.float32)
    head = heads.fit_share(x, share, 1e-6)
    assert 1 / (1 + np.exp(-head.logits(x)[:, 0])) == pytest.approx(share, abs=0.02)


@pytest.mark.parametrize("kind", ["beside", "before"])
def test_a_context_is_learned(kind: str) -> None:
    rng = torch.Generator().manual_seed(0)
    x = torch.nn.functional.normalize(torch.randn(300, 8, generator=rng), dim=-1)
    share = (x[:, 0] > 0).float().numpy()
    texts = torch.nn.functional.normalize(torch.randn(2, 8, generator=rng), dim=-1)
    if kind == "beside":
        encode, start = prompts.beside(texts)
    else:
        words, mask = torch.randn(2, 3, 8, generator=rng), torch.ones(2, 3, dtype=torch.bool)
        mix = torch.randn(2, 8, 8, generator=rng)

        def tower(given: Tensor, seen: Tensor) -> Tensor:
            assert given.shape == (2, 5, 8)
            assert seen.all()
            return torch.nn.functional.normalize(torch.einsum("kd,kde->ke", given.mean(1), mix), dim=-1)

        encode, start = prompts.before(words, mask, tower, 2)
    before = float(np.mean(((x @ (encode(start)[0] - encode(start)[1])).numpy() > 0) == share.astype(bool)))
    head = prompts.learn(encode, start, x.numpy(), share, steps=150, lr=0.05)
    after = float(np.mean((head.logits(x.numpy())[:, 0] > 0) == share.astype(bool)))
    assert after > max(0.85 if kind == "beside" else 0.65, before)  # a shared context turns both texts alike
