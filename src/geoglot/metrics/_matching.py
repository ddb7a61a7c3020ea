"""Which detection of a picture finds which object: greedily from the best score, as COCO and as VOC count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from geoglot.geo.iou import areas, intersections, iou

Rule = Literal["coco", "voc"]
Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Match:
    """Of one class in one picture: ``order`` (D,) of the detections, the best first; then for T thresholds whether each found
    an object ``hit`` (T, D) and whether it does not count ``skip`` (T, D); ``objects`` that count."""

    order: NDArray[np.int64]
    hit: Mask
    skip: Mask
    objects: int


def match(
    boxes: NDArray[np.floating],
    scores: NDArray[np.floating],
    truth: NDArray[np.floating],
    thresholds: Floats,
    ignore: Mask,
    crowd: Mask,
    rule: Rule = "coco",
    most: int | None = None,
) -> Match:
    """Match detections (D, K) with objects (G, K) of one class in one picture, the best ``most`` detections only.

    Objects to ``ignore`` (G,) count neither as found nor as missed, nor do their detections. A ``crowd`` (G,) is ignored too,
    may be found many times, and is overlapped by the share of the detection that lies in it.

    ``coco``: a detection takes the free object with the largest overlap of at least the threshold, one that counts before one
    that is ignored. ``voc``: it goes with the object of largest overlap, more than the threshold, which is found once; a
    second detection of it is false (as DOTA scores too).
    """
    order = np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable")[:most]
    ignored = ignore | crowd
    hit = np.zeros((len(thresholds), len(order)), bool)
    skip = np.zeros_like(hit)
    if len(order) and len(truth):
        overlap = _overlaps(np.asarray(boxes, dtype=np.float64)[order], np.asarray(truth, dtype=np.float64), crowd)
        (_coco if rule == "coco" else _voc)(overlap, thresholds, ignored, crowd, hit, skip)
    return Match(order, hit, skip, int(np.count_nonzero(~ignored)))


def _overlaps(boxes: Floats, truth: Floats, crowd: Mask) -> Floats:
    found = iou(boxes, truth)
    if crowd.any():
        own = areas(boxes)[:, None]
        found[:, crowd] = intersections(boxes, truth[crowd]) / np.where(own > 0, own, 1)
    return found


def _coco(overlap: Floats, thresholds: Floats, ignored: Mask, crowd: Mask, hit: Mask, skip: Mask) -> None:
    least = np.minimum(thresholds, 1 - 1e-10)[:, None]
    free = np.ones((len(thresholds), len(ignored)), bool)
    rows = np.arange(len(thresholds))
    for place, row in enumerate(overlap):
        fits = (row >= least) & free
        counts = fits & ~ignored
        fits = np.where(counts.any(1, keepdims=True), counts, fits)
        # of equal overlaps the last object is taken
        best = len(row) - 1 - np.where(fits, row, -1.0)[:, ::-1].argmax(1)
        found = fits.any(1)
        hit[:, place] = found
        skip[:, place] = found & ignored[best]
        free[rows[found], best[found]] = crowd[best[found]]


def _voc(overlap: Floats, thresholds: Floats, ignored: Mask, crowd: Mask, hit: Mask, skip: Mask) -> None:
    free = np.ones((len(thresholds), len(ignored)), bool)
    for place, row in enumerate(overlap):
        best = int(row.argmax())
        enough = row[best] > thresholds
        skip[:, place] = enough & ignored[best]
        hit[:, place] = enough & (ignored[best] | free[:, best])
        free[enough, best] = False
