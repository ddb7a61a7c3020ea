"""The archive's model, loaded once: texts and pictures of concurrent requests go through it in batches."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglot.archive import queries
from geoglot.archive.indexing import check_model
from geoglot.core.protocols import ModelSpec, TextEncoder, TileEncoder
from geoglot.serve.batching import Batcher

Floats = NDArray[np.float32]
Tile = tuple[Floats, NDArray[np.bool_], np.float32]
_REMEMBERED = 2048  # texts


class Encoders:
    """Vectors of texts and of pictures; the image tower, which needs torch, is loaded when it is first wanted."""

    def __init__(self, spec: ModelSpec, model: str | None, most: int, wait: float, seen: Callable[[str, int], None]) -> None:
        """`model` names a file of the archive's model where it is none that loads by name."""
        from geoglot import models

        self.spec = spec
        self._name = model
        self._text = models.text_encoder(spec if model is None else model)
        check_model(spec, self._text.spec, "serve the archive with the model that made it")
        self._most, self._wait, self._seen = most, wait, seen
        self._texts: Batcher[str, Floats] = Batcher(self._encode_texts, most, wait, lambda n: seen("text", n), "texts")
        self._lock = threading.Lock()
        self._known: OrderedDict[str, Floats] = OrderedDict()
        self._dual: Any = None
        self._tiles: Batcher[Tile, Floats] | None = None

    @property
    def words(self) -> TextEncoder:
        """The text tower itself, for many texts at once."""
        return self._text

    def text(self, words: str) -> Floats:
        """The unit vector (D,) of a text."""
        key = " ".join(words.split())
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        made = queries.unit(self._texts(key))
        with self._lock:
            self._known[key] = made
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return made

    def _encode_texts(self, texts: Sequence[str]) -> Sequence[Floats]:
        return list(np.asarray(self._text.text(list(texts)), dtype=np.float32))

    @property
    def dual(self) -> Any:
        """The whole model."""
        with self._lock:
            if self._dual is None:
                from geoglot import models

                made = models.load(self.spec if self._name is None else self._name)
                check_model(self.spec, made.spec, "serve the archive with the model that made it")
                self._dual = made
            return self._dual

    def picture(self, image: Any) -> Floats:
        """The unit vector (D,) of an image: a path, a `Raster` or an array; see `archive.queries.encode`."""
        return queries.encode(_Batched(self), image)

    def tile(self, item: Tile) -> Floats:
        """The vector of one tile that is ready for the model."""
        dual = self.dual
        with self._lock:
            if self._tiles is None:
                encoder: TileEncoder = queries.image_encoder(dual)

                def work(items: Sequence[Tile]) -> Sequence[Floats]:
                    pixels, seen, gsd = (np.stack(part) for part in zip(*items, strict=True))
                    return list(encoder.encode(pixels, seen, gsd))

                self._tiles = Batcher(work, self._most, self._wait, lambda n: self._seen("image", n), "pictures")
            batcher = self._tiles
        return batcher(item)

    def close(self) -> None:
        """End the threads."""
        self._texts.close()
        if self._tiles is not None:
            self._tiles.close()


class _Batched:
    """An encoder of tiles that hands each of them to the batches."""

    def __init__(self, encoders: Encoders) -> None:
        self._encoders = encoders

    @property
    def spec(self) -> ModelSpec:
        return self._encoders.spec

    def encode(self, tiles: Floats, valid: NDArray[np.bool_], gsd: Floats) -> Floats:
        return np.stack([self._encoders.tile(item) for item in zip(tiles, valid, gsd, strict=True)])
