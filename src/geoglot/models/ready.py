"""What every image-text model that is ready for use has in common: chunks and checks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from geoglot.core.errors import InputError
from geoglot.core.protocols import ModelSpec
from geoglot.nn.batch import ImageBatch


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

    @abstractmethod
    def dense(self, batch: ImageBatch) -> Tensor:
        """Give the unit vectors (B, h, w, D) of the cells."""

    @abstractmethod
    def text(self, texts: Sequence[str]) -> Tensor:
        """Give unit vectors (B, D) of texts. Raises InputError for an empty list."""

    def parts(self, batch: ImageBatch) -> list[ImageBatch]:
        """Cut a batch into chunks. Raises InputError for an empty batch or another number of bands."""
        if batch.pixels.shape[1] != len(self.spec.bands):
            raise InputError(
                f"{self.spec.name} sees {', '.join(self.spec.bands)}; the batch has {batch.pixels.shape[1]} bands: "
                "render it for display first"
            )
        if not len(batch):
            raise InputError("the batch is empty: pass at least one image")
        return [batch[slice(i, i + self.chunk)] for i in range(0, len(batch), self.chunk)]
