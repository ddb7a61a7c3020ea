"""CRS-Diff's own checkpoint, small and random, under the names of its authors' code."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint, convert_ldm_vae_checkpoint
from transformers import CLIPTextConfig, CLIPTextModel

from geoglot.core.errors import ModelMismatchError
from geoglot.geo.raster import Raster
from geoglot.geo.sensors import Band
from geoglot.models import generators
from geoglot.models.condition import Condition, Control, Drawing
from geoglot.models.generators import _ldm, crs_diff
from geoglot.nn.fusion_maps import Content, MapFusion, Modulated

torch.set_num_threads(1)
WIDTHS, INJECT = (32, 32, 64, 64), (8, 8, 16, 16)


def stirred(module):
    with torch.no_grad():
        for value in module.parameters():
            value += 0.03 * torch.randn(value.shape)
    return module


def parts():
    torch.manual_seed(0)
    down = ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",)
    up = ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3
    unet = UNet2DConditionModel(
        block_out_channels=WIDTHS, down_block_types=down, up_block_types=up, cross_attention_dim=64, attention_head_dim=8,
        sample_size=8,
    )  # fmt: skip
    vae = AutoencoderKL(
        block_out_channels=(32,) * 4, layers_per_block=2, down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4, latent_channels=4,
    )  # fmt: skip
    reader = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=49408, hidden_size=64, intermediate_size=64, num_hidden_layers=2, num_attention_heads=1,
            max_position_embeddings=16,
        )
    )  # fmt: skip
    return unet, vae, reader


def renamed(module, name, prefix):
    state = {}
    for key, value in module.state_dict().items():
        own = name(key)
        for place in (1, 2) if "{up}" in own else (1,):
            whole = own.format(up=place)
            # an upsampler comes after the attention of its block, where there is any
            if "{up}" not in own or (place == 2) == any(
                ".1.transformer_blocks" in k and k.startswith(prefix + whole.rsplit(".", 3)[0] + ".") for k in state
            ):
                state[prefix + whole] = value.clone()
    return state


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    unet, vae, reader = parts()
    state = renamed(unet, _ldm.unet_name, crs_diff.UNET)
    for key, value in vae.state_dict().items():
        deep = ".mid." in _ldm.vae_name(key, 4) and "attn_1" in _ldm.vae_name(key, 4) and value.ndim == 2
        state["first_stage_model." + _ldm.vae_name(key, 4)] = value[..., None, None] if deep else value
    for key, value in reader.state_dict().items():
        state["cond_stage_model.transformer.text_model." + key.removeprefix("text_model.")] = value
    fusion = stirred(MapFusion(unet, 18, INJECT))
    state |= renamed(fusion, crs_diff.adapter_name, crs_diff.ADAPTER)
    for k in range(7):
        state[f"metadata_emb.mlp_models.{k}.fc1.weight"] = 0.3 * torch.randn(128, 32)
        state[f"metadata_emb.mlp_models.{k}.fc1.bias"] = 0.3 * torch.randn(128)
    state |= {f"global_content_adapter.{key}": value for key, value in stirred(Content(64)).state_dict().items()}
    file = tmp_path_factory.mktemp("crs") / "last.ckpt"
    torch.save({"state_dict": state}, file)
    return file, state, unet, vae


def test_names_are_those_that_diffusers_reads(checkpoint):
    _, state, unet, vae = checkpoint
    found = convert_ldm_unet_checkpoint(dict(state), {"layers_per_block": 2, **unet.config})
    assert set(found) == set(unet.state_dict())
    assert all(torch.equal(found[key], value) for key, value in unet.state_dict().items())
    told = convert_ldm_vae_checkpoint({k: v for k, v in state.items() if k.startswith("first_stage_model")}, vae.config)
    assert set(told) == set(vae.state_dict())
    assert all(torch.equal(told[key].reshape(value.shape), value) for key, value in vae.state_dict().items())
    for name in (  # as read in the authors' code
        "local_adapter.input_blocks.1.0.norm_in.fdn.conv_gamma.weight",
        "local_adapter.input_blocks.10.0.norm_out.attention.query_conv.bias",
        "local_adapter.feature_extractor.pre_extractor.8.weight",
        "local_adapter.feature_extractor.extractors.3.0.bias",
        "local_adapter.zero_convs.11.0.weight",
        "local_adapter.middle_block_out.0.weight",
        "global_content_adapter.ff1.net.0.proj.weight",
    ):
        assert name in state


def test_it_draws_with_maps_metadata_and_words(checkpoint, monkeypatch):
    file, state, unet, _ = checkpoint
    monkeypatch.setattr(crs_diff, "NATIVE", 64)
    ours = generators.load(file, "cpu", "float32")
    assert ours.kinds == crs_diff.MAPS
    assert all(torch.equal(value, unet.state_dict()[key]) for key, value in ours.parts.network.core.state_dict().items())
    fusion = ours.parts.network.fusion.state_dict()
    assert torch.equal(
        fusion["down_blocks.2.resnets.0.norm1.scale.weight"],
        state["local_adapter.input_blocks.7.0.norm_in.fdn.conv_gamma.weight"],
    )
    rng = np.random.default_rng(0)
    roads = Raster(rng.integers(0, 256, (1, 64, 64), np.uint8), np.ones((64, 64), bool), None, (Band("roads"),))
    drawing = Drawing(2, 1.0, "ddim")

    def drawn(**asked):
        return ours.sample(Condition("a town", **asked), (64, 64), 1, drawing).data

    plain, steered = drawn(), drawn(controls=(Control("roads", roads),))
    assert not np.array_equal(plain, steered)
    assert not np.array_equal(plain, drawn(cloud=0.7))
    assert np.array_equal(plain, drawn(cloud=0.0))  # its authors trained unknown as 0
    words, _ = ours.parts.phrases(["a town"])
    assert words.shape == (1, 16 + 4, 64)


def test_maps_scale_and_move_what_is_normalised():
    torch.manual_seed(0)
    block = stirred(Modulated(32, 8, 4))
    x, maps = torch.randn(2, 32, 5, 5), torch.randn(2, 8, 5, 5)
    query, key, value = (layer(x).flatten(2) for layer in (block.query, block.key, block.value))
    seen = value @ torch.softmax(query.transpose(1, 2) @ key, -1).transpose(1, 2)
    told = torch.nn.functional.group_norm(x + seen.view_as(x), 4) * (1 + block.scale(maps)) + block.shift(maps)
    torch.testing.assert_close(block(x, maps), told, atol=1e-5, rtol=1e-4)


def test_a_checkpoint_that_lacks_tensors_is_told(checkpoint, tmp_path):
    _, state, _, _ = checkpoint
    short = {key: value for key, value in state.items() if key != "local_adapter.zero_convs.3.0.weight"}
    torch.save(short, tmp_path / "short.ckpt")
    with pytest.raises(ModelMismatchError, match=r"the adapter of maps: 1 tensors .*zero_convs.3.0.weight"):
        generators.load(tmp_path / "short.ckpt", "cpu")
    torch.save({"x": torch.zeros(2)}, tmp_path / "other.ckpt")
    with pytest.raises(ModelMismatchError, match="no checkpoint of CRS-Diff"):
        generators.load(tmp_path / "other.ckpt", "cpu")
