"""From a torch model to what ingest asks for: stacks of numpy tiles in, unit vectors out (or what else is made of each tile)."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from geoglot.core.errors import ModelError
from geoglot.core.protocols import ModelSpec
from geoglot.nn.batch import ImageBatch

# Beyond this a part of a batch becomes too small to keep a thread busy.
MAX_WORKERS = 4


class DualEncoder:
    """A `Dual` as a `TileEncoder`: its image tower, on its own device; or `look`, another function of a batch (B, ...).

    On a CPU parts of a batch are encoded side by side, each with its share of torch's threads. Torch's own way, all
    threads on one operation, makes them wait for each other at every operation: whenever a reader takes a core from one
    of them, all stand still.
    """

    def __init__(self, model: Any, look: Callable[[ImageBatch], Any] | None = None) -> None:
        self._model = model
        self._look = look or model.image
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
        n = len(tiles)
        if self._pool is None or n < 2 * self._workers:
            vectors = self._part(tiles, valid, gsd)
        else:
            edges = [round(i * n / self._workers) for i in range(self._workers + 1)]
            cuts = [slice(a, b) for a, b in itertools.pairwise(edges)]
            vectors = np.concatenate(list(self._pool.map(lambda c: self._part(tiles[c], valid[c], gsd[c]), cuts)))
        if not np.isfinite(vectors).all():
            raise ModelError(f"{self.spec.name} gave values that are not numbers; load it with dtype='float32'.")
        return vectors

    def _part(self, tiles: NDArray[np.float32], valid: NDArray[np.bool_], gsd: NDArray[np.float32]) -> NDArray[np.float32]:
        batch = ImageBatch.of(torch.from_numpy(tiles), torch.from_numpy(valid), gsd=torch.from_numpy(gsd)).to(self._device)
        with torch.inference_mode():
            vectors: NDArray[np.float32] = self._look(batch).float().cpu().numpy()
        return vectors

    @cached_property
    def _workers(self) -> int:
        return min(torch.get_num_threads(), MAX_WORKERS) if str(self._device).startswith("cpu") else 1

    @cached_property
    def _pool(self) -> ThreadPoolExecutor | None:
        if self._workers < 2:
            return None
        threads = torch.get_num_threads()
        share = threads // self._workers
        pool = ThreadPoolExecutor(self._workers, "encoder", initializer=torch.set_num_threads, initargs=(share,))
        for _ in pool.map(lambda _: torch.get_num_threads(), range(self._workers)):
            pass  # threads start here, so that what follows is the last word for every other thread
        torch.set_num_threads(threads)
        return pool
