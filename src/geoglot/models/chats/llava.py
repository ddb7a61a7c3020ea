"""LLaVA-1.5 and what is built like it: CLIP's cells through two linear layers into a language model.

Liu et al. 2023 (arXiv 2310.03744). Pictures are padded to a square with the mean colour, as the authors do; transformers'
own processor cuts the longer side off instead, unless its `do_pad` is set, and for square pictures both are one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from geoglot.core.errors import ModelError
from geoglot.core.protocols import Said
from geoglot.geo.raster import Raster
from geoglot.models.catalogue import CLIP_MEAN, CLIP_STD
from geoglot.models.chats import _original, _published
from geoglot.models.chats._catalogue import ChatEntry
from geoglot.models.chats._published import Published
from geoglot.models.picture import normalised, resized, squared, to_bytes
from geoglot.models.prompt import Layout, Look, content

KINDS = ("llava", "geochat", "llava_llama")
SYSTEM = (
    "A chat between a curious human and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the human's questions."
)


class Llava(Published):
    """Vicuna's prompt: the system's sentence, then `USER: ... ASSISTANT: ...</s>` again and again."""

    def __init__(self, *given: Any, told: dict[str, Any]) -> None:
        super().__init__(*given)
        vision = self.model.config.vision_config
        self.side, self.cell = int(vision.image_size), int(vision.patch_size)
        self.mean, self.std = told.get("image_mean", CLIP_MEAN), told.get("image_std", CLIP_STD)
        self.system = SYSTEM
        self.end = self.tokenizer.eos_token or "</s>"

    def layout(self, picture: Raster) -> Layout:
        """A square of cells."""
        cells = self.side // self.cell
        extra = 0 if self.model.config.vision_feature_select_strategy == "default" else 1
        return Layout(cells**2 + extra, (cells, cells), (self.side, self.side))

    def written(self, turns: Sequence[Said], pictures: Sequence[Any], layouts: Sequence[Layout]) -> tuple[Sequence[int], int]:
        """Token ids up to `ASSISTANT:`."""
        mark, rest = self.tokenizer.convert_ids_to_tokens(self.hole), list(layouts)
        system = turns[0].text if turns[0].role == "system" else self.system
        text = f"{system} " if system else ""
        for turn in turns:
            if turn.role == "user":
                own, rest = rest[: len(turn.pictures)], rest[len(turn.pictures) :]
                text += f"USER: {content(turn, pictures, [mark * layout.count for layout in own])} ASSISTANT:"
            elif turn.role == "assistant":
                text += f" {turn.text}{self.end}"
        return self.ids(text, begins=True), self.hole

    def pixels(self, picture: Raster, layout: Layout) -> Tensor:
        """Normalised planes (3, S, S) of the picture in the middle of a square."""
        return normalised(resized(squared(to_bytes(picture, self.mean), self.mean), layout.size), self.mean, self.std)

    @torch.inference_mode()
    def look(self, pictures: Sequence[Raster], layouts: Sequence[Layout], words: Sequence[str]) -> list[Look]:
        """Projected cells (N, D) of each picture."""
        batch = torch.stack([self.pixels(*one) for one in zip(pictures, layouts, strict=True)])
        config = self.model.config
        made = self.model.get_image_features(
            pixel_values=batch.to(self.device, self.dtype),
            vision_feature_layer=config.vision_feature_layer,
            vision_feature_select_strategy=config.vision_feature_select_strategy,
        )
        return [Look(tokens) for tokens in made.pooler_output]


def open_folder(folder: Path, name: str, entry: ChatEntry | None, device: str, dtype: str) -> Llava:
    """Open a folder in transformers' or in the authors' own layout (GeoChat's, too). Raises ModelError, InputError."""
    where, number = _published.places(device, dtype)
    config, told = _published.config_of(folder), _published.preprocessing(folder)
    kind = config.get("model_type")
    if "mm_vision_tower" in config:
        model, tokenizer = _original.opened(folder, str(kind), number)
    else:
        model, tokenizer = _published.opened(folder, "LlavaForConditionalGeneration", where, number)
    vision = model.config.vision_config
    if vision.model_type not in ("clip_vision_model", "siglip_vision_model"):
        raise ModelError(f"{folder} sees by a {vision.model_type!r} model: LLaVA with a CLIP or SigLIP encoder is read.")
    spec = _published.spec_of(folder, name, entry, model.config, told, int(vision.image_size))
    made = Llava(model, tokenizer, spec, where, number, told=told)
    if kind == "geochat" or (entry is not None and entry.name.startswith("geochat")):
        made.codec, made.means = "geochat", {"space": "square"}
    return made
