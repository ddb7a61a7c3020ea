"""Modules of change: shapes, the order of dates, what was not observed, and their definitions written out."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from geoglot.core import parts
from geoglot.core.errors import ConfigError, ModelError
from geoglot.nn.batch import ImageBatch
from geoglot.nn.change import ban, bit, changeclip, changeformer, head
from geoglot.nn.dates import Changer, Date, cosine, standardised
from geoglot.nn.decoder import Depths

CHANNELS, DIM = (8, 12, 16), 20
SMALL: dict[str, dict[str, Any]] = {
    "head": {"inner": (4, 6, 8)},
    "changeclip": {"inner": (4, 6, 8), "width": 8, "tags": 3},
    "ban": {"told": {"widths": (8, 8), "blocks": (1, 1), "heads": (1, 2), "reduce": (2, 1), "inner": 8}, "heads": 2},
    "bit": {"widths": (4, 8, 8), "inner": 8, "heads": 2},
    "changeformer": {"widths": (4, 8), "blocks": (1, 1), "heads": (1, 2), "reduce": (4, 1), "inner": 8},
}


def date(seed: int, count: int = 2, side: int = 64) -> Date:
    rng = torch.Generator().manual_seed(seed)
    sides = (side // 4, side // 8, side // 16)
    maps = tuple(torch.randn(count, c, s, s + 1, generator=rng) for c, s in zip(CHANNELS, sides, strict=True))
    cells = F.normalize(torch.randn(count, sides[2], sides[2] + 1, DIM, generator=rng), dim=-1)
    return Date(
        torch.randn(count, 3, side, side + 4, generator=rng), Depths(F.normalize(cells.mean((1, 2)), dim=-1), cells, maps)
    )


def module(name: str, **how: Any) -> Changer:
    """A small module whose parts all matter."""
    part = parts.find("nn.change", name)
    told = SMALL[name] | ({"channels": CHANNELS, "dim": DIM} if "channels" in part.Options.model_fields else {}) | how
    torch.manual_seed(0)
    made: Changer = part.KIND(part.Options(**told))
    for parameter in made.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    vectors = F.normalize(torch.randn(len(made.texts), DIM, generator=torch.Generator().manual_seed(5)), dim=-1)
    made.prepare(date(9, 6), vectors)
    return made.eval()


def test_every_module_is_tried() -> None:
    assert set(SMALL) == set(parts.names("nn.change"))


@pytest.mark.parametrize("name", SMALL)
def test_a_logit_a_place_and_every_weight_learns(name: str) -> None:
    made = module(name)
    found = made(date(0), date(1))
    assert found.shape[0] == 2
    assert found.ndim == 3
    assert found.dtype == torch.float32
    found.square().sum().backward()
    assert not [key for key, weight in made.named_parameters() if weight.grad is None]


@torch.no_grad()
@pytest.mark.parametrize("name", SMALL)
def test_pictures_do_not_touch_each_other(name: str) -> None:
    made, one, other = module(name), date(0), date(1)
    at = torch.tensor([1])
    assert torch.allclose(made(one.rows(at), other.rows(at))[0], made(one, other)[1], atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("name", SMALL)
def test_the_order_of_dates_is_all_one_where_a_module_says_so(name: str) -> None:
    made = module(name)
    same = torch.allclose(made(date(0), date(1)), made(date(1), date(0)), atol=1e-4)
    assert same == made.symmetric


@torch.no_grad()
def test_ban_is_symmetric_with_a_symmetric_host() -> None:
    made = module("ban", host="bit", told=SMALL["bit"])
    assert made.symmetric
    assert torch.allclose(made(date(0), date(1)), made(date(1), date(0)), atol=1e-4)


def test_what_was_not_observed_is_not_seen() -> None:
    pixels, valid = torch.rand(2, 3, 8, 8), torch.rand(2, 8, 8) > 0.5
    other = torch.where(valid[:, None], pixels, torch.nan)
    assert torch.equal(standardised(ImageBatch.of(pixels, valid)), standardised(ImageBatch.of(other, valid)))


@torch.no_grad()
def test_a_bridge_as_it_is_defined() -> None:
    torch.manual_seed(0)
    bridge = ban.Bridge(12, 8, 2).eval()
    x, f = torch.randn(1, 8, 6, 6), torch.randn(1, 12, 3, 3)
    known = bridge.project(f)
    keys = bridge.other(known.flatten(2).transpose(1, 2))
    cells = x.flatten(2).transpose(1, 2)
    cells = cells + bridge.attend(bridge.first(cells), keys, keys)[0]
    cells = cells + bridge.feed(bridge.second(cells))
    wanted = cells.transpose(1, 2).reshape(x.shape)
    wanted = wanted + F.interpolate(known, size=(6, 6), mode="bilinear", align_corners=False)
    assert torch.allclose(bridge(x, f), wanted, atol=1e-5)
    assert bridge(x, f).shape == x.shape


@torch.no_grad()
def test_tokens_are_means_weighted_by_attention() -> None:
    made = module("bit")
    assert isinstance(made, bit.BiT)
    x = torch.randn(1, 8, 5, 5)
    weight = made.where(x).flatten(2).softmax(-1)[0]
    wanted = weight @ x.flatten(2)[0].T + made.position
    assert torch.allclose(made.tokens(x)[0], wanted, atol=1e-5)


@torch.no_grad()
def test_changeclip_takes_the_tags_of_each_date_from_that_date() -> None:
    made = module("changeclip")
    assert isinstance(made, changeclip.ChangeCLIP)
    one, other = date(0).depths, date(1).depths
    assert one is not None
    assert other is not None
    tags = made.tags(one)
    assert tags.shape == (2, 56)
    assert torch.allclose(tags.sum(1), torch.ones(2))
    assert ((tags > 0).sum(1) <= 3).all()
    assert not torch.allclose(tags, made.tags(other))
    # only the second date's vector is another: its prompts change, and with them the answer
    before, after = date(0), date(1)
    turned = Date(after.pixels, other._replace(pooled=-other.pooled))
    assert not torch.allclose(made.tags(other), made.tags(other._replace(pooled=-other.pooled)))
    assert not torch.allclose(made(before, after), made(before, turned))


@torch.no_grad()
def test_texts_begin_as_they_are_and_learn_from_the_picture() -> None:
    part = changeclip.ChangeCLIP(changeclip.Options(channels=CHANNELS, dim=DIM, **SMALL["changeclip"])).eval()
    assert torch.equal(part.refine.gamma, torch.full((DIM,), changeclip.START))
    part.prepare(date(9), F.normalize(torch.randn(len(part.texts), DIM), dim=-1))
    seen = date(0).depths
    assert seen is not None
    front = F.normalize(part.tags(seen) @ part.known[:-1], dim=-1)
    assert torch.allclose(part.prompts(seen)[:, 0], front, atol=1e-3)
    assert torch.allclose(part.prompts(seen)[:, 1], part.known[-1].expand(2, -1), atol=1e-3)


@torch.no_grad()
def test_fusion_as_it_is_defined() -> None:
    torch.manual_seed(0)
    made = changeclip.Fusion(4, 6).eval()
    a, b = torch.randn(2, 4, 5, 5), torch.randn(2, 4, 5, 5)
    x = torch.cat([a, b], 1)
    weight = torch.sigmoid(1 - (a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1)))[:, None]
    whole = torch.cat([x * weight, made.gap((a - b).abs()), x], 1)
    share = made.squeeze(whole.mean((2, 3))).sigmoid()[..., None, None]
    assert torch.allclose(made(a, b), made.narrow(whole * share), atol=1e-5)


def test_the_cosine_is_of_standardised_channels() -> None:
    made = module("head")
    assert isinstance(made, head.Head)
    lateral = made.laterals[0]
    a, b = torch.randn(1, 8, 3, 3), torch.randn(1, 8, 3, 3)
    plain: list[Tensor] = [(x - lateral.centre[:, None, None]) / lateral.spread[:, None, None] for x in (a, b)]  # type: ignore[index,operator]
    assert torch.allclose(cosine(a, b, lateral)[:, 0], 1 - F.cosine_similarity(*plain, dim=1), atol=1e-5)  # type: ignore[arg-type]


def test_sizes_that_do_not_fit_are_refused() -> None:
    for kind, options in (
        (head.Head, head.Options(blocks=(1, 1))),
        (changeclip.ChangeCLIP, changeclip.Options(enlarge=(1,))),
        (bit.BiT, bit.Options(widths=(4, 8))),
        (changeformer.ChangeFormer, changeformer.Options(heads=(1, 2))),
    ):
        with pytest.raises(ConfigError):
            kind(options)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="no host"):
        ban.BAN(ban.Options(host="changeclip"))
    with pytest.raises(ModelError, match="needs the maps"):
        module("head")(Date(torch.rand(1, 3, 8, 8)), Date(torch.rand(1, 3, 8, 8)))
