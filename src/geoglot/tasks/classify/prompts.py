"""From classes in words to one vector each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglot.core.errors import InputError
from geoglot.text import templates as words

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Prompts:
    """Classes with the unit vectors (K, D) of what stands for them."""

    names: tuple[str, ...]
    phrases: tuple[tuple[str, ...], ...]
    templates: tuple[str, ...]
    vectors: Floats

    def cosines(self, images: Floats) -> Floats:
        """Cosines (N, K) of unit vectors (N, D) with the classes."""
        result: Floats = images @ self.vectors.T
        return result


def encode(model: Any, classes: words.Classes, templates: Sequence[str] = ()) -> Prompts:
    """Look up the classes with the model's text tower.

    A phrase stands for the mean of its sentences (the ensemble of Radford et al. 2021, arXiv 2103.00020), a class for the mean
    of its phrases. Raises `InputError` for a template without a place for the class.
    """
    chosen = words.check(templates)
    texts = [sentence for phrases in classes.values() for phrase in phrases for sentence in words.fill(phrase, chosen)]
    vectors = as_array(model.text(texts)).reshape(-1, len(chosen), model.spec.dim)
    means = unit(vectors.mean(axis=1))
    edges = np.cumsum([0, *(len(phrases) for phrases in classes.values())])
    made = np.stack([means[a:b].mean(axis=0) for a, b in pairwise(edges)])
    return Prompts(tuple(classes), tuple(classes.values()), chosen, unit(made))


def others(model: Any, known: Prompts) -> Prompts:
    """Words for everything else, one by one, without what the labels say already; raises `InputError` where nothing is left."""
    rest = words.everything_else(phrase for phrases in known.phrases for phrase in phrases)
    return encode(model, {word: (word,) for word in rest}, known.templates)


def unit(vectors: NDArray[Any]) -> Floats:
    """Scale rows to length one; `InputError` for a row without a direction."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    if not np.isfinite(lengths).all() or (lengths < 1e-9).any():
        raise InputError("The model gives no direction for one of the texts: say it in other words.")
    result: Floats = (vectors / lengths).astype(np.float32)
    return result


def as_array(value: Any) -> Floats:
    """An array of what a model gives, from whatever device."""
    result: Floats = np.asarray(value.float().cpu() if hasattr(value, "cpu") else value, dtype=np.float32)
    return result
