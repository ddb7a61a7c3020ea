"""From a request to what is run: the model loaded, its cloud head put on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from geoglot import models
from geoglot.core.errors import ModelError, RasterError
from geoglot.geo.scene import Scene
from geoglot.models.cloud import CloudMasker, open_masker
from geoglot.models.dense import Variant
from geoglot.models.dual import DualModel
from geoglot.nn.batch import ImageBatch
from geoglot.nn.cloud import STRIDE
from geoglot.tasks.cloud.verb import NAMES, REST, Settings
from geoglot.tasks.segment.lattice import Lattice
from geoglot.tasks.segment.scoring import Look, Rule
from geoglot.tasks.segment.stream import Run


@dataclass(frozen=True)
class CloudMasks:
    """The cloud head as what draws numbers from pictures."""

    masker: CloudMasker

    @property
    def side(self) -> int:
        """Side in pixels of what the head tells apart. Raises `ModelError` where the model's cells are not of whole places."""
        own = self.masker.model.cells.side
        if own % STRIDE:
            raise ModelError(f"The cloud head's places of {STRIDE} pixels do not fit cells of {own}: train it for this model.")
        return STRIDE

    def __call__(self, batch: ImageBatch, variant: Variant | None) -> Tensor:
        """Logits (B, h, w, 3) of `nn.cloud.KINDS`; there is one way, whatever the variant."""
        return self.masker.logits(batch)


@dataclass(frozen=True)
class CloudRun(Run):
    """A run that radar is refused by."""

    def lattice(self, scene: Scene) -> Lattice:
        """The places over a scene. Raises `RasterError` for radar."""
        if scene.sensor.radar:
            raise RasterError("it is radar, which sees through clouds: there is nothing to mask")
        return super().lattice(scene)


def loaded(model: Any) -> Any:
    """The model that a name, a function or a model means."""
    if isinstance(model, str | Path):
        return models.load(model)
    return model() if callable(model) and not hasattr(model, "spec") else model


def masker_of(model: Any, head: str | Path | None = None) -> CloudMasker:
    """The cloud head on its model. Raises `ModelError` for a model that can have none."""
    if not isinstance(model, DualModel):
        name = model.spec.name if hasattr(model, "spec") else type(model).__name__
        raise ModelError(f"{name} has no cloud head: use nano, or a native model with a head of the recipe cloud.")
    return open_masker(model, None if head is None else Path(head))


def ready(model: Any, asked: Settings) -> Run:
    """Load the model where it is a name or a function, and put its head on."""
    masker = masker_of(loaded(model), asked.head)
    fixed = {
        "model": masker.model.spec.hash,
        "head": masker.parts.hash,
        "dtype": str(masker.model.dtype),
        "names": NAMES,
        "options": vars(asked.options),
        "asked": [asked.sensor, asked.bands, asked.time],
        "least": asked.least,
    }
    look = Look(masker.model, masks=CloudMasks(masker))
    rule = Rule(1.0, background=True)  # of the logits the last is that of clear ground, which is 0
    return CloudRun(
        look, rule, NAMES, asked.options, fixed, len(NAMES) + 1, asked.least, None, asked.batch, asked.workers, asked.progress,
        REST, "cloud",
    )  # fmt: skip
