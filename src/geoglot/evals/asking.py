"""Pictures of a protocol shown to a model that converses, and its answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from geoglot.core.errors import ModelError
from geoglot.core.progress import track
from geoglot.core.protocols import Reply, Said
from geoglot.data.sample import Sample
from geoglot.geo.raster import Raster
from geoglot.geo.sensors import band

BANDS = ("red", "green", "blue")
TOGETHER = 16  # conversations that a model which can answers at once


def shown(sample: Sample) -> tuple[Raster, ...]:
    """The pictures of a sample in [0, 1], as a person sees them. Raises NotFoundError and RasterError."""
    made = []
    for picture in sample.pictures:
        pixels = np.ascontiguousarray(np.moveaxis(picture.read(), -1, 0), dtype=np.float32) / 255
        valid = np.ones(pixels.shape[1:], bool)
        made.append(Raster(pixels, valid, picture.grid, tuple(band(name) for name in BANDS), picture.time))
    return tuple(made)


def replies(model: Any, asked: Sequence[tuple[Sample, str]], what: str = "ask") -> list[Reply]:
    """Answers to one question about each sample. Raises ModelError for a model that does not converse."""
    together, alone = getattr(model, "replies", None), getattr(model, "reply", None)
    if not callable(alone):
        name = model.spec.name
        raise ModelError(f"{name} does not converse: take a model with a method `reply`, as core.protocols.Chat has it.")
    made: list[Reply] = []
    with track(len(asked), what, "question") as progress:
        for start in range(0, len(asked), TOGETHER):
            part = [((Said("user", question),), shown(sample)) for sample, question in asked[start : start + TOGETHER]]
            made += together(part) if callable(together) else [alone(*one) for one in part]
            progress.advance(len(part))
    return made
