"""The text tower in numpy, for the query path: neither torch nor transformers is imported."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglot.core.errors import InputError
from geoglot.core.protocols import ModelSpec
from geoglot.models import weights
from geoglot.models.files import native
from geoglot.text import wordpiece

Array = NDArray[np.float32]


class NumpyText:
    """The same function as the torch text tower, to 1e-4, from the same file."""

    def __init__(self, path: Path) -> None:
        self.spec, config = weights.header(path)
        self._heads = int(config["text"]["heads"])
        self._layers = int(config["text"]["layers"])
        text = path.with_suffix(".tokenizer.json").read_text(encoding="utf-8")
        self._tokenizer = wordpiece.load(text, int(config["words"]))
        raw = weights.stored(path, "text.")
        self._words = raw.pop("words.weight"), raw.pop("words.weight" + weights.SCALE, None)
        self._w: dict[str, Array] = {
            name: weights.dequantise(value, raw[name + weights.SCALE]) if value.dtype == np.int8 else value
            for name, value in raw.items()
            if not name.endswith(weights.SCALE)
        }

    def text(self, texts: Sequence[str]) -> Array:
        """Give unit vectors (B, D). Raises InputError for an empty list."""
        if not texts:
            raise InputError("no text was given: pass at least one query")
        ids, mask = wordpiece.encode(self._tokenizer, texts)
        rows, scale = self._words
        x = rows[ids].astype(np.float32)
        if scale is not None:
            x *= scale[ids][..., None]
        x = self._norm(x + self._w["places.weight"][: ids.shape[1]], "norm")
        for i in range(self._layers):
            x = self._layer(x, mask, f"layers.{i}.")
        weight = mask[..., None].astype(np.float32)
        return _unit(self._linear(_unit((x * weight).sum(1) / weight.sum(1)), "map"))

    def _layer(self, x: Array, mask: NDArray[np.bool_], name: str) -> Array:
        b, t, d = x.shape
        q, k, v = (
            self._linear(x, name + part).reshape(b, t, self._heads, -1).transpose(0, 2, 1, 3)
            for part in ("query", "key", "value")
        )
        score = q @ k.transpose(0, 1, 3, 2) / np.float32(np.sqrt(d / self._heads))
        score = np.where(mask[:, None, None, :], score, np.float32(-1e30))
        score = np.exp(score - score.max(-1, keepdims=True))
        a = (score / score.sum(-1, keepdims=True)) @ v
        x = self._norm(x + self._linear(a.transpose(0, 2, 1, 3).reshape(b, t, d), name + "out"), name + "norm1")
        return self._norm(x + self._linear(_gelu(self._linear(x, name + "up")), name + "down"), name + "norm2")

    def _linear(self, x: Array, name: str) -> Array:
        y: Array = x @ self._w[name + ".weight"].T + self._w[name + ".bias"]
        return y

    def _norm(self, x: Array, name: str) -> Array:
        x = x - x.mean(-1, keepdims=True)
        x = x / np.sqrt((x * x).mean(-1, keepdims=True) + np.float32(1e-12))
        y: Array = x * self._w[name + ".weight"] + self._w[name + ".bias"]
        return y


def load_text(name: str | Path) -> NumpyText:
    """Load the text tower of an embedded model by name, or of a native file by path.

    Raises NotFoundError for an unknown name or a missing file, ModelError for a file that is not native.
    """
    return NumpyText(native(name))


def _unit(x: Array) -> Array:
    y: Array = x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), np.float32(1e-12))
    return y


def _gelu(x: Array) -> Array:
    """Exact GELU with erf by Abramowitz and Stegun 7.1.26 (error below 2e-7), since numpy has no erf."""
    z = np.abs(x) * np.float32(np.sqrt(0.5))
    t = 1 / (1 + np.float32(0.3275911) * z)
    poly: Any = np.float32(1.061405429)
    for c in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        poly = poly * t + np.float32(c)
    erf = 1 - poly * t * np.exp(-z * z)
    y: Array = x * np.float32(0.5) * (1 + np.copysign(erf, x))
    return y


__all__ = ["ModelSpec", "NumpyText", "load_text"]
