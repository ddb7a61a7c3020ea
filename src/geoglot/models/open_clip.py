"""State dicts of open_clip and OpenAI (vision transformers and modified ResNets) into transformers' CLIP classes.

The sizes are read from the shapes of the tensors. Two things the shapes do not tell: the number of heads (64 channels a
head, except for the towers listed in `HEAD_WIDTH`) and the activation. An open_clip configuration beside the weights tells
both.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from geoglot.core.config import Config
from geoglot.core.errors import InputError, ModelError, ModelMismatchError
from geoglot.encoders.clip_resnet import ClipResNet, ClipResNetConfig
from geoglot.models.states import State
from geoglot.models.towers import ClipTowers, ResNetTowers, Towers

Activation = Literal["gelu", "quick_gelu"]
ACTIVATIONS: tuple[Activation, ...] = ("gelu", "quick_gelu")
HEAD_WIDTH = {1280: 80, 1408: 88, 1664: 104}  # ViT-H-14, ViT-g-14 and ViT-bigG-14 of open_clip; every other tower has 64
NOT_WEIGHTS = ("input_resolution", "context_length", "vocab_size", "attn_mask", "logit_bias", "text.attn_mask")
END = 49407

BLOCK = {
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "attn.out_proj": "self_attn.out_proj",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}
PLACES = {
    "visual.class_embedding": "vision_model.embeddings.class_embedding",
    "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight",
    "visual.conv1.weight": "vision_model.embeddings.patch_embedding.weight",
    "visual.ln_pre": "vision_model.pre_layrnorm",
    "visual.ln_post": "vision_model.post_layernorm",
    "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
    "positional_embedding": "text_model.embeddings.position_embedding.weight",
    "ln_final": "text_model.final_layer_norm",
    "logit_scale": "logit_scale",
}


class Hints(Config):
    """What an open_clip configuration says beyond the weights; None where it says nothing."""

    vision_heads: int | None = None
    text_heads: int | None = None
    activation: Activation | None = None
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None


class Sizes(Config):
    """Sizes of both towers, from the shapes of the weights; `patch` is None for a ResNet."""

    dim: int
    size: int
    patch: int | None
    width: int
    layers: tuple[int, ...]
    heads: int
    inner: int
    text_width: int
    text_layers: int
    text_heads: int
    text_inner: int
    words: int
    vocabulary: int


def hints(file: Path) -> Hints:
    """Read an open_clip configuration (`open_clip_config.json`, or one of its model files). Raises ModelError."""
    try:
        tree = json.loads(file.read_text(encoding="utf-8"))
        model = tree.get("model_cfg", tree)
        vision, text, seen = model["vision_cfg"], model["text_cfg"], tree.get("preprocess_cfg", {})
        width, head = int(vision["width"]), int(vision.get("head_width", 64))
        wide = width * 32 if isinstance(vision["layers"], list) else width
        return Hints(
            vision_heads=wide // head,
            text_heads=int(text["heads"]),
            activation="quick_gelu" if model.get("quick_gelu", False) else "gelu",
            mean=seen.get("mean"),
            std=seen.get("std"),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{file} is not an open_clip configuration ({error!r}): mend or remove it.") from None


def beside(file: Path) -> list[Path]:
    """Configurations that may belong to a weights file: `open_clip_config.json`, or JSON named after the weights."""
    folder = file.parent
    named = sorted(found for found in folder.glob("*.json") if found.stem == file.stem or found.stem.startswith(file.stem + "_"))
    whole = folder / "open_clip_config.json"
    return [whole] if whole.exists() else named


def convert(state: State, activation: Activation, known: Hints, where: Path) -> tuple[Towers, Sizes]:
    """Build both towers and fill them.

    Raises ModelMismatchError naming the tensors that are missing, not expected or of another shape, before any long work.
    """
    state = tidy(state, where)
    sizes = infer(state, known, where)
    with torch.device("meta"):
        towers = _build(sizes, activation)
    renamed = rename(state, sizes)
    _fill(towers, renamed, where)
    return towers, sizes


def tidy(state: State, where: Path) -> State:
    """Drop what is not weights, and bring the nested text tower of open_clip's newer files to the flat names."""
    found = {name.removeprefix("text."): value for name, value in state.items() if name not in NOT_WEIGHTS}
    if any(name.startswith("visual.trunk.") for name in found):
        raise ModelError(f"{where} has an image tower of timm: of open_clip's, ViT and ResNet are read. Try a transformers copy.")
    needed = ("visual.conv1.weight", "token_embedding.weight", "positional_embedding", "ln_final.weight")
    missing = [name for name in needed if name not in found]
    if missing:
        some = ", ".join(sorted(found)[:3])
        raise ModelMismatchError(
            f"{where} is not a CLIP of open_clip or OpenAI: it lacks {', '.join(missing)} (it has {some}, ...). "
            "For a transformers model give its folder, with config.json."
        )
    return found


