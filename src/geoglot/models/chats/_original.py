"""LLaVA-1.5 in its authors' layout (LLaVA's, GeoChat's), turned into transformers' class on load.

Read in the authors' code: the language model's tensors keep Llama's names, the projection is `model.mm_projector.0` and `.2`,
and the encoder is a CLIP of the hub that `mm_vision_tower` names, whose tensors may or may not be in the checkpoint. GeoChat
sees 504 pixels: it stretches the positions of 336 pixels, bicubic with aligned corners.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from geoglot.core.errors import ModelError
from geoglot.models import hub, states
from geoglot.models.chats import _published

SIDES = {"geochat": 504}
TOWER, PROJECTOR = "model.vision_tower.vision_tower.", "model.mm_projector."
ACTIVATION = {"mlp2x_gelu": "gelu"}


def opened(folder: Path, kind: str, number: torch.dtype) -> tuple[Any, Any]:
    """The model, as transformers' LLaVA, and its tokenizer with a mark for pictures. Raises ModelError, NetworkError."""
    from transformers import AutoConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

    _published.quiet(folder)
    told = _published.config_of(folder)
    if told.get("mm_projector_type", "linear") not in ACTIVATION:
        raise ModelError(f"{folder} projects by {told.get('mm_projector_type')!r}: of LLaVA's own layout mlp2x_gelu is read.")
    state = tensors(folder)
    tower = {name.removeprefix(TOWER): state.pop(name) for name in list(state) if name.startswith(TOWER)}
    place = _encoder(str(told.get("mm_vision_tower")))
    vision = AutoConfig.from_pretrained(place, local_files_only=True)
    vision = getattr(vision, "vision_config", vision)
    tower = tower or _vision(tensors(place))
    side = SIDES.get(kind, int(vision.image_size))
    tower, vision.image_size = stretched(tower, side // int(vision.patch_size)), side
    tokenizer = _published.tokenizer_of(folder)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<image>"]})
    hole = tokenizer.convert_tokens_to_ids("<image>")
    layer, select = told.get("mm_vision_select_layer", -2), told.get("mm_vision_select_feature", "patch")
    text = {name: value for name, value in told.items() if not name.startswith("mm_")} | {"model_type": "llama"}
    text["vocab_size"] = int(state["model.embed_tokens.weight"].shape[0])
    config = LlavaConfig(
        vision_config=vision.to_dict(),
        text_config=LlamaConfig.from_dict(text).to_dict(),
        image_token_index=hole,
        vision_feature_layer=layer,
        vision_feature_select_strategy="default" if select == "patch" else "full",
    )
    state = renamed(state) | {f"model.vision_tower.{name}": value for name, value in tower.items()}
    state = {name: value for name, value in state.items() if not name.endswith("inv_freq")}
    made: Any = LlavaForConditionalGeneration.from_pretrained(
        None, config=config, state_dict=state, dtype=number, output_loading_info=True
    )
    _published.fits(folder, made[1])
    return made[0], tokenizer


def tensors(folder: Path) -> dict[str, Tensor]:
    """All tensors of a folder by name, safetensors first. Raises ModelError."""
    files = sorted(folder.glob("*.safetensors")) or sorted(folder.glob("pytorch_model*.bin"))
    if not files:
        raise ModelError(f"{folder} has no weights (.safetensors, pytorch_model*.bin): fetch it whole.")
    return {name: value for file in files for name, value in states.read(file, ()).items()}


def renamed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of the language model and the projection by transformers' names."""
    made = {}
    for name, value in state.items():
        if name.startswith(PROJECTOR):
            layer, _, kind = name.removeprefix(PROJECTOR).partition(".")
            made[f"model.multi_modal_projector.linear_{ {'0': 1, '2': 2}[layer] }.{kind}"] = value
        elif name.startswith("model."):
            made[f"model.language_model.{name.removeprefix('model.')}"] = value
        else:
            made[name] = value
    return made


def stretched(tower: Mapping[str, Tensor], cells: int) -> dict[str, Tensor]:
    """An encoder's tensors with positions for cells x cells places, the first position kept."""
    made = {name.removeprefix("vision_model."): value for name, value in tower.items() if not name.endswith("position_ids")}
    name = "embeddings.position_embedding.weight"
    own = made[name]
    side = round((len(own) - 1) ** 0.5)
    if side != cells:
        plane = own[1:].float().T.reshape(1, -1, side, side)
        large = F.interpolate(plane, (cells, cells), mode="bicubic", align_corners=True)[0].flatten(1).T
        made[name] = torch.cat([own[:1], large.to(own.dtype)])
    return made


def _encoder(name: str) -> Path:
    """The folder of the encoder that a configuration names: a path, or a repository of the hub."""
    place = Path(name)
    return place if place.is_dir() else hub.fetch_repo(name, None)


def _vision(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of the image side alone, of a whole CLIP or of its image side."""
    apart = ("text_model.", "text_projection.", "visual_projection.", "logit_scale")
    return {name: value for name, value in state.items() if not name.startswith(apart)}
