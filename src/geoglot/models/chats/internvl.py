"""InternVL: a picture is cut into tiles of one size and seen whole, small, as well.

Chen et al. 2024 (arXiv 2404.16821), in transformers' layout. Tiles are chosen so that their rows and columns come nearest to
the shape of the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from geoglot.geo.raster import Raster
from geoglot.models.catalogue import CLIP_MEAN, CLIP_STD
from geoglot.models.chats import _published
from geoglot.models.chats._catalogue import ChatEntry
from geoglot.models.chats._chatml import ChatML
from geoglot.models.picture import normalised, resized, to_bytes
from geoglot.models.prompt import Layout, Look

KINDS = ("internvl",)


class InternVL(ChatML):
    """A picture stands as `<img>`, the tokens of its tiles and of the whole, `</img>`."""

    between = "\n"

    def __init__(self, *given: Any, told: dict[str, Any]) -> None:
        super().__init__(*given)
        vision, config = self.model.config.vision_config, self.model.config
        self.side = int(vision.image_size[0])
        cells = self.side // int(vision.patch_size[0])
        self.each = int(cells * config.downsample_ratio) ** 2
        self.mean, self.std = told.get("image_mean", CLIP_MEAN), told.get("image_std", CLIP_STD)
        self.least, self.most = int(told.get("min_patches") or 1), int(told.get("max_patches") or 12)
        self.codec = "internvl"

    def mark(self, layout: Layout) -> str:
        """The tokens of tiles between the marks of a picture's begin and end."""
        return f"<img>{self.tokenizer.convert_ids_to_tokens(self.hole) * layout.count}</img>"

    def layout(self, picture: Raster) -> Layout:
        """Tiles in rows and columns, and one more for the whole where they are several."""
        rows, cols = tiling(picture.shape, self.side, self.least, self.most)
        tiles = rows * cols + (rows * cols > 1)
        return Layout(tiles * self.each, (rows, cols), (rows * self.side, cols * self.side))

    def pixels(self, picture: Raster, layout: Layout) -> Tensor:
        """Normalised tiles (N, 3, S, S) in row-major order, the whole last."""
        shown, side, (rows, cols) = to_bytes(picture, self.mean), self.side, layout.hw
        large = resized(shown, layout.size)
        tiles = [large[r * side : (r + 1) * side, c * side : (c + 1) * side] for r in range(rows) for c in range(cols)]
        if len(tiles) > 1:
            tiles.append(resized(shown, (side, side)))
        return torch.stack([normalised(tile, self.mean, self.std) for tile in tiles])

    @torch.inference_mode()
    def look(self, pictures: Sequence[Raster], layouts: Sequence[Layout], words: Sequence[str]) -> list[Look]:
        """Tokens (N, D) of the tiles of each picture."""
        batches = [self.pixels(*one) for one in zip(pictures, layouts, strict=True)]
        config = self.model.config
        made = self.model.get_image_features(
            pixel_values=torch.cat(batches).to(self.device, self.dtype),
            vision_feature_layer=config.vision_feature_layer,
            vision_feature_select_strategy=config.vision_feature_select_strategy,
        ).pooler_output
        return [Look(part.flatten(0, 1)) for part in made.split([len(batch) for batch in batches])]


def tiling(shape: tuple[int, int], side: int, least: int, most: int) -> tuple[int, int]:
    """Rows and columns of tiles whose ratio comes nearest to a picture's (height, width).

    Of ratios as near, the one of more tiles counts while the picture has more than half their pixels.
    """
    height, width = shape
    choices = [(rows, cols) for cols in range(1, most + 1) for rows in range(1, most + 1) if least <= rows * cols <= most]
    best, near = (1, 1), float("inf")
    for rows, cols in sorted(choices, key=lambda one: one[0] * one[1]):
        away = abs(width / height - cols / rows)
        if away < near or (away == near and height * width > 0.5 * side**2 * rows * cols):
            best, near = (rows, cols), away
    return best


def open_folder(folder: Path, name: str, entry: ChatEntry | None, device: str, dtype: str) -> InternVL:
    """Open a folder of transformers. Raises ModelError, InputError."""
    where, number = _published.places(device, dtype)
    told = _published.preprocessing(folder)
    model, tokenizer = _published.opened(folder, "InternVLForConditionalGeneration", where, number)
    spec = _published.spec_of(folder, name, entry, model.config, told, int(model.config.vision_config.image_size[0]))
    return InternVL(model, tokenizer, spec, where, number, told=told)