def infer(state: Mapping[str, Tensor], known: Hints, where: Path) -> Sizes:
    """Read the sizes of both towers from the shapes. Raises ModelError where they do not tell."""
    text_width, words = state["token_embedding.weight"].shape[1], state["positional_embedding"].shape[0]
    text = {
        "text_width": text_width,
        "text_layers": _depth(state, r"transformer\.resblocks\.(\d+)\."),
        "text_heads": known.text_heads or _heads(text_width, where),
        "text_inner": _shape(state, "transformer.resblocks.0.mlp.c_fc.weight", where)[0],
        "words": words,
        "vocabulary": state["token_embedding.weight"].shape[0],
    }
    if "visual.attnpool.positional_embedding" in state:
        cells, channels = state["visual.attnpool.positional_embedding"].shape
        layers = tuple(_depth(state, rf"visual\.layer{n}\.(\d+)\.") for n in range(1, 5))
        dim = _shape(state, "visual.attnpool.c_proj.weight", where)[0]
        heads = known.vision_heads or _heads(channels, where)
        vision = {"dim": dim, "size": math.isqrt(cells - 1) * 32, "patch": None, "layers": layers, "heads": heads}
        vision |= {"width": channels // 32, "inner": channels}
        return Sizes.build(text | vision)
    width, patch = state["visual.conv1.weight"].shape[0], state["visual.conv1.weight"].shape[-1]
    cells = _shape(state, "visual.positional_embedding", where)[0] - 1
    vision = {
        "dim": _shape(state, "visual.proj", where)[1],
        "size": math.isqrt(cells) * patch,
        "patch": patch,
        "width": width,
        "layers": (_depth(state, r"visual\.transformer\.resblocks\.(\d+)\."),),
        "heads": known.vision_heads or _heads(width, where),
        "inner": _shape(state, "visual.transformer.resblocks.0.mlp.c_fc.weight", where)[0],
    }
    return Sizes.build(text | vision)


def rename(state: Mapping[str, Tensor], sizes: Sizes) -> State:
    """Give the tensors transformers' names and layouts; a ResNet tower keeps its names."""
    result: State = {}
    for name, value in state.items():
        if name.startswith("visual.") and sizes.patch is None:
            result[name] = value
        elif block := re.fullmatch(r"(visual\.)?transformer\.resblocks\.(\d+)\.(.+)", name):
            side = "vision_model" if block[1] else "text_model"
            _block(result, f"{side}.encoder.layers.{block[2]}.", block[3], value)
        elif name in ("visual.proj", "text_projection"):
            place = "visual_projection" if name == "visual.proj" else "text_projection"
            result[f"{place}.weight"] = value.T
        elif name in PLACES:
            result[PLACES[name]] = value
        else:
            head, _, tail = name.rpartition(".")
            result[f"{PLACES[head]}.{tail}" if head in PLACES else name] = value
    if sizes.patch is None:
        result.pop("logit_scale", None)
        return {name if name.startswith("visual.") else f"words.{name}": value for name, value in result.items()}
    return {f"model.{name}": value for name, value in result.items()}


def _block(result: State, start: str, name: str, value: Tensor) -> None:
    if name.startswith("attn.in_proj_"):
        for part, third in zip(("q_proj", "k_proj", "v_proj"), value.chunk(3), strict=True):
            result[f"{start}self_attn.{part}.{name.removeprefix('attn.in_proj_')}"] = third
        return
    head, _, tail = name.rpartition(".")
    result[f"{start}{BLOCK.get(head, head)}.{tail}"] = value


def _build(sizes: Sizes, activation: Activation) -> Towers:
    from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPTextModelWithProjection

    text: dict[str, Any] = {
        "hidden_size": sizes.text_width,
        "intermediate_size": sizes.text_inner,
        "num_hidden_layers": sizes.text_layers,
        "num_attention_heads": sizes.text_heads,
        "max_position_embeddings": sizes.words,
        "vocab_size": sizes.vocabulary,
        "projection_dim": sizes.dim,
        "hidden_act": activation,
        "bos_token_id": END - 1,
        "eos_token_id": END,
        "pad_token_id": 0,
    }
    if sizes.patch is None:
        a, b, c, d = sizes.layers
        visual = ClipResNetConfig(layers=(a, b, c, d), width=sizes.width, dim=sizes.dim, size=sizes.size, heads=sizes.heads)
        return ResNetTowers(ClipResNet(visual), CLIPTextModelWithProjection(CLIPTextConfig(**text)))
    vision: dict[str, Any] = {
        "hidden_size": sizes.width,
        "intermediate_size": sizes.inner,
        "num_hidden_layers": sizes.layers[0],
        "num_attention_heads": sizes.heads,
        "image_size": sizes.size,
        "patch_size": sizes.patch,
        "projection_dim": sizes.dim,
        "hidden_act": activation,
    }
    return ClipTowers(CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=sizes.dim)))


