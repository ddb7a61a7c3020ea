"""Change between two dates, pixel by pixel, where labels say it.

A model that is a `ChangeDetector` answers itself; the cells of any other model are compared by the method scm. The baselines are
plain differencing with Otsu's threshold and the preset of the sensor, which need no model.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from geoglot.core.errors import InputError, ModelError, NotFoundError, RasterError
from geoglot.core.progress import track
from geoglot.data.sample import UNLABELLED, Picture, Sample
from geoglot.evals import material
from geoglot.evals.job import Job, Mistake, Outcome
from geoglot.evals.material import Skipped
from geoglot.evals.protocol import Dates, Protocol
from geoglot.geo.scene import Scene
from geoglot.metrics.change import Change
from geoglot.tasks.change import change

VECTORS = False
PLAIN: dict[str, Any] = {"method": "difference", "threshold": "otsu", "register": False}
SHOWN, SIDE = 60, 128

Classes = NDArray[np.uint8]
Answer = Callable[[Scene, Scene], NDArray[np.integer[Any]]]


def run(job: Job) -> Outcome:
    """Have each pair compared. Raises ModelError for a model that cannot, InputError without labelled pixels."""
    own = getattr(job.model, "change", None)
    if not callable(own) and not callable(getattr(job.model, "dense", None)):
        raise ModelError(
            f"{job.model.spec.name} has neither a method `change` nor dense features, which {job.rules.name} needs: take nano, "
            "a published CLIP, or what geoglot.core.protocols.ChangeDetector describes."
        )
    metric, plain, preset = Change(), Change(), Change()
    answers: list[tuple[Change, Answer]] = [
        (metric, own if callable(own) else by({"method": "scm", "model": job.model})),
        (plain, by(PLAIN)),
        (preset, by({})),
    ]
    places, mistakes, skipped = list[int](), list[Mistake](), list[Skipped]()
    with track(len(job.items), "compare", "pair") as progress:
        for place, item in enumerate(job.items):
            progress.advance(1)
            try:
                truth, given = compare(item, job.rules, [answer for _, answer in answers])
            except (NotFoundError, RasterError, InputError) as error:
                skipped.append(Skipped(item.id, str(error)))
                continue
            for (one, _), found in zip(answers, given, strict=True):
                one.add(found, truth)
            places.append(place)
            mistakes.append(_mistake(place, given[0], truth))
            mistakes = sorted(mistakes, key=lambda mistake: (-mistake.gap, mistake.place))[:SHOWN]
    if not places or not metric.table().any():
        why = f" The first: {skipped[0].reason}" if skipped else ""
        raise InputError(f"No pixel of {job.rules.name} is labelled: look at the masks of {job.rules.source}.{why}")
    name = job.rules.metric
    baselines = {"plain differencing": plain.result()[name], "preset of the sensor": preset.result()[name]}
    details = {"baselines": {"plain differencing": plain.result(), "preset of the sensor": preset.result()}}
    return Outcome(metric, places, "change without training", baselines, mistakes, details, skipped)


def compared(rules: Protocol, root: Path, how: Mapping[str, Any]) -> Change:
    """The metric of one way to compare (settings of `tasks.change`) on all pairs of a protocol."""
    metric = Change()
    for item in material.samples(rules, root):
        truth, (given,) = compare(item, rules, [by(how)])
        metric.add(given, truth)
    return metric


def by(how: Mapping[str, Any]) -> Answer:
    """An answer by settings of `tasks.change`."""

    def answer(before: Scene, after: Scene) -> NDArray[np.integer[Any]]:
        found: Classes = change(before, after, progress=False, **how).read()
        return found

    return answer


def compare(item: Sample, rules: Protocol, answers: list[Answer]) -> tuple[Classes, list[NDArray[np.integer[Any]]]]:
    """The truth of a pair and what each answer says. Raises what reading raises, and RasterError for a mask of another size."""
    asked = rules.dates or Dates()
    if len(item.pictures) != 2:
        raise InputError(f"{item.id} has {len(item.pictures)} pictures, not the two of a pair.")
    if asked.mask not in item.masks:
        raise InputError(f"{item.id} has no mask {asked.mask!r}.")
    mask = item.masks[asked.mask]
    raw = mask.read()
    table = np.full(256, UNLABELLED, np.uint8)
    for place, name in enumerate(mask.names):
        table[place] = name in asked.changed
    truth: Classes = table[raw]
    with opened(item.pictures[0], asked) as before, opened(item.pictures[1], asked) as after:
        if before.shape != truth.shape:
            raise RasterError(f"{item.id}: the mask is {truth.shape} and the picture {before.shape}. Fetch both again.")
        given = [answer(before, after) for answer in answers]
    if any(found.shape != truth.shape for found in given):
        raise ModelError(f"An answer to {item.id} has another size than its mask: it has to keep that of the first picture.")
    return truth, given


@contextmanager
def opened(picture: Picture, asked: Dates) -> Iterator[Scene]:
    """A picture as a scene, with the date that the source tells."""
    if picture.window is not None:
        raise InputError(f"{picture.path} is cut into windows: pairs are compared whole.")
    with tempfile.TemporaryDirectory() as folder:
        path = picture.path
        if picture.data is not None:
            path = Path(folder) / picture.path.name
            path.write_bytes(picture.data)
        with Scene.open(path, asked.sensor, asked.bands, picture.time) as scene:
            yield scene


def _mistake(place: int, given: NDArray[np.integer[Any]], truth: Classes) -> Mistake:
    """A pair as drawn and as it should be; the gap is one less its own F1."""
    own = Change()
    own.add(given, truth)
    found = own.result()
    labelled = max(int((truth != UNLABELLED).sum()), 1)
    wanted = f"changed: {100 * int((truth == 1).sum()) / labelled:.1f} % of what is labelled"
    told = f"precision {found['precision']:.0f} %, recall {found['recall']:.0f} %"
    panels = tuple((name, _shown(np.asarray(values, np.uint8))) for name, values in (("wanted", truth), ("given", given)))
    return Mistake(place, wanted, told, 1 - found["f1"] / 100, panels)


def _shown(values: Classes) -> NDArray[np.uint8]:
    table = np.full((256, 3), 128, np.uint8)
    table[0], table[1] = 0, 255
    small = np.asarray(Image.fromarray(values).resize((SIDE, SIDE), Image.Resampling.NEAREST))
    found: NDArray[np.uint8] = table[small]
    return found
