"""The verb: from scenes and words, or examples, to boxes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from geoglot.archive.rows import Asked
from geoglot.archive.sources import Sources, listed
from geoglot.core.errors import InputError
from geoglot.tasks.detect.asked import Route, Shown, check_numbers, check_route, read_examples
from geoglot.tasks.detect.boxes import Detections
from geoglot.text import templates as words


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
    detection head (the one that comes with the model, or of the file `head`), `masks` what the model's decoder draws, `dense`
    what cells of the picture resemble, with any model that has dense features; `auto` takes the head where there is one. Three
    more routes are Text2Seg's (see `geoglot.tasks.detect.text2seg`), with folders or hub ids of transformers' models `sam` and
    `grounding`. Turned boxes are given, or `upright` ones.

    Scenes are cut into tiles of `tile` pixels (of `gsd` metres where that is given) that share `overlap` of their side. Broken
    scenes are told in the result and stop nothing.

    Raises `InputError` for a request that makes no sense before any pixel is read, `ModelError` for a route that the model does
    not have, `RasterError` when no scene can be read.
    """
    check_route(route, head, sam, grounding)
    check_numbers(min_score, tile, overlap, gsd, batch)
    drawn = Shown(examples) if isinstance(examples, str | Path) else examples
    given = None if drawn is None else read_examples(drawn.boxes, drawn.key)
    if labels is None and given is None:
        raise InputError("Say what to look for: labels in words, or boxed examples (--examples).")
    classes = words.read_labels(labels if labels is not None else list(dict.fromkeys(e.label for e in given or ())))
    if strange := {e.label for e in given or ()} - set(classes):
        raise InputError(f"No label is called {sorted(strange)[0]!r} as an example is; the labels are {', '.join(classes)}.")
    templates = words.check(templates)
    wanted = listed(sources, Asked(sensor, tuple(bands) if bands else None, time))
    # torch, after all that a request itself can be told
    from geoglot import models
    from geoglot.tasks.classify import prompts
    from geoglot.tasks.detect import examples as shown
    from geoglot.tasks.detect import tiles, ways

    if isinstance(model, str | Path):
        model = models.load(model)
    elif callable(model) and not hasattr(model, "spec"):
        model = model()
    chosen = ways.way(model, route, head, prompts.encode(model, classes, templates), sam, grounding)
    if given is not None and drawn is not None:
        if chosen.detector is None:
            raise InputError("Examples are for the route head: leave out --examples, or train a head for this model.")
        by_boxes = shown.directions(given, wanted, chosen.detector, gsd, tile)
        chosen = chosen.towards(ways.with_examples(chosen.directions, list(classes), by_boxes, drawn.prompt))
    least = chosen.least if min_score is None else min_score
    how = tiles.Run(model.spec, chosen.find, tile, overlap, gsd, upright, least, batch, workers, progress)
    scenes, skipped = tiles.run(wanted, how)
    name = model.spec.name
    return Detections(tuple(scenes), tuple(classes), name, chosen.route, upright, least, chosen.calibration, tuple(skipped))
