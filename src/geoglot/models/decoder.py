"""The file of a decoder, and a model with its decoder: masks of conditions in pictures of any size that memory holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from geoglot.core.errors import ModelError, NotFoundError
from geoglot.core.protocols import ModelSpec
from geoglot.models import weights
from geoglot.models.dense import Variant
from geoglot.models.files import FOLDER, beside
from geoglot.models.ready import Ready
from geoglot.nn.batch import ImageBatch
from geoglot.nn.cells import channels_last
from geoglot.nn.decoder import Decoder, DecoderConfig

SUFFIX = ".segment.safetensors"
PLACES = 2**18  # of masks of a batch that are drawn at once: few enough for a CPU's caches


@dataclass(frozen=True)
class DecoderCard:
    """What a decoder's file says beside its weights.

    ``model`` is the hash of the model that it belongs to, ``levels`` the depths of its tower that it takes, ``side`` pixels of
    a place of its masks, ``classes`` the phrases that it was taught, ``figures`` what was measured.
    """

    model: str
    levels: tuple[int, ...]
    side: int
    classes: tuple[str, ...] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)


def save(decoder: Decoder, card: DecoderCard, path: Path, spec: ModelSpec) -> str:
    """Write a decoder for the model of ``spec``; gives its hash."""
    tensors = {name: value.detach().float().cpu().numpy() for name, value in decoder.state_dict().items()}
    told = {**vars(card), "figures": dict(card.figures)}
    mine = replace(spec, id=f"{spec.id}-segment", hash="")
    return weights.write(path, tensors, mine, {"decoder": decoder.config.model_dump(mode="json"), "card": told})


def restore(path: Path) -> tuple[Decoder, DecoderCard, str]:
    """Read a decoder that `save` wrote, in float32, its card and its hash.

    Raises as `weights.header` does, and ModelError for another kind of file.
    """
    spec, config = weights.header(path)
    if "decoder" not in config or "card" not in config:
        raise ModelError(f"{path} holds no decoder: give the file that `geoglot train` wrote with the recipe decode.")
    decoder = Decoder(DecoderConfig.build(config["decoder"]))
    decoder.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in weights.read(path).items()})
    told = config["card"] | {name: tuple(config["card"][name]) for name in ("levels", "classes")}
    return decoder.eval().requires_grad_(False), DecoderCard(**told), spec.hash


def file_of(name: str | Path) -> Path:
    """The decoder's file of a path, or of the name of a model that one comes with. Raises NotFoundError."""
    path = Path(name)
    if path.suffix != ".safetensors" and (own := beside(name, SUFFIX)) is not None:
        return own
    if path.is_file():
        return path
    known = ", ".join(sorted(file.name.removesuffix(SUFFIX) for file in FOLDER.glob(f"*{SUFFIX}")))
    raise NotFoundError(
        f"There is no decoder {name}: give a file that `geoglot train` wrote with the recipe decode"
        + (f", or the name of a model that one comes with ({known})." if known else ".")
    )


class Segmenter:
    """A frozen model and its decoder on the model's device; maps of the tower are made once for all conditions."""

    def __init__(self, model: Ready, decoder: Decoder, card: DecoderCard, digest: str = "") -> None:
        if card.model != model.spec.hash:
            raise ModelError(
                f"The decoder was made for a model of hash {card.model[:12]}, not {model.spec.hash[:12]} of {model.spec.name}: "
                "train one with geoglot recipe decode."
            )
        if not getattr(model, "levels", ()):
            raise ModelError(f"{model.spec.name} shows no maps of its depths, which a decoder needs: leave the decoder out.")
        self.model, self.card, self.hash = model, card, digest
        self.decoder = decoder.to(model.device).eval().requires_grad_(False)
        channels_last(self.decoder)

    @property
    def side(self) -> int:
        """Pixels along the side of a place of a mask."""
        return self.card.side

    def texts(self, vectors: Tensor) -> Tensor:
        """Conditions (K, D) of unit vectors of texts."""
        return self.decoder.of_texts(vectors.to(self.model.device))

    def images(self, vectors: Tensor) -> Tensor:
        """Conditions (K, D) of unit vectors of pictures that show an example."""
        return self.decoder.of_images(vectors.to(self.model.device))

    def logits(self, batch: ImageBatch, conditions: Tensor, variant: Variant | None = None) -> Tensor:
        """Give logits (B, h, w, K) of conditions (K, D), a place every `side` pixels, in float32."""
        return torch.cat([self._logits(part, conditions, variant) for part in self.model.parts(batch)])

    @torch.inference_mode()
    def _logits(self, batch: ImageBatch, conditions: Tensor, variant: Variant | None) -> Tensor:
        depths = self.model.depths(batch, self.card.levels, variant)
        some = max(1, PLACES * self.side**2 // batch.valid.numel())
        fast = self.model.dtype != torch.float32
        with torch.autocast(self.model.device.type, self.model.dtype, enabled=fast):
            found = [self.decoder(depths, part.expand(len(batch), -1, -1)) for part in torch.split(conditions, some)]
        return torch.cat(found, dim=1).movedim(1, -1)


def open_decoder(model: Ready, name: str | Path) -> Segmenter:
    """Put a decoder on its model. Raises NotFoundError, and ModelError for another model's or another kind of file."""
    return Segmenter(model, *restore(file_of(name)))
