"""The verb: from scenes and words, or examples, to boxes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from geoglot import models
from geoglot.archive.rows import Asked
from geoglot.archive.sources import Sources, listed
from geoglot.core.errors import InputError, ModelError
from geoglot.models import detector as heads
from geoglot.models.detector import Detector
from geoglot.models.dual import DualModel
from geoglot.nn.batch import ImageBatch
from geoglot.tasks.classify import prompts
from geoglot.tasks.detect import examples as shown
from geoglot.tasks.detect import text2seg, tiles
from geoglot.tasks.detect.boxes import Detections
from geoglot.tasks.detect.counts import Calibration
from geoglot.tasks.detect.dense import by_dense
from geoglot.text import templates as words

Route = Literal["auto", "head", "dense", "grounding", "points", "crops"]
Prompt = Literal["text", "examples", "both"]
LEAST = {"head": 0.3, "dense": 0.5, "grounding": 0.35, "points": 0.3, "crops": 0.3}
SAM = ("grounding", "points", "crops")
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Shown:
    """Examples of classes: a GeoJSON file of boxes, the property with the label, and whether words count beside them."""

    boxes: str | Path
    key: str = "label"
    prompt: Prompt = "both"

    def __post_init__(self) -> None:
        if self.prompt not in ("text", "examples", "both"):
            raise InputError(f"The prompt is text, examples or both, got {self.prompt!r}.")


def detect(
    model: Any,
    sources: Sources,
    labels: str | Path | Iterable[str] | Mapping[str, Sequence[str]] | None = None,
    *,
    examples: str | Path | Shown | None = None,
    route: Route = "auto",
    head: str | Path | None = None,
    sam: str | Path | None = None,
    grounding: str | Path | None = None,
    templates: Sequence[str] = (),
    min_score: float | None = None,
    upright: bool = False,
    tile: int = 512,
    gsd: float | None = None,
    overlap: float = 0.25,
    sensor: str | None = None,
    bands: Sequence[str] | None = None,
    time: str | None = None,
    batch: int = 8,
    workers: int | None = None,
    progress: bool = True,
) -> Detections:
    """Find objects in scenes of any size: boxes with label and score, and how many there are.

    `model` is a dual encoder, its name, or a function that loads one once the request is known to make sense. `labels` are words
    with synonyms (see `text.templates.read_labels`), or, with `examples`, those of the boxes. The route `head` uses a trained
    detection head (the one that comes with the model, or of the file `head`), `dense` what cells of the picture resemble, with
    any model that has dense features; `auto` takes the head where there is one. Three more routes are Text2Seg's (see
    `geoglot.tasks.detect.text2seg`), with folders or hub ids of transformers' models `sam` and `grounding`. Turned boxes are
    given, or `upright` ones.

    Scenes are cut into tiles of `tile` pixels (of `gsd` metres where that is given) that share `overlap` of their side. Broken
    scenes are told in the result and stop nothing.

    Raises `InputError` for a request that makes no sense before any pixel is read, `ModelError` for a route that the model does
    not have, `RasterError` when no scene can be read.
    """
    _check(route, head, sam, grounding)
    _check_numbers(min_score, tile, overlap, gsd, batch)
    drawn = Shown(examples) if isinstance(examples, str | Path) else examples
    given = None if drawn is None else shown.read_examples(drawn.boxes, drawn.key)
    if labels is None and given is None:
        raise InputError("Say what to look for: labels in words, or boxed examples (--examples).")
    classes = words.read_labels(labels if labels is not None else list(dict.fromkeys(e.label for e in given or ())))
    if strange := {e.label for e in given or ()} - set(classes):
        raise InputError(f"No label is called {sorted(strange)[0]!r} as an example is; the labels are {', '.join(classes)}.")
    templates = words.check(templates)
    wanted = listed(sources, Asked(sensor, tuple(bands) if bands else None, time))
    if isinstance(model, str | Path):
        model = models.load(model)
    elif callable(model) and not hasattr(model, "spec"):
        model = model()
    chosen = way(model, route, head, prompts.encode(model, classes, templates), sam, grounding)
    if given is not None and drawn is not None:
        if chosen.detector is None:
            raise InputError("Examples are for the route head: leave out --examples, or train a head for this model.")
        by_boxes = shown.directions(given, wanted, chosen.detector, gsd, tile)
        chosen = chosen.towards(with_examples(chosen.directions, list(classes), by_boxes, drawn.prompt))
    least = chosen.least if min_score is None else min_score
    how = tiles.Run(model.spec, chosen.find, tile, overlap, gsd, upright, least, batch, workers, progress)
    scenes, skipped = tiles.run(wanted, how)
    name = model.spec.name
    return Detections(tuple(scenes), tuple(classes), name, chosen.route, upright, least, chosen.calibration, tuple(skipped))


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
    chosen = _route(model, route, head)
    if chosen != "head":
        return Way(chosen, _finder(chosen, model, known, sam, grounding), LEAST[chosen])
    found = heads.open_detector(model, None if head is None else Path(head))
    directions, told = found.directions(known.vectors), found.card.calibration
    least = told.get("least", LEAST["head"])
    return Way("head", by_head(found, directions), least, Calibration.of(told), found, directions)


def _finder(route: str, model: Any, known: prompts.Prompts, sam: str | Path | None, grounding: str | Path | None) -> tiles.Finder:
    if route == "dense":
        return by_dense(model, known)
    from geoglot.models.grounding import Grounding
    from geoglot.models.sam import Sam

    cutter = None if sam is None else Sam.open(sam)
    if route == "grounding":
        assert grounding is not None
        return text2seg.by_grounding(Grounding.open(grounding), cutter, known)
    assert cutter is not None
    return (text2seg.by_points if route == "points" else text2seg.by_crops)(model, cutter, known)


def _check(route: str, head: Any, sam: Any, grounding: Any) -> None:
    if route not in get_args(Route):
        raise InputError(f"The route is one of {', '.join(get_args(Route))}; got {route!r}.")
    if head is not None and route not in ("auto", "head"):
        raise InputError(f"A head is not asked on the route {route}: leave out --head or --route.")
    if sam is not None and route not in SAM:
        raise InputError("SAM is for --route grounding, points or crops: say which, or leave out --sam.")
    if sam is None and route in ("points", "crops"):
        raise InputError(f"The route {route} needs SAM: give a folder or a hub id of one with --sam.")
    if (grounding is None) is (route == "grounding"):
        raise InputError("--route grounding and --grounding (a folder or hub id of a Grounding DINO) go together.")


def _check_numbers(min_score: float | None, tile: int, overlap: float, gsd: float | None, batch: int) -> None:
    if min_score is not None and not 0 <= min_score <= 1:
        raise InputError(f"The least score is from 0 to 1, got {min_score}.")
    if not 64 <= tile <= 4096 or tile % tiles.STEP:
        raise InputError(f"A tile has 64 to 4096 pixels a side, a multiple of {tiles.STEP}, got {tile}.")
    if not 0 <= overlap <= 0.5:
        raise InputError(f"The overlap of tiles is from 0 to 0.5 of their side, got {overlap}.")
    if gsd is not None and not 0 < gsd < 1e6:
        raise InputError(f"The ground sampling distance must be positive metres, got {gsd}.")
    if batch < 1:
        raise InputError(f"A batch holds at least one tile, got {batch}.")


def _route(model: Any, route: str, head: Any) -> str:
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
        return [
            tiles.Boxes(
                one.label.numpy().astype(np.int64),
                one.score.double().numpy(),
                one.upright.double().numpy(),
                one.turned.double().numpy(),
            )
            for one in found.find(batch, towards)
        ]

    return find
