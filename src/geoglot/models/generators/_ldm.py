"""Checkpoints of the original latent diffusion code into diffusers' modules: by names and by the shapes of tensors.

What shapes do not tell is that of Stable Diffusion 1: eight heads of attention in the U-Net, 64 channels a head in the text
encoder, two residual blocks a level.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from geoglot.core.errors import ModelMismatchError

State = Mapping[str, Tensor]
LAYERS = 2  # residual blocks of a level
SCHEDULE = {
    "_class_name": "DDIMScheduler",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "clip_sample": False,
    "set_alpha_to_one": False,
    "steps_offset": 1,
}
RESNET = {
    "norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0",
    "conv2": "out_layers.3", "conv_shortcut": "skip_connection",
}  # fmt: skip
TOP = {
    "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2", "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0", "conv_out": "out.2",
}  # fmt: skip
MID = {"resnets.0": "0", "attentions.0": "1", "resnets.1": "2"}
VAE_MID = {"resnets.0": "block_1", "attentions.0": "attn_1", "resnets.1": "block_2"}
VAE_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}


def unet_name(name: str) -> str:
    """The name of a U-Net's tensor in the original code."""
    for ours, theirs in TOP.items():
        if name.startswith(ours + "."):
            return theirs + name[len(ours) :]
    if found := re.fullmatch(r"mid_block\.(\w+\.\d+)\.(.*)", name):
        return f"middle_block.{MID[found[1]]}.{_inner(found[1], found[2])}"
    block, number, part, which, rest = _place(name)
    if block == "down_blocks":
        if part == "downsamplers":
            return f"input_blocks.{(LAYERS + 1) * (number + 1)}.0.op.{rest.removeprefix('conv.')}"
        return f"input_blocks.{(LAYERS + 1) * number + which + 1}.{int(part == 'attentions')}.{_inner(part, rest)}"
    if part == "upsamplers":
        return f"output_blocks.{(LAYERS + 1) * number + LAYERS}.{{up}}.{rest}"
    return f"output_blocks.{(LAYERS + 1) * number + which}.{int(part == 'attentions')}.{_inner(part, rest)}"


def vae_name(name: str, levels: int) -> str:
    """The name of an autoencoder's tensor in the original code."""
    side, _, inner = name.partition(".")
    if side not in ("encoder", "decoder"):
        return name
    inner = inner.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
    if found := re.fullmatch(r"mid_block\.(\w+\.\d+)\.(.*)", inner):
        rest = found[2]
        if found[1] == "attentions.0":
            key, _, last = rest.rpartition(".")
            rest = f"{VAE_ATTENTION[key]}.{last}"
        return f"{side}.mid.{VAE_MID[found[1]]}.{rest}"
    if not inner.startswith(("down_blocks", "up_blocks")):
        return f"{side}.{inner}"
    block, number, part, which, rest = _place(inner)
    way, place = ("down", number) if block == "down_blocks" else ("up", levels - 1 - number)
    if part == "resnets":
        return f"{side}.{way}.{place}.block.{which}.{rest}"
    return f"{side}.{way}.{place}.{'downsample' if way == 'down' else 'upsample'}.{rest}"


def unet_of(state: State) -> nn.Module:
    """The U-Net of tensors by their original names. Raises ModelMismatchError."""
    from diffusers import UNet2DConditionModel

    widths = _widths(state)
    attends = tuple(f"input_blocks.{(LAYERS + 1) * k + 1}.1.norm.weight" in state for k in range(len(widths)))
    down = tuple("CrossAttnDownBlock2D" if one else "DownBlock2D" for one in attends)
    made: nn.Module = UNet2DConditionModel(
        block_out_channels=widths,
        layers_per_block=LAYERS,
        in_channels=state["input_blocks.0.0.weight"].shape[1],
        out_channels=state["out.2.weight"].shape[0],
        down_block_types=down,
        up_block_types=tuple("CrossAttnUpBlock2D" if one else "UpBlock2D" for one in reversed(attends)),
        cross_attention_dim=next(v.shape[1] for k, v in state.items() if k.endswith("attn2.to_k.weight")),
        attention_head_dim=8,
        sample_size=64,
    )
    fill(made, state, unet_name, "the U-Net")
    return made


