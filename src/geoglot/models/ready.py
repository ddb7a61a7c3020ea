"""What every image-text model that is ready for use has in common: chunks and checks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from geoglot.core.errors import InputError, ModelError
from geoglot.core.protocols import ModelSpec
from geoglot.models.dense import Cells, Variant
from geoglot.nn.batch import Features, ImageBatch
from geoglot.nn.decoder import Depths


class Ready(ABC):
    """A model on one device. Vectors come out in float32; long batches are cut into chunks, so that memory stays bounded."""

    def __init__(self, spec: ModelSpec, device: torch.device, dtype: torch.dtype, chunk: int = 32) -> None:
        self.spec = spec
        self.device = device
        self.dtype = dtype
        self.chunk = chunk

    @abstractmethod
    def image(self, batch: ImageBatch) -> Tensor:
        """Give unit vectors (B, D) of display renderings (B, 3, H, W) in [0, 1]; invalid pixels change nothing."""

    @property
    @abstractmethod
    def cells(self) -> Cells:
        """How the model's cells are had."""

    @abstractmethod
    def seen(self, batch: ImageBatch, variant: Variant | None = None) -> Features:
        """Give unit vectors of pictures (B, D) and of their cells (B, h * w, D), looked at once.

        A picture whose sides are whole cells keeps its size. `variant` is for transformers (see `models.dense`).
        """

    def dense(self, batch: ImageBatch, variant: Variant | None = None) -> Tensor:
        """Give the unit vectors (B, h, w, D) of the cells."""
        return self.seen(batch, variant).map()

    @abstractmethod
    def text(self, texts: Sequence[str]) -> Tensor:
        """Give unit vectors (B, D) of texts. Raises InputError for an empty list."""

    @property
    def levels(self) -> tuple[int, ...]:
        """The depths of the image tower whose maps a decoder takes by default, the finest map first; none where it has none."""
        return ()

    def depths(self, batch: ImageBatch, levels: Sequence[int], variant: Variant | None = None) -> Depths:
        """Give vectors, cells and the maps of some depths, looked at once. Raises ModelError for a model without such maps."""
        raise ModelError(f"{self.spec.name} shows no maps of its depths, which a decoder needs: use nano, or a CLIP or SigLIP.")

    def parts(self, batch: ImageBatch) -> list[ImageBatch]:
        """Cut a batch into chunks. Raises InputError for an empty batch or another number of bands."""
        if batch.pixels.shape[1] != len(self.spec.bands):
            raise InputError(
                f"{self.spec.name} sees {', '.join(self.spec.bands)}; the batch has {batch.pixels.shape[1]} bands: "
                "render it for display first"
            )
        if not len(batch):
            raise InputError("the batch is empty: pass at least one image")
        rows = self.together(batch.pixels.shape[-2] * batch.pixels.shape[-1])
        return [batch[slice(i, i + rows)] for i in range(0, len(batch), rows)]

    def together(self, pixels: int) -> int:
        """How many pictures of so many pixels are best looked at together."""
        return self.chunk


def joined(parts: Sequence[Features]) -> Features:
    """Put the chunks of a batch together, each vector scaled to length one, in float32."""
    pooled, tokens = (
        torch.cat([F.normalize(getattr(part, name).float(), dim=-1) for part in parts]) for name in ("pooled", "tokens")
    )
    return Features(pooled, tokens, parts[0].hw)


def deep(features: Features, maps: Sequence[Tensor]) -> Depths:
    """Put what a tower gives of one chunk in the form that decoders take, vectors scaled to length one, in float32."""
    whole = joined([features])
    return Depths(whole.pooled, whole.map(), tuple(maps))
