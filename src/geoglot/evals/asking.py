"""Pictures of a protocol shown to a model that converses, and its answers."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from geoglot.core.errors import ModelError
from geoglot.core.progress import track
from geoglot.core.protocols import Reply, Said
from geoglot.data.sample import Sample
from geoglot.geo.raster import Raster
from geoglot.geo.sensors import band
from geoglot.geo.write import write_geotiff
from geoglot.tasks.converse.verb import ask

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


def replies(model: Any, asked: Sequence[tuple[Sample, str]], what: str = "ask", verb: bool = False) -> list[Reply]:
    """Answers to one question about each sample, with ``verb`` as `geoglot ask` gives them.

    Raises ModelError for a model that does not converse.
    """
    together, alone = getattr(model, "replies", None), getattr(model, "reply", None)
    if not callable(alone):
        name = model.spec.name
        raise ModelError(f"{name} does not converse: take a model with a method `reply`, as core.protocols.Chat has it.")
    made: list[Reply] = []
    with track(len(asked), what, "question") as progress:
        for start in range(0, len(asked), TOGETHER):
            chosen = asked[start : start + TOGETHER]
            if verb:
                made += [_by_verb(model, sample, question) for sample, question in chosen]
            else:
                part = [_begun(question, shown(sample)) for sample, question in chosen]
                made += together(part) if callable(together) else [alone(*one) for one in part]
            progress.advance(len(chosen))
    return made


def _begun(question: str, pictures: tuple[Raster, ...]) -> tuple[tuple[Said], tuple[Raster, ...]]:
    return (Said("user", question, tuple(range(len(pictures)))),), pictures


def _by_verb(model: Any, sample: Sample, question: str) -> Reply:
    """What `geoglot ask` answers about the pictures as files."""
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for number, raster in enumerate(shown(sample)):
            pixels = replace(raster, data=(raster.data * 255).round().astype(np.uint8))
            files.append(write_geotiff(Path(folder) / f"{number}.tif", pixels, cog=False))
        told = ask(model, files[0] if len(files) == 1 else files, question, guide=None, progress=False)
    boxes = tuple(told.boxes.box(number).to_unit(told.shape) for number in range(len(told.boxes)))
    return Reply(told.text, boxes, confidence=told.confidence, refused=told.refused)
