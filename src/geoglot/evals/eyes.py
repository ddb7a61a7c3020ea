"""What looks at drawn and real pictures alike: an image-text model, or Inception where its file is at hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from geoglot import models
from geoglot.core.errors import ModelError, NotFoundError
from geoglot.evals.material import BATCH
from geoglot.models.cache import FeatureCache, key_of
from geoglot.nn.batch import ImageBatch

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]


class Eyes:
    """Unit vectors of pictures by an image-text model, enlarged to its side by a bicubic filter; known ones come from a cache."""

    def __init__(self, model: Any, cache: Path | None = None) -> None:
        self.model = model
        self.cache = FeatureCache(model.spec.hash, str(model.dtype), "pictures in [0, 1]", root=cache)

    def vectors(self, pixels: Pixels) -> Floats:
        """Unit vectors (N, D) of pictures (N, S, S, 3)."""
        size = self.model.spec.size
        keys = list[bytes]()
        for start in range(0, len(pixels), BATCH):
            block = pixels[start : start + BATCH]
            big = [np.asarray(Image.fromarray(one).resize((size, size), Image.Resampling.BICUBIC)) for one in block]
            fresh = {key: one for one in big if self.cache.get(key := key_of(one)) is None}
            keys += [key_of(one) for one in big]
            if fresh:
                seen = torch.from_numpy(np.stack(list(fresh.values()))).permute(0, 3, 1, 2).float() / 255
                for key, vector in zip(fresh, self.model.image(ImageBatch.of(seen)).float().cpu().numpy(), strict=True):
                    self.cache.put(key, vector)
        self.cache.save()
        return np.stack([self.cache.known[key] for key in keys])

    def features(self, pixels: Pixels) -> Floats:
        """Vectors of length sqrt(D), so that a coordinate is around one: what distances between sets are taken of."""
        found = self.vectors(pixels)
        return found * np.float32(found.shape[1] ** 0.5)

    def words(self, texts: list[str]) -> Floats:
        """Unit vectors (T, D) of texts."""
        found: Floats = self.model.text(texts).float().cpu().numpy()
        return found


def features_of(encoder: str, eyes: Eyes, cache: Path | None = None) -> Callable[[Pixels], Floats]:
    """What gives features (N, D) of pictures (N, S, S, 3) by the name or file of an encoder; ``eyes`` where it is that one.

    Raises NotFoundError for a file that is not there, ModelError for one of another kind, and as `models.load` does.
    """
    if encoder.endswith(".pt"):
        return inception(Path(encoder))
    if encoder == eyes.model.spec.id:
        return eyes.features
    return Eyes(models.load(encoder), cache).features


def inception(path: Path) -> Callable[[Pixels], Floats]:
    """Features (N, 2048) by Inception as FID was defined with it: the TorchScript file `inception-2015-12-05.pt` of NVIDIA's
    StyleGAN2-ADA, which takes bytes and enlarges by itself. The file holds code, which is run. Raises NotFoundError, ModelError.
    """
    if not path.is_file():
        raise NotFoundError(f"There is no file {path}: fetch inception-2015-12-05.pt of StyleGAN2-ADA, or take the encoder nano.")
    try:
        network = torch.jit.load(str(path), map_location="cpu").eval()  # type: ignore[no-untyped-call]
    except RuntimeError as error:
        raise ModelError(
            f"{path} is no TorchScript file ({str(error).splitlines()[0]}): give inception-2015-12-05.pt."
        ) from error

    @torch.inference_mode()
    def look(pixels: Pixels) -> Floats:
        given = torch.from_numpy(np.ascontiguousarray(np.moveaxis(pixels, -1, 1)))
        parts = [network(given[start : start + BATCH], return_features=True) for start in range(0, len(given), BATCH)]
        found: Floats = torch.cat(parts).float().numpy()
        return found

    return look
