"""Qwen2-VL, Qwen2.5-VL and Qwen3-VL: pictures of any size, whose cells know their row and column.

Wang et al. 2024 (arXiv 2409.12191), Bai et al. 2025 (arXiv 2502.13923). transformers' processors want torchvision; here pixels
are resized, normalised and cut into patches without it, and places in three axes are counted here, too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from geoglot.core.errors import InputError
from geoglot.geo.raster import Raster
from geoglot.models.catalogue import CLIP_MEAN, CLIP_STD
from geoglot.models.chats import _published
from geoglot.models.chats._catalogue import ChatEntry
from geoglot.models.chats._chatml import ChatML
from geoglot.models.picture import normalised, resized, to_bytes
from geoglot.models.prompt import Layout, Look, Prompt

CLASSES = {
    "qwen2_vl": "Qwen2VLForConditionalGeneration",
    "qwen2_5_vl": "Qwen2_5_VLForConditionalGeneration",
    "qwen3_vl": "Qwen3VLForConditionalGeneration",
}
KINDS = tuple(CLASSES)
CODECS = {"qwen2_vl": "qwen2_vl", "qwen2_5_vl": "qwen25_vl", "qwen3_vl": "qwen3_vl"}
HALF = (0.5, 0.5, 0.5)
LIMITS = {"qwen3_vl": (256 * 256, 4096 * 4096)}  # least and most pixels where the folder does not say
USUAL = (56 * 56, 28 * 28 * 1280)


class QwenVL(ChatML):
    """A picture is resized so that its sides are whole groups of cells, its shape kept as far as that goes."""

    def __init__(self, *given: Any, told: dict[str, Any]) -> None:
        super().__init__(*given)
        kind, vision = self.model.config.model_type, self.model.config.vision_config
        self.system = "" if kind == "qwen3_vl" else "You are a helpful assistant."
        self.cell, self.merge, self.frames = vision.patch_size, vision.spatial_merge_size, vision.temporal_patch_size
        usual = (HALF, HALF) if kind == "qwen3_vl" else (CLIP_MEAN, CLIP_STD)
        self.mean, self.std = told.get("image_mean", usual[0]), told.get("image_std", usual[1])
        size, limits = told.get("size") or {}, LIMITS.get(kind, USUAL)
        self.least = int(told.get("min_pixels") or size.get("shortest_edge") or limits[0])
        self.most = int(told.get("max_pixels") or size.get("longest_edge") or limits[1])
        self.codec = CODECS[kind]
        if kind == "qwen2_5_vl":
            self.means = {"resize": (self.cell * self.merge, self.least, self.most)}

    def mark(self, layout: Layout) -> str:
        """The cells between the marks of a picture's begin and end."""
        config = self.model.config
        begin, cell, end = self.tokenizer.convert_ids_to_tokens(
            [config.vision_start_token_id, config.image_token_id, config.vision_end_token_id]
        )
        return f"{begin}{cell * layout.count}{end}"

    def layout(self, picture: Raster) -> Layout:
        """Groups of cells that become one token each. Raises InputError for a strip."""
        size = smart_size(picture.shape, self.cell * self.merge, self.least, self.most)
        hw = size[0] // self.cell // self.merge, size[1] // self.cell // self.merge
        return Layout(hw[0] * hw[1], hw, size)

    def pixels(self, picture: Raster, layout: Layout) -> Tensor:
        """Patches (N, 3 * frames * P * P), the cells of a group one after the other; a still picture is every frame."""
        planes = normalised(resized(to_bytes(picture, self.mean), layout.size), self.mean, self.std)
        return patches(planes, self.cell, self.merge, self.frames)

    @torch.inference_mode()
    def look(self, pictures: Sequence[Raster], layouts: Sequence[Layout], words: Sequence[str]) -> list[Look]:
        """Tokens (N, D) of each picture, and for Qwen3-VL what its first blocks add."""
        batch = torch.cat([self.pixels(*one) for one in zip(pictures, layouts, strict=True)])
        grid = torch.tensor([[1, layout.hw[0] * self.merge, layout.hw[1] * self.merge] for layout in layouts])
        made = self.model.model.get_image_features(batch.to(self.device, self.dtype), grid.to(self.device))
        deep = getattr(made, "deepstack_features", None) or []
        return [Look(tokens, tuple(level[k] for level in deep)) for k, tokens in enumerate(made.pooler_output)]

    def positions(self, prompt: Prompt) -> Tensor:
        """Places (3, T) in time, rows and columns: text counts on in all three, and after a picture from its longer side."""
        parts, at, layouts, k = list[Tensor](), 0, iter(prompt.layouts), 0
        while k < len(prompt.ids):
            if prompt.ids[k] != prompt.hole:
                parts.append(torch.full((3, 1), at))
                at, k = at + 1, k + 1
                continue
            h, w = next(layouts).hw
            row, col = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
            parts.append(torch.stack([torch.zeros_like(row), row, col]).flatten(1) + at)
            at, k = at + max(h, w), k + h * w
        return torch.cat(parts, dim=1)


def smart_size(shape: tuple[int, int], factor: int, least: int, most: int) -> tuple[int, int]:
    """Rows and columns in whole multiples of ``factor``, between ``least`` and ``most`` pixels in all, near the shape's ratio.

    Raises InputError for a picture more than 200 times as long as wide.
    """
    height, width = shape
    if max(shape) > 200 * min(shape):
        raise InputError(f"a picture of {height} x {width} pixels is a strip that Qwen-VL does not take: cut it into pieces")
    rows, cols = round(height / factor) * factor, round(width / factor) * factor
    if rows * cols > most:
        down = math.sqrt(height * width / most)
        rows, cols = (max(factor, math.floor(side / down / factor) * factor) for side in shape)
    elif rows * cols < least:
        up = math.sqrt(least / (height * width))
        rows, cols = (math.ceil(side * up / factor) * factor for side in shape)
    return rows, cols


def patches(planes: Tensor, cell: int, merge: int, frames: int) -> Tensor:
    """Cut planes (3, H, W) into patches (N, 3 * frames * cell * cell), groups of merge x merge cells in row-major order."""
    channels, height, width = planes.shape
    rows, cols = height // cell // merge, width // cell // merge
    found = planes.reshape(channels, rows, merge, cell, cols, merge, cell).permute(1, 4, 2, 5, 0, 3, 6)
    found = found[:, :, :, :, :, None].expand(-1, -1, -1, -1, -1, frames, -1, -1)
    return found.reshape(rows * cols * merge**2, channels * frames * cell**2)


def open_folder(folder: Path, name: str, entry: ChatEntry | None, device: str, dtype: str) -> QwenVL:
    """Open a folder of transformers. Raises ModelError, InputError."""
    where, number = _published.places(device, dtype)
    kind = _published.config_of(folder)["model_type"]
    told = _published.preprocessing(folder)
    model, tokenizer = _published.opened(folder, CLASSES[kind], where, number)
    spec = _published.spec_of(folder, name, entry, model.config, told, 0)
    return QwenVL(model, tokenizer, spec, where, number, told=told)
