"""Metadata as a vector: each number alone, unknown apart from zero."""

from __future__ import annotations

from datetime import datetime

import pytest
import torch
from diffusers.models.embeddings import get_timestep_embedding

from geoglot.nn.conditions import FIELDS, Metadata, MetadataConfig, level, numbers, sinusoid


def test_numbers_are_diffusionsats():
    found = numbers((-180.0, 90.0), 0.5, 0.25, datetime(2010, 6, 15))
    assert found.tolist() == pytest.approx([0, 1000, 500, 250, 250, 500, 15 / 31 * 1000], rel=1e-5)
    assert numbers(None, None, 0.0, None).isnan().tolist() == [name != "cloud" for name in FIELDS]


def test_waves_are_those_of_diffusers():
    values = torch.tensor([0.0, 12.5, 999.0])
    told = get_timestep_embedding(values, 32, flip_sin_to_cos=True, downscale_freq_shift=0)
    torch.testing.assert_close(sinusoid(values, 32), told)
    turns = sinusoid(values, 32, "turns")
    torch.testing.assert_close(torch.cat([turns[:, 1::2], turns[:, ::2]], 1), told)


def test_unknown_is_not_zero():
    torch.manual_seed(0)
    made = Metadata(MetadataConfig(width=16, out=24, sensors=("Sentinel-2",)))
    torch.nn.init.normal_(made.unknown)
    torch.nn.init.normal_(made.sensors.weight)
    nothing = torch.full((1, 7), torch.nan)
    zero = torch.zeros(1, 7)
    torch.testing.assert_close(made(nothing), made.unknown.sum(0)[None] + made.sensors.weight[:1])
    assert not torch.allclose(made(nothing), made(zero))
    one = nothing.clone()
    one[0, 3] = 0.0
    apart = made(one) - made(nothing)
    torch.testing.assert_close(apart[0], made.nets[3](sinusoid(torch.zeros(1), 16))[0] - made.unknown[3])
    assert made.sensor("sentinel-2") == 1
    assert made.sensor("other") == made.sensor(None) == 0
    assert not torch.allclose(made(zero, torch.tensor([1])), made(zero))
    made(one).sum().backward()
    assert made.unknown.grad.isfinite().all()
    assert made.nets[3][0].weight.grad.isfinite().all()
    made.unknown_is_zero()
    torch.testing.assert_close(made(nothing), made(zero))


def test_levels_of_pixel_size():
    assert [level(gsd) for gsd in (None, 1.0, 0.5, 128.0, 0.01, 1e4)] == [0, 17, 18, 10, 18, 10]
