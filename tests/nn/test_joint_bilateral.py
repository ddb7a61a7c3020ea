"""The joint bilateral filter against its definition written out in loops, and what it keeps."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from geoglot.nn.upsample import JointBilateral, Retrace, UpsamplerConfig


def filter_of(radius: int = 2, keys: int = 4, times: int = 1, seed: int = 0) -> JointBilateral:
    torch.manual_seed(seed)
    made = JointBilateral(UpsamplerConfig(radius=radius, keys=keys, times=times))
    with torch.no_grad():
        made.temperature.fill_(0.7)
        made.width.fill_(-0.3)
    return made.eval().requires_grad_(False)


def written_out(up: JointBilateral, maps: torch.Tensor, picture: torch.Tensor) -> torch.Tensor:
    """One doubling of maps (C, h, w) by a picture (3, 2h, 2w), place by place and neighbour by neighbour."""
    radius, (height, width) = up.config.radius, picture.shape[-2:]
    large = F.interpolate(maps[None], scale_factor=2, mode="bicubic", align_corners=False)[0]
    key = up.project(picture[None])[0]
    out = torch.zeros_like(large)
    for row in range(height):
        for col in range(width):
            spots, alike, near = [], [], []
            for down in range(-radius, radius + 1):
                for right in range(-radius, radius + 1):
                    spot = min(max(row + down, 0), height - 1), min(max(col + right, 0), width - 1)
                    spots.append(spot)
                    alike.append(math.exp(up.temperature) * float(key[:, row, col] @ key[:, spot[0], spot[1]]))
                    near.append(math.exp(-((down / radius) ** 2 + (right / radius) ** 2) / (2 * math.exp(up.width) ** 2)))
            weight = torch.tensor(alike).softmax(0) * torch.tensor(near)
            weight = weight / weight.sum()
            told = torch.cat([weight, picture[:, row, col]])[None, :, None, None]
            weight = weight + 0.1 * up.correct(told)[0, :, 0, 0]
            out[:, row, col] = sum(w * large[:, r, c] for w, (r, c) in zip(weight, spots, strict=True))
    return out


def test_against_the_definition() -> None:
    up, rng = filter_of(), torch.Generator().manual_seed(1)
    maps, picture = torch.randn(2, 3, 3, 4, generator=rng), torch.rand(2, 3, 6, 8, generator=rng)
    expected = torch.stack([written_out(up, *pair) for pair in zip(maps, picture, strict=True)])
    assert torch.allclose(up(maps, picture), expected, atol=1e-5)


def test_doublings_follow_each_other_on_the_picture_at_their_size() -> None:
    up, rng = filter_of(times=2), torch.Generator().manual_seed(1)
    maps, picture = torch.randn(1, 3, 2, 3, generator=rng), torch.rand(1, 3, 32, 48, generator=rng)
    once = filter_of(times=1)
    half = once(maps, F.avg_pool2d(picture, 8))
    assert torch.allclose(up(maps, picture), once(half, F.avg_pool2d(picture, 4)), atol=1e-5)
    assert up.factor == 4


@pytest.mark.parametrize(("times", "size"), [(0, (3, 5)), (1, (6, 10)), (3, (24, 40))])
def test_shapes(times: int, size: tuple[int, int]) -> None:
    assert filter_of(times=times)(torch.zeros(2, 7, 3, 5), torch.rand(2, 3, 48, 80)).shape == (2, 7, *size)


def test_constant_maps_stay_constant_up_to_the_correction() -> None:
    up, picture = filter_of(), torch.rand(1, 3, 12, 12)
    with torch.no_grad():
        plain = filter_of()
        plain.correct[2].weight.zero_()
        plain.correct[2].bias.zero_()
    assert torch.allclose(plain(torch.full((1, 2, 6, 6), 3.0), picture), torch.tensor(3.0), atol=1e-5)
    made = up(torch.full((1, 2, 6, 6), 3.0), picture)
    extra = 0.1 * up.correct(torch.cat([plain.weights(picture), picture], dim=1)).sum(1)
    assert torch.allclose(made, 3 * (1 + extra[:, None]).expand_as(made), atol=1e-4)


def test_weights_are_of_the_picture_alone() -> None:
    """So maps of scores made from maps of vectors may be filtered in their place."""
    up, rng = filter_of(times=2), torch.Generator().manual_seed(1)
    maps, picture, text = torch.randn(1, 6, 3, 3, generator=rng), torch.rand(1, 3, 48, 48), torch.randn(2, 6, generator=rng)
    scores = torch.einsum("bchw,kc->bkhw", maps, text)
    assert torch.allclose(up(scores, picture), torch.einsum("bchw,kc->bkhw", up(maps, picture), text), atol=1e-4)


def test_edges_of_the_picture_become_edges_of_the_map() -> None:
    """Colours that differ keep values apart that bicubic interpolation runs into each other."""
    up = filter_of(radius=2)
    with torch.no_grad():
        up.correct[2].weight.zero_()
        up.correct[2].bias.zero_()
        up.temperature.fill_(6.0)
        up.width.fill_(1.0)
        up.project[0].weight.copy_(torch.eye(4, 3)[..., None, None])
        up.project[0].bias.zero_()
        up.project[2].weight.copy_(torch.eye(4)[..., None, None])
        up.project[2].bias.copy_(torch.tensor([-0.4, 0, 0, 0]))
    picture = torch.zeros(1, 3, 16, 16)
    picture[..., 8:] = 1.0
    maps = torch.zeros(1, 1, 8, 8)
    maps[..., 4:] = 1.0
    smooth = F.interpolate(maps, scale_factor=2, mode="bicubic", align_corners=False)
    step = [float((made[0, 0, 8, 8] - made[0, 0, 8, 7]).abs()) for made in (smooth, up(maps, picture))]
    assert step[1] > 1.3 * step[0]


def test_colours_are_told() -> None:
    assert Retrace(5)(torch.randn(2, 5, 8, 8)).shape == (2, 3, 8, 8)
