"""Objects by name: the boxes that a model finds from the words of the classes, upright or oriented."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ImageDraw

from geoglot.core.errors import InputError, ModelError, NotFoundError, RasterError
from geoglot.core.progress import track
from geoglot.data.build.windows import wholes
from geoglot.data.sample import Sample
from geoglot.evals.job import Job, Mistake, Outcome
from geoglot.evals.kinds.classes import term
from geoglot.evals.material import Skipped
from geoglot.evals.protocol import Boxes
from geoglot.geo.boxes import oriented
from geoglot.geo.iou import corners, hulls
from geoglot.metrics.box_precision import BoxPrecision
from geoglot.metrics.counting import Counting
from geoglot.metrics.detected import Detected
from geoglot.tasks.detect.raster import RasterDetector
from geoglot.tasks.detect.ways import route_of

VECTORS = False
SHOWN = 60  # pictures of which panels are kept
SIDE = 256
RANDOM = 100  # boxes that the image-blind baseline places in a picture

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Objects:
    """What is in a picture: boxes (N, 4) or (N, 5) in its pixels, class indices (N,), and which count neither way (N,)."""

    boxes: Floats
    labels: Ints
    ignore: NDArray[np.bool_]


class Found:
    """Average precision, and precision, recall and errors of counts above a score; counts are of each class in each picture."""

    def __init__(self, rules: Boxes, classes: int, headline: str) -> None:
        self.rules, self.classes, self.headline = rules, classes, headline
        self.precision = BoxPrecision(rules.overlap, rules.rule, rules.curve, rules.most)
        self.above = Detected(classes, rules.score)
        self.numbers = Counting()
        self._fast: BoxPrecision | None = None

    def add(self, boxes: Floats, scores: Floats, labels: Ints, truth: Objects) -> None:
        """Take in one picture."""
        self.precision.add(boxes, scores, labels, truth.boxes, truth.labels, truth.ignore)
        self.above.add(boxes, scores, labels, truth.boxes, truth.labels, truth.ignore)
        given = np.bincount(labels[scores >= self.rules.score], minlength=self.classes)
        self.numbers.add(given, np.bincount(truth.labels[~truth.ignore], minlength=self.classes))
        self._fast = None

    def result(self, weight: NDArray[np.float64] | None = None) -> dict[str, float]:
        """Give the figures; with ``weight`` (N,), which repeats pictures, only those that come with the protocol's own."""
        if weight is None:
            return self.precision.result() | self.above.result() | self._counts(None)
        if self.headline.startswith("count_"):
            return self._counts(np.repeat(weight, self.classes))
        if self.headline in ("precision", "recall", "f1"):
            return self.above.result(weight)
        if self._fast is None:
            one = self.headline == "AP50" and 0.5 in self.rules.overlap
            self._fast = self.precision.only(0.5) if one else self.precision
        return self._fast.result(weight)

    def _counts(self, weight: NDArray[np.float64] | None) -> dict[str, float]:
        return {
            f"count_{name}": value for name, value in self.numbers.result(weight).items() if name not in ("unanswered", "error")
        }


def run(job: Job) -> Outcome:
    """Have the objects of each picture found and compare. Raises ModelError for a model that finds none."""
    rules, labels = job.rules.boxes or Boxes(), job.rules.labels()
    names, words = list(labels), list(labels.values())
    find = _finder(job, rules.oriented)
    index = {job.rules.card().classes[name][0]: place for place, name in enumerate(names)}
    metric, truths = Found(rules, len(names), job.rules.metric), list[tuple[Objects, tuple[int, int]]]()
    places, mistakes, skipped = list[int](), list[Mistake](), list[Skipped]()
    with track(len(job.items), "detect", "picture") as progress:
        for place, item in enumerate(job.items):
            progress.advance(1)
            try:
                raster = item.pictures[0].raster()
            except (NotFoundError, RasterError) as error:
                skipped.append(Skipped(item.id, str(error)))
                continue
            size = raster.valid.shape
            truth = objects(item, size, index, rules.oriented)
            boxes, scores, given = (np.asarray(part) for part in find(raster, words))
            boxes = _kind(boxes.astype(np.float64), rules.oriented)
            metric.add(boxes, scores.astype(np.float64), given.astype(np.int64), truth)
            truths.append((truth, size))
            places.append(place)
            sure = scores >= rules.score
            mistakes.append(_mistake(place, item, metric.above, truth, boxes[sure]))
            if len(mistakes) > 2 * SHOWN:
                mistakes = _worst(mistakes)
    if not any(len(truth.labels) for truth, _ in truths):
        raise InputError(f"No picture of {job.rules.name} has an object of its classes: look at the boxes of {job.rules.source}.")
    each = metric.precision.per_class()
    details = {
        "classes": {names[k]: row for k, row in each.items()},
        "per class": {"AP": {names[k]: row.get("AP50", row["AP"]) for k, row in each.items()}},
        "above": {names[k]: row for k, row in metric.above.per_class().items()},
    }
    unseen = 0 if job.record is None or job.rules.source in job.record.sources else len(names)
    told = term(len(names), unseen, job.record).replace("classification", "detection")
    route = job.how.get("route", "auto")
    if not callable(getattr(job.model, "detect", None)) and route_of(job.model, route, job.how.get("head")) in ("head", "masks"):
        # of which the record of the model does not tell
        told = "detection by a trained head"
    return Outcome(metric, places, told, _trivial(job, truths, index, metric), _worst(mistakes), details, skipped)


