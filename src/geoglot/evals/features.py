"""Vectors of the pictures of a data set by a frozen model, worked out once and kept beside the decoded pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglot.data.build import mixture
from geoglot.data.sample import Split
from geoglot.evals import dual as figures

SETS = ("aid_rsicd", "ucm")
SIDE = 160  # pixels a side at which pictures are kept


def vectors(model: Any, root: Path, cache: Path, key: str, split: Split) -> tuple[NDArray[np.float32], list[str]]:
    """Unit vectors (N, D) and labels (N,) of a split, kept in `cache` by model hash, number type and pictures."""
    material = mixture.sources(root, cache, [key], split, SIDE)
    kind = str(getattr(model, "dtype", "")).removeprefix("torch.")
    file = cache / f"{key}-{split}-{len(material)}-{SIDE}-{model.spec.hash[:12]}-{kind}.npy"
    if file.exists():
        return np.load(file), list(material.label)
    found = figures.picture_vectors(model.image, material.pixels, model.spec.size)
    np.save(file, found)
    return found, list(material.label)
