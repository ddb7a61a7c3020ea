"""Connectors: how many tokens, in which order, by which maps and words; and rows that are packed."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from transformers import LlavaConfig
from transformers.models.internvl.modeling_internvl import InternVLModel
from transformers.models.llava.modeling_llava import LlavaMultiModalProjector

from geoglot.core.config import Config
from geoglot.core.errors import ConfigError, InputError
from geoglot.core.parts import find, names
from geoglot.nn import packing

SMALL = {
    "linear": {},
    "mlp": {"hidden": 6},
    "pixel_shuffle": {},
    "perceiver": {"queries": [3, 2], "inner": 8, "heads": 2, "blocks": 2},
    "qformer": {"queries": 4, "inner": 8, "heads": 2, "blocks": 3},
}


def made(name, channels=(5, 7), width=8, **more):
    torch.manual_seed(0)
    part = find("nn.connectors", name)
    assert issubclass(part.Options, Config)
    return part.KIND(channels, width, part.Options.build(SMALL[name] | more)).eval()


def maps(*shapes):
    return [torch.randn(2, *shape) for shape in shapes]


@pytest.mark.parametrize("name", names("nn.connectors"))
@pytest.mark.parametrize("shapes", [((4, 4, 5), (4, 4, 7)), ((6, 5, 5), (3, 2, 7))])
def test_each_gives_as_many_tokens_as_it_says(name, shapes):
    connector = made(name)
    given_maps = maps(*shapes)
    tokens = connector(given_maps)
    assert tokens.shape == (2, connector.count([shape[:2] for shape in shapes]), 8)
    assert torch.equal(tokens, connector(given_maps))
    changed = [given_maps[0], given_maps[1] + 1]
    assert not torch.allclose(tokens, connector(changed), atol=1e-4)
    tokens.sum().backward()
    lacks = [key for key, value in connector.named_parameters() if value.grad is None]
    assert [key for key in lacks if not key.startswith("enter")] == []  # the words' layer, without words


@pytest.mark.parametrize("name", ["linear", "mlp", "pixel_shuffle", "qformer"])
def test_other_channels_are_refused(name):
    with pytest.raises(InputError, match="is for maps of"):
        made(name)(maps((4, 4, 7), (4, 4, 5)))


def test_mlp_is_llavas():
    config = LlavaConfig(
        vision_config={"model_type": "clip_vision_model", "hidden_size": 12},
        text_config={"hidden_size": 8, "num_attention_heads": 2},
    )
    theirs = LlavaMultiModalProjector(config).eval()
    own = made("mlp", hidden=0)
    own.load_state_dict(
        {f"{mine}.{kind}": getattr(getattr(theirs, its), kind) for mine, its in (("first", "linear_1"), ("second", "linear_2"))
         for kind in ("weight", "bias")}
    )  # fmt: skip
    found = maps((3, 4, 5), (3, 4, 7))
    torch.testing.assert_close(own(found), theirs(torch.cat(found, -1).flatten(1, 2)))


def test_pixel_shuffle_takes_the_squares_of_internvl():
    shuffle = made("pixel_shuffle", (5,))
    shuffle.norm, shuffle.first, shuffle.second = nn.Identity(), nn.Identity(), nn.Identity()
    found = torch.rand(2, 6, 6, 5) + 10  # where GELU is the identity
    theirs = InternVLModel.pixel_shuffle(None, found.transpose(1, 2).contiguous(), 0.5).transpose(1, 2).flatten(1, 2)
    own = shuffle([found])
    assert own.shape == theirs.shape
    torch.testing.assert_close(own.sort(-1).values, theirs.sort(-1).values)  # theirs orders a square by columns
    torch.testing.assert_close(own[0, 1], torch.cat([found[0, 0, 2], found[0, 0, 3], found[0, 1, 2], found[0, 1, 3]]))


def test_perceiver_shares_its_blocks_and_keeps_levels_apart():
    connector = made("perceiver")
    one, other = maps((4, 4, 5), (2, 2, 7))
    tokens, changed = connector([one, other]), connector([one, other + 1])
    assert torch.equal(tokens[:, :3], changed[:, :3])
    assert not torch.allclose(tokens[:, 3:], changed[:, 3:])
    with pytest.raises(ConfigError, match="one number a level"):
        made("perceiver", (5,))


def test_qformer_hears_the_question_and_no_padding():
    connector = made("qformer")
    found, words = maps((4, 4, 5), (2, 2, 7)), torch.randn(2, 3, 8)
    heard = torch.tensor([[True, True, True], [True, False, False]])
    tokens = connector(found, words, heard)
    assert not torch.allclose(tokens, connector(found), atol=1e-4)
    changed = torch.where(heard[..., None], words, 9.0)
    torch.testing.assert_close(connector(found, changed, heard), tokens)
    torch.testing.assert_close(connector([one[1:] for one in found], words[1:, :1], heard[1:, :1]), tokens[1:])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 20), min_size=1, max_size=30), st.integers(20, 50))
def test_rows_are_packed_once_each_and_fit(lengths, limit):
    packs = packing.shared(lengths, limit)
    assert sorted(k for pack in packs for k in pack) == list(range(len(lengths)))
    assert all(sum(lengths[k] for k in pack) <= limit for pack in packs)
    assert len(packs) <= max(1, 2 * -(-sum(lengths) // limit))


def test_packed_rows_see_themselves_alone():
    of = torch.tensor([[1, 1, 2, 2, 2, 0]])
    assert packing.positions(of).tolist() == [[0, 1, 0, 1, 2, 0]]
    seen = packing.sight(of, torch.float32)[0, 0] == 0
    assert seen.int().tolist() == [
        [1, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0],
        [0, 0, 1, 0, 0, 0],
        [0, 0, 1, 1, 0, 0],
        [0, 0, 1, 1, 1, 0],
        [0, 0, 0, 0, 0, 1],
    ]
    with pytest.raises(InputError, match="row 1 has 9 tokens, and a packed row holds 8"):
        packing.shared([3, 9], 8)
