"""A small fixed check of any image-text model: figures that two machines, or two programs, can compare.

The pictures are computed from integers, so that they are the same everywhere, and can be written as PNG to be put through
another program. The figures are cosines between unit vectors, in float32, from which no program's conventions can be told.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from geoglot.core.errors import InputError, ModelMismatchError
from geoglot.models.ready import Ready
from geoglot.nn.batch import ImageBatch

TEXTS = (
    "a satellite photo of farmland.",
    "many planes are parked next to a long building .",
    "Ships, storage tanks & a harbour: 3 of them!",
    "water",
)
PICTURES = ("fields", "tank", "runway", "haze")
TOLERANCE = 2e-3
TABLES = ("image_text", "image_image", "text_text", "cell_text")


def pictures(size: int) -> NDArray[np.uint8]:
    """Give the four fixed pictures (4, size, size, 3): striped fields, a round tank, a runway, a gradient."""
    y, x = np.mgrid[0:size, 0:size].astype(np.int64)
    u, v = x * 256 // size, y * 256 // size
    plot = (u // 64 * 5 + v // 64 * 3) % 4
    fields = np.stack([60 + 30 * plot + (v // 4 % 2) * 12, 90 + 20 * plot, 50 + 15 * plot + (u // 8 % 2) * 8])
    inside = (u - 128) ** 2 + (v - 128) ** 2 < 70**2
    tank = np.stack([np.where(inside, 230 - u // 8, 96), np.where(inside, 228 - u // 8, 92), np.where(inside, 220 - v // 8, 84)])
    strip, line = abs(u - 128) < 28, (abs(u - 128) < 3) & (v // 16 % 2 == 0)
    grey = np.where(line, 240, 110)
    runway = np.stack([np.where(strip, grey, 70 + v // 16), np.where(strip, grey, 105 + u // 16), np.where(strip, grey, 60)])
    haze = np.stack([u // 2 + 60, (u + v) // 4 + 60, v // 2 + 60])
    return np.stack([fields, tank, runway, haze]).transpose(0, 2, 3, 1).clip(0, 255).astype(np.uint8)


def figures(model: Ready) -> dict[str, Any]:
    """Run the check: cosines of pictures and texts, and of texts and the mean of the cells, rounded to five places."""
    seen = torch.from_numpy(pictures(model.spec.size)).permute(0, 3, 1, 2).float() / 255
    batch = ImageBatch.of(seen)
    image, text, cells = model.image(batch).float().cpu(), model.text(list(TEXTS)), model.dense(batch).float().cpu()
    text = torch.as_tensor(text).float().cpu()
    mean = torch.nn.functional.normalize(cells.mean((1, 2)), dim=-1)
    tables = {
        "image_text": image @ text.T,
        "image_image": image @ image.T,
        "text_text": text @ text.T,
        "cell_text": mean @ text.T,
    }
    spec = model.spec
    return {
        "model": spec.name,
        "hash": spec.hash,
        "dim": spec.dim,
        "size": spec.size,
        "activation": spec.activation,
        "mean": list(spec.mean),
        "std": list(spec.std),
        "cells": list(cells.shape[1:3]),
        "pictures": list(PICTURES),
        "texts": list(TEXTS),
    } | {name: [[round(float(value), 5) for value in row] for row in table] for name, table in tables.items()}


def compare(found: Mapping[str, Any], recorded: Mapping[str, Any]) -> float:
    """Give the largest difference between two runs' cosines.

    Raises ModelMismatchError where it is above 0.002, or where the runs are not of one kind (size, texts).
    """
    for name in ("dim", "size", "texts", "pictures"):
        if found[name] != recorded.get(name):
            raise ModelMismatchError(
                f"The record is of another check: its {name} is {recorded.get(name)!r}, here {found[name]!r}."
            )
    far = {name: float(np.abs(np.array(found[name]) - np.array(recorded[name])).max()) for name in TABLES}
    worst = max(far, key=lambda name: far[name])
    if far[worst] > TOLERANCE:
        same = "the weights are the same" if found["hash"] == recorded.get("hash") else "the weights differ too"
        raise ModelMismatchError(
            f"{found['model']} does not give the recorded vectors: {worst} differs by {far[worst]:.4f}, allowed {TOLERANCE}; "
            f"{same}. Compare activation, mean and std of both records, and the versions of torch and transformers."
        )
    return far[worst]


def record_of(path: Path) -> dict[str, Any]:
    """Read figures that were written before. Raises InputError."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not all(name in found for name in TABLES):
            raise ValueError(f"it lacks {', '.join(name for name in TABLES if name not in found)}")
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path} is not a record of `geoglot verify --json` ({error}).") from None
    return dict(found)


def write_pictures(folder: Path, size: int) -> list[Path]:
    """Write the fixed pictures as PNG at the model's size, and give their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.png" for name in PICTURES]
    for path, pixels in zip(paths, pictures(size), strict=True):
        Image.fromarray(pixels).save(path)
    return paths