def vae_of(state: State) -> nn.Module:
    """The autoencoder of tensors by their original names. Raises ModelMismatchError."""
    from diffusers import AutoencoderKL

    count = 1 + max(int(found[1]) for key in state if (found := re.match(r"encoder\.down\.(\d+)\.", key)))
    widths = tuple(state[f"encoder.down.{k}.block.0.conv1.weight"].shape[0] for k in range(count))
    made: nn.Module = AutoencoderKL(
        in_channels=state["encoder.conv_in.weight"].shape[1],
        out_channels=state["decoder.conv_out.weight"].shape[0],
        latent_channels=state["post_quant_conv.weight"].shape[1],
        block_out_channels=widths,
        layers_per_block=LAYERS,
        down_block_types=("DownEncoderBlock2D",) * count,
        up_block_types=("UpDecoderBlock2D",) * count,
    )
    fill(made, state, lambda name: vae_name(name, count), "the autoencoder")
    return made


def reader_of(state: State) -> nn.Module:
    """CLIP's text encoder of tensors by their names in transformers. Raises ModelMismatchError."""
    from transformers import CLIPTextConfig, CLIPTextModel

    plain = {key.removeprefix("text_model."): value for key, value in state.items() if not key.endswith("position_ids")}
    words, width = plain["embeddings.token_embedding.weight"].shape
    layers = 1 + max(int(found[1]) for key in plain if (found := re.match(r"encoder\.layers\.(\d+)\.", key)))
    config = CLIPTextConfig(
        vocab_size=words, hidden_size=width, intermediate_size=plain["encoder.layers.0.mlp.fc1.weight"].shape[0],
        num_hidden_layers=layers, num_attention_heads=max(1, width // 64),
        max_position_embeddings=plain["embeddings.position_embedding.weight"].shape[0], hidden_act="quick_gelu",
    )  # fmt: skip
    made = CLIPTextModel(config)
    fill(made, plain, lambda name: name.removeprefix("text_model."), "the text encoder")
    return made


def fill(module: nn.Module, state: State, name: Any, what: str) -> None:
    """Put tensors into a module, each under its original name. Raises ModelMismatchError."""
    found, lacks = {}, []
    for key, value in module.state_dict().items():
        if key.endswith("position_ids"):
            continue
        own = str(name(key))
        tries = [own.format(up=1), own.format(up=2)] if "{up}" in own else [own]
        match = next((state[one] for one in tries if one in state), None)
        if match is not None and match.ndim == value.ndim + 2:  # attention of the autoencoder is written as convolutions
            match = match[..., 0, 0]
        if match is None or match.shape != value.shape:
            lacks.append(own)
        else:
            found[key] = match.to(value.dtype)
    if lacks:
        raise ModelMismatchError(
            f"The checkpoint does not fit {what}: {len(lacks)} tensors are missing or of another shape ({', '.join(lacks[:3])})."
        )
    module.load_state_dict(found, strict=False)


def below(state: State, prefix: str) -> dict[str, Tensor]:
    """Tensors whose names begin with a prefix, which is taken off."""
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}


def _inner(part: str, rest: str) -> str:
    if not part.startswith("resnets"):
        return rest
    key, _, last = rest.partition(".")
    return f"{RESNET[key]}.{last}"


def _place(name: str) -> tuple[str, int, str, int, str]:
    block, number, part, which, rest = name.split(".", 4)
    return block, int(number), part, int(which), rest


def _widths(state: State) -> tuple[int, ...]:
    found, k = [], 0
    while (key := f"input_blocks.{(LAYERS + 1) * k + 1}.0.out_layers.3.weight") in state:
        found.append(state[key].shape[0])
        k += 1
    return tuple(found)
