"""Classes of pixels by name: the map that a model draws from the words of the classes, against a mask or drawn outlines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from geoglot.core.errors import InputError, ModelError, NotFoundError, RasterError
from geoglot.core.progress import track
from geoglot.data.build.pixels import drawn
from geoglot.data.build.windows import wholes
from geoglot.data.sample import UNLABELLED, Sample
from geoglot.evals.job import Job, Mistake, Outcome
from geoglot.evals.kinds.classes import term
from geoglot.evals.material import Skipped
from geoglot.evals.protocol import Pixels, Protocol
from geoglot.metrics.boundary import BoundaryF1
from geoglot.metrics.segmentation import Segmentation
from geoglot.tasks.segment.raster import RasterSegmenter
from geoglot.text.colours import colours

VECTORS = False
NONE, NO_DATA = 0, 255  # of what a Segmenter answers
SHOWN = 60  # pictures of which panels are kept
SIDE = 128

Classes = NDArray[np.uint8]


@dataclass(frozen=True)
class Legend:
    """The classes of a protocol, those that are asked for first; ``words`` are of these. The background comes last."""

    names: tuple[str, ...]
    words: tuple[tuple[str, ...], ...]
    background: int | None
    index: Mapping[str, int]  # of what masks and objects of the source are called; others do not count

    @classmethod
    def of(cls, rules: Protocol) -> Legend:
        """Read it from a protocol. Raises InputError where no class is left to ask for."""
        pixels, labels = rules.pixels or Pixels(), rules.labels()
        apart = {*pixels.ignore, *pixels.joined, pixels.background}
        asked = [label for label in labels if label not in apart]
        if not asked:
            raise InputError(f"{rules.name} asks for no class: leave some out of its ignore and joined.")
        names = (*asked, *([] if pixels.background is None else [pixels.background]))
        index = {}
        for label, phrases in [*rules.card().classes.items(), *((name, (name,)) for name in names)]:
            counted = pixels.joined.get(label, label)
            if counted in names:
                index[phrases[0]] = names.index(counted)
        words = tuple(labels[label] for label in asked)
        return cls(names, words, None if pixels.background is None else len(asked), index)

    def truth(self, sample: Sample, valid: NDArray[np.bool_]) -> Classes:
        """Class indices (H, W) of a sample, 255 where nothing counts. Raises what `Mask.read` raises, and InputError."""
        mask = sample.masks.get("cover")
        if mask is None:
            other = UNLABELLED if self.background is None else self.background
            found = drawn(sample, valid.shape, self.index, other)
        else:
            table = np.full(256, UNLABELLED, np.uint8)
            for place, name in enumerate(mask.names):
                table[place] = self.index.get(name, UNLABELLED)
            found = table[mask.read()]
        if found.shape != valid.shape:
            raise RasterError(f"{sample.id}: the mask is {found.shape} and the picture {valid.shape}. Fetch both again.")
        return np.where(valid, found, UNLABELLED).astype(np.uint8)

    def answer(self, given: NDArray[np.integer]) -> Classes:
        """Class indices of what a `Segmenter` gives; what is none of the labels is the background, or no class."""
        table = np.full(256, UNLABELLED, np.uint8)
        table[1 : len(self.words) + 1] = np.arange(len(self.words))
        if self.background is not None:
            table[NONE] = self.background
        found: Classes = table[given]
        return found


class Drawn:
    """Figures of `Segmentation` and `BoundaryF1` of the same pictures."""

    def __init__(self, legend: Legend, edge: float) -> None:
        self.areas = Segmentation(len(legend.names), (UNLABELLED,), legend.background)
        self.edges = BoundaryF1(len(legend.names), edge, (UNLABELLED,))

    def add(self, given: Classes, truth: Classes) -> None:
        """Take in one picture: class indices (H, W)."""
        self.areas.add(given, truth)
        self.edges.add(given, truth)

    def result(self, weight: NDArray[np.float64] | None = None) -> dict[str, float]:
        """Give the figures; ``weight`` (N,) repeats pictures."""
        return self.areas.result(weight) | self.edges.result(weight)


def run(job: Job) -> Outcome:
    """Have each picture drawn and compare. Raises ModelError for a model that draws none, InputError without labelled pixels."""
    legend = Legend.of(job.rules)
    draw = _drawer(job, legend)
    metric = Drawn(legend, (job.rules.pixels or Pixels()).edge)
    places, mistakes, skipped = list[int](), list[Mistake](), list[Skipped]()
    with track(len(job.items), "segment", "picture") as progress:
        for place, item in enumerate(job.items):
            progress.advance(1)
            try:
                raster = item.pictures[0].raster()
                truth = legend.truth(item, raster.valid)
            except (NotFoundError, RasterError) as error:
                skipped.append(Skipped(item.id, str(error)))
                continue
            given = np.asarray(draw(raster, legend.words))
            if given.shape != truth.shape:
                raise ModelError(
                    f"{job.model.spec.name} drew {given.shape} for a picture of {truth.shape}: it has to keep the size."
                )
            metric.add(legend.answer(given), truth)
            places.append(place)
            mistakes.append(_mistake(place, legend, metric.areas, legend.answer(given), truth))
            if len(mistakes) > 2 * SHOWN:
                mistakes = _worst(mistakes)
    if not places or not metric.areas.confusion().any():
        raise InputError(f"No pixel of {job.rules.name} has one of its classes: look at the masks of {job.rules.source}.")
    each = metric.areas.per_class()
    details = {
        "classes": {legend.names[k]: row for k, row in each.items()},
        "per class": {
            "IoU": {legend.names[k]: row["iou"] for k, row in each.items()},
            "boundary F1": {legend.names[k]: value for k, value in metric.edges.per_class().items()},
        },
    }
    unseen = 0 if job.record is None or job.rules.source in job.record.sources else len(legend.words)
    told = term(len(legend.words), unseen, job.record).replace("classification", "segmentation")
    if {"head", "decoder"} & set(job.how):  # which the record of the model does not tell of
        told = "segmentation by a trained head"
    return Outcome(metric, places, told, _trivial(job, legend, metric.areas), _worst(mistakes), details, skipped)


def _drawer(job: Job, legend: Legend) -> Callable[..., Any]:
    """What draws classes: the model's own `segment`, else the verb's way for a dual encoder. Raises ModelError."""
    model, own = job.model, getattr(job.model, "segment", None)
    if callable(own):
        if job.how:
            raise ModelError(f"{model.spec.name} has its own way to segment: leave out {', '.join(job.how)}.")
        found: Callable[..., Any] = own
        return found
    if not callable(getattr(model, "seen", None)):
        raise ModelError(
            f"{model.spec.name} draws no classes, which {job.rules.name} needs: give a model with a method `segment`, as "
            "geoglot.core.protocols.Segmenter has it, or with dense features."
        )
    rest = legend.background is not None and (job.rules.pixels or Pixels()).rest
    return RasterSegmenter(model, background=rest, **job.how).segment


def _trivial(job: Job, legend: Legend, found: Segmentation) -> dict[str, float]:
    """Figures of one class for every pixel: the commonest here, that with the best figure, and the commonest of the training
    masks (image-blind)."""
    wanted = np.stack([table.sum(1) for table in found.counts])
    each = [_constant(wanted, k, found, job.rules.metric) for k in range(len(legend.names))]
    baselines = {"majority": each[int(wanted.sum(0).argmax())], "best single class": max(each)}
    pixels = np.zeros(len(legend.names), np.int64)
    for sample in wholes(job.train) if job.rules.whole else job.train:
        try:
            truth = legend.truth(sample, np.ones(sample.pictures[0].size, bool))
        except (NotFoundError, RasterError):
            continue
        pixels += np.bincount(truth[truth != UNLABELLED], minlength=len(pixels))
    if pixels.any():
        baselines["image-blind"] = each[int(pixels.argmax())]
    return baselines


def _constant(wanted: NDArray[np.int64], k: int, like: Segmentation, name: str) -> float:
    made = Segmentation(like.classes, like.ignore, like.background)
    for row in wanted:
        made.counts.append(np.zeros((like.classes, like.classes + 1), np.int64))
        made.counts[-1][:, k] = row
    return (made.result() | {"boundary_f1": 0.0})[name]  # what is everywhere the same has no boundary


def _mistake(place: int, legend: Legend, areas: Segmentation, given: Classes, truth: Classes) -> Mistake:
    """A picture as drawn and as it should be; the gap is one less its own mean intersection over union."""
    own = Segmentation(areas.classes, areas.ignore, areas.background)
    own.counts = areas.counts[-1:]
    each = own.per_class()
    share = own.result()["mIoU"] / 100
    told = ", ".join(f"{legend.names[k]} {row['iou']:.0f} %" for k, row in each.items())
    table = areas.counts[-1]
    wanted = [f"{legend.names[k]} {100 * n / max(table.sum(), 1):.0f} %" for k, n in enumerate(table.sum(1)) if n]
    panels = tuple((what, _shown(classes, legend.names)) for what, classes in (("wanted", truth), ("given", given)))
    return Mistake(place, f"area: {', '.join(wanted)}", f"IoU: {told}", 1 - (0.0 if np.isnan(share) else share), panels)


def _worst(mistakes: Sequence[Mistake]) -> list[Mistake]:
    return sorted(mistakes, key=lambda mistake: (-mistake.gap, mistake.place))[:SHOWN]


def _shown(classes: Classes, names: Sequence[str]) -> NDArray[np.uint8]:
    table = np.full((256, 3), 255, np.uint8)
    for k, colour in enumerate(colours(names).values()):
        table[k] = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    small = Image.fromarray(classes).resize((SIDE, SIDE), Image.Resampling.NEAREST)
    found: Classes = table[np.asarray(small)]
    return found
