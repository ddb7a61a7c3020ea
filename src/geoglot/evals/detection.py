"""Figures of a detector over pictures with objects: average precision of both kinds of boxes, and what scores are worth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from geoglot.data.build import objects
from geoglot.data.build.objects import Objects, Pictured
from geoglot.data.sample import Split
from geoglot.geo.iou import iou, suppress
from geoglot.metrics.box_precision import BoxPrecision
from geoglot.nn.batch import ImageBatch
from geoglot.nn.detection import Peaks
from geoglot.tasks.detect.counts import Calibration, Count, count
from geoglot.tasks.detect.tiles import Boxes

OVERLAP = 0.5  # of boxes of one class, above which the worse one goes
Find = Callable[[ImageBatch], Sequence[Peaks]]
Floats = NDArray[np.float64]
Validate = Callable[[torch.nn.Module], Mapping[str, float]]


def best(found: Peaks, overlap: float = OVERLAP) -> Boxes:
    """Boxes without those that overlap a better box of their class, by the upright ones; the best first."""
    boxes = Boxes.of(found)
    return boxes.take(suppress(boxes.upright, boxes.score, boxes.label, overlap))


@dataclass
class Measured:
    """Detections of many pictures beside their objects; ``classes`` are those that are asked for."""

    classes: tuple[str, ...]
    upright: BoxPrecision = field(default_factory=BoxPrecision)
    turned: BoxPrecision = field(default_factory=BoxPrecision)
    scores: list[Floats] = field(default_factory=list)
    labels: list[NDArray[np.int64]] = field(default_factory=list)
    wanted: list[NDArray[np.int64]] = field(default_factory=list)
    right: list[NDArray[np.bool_]] = field(default_factory=list)
    objects: int = 0

    def add(self, boxes: Boxes, truth: Objects) -> None:
        """Take in one picture; objects of other classes do not count."""
        truth = only(truth, self.classes)
        wanted = np.array([self.classes.index(name) for name in truth.names], dtype=np.int64)
        self.upright.add(boxes.upright, boxes.score, boxes.label, truth.upright, wanted)
        if truth.outlined:
            kept = suppress(boxes.turned, boxes.score, boxes.label, OVERLAP)
            self.turned.add(boxes.turned[kept], boxes.score[kept], boxes.label[kept], truth.turned, wanted)
        self.scores.append(boxes.score)
        self.labels.append(boxes.label)
        self.wanted.append(wanted)
        self.right.append(_right(boxes, truth.upright, wanted))
        self.objects += len(wanted)

    def result(self) -> dict[str, float]:
        """AP50 and AP of upright boxes, AP50 of turned ones where outlines are known, recall at the lowest score, in per cent."""
        made = self.upright.result()
        found = {
            "AP50": made["AP50"],
            "AP": made["AP"],
            "recall": 100 * sum(int(r.sum()) for r in self.right) / max(self.objects, 1),
        }
        if self.turned.found:
            found["turned AP50"] = self.turned.result()["AP50"]
        return found

    def per_class(self) -> dict[str, float]:
        """AP50 of upright boxes by class."""
        return {self.classes[k]: part["AP50"] for k, part in self.upright.per_class().items()}

    def calibration(self) -> dict[str, float]:
        """What `geoglot.tasks.detect.counts` needs, the score with the best F1, and the number of boxes that this is from."""
        scores, right = np.concatenate(self.scores), np.concatenate(self.right).astype(float)
        slope, bias = fit_logistic(logit(scores), right)
        found = {"slope": slope, "bias": bias, "recall": float(right.sum()) / max(self.objects, 1)}
        found["spread"] = self._spread(Calibration(**found))
        return found | {"least": least(scores, right, self.objects), "boxes": float(len(right))}

    def _sums(self, known: Calibration) -> list[tuple[Count, int]]:
        """The count of each class over all pictures, and the true one."""
        scores, labels, wanted = (np.concatenate(part) for part in (self.scores, self.labels, self.wanted))
        return [(count(0, scores[labels == k], known), int((wanted == k).sum())) for k in range(len(self.classes))]

    def _spread(self, known: Calibration) -> float:
        off = [np.log((true + 0.5) / ((one.expected or 0) + 0.5)) for one, true in self._sums(known) if true]
        return float(np.sqrt(np.mean(np.square(off)))) if off else 0.0

    def covered(self, known: Calibration) -> dict[str, float]:
        """How often intervals of counts hold the true one, in per cent: of each class that a picture has or seems to have, and
        of each class over all pictures; ``n`` is the number of the former."""
        inside = []
        for scores, labels, wanted in zip(self.scores, self.labels, self.wanted, strict=True):
            for k in range(len(self.classes)):
                true, one = int((wanted == k).sum()), count(0, scores[labels == k], known)
                if true or (one.expected or 0) >= 0.5:
                    inside.append((one.low or 0) <= true <= (one.high or 0))
        held = [(one.low or 0) <= true <= (one.high or 0) for one, true in self._sums(known)]
        return {"pictures": 100 * float(np.mean(inside)), "n": float(len(inside)), "all": 100 * float(np.mean(held))}


def logit(scores: NDArray[np.floating]) -> Floats:
    """Log odds of scores."""
    p = np.clip(np.asarray(scores, dtype=np.float64), 1e-6, 1 - 1e-6)
    found: Floats = np.log(p / (1 - p))
    return found


def fit_logistic(x: Floats, y: Floats, steps: int = 30) -> tuple[float, float]:
    """Slope and bias of the chance of y (N,), by Newton's method, with a little weight on slope 1 and bias 0."""
    made = np.array([1.0, 0.0])
    a = np.stack([x, np.ones_like(x)], axis=1)
    for _ in range(steps):
        p = 1 / (1 + np.exp(-(a @ made)))
        slope = a.T @ (y - p) - (made - (1.0, 0.0))
        curve = (a * (p * (1 - p))[:, None]).T @ a + np.eye(2)
        made = made + np.linalg.solve(curve, slope)
    return float(made[0]), float(made[1])


