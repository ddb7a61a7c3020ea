"""An image-text model ready for use: unit vectors of pictures, of their cells, and of texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from geoglot.core.errors import InputError, ModelError
from geoglot.core.protocols import ModelSpec
from geoglot.models import nano
from geoglot.models.dense import Cells, Variant
from geoglot.models.files import native
from geoglot.models.probe import device_of, dtype_of
from geoglot.models.ready import Ready, deep, joined
from geoglot.nn.batch import Features, ImageBatch
from geoglot.nn.cells import channels_last, pool
from geoglot.nn.decoder import Depths

WINDOW, MARGIN, OVERLAP = 640, 48, 1 / 32  # of dense features, in pixels, and a part; chosen by seams and speed (docs/segment.md)
NEAR = 16 * 144**2  # pixels of a batch beyond which a CPU becomes slower


class DualModel(Ready):
    """Both towers on one device; the image side in its fast number format, the text side in float32."""

    def __init__(self, model: nano.Nano, spec: ModelSpec, device: torch.device, dtype: torch.dtype, chunk: int = 32) -> None:
        super().__init__(spec, device, dtype, chunk)
        self.model = model.to(device).eval().requires_grad_(False)
        for part in (self.model.image, self.model.head):
            channels_last(part.to(dtype))

    def image(self, batch: ImageBatch) -> Tensor:
        """Give unit vectors (B, D) of display renderings (B, 3, H, W) in [0, 1]; invalid pixels change nothing."""
        return torch.cat([pool(*self._cells(part)) for part in self.parts(batch)])

    @property
    def cells(self) -> Cells:
        """Convolutions over windows of any size; what is near an edge feels it."""
        side = self.model.config.image.stride
        return Cells(side, max(WINDOW // side, 1) * side, MARGIN // side * side, OVERLAP)

    def seen(self, batch: ImageBatch, variant: Variant | None = None) -> Features:
        """Give unit vectors of pictures and of their cells, 16 pixels apart; an image's vector is pooled from them."""
        return joined([self._features(part) for part in self.parts(batch)])

    @property
    def levels(self) -> tuple[int, ...]:
        """All stages of the tower: maps at 4, 8 and 16 pixels a cell."""
        return tuple(range(len(self.model.config.image.widths)))

    def depths(self, batch: ImageBatch, levels: Sequence[int], variant: Variant | None = None) -> Depths:
        """Give vectors, cells and what leaves some stages. Raises ModelError for a stage that it has not."""
        if not set(levels) <= set(self.levels):
            raise ModelError(
                f"{self.spec.name} has the stages {self.levels}, not {tuple(levels)}: the decoder is of another model."
            )
        with torch.inference_mode():
            features, maps = self.model.depths(batch.to(self.device))
        return deep(features, [maps[level] for level in levels])

    def together(self, pixels: int) -> int:
        """How many pictures of so many pixels are best looked at together: on a CPU as many as stay near its caches."""
        return min(self.chunk, max(1, NEAR // pixels)) if self.device.type == "cpu" else self.chunk

    def text(self, texts: Sequence[str]) -> Tensor:
        """Give unit vectors (B, D) of texts. Raises InputError for an empty list."""
        if not texts:
            raise InputError("no text was given: pass at least one query")
        with torch.inference_mode():
            return torch.cat([self.model.text(*self.model.tokens(list(texts[i : i + 256]))) for i in range(0, len(texts), 256)])

    def _features(self, batch: ImageBatch) -> Features:
        with torch.inference_mode():
            return self.model.features(batch.to(self.device))

    def _cells(self, batch: ImageBatch) -> tuple[Tensor, Tensor]:
        with torch.inference_mode():
            return self.model.cells(batch.to(self.device))


def open_native(name: str | Path, device: str, dtype: str) -> DualModel:
    """Load a native model onto a device. Raises NotFoundError, ModelError, InputError."""
    model, spec = nano.restore(native(name))
    where = device_of(device)
    return DualModel(model, spec, where, dtype_of(dtype, where))
