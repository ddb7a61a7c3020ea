"""The ways from a picture to boxes: a trained head, what cells resemble, or SAM and Grounding DINO."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglot.core.errors import ModelError
from geoglot.models import detector as heads
from geoglot.models.decoder import open_decoder
from geoglot.models.detector import Detector
from geoglot.models.dual import DualModel
from geoglot.nn.batch import ImageBatch
from geoglot.tasks.classify import prompts
from geoglot.tasks.detect import text2seg, tiles
from geoglot.tasks.detect.asked import Prompt
from geoglot.tasks.detect.counts import Calibration
from geoglot.tasks.detect.dense import by_dense, by_masks

LEAST = {"head": 0.3, "masks": 0.5, "dense": 0.5, "grounding": 0.35, "points": 0.3, "crops": 0.3}
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Way:
    """What finds boxes, the least score that is given by default, and what scores are worth where that is known."""

    route: str
    find: tiles.Finder
    least: float
    calibration: Calibration | None = None
    detector: Detector | None = None
    directions: Floats = field(default_factory=lambda: np.zeros((0, 0), np.float32))

    def towards(self, directions: Floats) -> Way:
        """The same for other directions, which it is not calibrated for."""
        assert self.detector is not None
        return replace(self, find=by_head(self.detector, directions), directions=directions, calibration=None)


def way(
    model: Any,
    route: str,
    head: str | Path | None,
    known: prompts.Prompts,
    sam: str | Path | None = None,
    grounding: str | Path | None = None,
) -> Way:
    """The way of a route to classes in words. Raises `ModelError` where the model has it not."""
    chosen = route_of(model, route, head)
    if chosen != "head":
        return Way(chosen, _finder(chosen, model, known, sam, grounding), LEAST[chosen])
    found = heads.open_detector(model, None if head is None else Path(head))
    directions, told = found.directions(known.vectors), found.card.calibration
    least = told.get("least", LEAST["head"])
    return Way("head", by_head(found, directions), least, Calibration.of(told), found, directions)


def _finder(route: str, model: Any, known: prompts.Prompts, sam: str | Path | None, grounding: str | Path | None) -> tiles.Finder:
    if route == "dense":
        return by_dense(model, known)
    if route == "masks":
        return by_masks(open_decoder(model, model.spec.id), known)
    from geoglot.models.grounding import Grounding  # transformers, which is an extra
    from geoglot.models.sam import Sam

    cutter = None if sam is None else Sam.open(sam)
    if route == "grounding":
        assert grounding is not None
        return text2seg.by_grounding(Grounding.open(grounding), cutter, known)
    assert cutter is not None
    return (text2seg.by_points if route == "points" else text2seg.by_crops)(model, cutter, known)


def route_of(model: Any, route: str, head: Any) -> str:
    """The route that is taken. Raises `ModelError` where a model has no head."""
    ours = isinstance(model, DualModel)
    if route == "auto":
        return "head" if ours and (head is not None or heads.head_of(model.spec) is not None) else "dense"
    if route == "head" and not ours:
        raise ModelError(f"{model.spec.name} has no detection head, only models of ours can have one: use --route dense.")
    return route


def with_examples(towards: Floats, names: Sequence[str], by_boxes: Mapping[str, Floats], prompt: Prompt) -> Floats:
    """Directions (K, D) of words, changed for the classes that have examples: those of the boxes, or the mean of both."""
    made = towards.copy()
    for name, vector in by_boxes.items():
        k = list(names).index(name)
        if prompt != "text":
            made[k] = prompts.unit((vector + (made[k] if prompt == "both" else 0))[None])[0]
    return made


def by_head(found: Detector, towards: Floats) -> tiles.Finder:
    """A finder for directions (K, D) in the head's space."""

    def find(batch: ImageBatch) -> list[tiles.Boxes]:
        return [tiles.Boxes.of(one) for one in found.find(batch, towards)]

    return find
