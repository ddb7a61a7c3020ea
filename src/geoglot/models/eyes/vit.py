"""Vision transformers of transformers (CLIP, SigLIP, DINOv2 ...): the patches as they leave some blocks."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from geoglot.core.errors import ModelError
from geoglot.models.chats import _published
from geoglot.models.towers import ClipTowers, SiglipTowers


class Tower(nn.Module):
    """A vision model; positions are interpolated where a picture has another size than its own."""

    def __init__(self, config: dict[str, Any], inner: Any = None) -> None:
        super().__init__()
        from transformers import AutoConfig, AutoModel

        if inner is None:
            told = dict(config)
            inner = AutoModel.from_config(AutoConfig.for_model(told.pop("model_type"), **told))  # type: ignore[no-untyped-call]
        self.inner = inner
        self.config = _plain(inner.config)
        self.widths = (int(inner.config.hidden_size),) * int(inner.config.num_hidden_layers)
        self.cell = int(inner.config.patch_size)
        self.stretches = "interpolate_pos_encoding" in inspect.signature(inner.forward).parameters

    def maps(self, pixels: Tensor, valid: Tensor, levels: Sequence[int]) -> list[Tensor]:
        """Maps (B, h, w, C) of what leaves some blocks, without the tokens before the patches."""
        h, w = pixels.shape[-2] // self.cell, pixels.shape[-1] // self.cell
        more = {"interpolate_pos_encoding": True} if self.stretches and pixels.shape[-1] != self.inner.config.image_size else {}
        found = self.inner(pixel_values=pixels, output_hidden_states=True, **more).hidden_states
        return [found[level + 1][:, -h * w :].reshape(len(pixels), h, w, -1) for level in levels]


def take(model: Any) -> Tower | None:
    """The vision tower of a published CLIP or SigLIP."""
    towers = getattr(model, "towers", None)
    return Tower({}, towers.model.vision_model) if isinstance(towers, ClipTowers | SiglipTowers) else None


def open_folder(folder: str | Path) -> Tower:
    """The tower of a folder that holds a vision transformer alone, such as DINOv2's. Raises ModelError."""
    place = Path(folder)
    _published.config_of(place)
    _published.quiet(place)
    from transformers import AutoModel

    try:
        model, told = AutoModel.from_pretrained(place, local_files_only=True, output_loading_info=True, trust_remote_code=False)
    except Exception as error:  # transformers, safetensors and pickle each raise their own kinds
        raise ModelError(f"{place} cannot be loaded ({_published.first(error)}): are all files whole?") from None
    _published.fits(place, told)
    if not all(hasattr(model.config, name) for name in ("hidden_size", "num_hidden_layers", "patch_size")):
        raise ModelError(f"{place} holds no vision transformer: give a folder with one, such as DINOv2's.")
    return Tower({}, model)


def _plain(config: Any) -> dict[str, Any]:
    """A configuration as plain values, with its kind."""
    apart = ("dtype", "architectures", "transformers_version")
    found = {key: value for key, value in config.to_diff_dict().items() if key not in apart}
    return {**found, "model_type": config.model_type}
