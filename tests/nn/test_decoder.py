"""The decoder: its definition written out, sizes, and that conditions and pictures do not touch each other."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from geoglot.core.errors import ConfigError
from geoglot.nn.decoder import CONTRAST, Decoder, DecoderConfig, Depths

CONFIG = DecoderConfig(channels=(6, 10, 12), inner=(4, 6, 8), blocks=(1, 1, 2), dim=5)


def depths(count: int = 2, sides: tuple[int, ...] = (13, 7, 4), seed: int = 0) -> Depths:
    rng = torch.Generator().manual_seed(seed)
    maps = tuple(torch.randn(count, c, s, s + 1, generator=rng) for c, s in zip(CONFIG.channels, sides, strict=True))
    cells = F.normalize(torch.randn(count, sides[-1], sides[-1] + 1, CONFIG.dim, generator=rng), dim=-1)
    return Depths(F.normalize(cells.mean((1, 2)), dim=-1), cells, maps)


def decoder(config: DecoderConfig = CONFIG) -> Decoder:
    torch.manual_seed(0)
    made = Decoder(config)
    for parameter in made.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    made.prepare(depths(8, seed=3), torch.randn(6, config.dim), torch.randn(6, config.dim))
    return made.eval()


def conditions(count: int, batch: int = 2) -> torch.Tensor:
    return F.normalize(torch.randn(batch, count, CONFIG.dim, generator=torch.Generator().manual_seed(1)), dim=-1)


@torch.no_grad()
@pytest.mark.parametrize("up", [1, 2])
def test_a_logit_a_place_for_each_condition(up: int) -> None:
    found = decoder(CONFIG.model_copy(update={"up": up}))(depths(), conditions(3))
    assert found.shape == (2, 3, 13 * up, 14 * up)
    assert found.dtype == torch.float32


@torch.no_grad()
def test_the_deepest_map_is_modulated_by_the_condition() -> None:
    made, seen, asked = decoder(), depths(), conditions(3)
    deep = made.laterals[-1](seen.maps[-1])
    found = made._conditioned(deep, seen.cells, asked)
    width = CONFIG.inner[-1]
    for b in range(2):
        for k in range(3):
            scale, shift = (made.film.weight @ asked[b, k] + made.film.bias).split(width)
            cosine = CONTRAST * (seen.cells[b] @ asked[b, k])
            prior = made.prior.weight[:, 0] * cosine + made.prior.bias[:, None, None]
            wanted = F.relu(deep[b] * (1 + scale)[:, None, None] + shift[:, None, None] + prior)
            assert torch.allclose(found[3 * b + k], wanted, atol=1e-5)


@torch.no_grad()
def test_conditions_and_pictures_are_alone() -> None:
    made, seen, asked = decoder(), depths(), conditions(3)
    whole = made(seen, asked)
    one = Depths(seen.pooled[1:], seen.cells[1:], tuple(level[1:] for level in seen.maps))
    assert torch.allclose(made(one, asked[1:, 2:])[0, 0], whole[1, 2], atol=1e-5)
    assert not torch.allclose(whole[:, 0], whole[:, 1], atol=1e-3)


def test_vectors_lose_what_all_share() -> None:
    made = decoder()
    vector = F.normalize(torch.randn(4, CONFIG.dim), dim=-1)
    assert torch.allclose(made.of_texts(vector), F.normalize(vector - made.usual_text, dim=-1))
    assert torch.allclose(made.of_images(vector).norm(dim=-1), torch.ones(4))


def test_maps_of_any_standing_are_brought_to_one() -> None:
    made, seen = decoder(), depths(8, seed=3)
    for lateral, level in zip(made.laterals, seen.maps, strict=True):
        assert torch.allclose(lateral.centre, level.mean((0, 2, 3)))
        assert torch.allclose(lateral.spread, level.std((0, 2, 3)))


def test_levels_of_unequal_number_are_refused() -> None:
    with pytest.raises(ConfigError, match="one length"):
        Decoder(CONFIG.model_copy(update={"blocks": (1, 1)}))