def least(scores: Floats, right: Floats, objects: int) -> float:
    """The score above which boxes have the best F1, rounded to two digits."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(right[order])
    f1 = 2 * hits / (np.arange(1, len(hits) + 1) + objects)
    return round(float(scores[order][int(f1.argmax())]), 2) if len(hits) else 0.5


def _right(boxes: Boxes, truth: Floats, wanted: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which boxes, the best first, find an object of their class that no better one has found."""
    found = np.zeros(len(boxes.label), np.bool_)
    if not len(wanted):
        return found
    overlap = np.where(boxes.label[:, None] == wanted[None], iou(boxes.upright, truth), 0.0)
    for row in np.argsort(-boxes.score, kind="stable"):
        best = int(overlap[row].argmax())
        if overlap[row, best] >= OVERLAP:
            found[row] = True
            overlap[:, best] = 0.0
    return found


def only(truth: Objects, classes: Sequence[str]) -> Objects:
    """The objects of some classes."""
    kept = np.array([name in classes for name in truth.names], dtype=np.bool_)
    names = tuple(name for name in truth.names if name in classes)
    return Objects(names, truth.upright[kept], truth.turned[kept], truth.whole[kept], truth.outlined)


def truth_of(picture: Pictured) -> Objects:
    """The objects of a whole picture."""
    return objects.boxes_of(picture.names, picture.rings, picture.pixels.shape[:2], 0.0, picture.outlined)


def measure(find: Find, held: Sequence[Pictured], classes: Sequence[str], zoom: float = 1.0) -> Measured:
    """Look at whole pictures, enlarged by ``zoom``, for the classes that each is marked with."""
    made = Measured(tuple(classes))
    for picture in held:
        pixels = torch.from_numpy(np.array(picture.pixels)).permute(2, 0, 1)[None].float() / 255
        if zoom != 1.0:
            size = [round(zoom * side) for side in pixels.shape[-2:]]
            pixels = torch.nn.functional.interpolate(pixels, size=size, mode="bilinear", antialias=True, align_corners=False)
        (found,) = find(ImageBatch.of(pixels))
        marked = torch.tensor([name in picture.known for name in classes])
        kept = marked[found.label]
        shown = Peaks(*(part[kept] for part in found))
        scaled = shown._replace(
            upright=shown.upright / zoom, turned=torch.cat([shown.turned[:, :4] / zoom, shown.turned[:, 4:]], 1)
        )
        made.add(best(scaled), truth_of(picture))
    return made


def pictures(root: Path, source: str, split: Split) -> list[Pictured]:
    """Read the whole pictures of a split."""
    return objects.load(root, source, split)
