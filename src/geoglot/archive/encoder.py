"""From a torch model to what ingest asks for: stacks of numpy tiles in, unit vectors out."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from geoglot.core.errors import ModelError
from geoglot.core.protocols import ModelSpec
from geoglot.nn.batch import ImageBatch


class DualEncoder:
    """A `Dual` as a `TileEncoder`: its image tower, on its own device."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._device = getattr(model, "device", "cpu")
        fill = np.array(model.spec.mean, dtype=np.float32)
        self._fill = fill[:, None] if len(fill) == 3 else np.zeros((3, 1), dtype=np.float32)

    @property
    def spec(self) -> ModelSpec:
        """What the model is."""
        spec: ModelSpec = self._model.spec
        return spec

    def encode(self, tiles: NDArray[np.float32], valid: NDArray[np.bool_], gsd: NDArray[np.float32]) -> NDArray[np.float32]:
        """Unit vectors (B, D) of tiles (B, 3, H, W) in [0, 1]; what was not observed becomes the model's mean colour.

        Raises `ModelError` when the model gives anything but finite numbers.
        """
        for tile, seen in zip(tiles, valid, strict=True):
            if not seen.all():
                tile[:, ~seen] = self._fill
        batch = ImageBatch.of(torch.from_numpy(tiles), torch.from_numpy(valid), gsd=torch.from_numpy(gsd)).to(self._device)
        with torch.inference_mode():
            vectors: NDArray[np.float32] = self._model.image(batch).float().cpu().numpy()
        if not np.isfinite(vectors).all():
            raise ModelError(f"{self.spec.name} gave values that are not numbers; load it with dtype='float32'.")
        return vectors