def _fill(towers: nn.Module, state: State, where: Path) -> None:
    wanted = {name: value.shape for name, value in towers.state_dict().items()}
    missing = sorted(set(wanted) - set(state) - {name for name in wanted if name.endswith("num_batches_tracked")})
    extra = sorted(set(state) - set(wanted))
    shapes = [f"{name} {tuple(state[name].shape)} for {tuple(wanted[name])}" for name in wanted if name in state]
    wrong = [
        text for text, name in zip(shapes, (n for n in wanted if n in state), strict=True) if state[name].shape != wanted[name]
    ]
    if missing or extra or wrong:
        parts = [("missing", missing), ("not expected", extra), ("of another shape", wrong)]
        told = "; ".join(f"{len(names)} {what}: {', '.join(names[:3])}" for what, names in parts if names)
        raise ModelMismatchError(f"{where} does not fit the model that its shapes describe ({told}): is the file whole?")
    towers.load_state_dict({name: _owned(value) for name, value in state.items()}, strict=False, assign=True)
    for module in towers.modules():
        for name, buffer in list(module.named_buffers(recurse=False)):
            if buffer.is_meta:
                fresh = (
                    torch.arange(buffer.shape[-1]).expand(buffer.shape) if name == "position_ids" else torch.zeros(buffer.shape)
                )
                module.register_buffer(name, fresh, persistent=False)


def _owned(value: Tensor) -> Tensor:
    return value.float().contiguous() if value.is_floating_point() else value


def _depth(state: Mapping[str, Tensor], pattern: str) -> int:
    numbers = [int(found[1]) for name in state if (found := re.match(pattern, name))]
    return max(numbers, default=-1) + 1


def _heads(width: int, where: Path) -> int:
    each = HEAD_WIDTH.get(width, 64)
    if width % each:
        raise ModelError(
            f"{where} has a tower of width {width}, whose number of heads the weights do not tell: put its open_clip "
            "configuration beside it as open_clip_config.json."
        )
    return width // each


def _shape(state: Mapping[str, Tensor], name: str, where: Path) -> torch.Size:
    if name not in state:
        raise ModelMismatchError(f"{where} lacks {name}: is the file whole, and a CLIP of open_clip or OpenAI?")
    return state[name].shape


def checked(activation: str | None) -> Activation | None:
    """Check an activation given by name. Raises InputError."""
    for name in ACTIVATIONS:
        if activation == name:
            return name
    if activation is None:
        return None
    raise InputError(f"activation {activation!r} is not known: use {' or '.join(ACTIVATIONS)}.")