def _finder(job: Job, turned: bool) -> Callable[..., tuple[Any, Any, Any]]:
    """What finds boxes: the model's own `detect`, else the verb's way for a dual encoder. Raises ModelError."""
    model, own = job.model, getattr(job.model, "detect", None)
    if callable(own):
        if job.how:
            raise ModelError(f"{model.spec.name} has its own way to detect: leave out {', '.join(job.how)}.")
        found: Callable[..., tuple[Any, Any, Any]] = own
        return found
    if not callable(getattr(model, "dense", None)):
        raise ModelError(
            f"{model.spec.name} finds no objects, which {job.rules.name} needs: give a model with a method `detect`, as "
            "geoglot.core.protocols.Detector has it, or with dense features."
        )
    return RasterDetector(model, upright=not turned, **job.how).detect


def objects(sample: Sample, size: tuple[int, int], index: dict[str, int], turned: bool) -> Objects:
    """The objects of a sample in pixels of a picture of ``size``; oriented boxes are the least around their outlines."""
    kept = [thing for thing in sample.things if thing.name in index]
    height, width = size
    if turned:
        boxes = oriented([thing.oriented(size) for thing in kept])
    else:
        boxes = np.array([thing.box for thing in kept]).reshape(-1, 4) * (width, height, width, height)
    ignore = np.array([thing.attributes.get("difficult") == "yes" for thing in kept], dtype=bool)
    return Objects(boxes, np.array([index[thing.name] for thing in kept], dtype=np.int64), ignore)


def _kind(boxes: Floats, turned: bool) -> Floats:
    """Boxes as the protocol counts them: hulls of oriented ones, upright ones without an angle."""
    if not turned:
        return hulls(boxes) if boxes.shape[1] == 5 else boxes
    if boxes.shape[1] == 5:
        return boxes
    low, high = boxes[:, :2], boxes[:, 2:]
    return np.concatenate([(low + high) / 2, high - low, np.zeros((len(boxes), 1))], axis=1)


def _trivial(job: Job, truths: Sequence[tuple[Objects, tuple[int, int]]], index: dict[str, int], like: Found) -> dict[str, float]:
    """Figures of no boxes at all, and of boxes of the training split put anywhere without looking (image-blind)."""
    names = [job.rules.metric]
    nothing, blind = (Found(like.rules, like.classes, like.headline) for _ in range(2))
    taught = list(wholes(job.train))
    unit = [objects(sample, (1, 1), index, False) for sample in taught]
    boxes, labels = (np.concatenate([getattr(one, key) for one in unit] or [np.zeros(0)]) for key in ("boxes", "labels"))
    rng = np.random.default_rng(0)
    for truth, (height, width) in truths:
        nothing.add(np.zeros((0, truth.boxes.shape[1])), np.zeros(0), np.zeros(0, np.int64), truth)
        if len(boxes):
            drawn = rng.integers(0, len(boxes), RANDOM)
            scale = np.array([width, height, width, height])
            scores = rng.random(RANDOM)
            blind.add(_kind(boxes[drawn] * scale, like.rules.oriented), scores, labels[drawn].astype(np.int64), truth)
    found = {"nothing": nothing.result()[names[0]]}
    return found | ({"image-blind": blind.result()[names[0]]} if len(boxes) else {})


def _mistake(place: int, item: Sample, above: Detected, truth: Objects, sure: Floats) -> Mistake:
    """A picture with its objects and what was found; the gap is how many were missed or wrong."""
    right, wrong, missed = above.counts[-1].sum(0).tolist()
    told = f"{right} found, {missed} missed, {wrong} wrong"
    return Mistake(place, f"{len(truth.labels)} objects", told, float(wrong + missed), (("boxes", _shown(item, truth, sure)),))


def _worst(mistakes: Sequence[Mistake]) -> list[Mistake]:
    kept = [mistake for mistake in mistakes if mistake.gap]
    return sorted(kept, key=lambda mistake: (-mistake.gap, mistake.place))[:SHOWN]


def _shown(item: Sample, truth: Objects, sure: Floats) -> NDArray[np.uint8]:
    """The picture with its objects in green and what was found in red."""
    picture = item.pictures[0].image()
    scale = np.array([SIDE / picture.width, SIDE / picture.height])
    small = picture.resize((SIDE, SIDE), reducing_gap=3.0)
    pen = ImageDraw.Draw(small)
    for boxes, colour in ((truth.boxes, (0, 220, 0)), (sure, (230, 0, 0))):
        for ring in (corners(_kind(boxes, True)) * scale).reshape(-1, 8).tolist():
            pen.polygon(ring, outline=colour)
    return np.asarray(small)
