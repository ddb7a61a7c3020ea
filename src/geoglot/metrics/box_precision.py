"""Average precision of boxes: COCO's figures, equal to those of `pycocotools`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from geoglot.metrics._matching import Match, Rule, match

Curve = Literal["coco", "voc07", "area"]
Floats = NDArray[np.float64]
COCO = tuple(float(value) for value in np.linspace(0.5, 0.95, 10))
LEVELS = {"coco": np.linspace(0.0, 1.0, 101), "voc07": np.arange(0.0, 1.1, 0.1)}


@dataclass(frozen=True)
class _Sorted:
    """All detections of one class, the best first: ``right`` and ``wrong`` (T, N), their pictures (N,), objects (P,)."""

    right: Floats
    wrong: Floats
    picture: NDArray[np.int64]
    objects: NDArray[np.int64]


class BoxPrecision:
    """Mean average precision in per cent over the classes that have an object; boxes upright (N, 4) or oriented (N, 5).

    ``AP`` is the mean over all thresholds of ``overlap`` (intersection over union), ``AP50`` and ``AP75`` are those at 0.5 and
    0.75, ``AR`` is the mean recall of the best ``most`` detections of a class in a picture. ``rule`` says which detection
    finds which object, ``curve`` how precision is averaged over recall: at 101 levels (COCO), at 11 (VOC 2007) or as the area
    under it. A class without an object that counts has no figure, and what is detected as that class costs nothing: ask for
    precision too (`geoglot.metrics.detected`).
    """

    def __init__(
        self, overlap: tuple[float, ...] = COCO, rule: Rule = "coco", curve: Curve = "coco", most: int | None = 100
    ) -> None:
        self.overlap, self.rule, self.curve, self.most = overlap, rule, curve, most
        self.found: list[dict[int, tuple[Floats, Match]]] = []
        self._table: dict[int, _Sorted] | None = None

    def add(
        self,
        boxes: NDArray[np.floating],
        scores: NDArray[np.floating],
        labels: NDArray[np.integer],
        truth: NDArray[np.floating],
        wanted: NDArray[np.integer],
        ignore: NDArray[np.bool_] | None = None,
        crowd: NDArray[np.bool_] | None = None,
    ) -> None:
        """Take in one picture: boxes (D, K) with scores and class indices (D,), objects (G, K) with class indices (G,)."""
        ignore = np.zeros(len(truth), bool) if ignore is None else ignore
        crowd = np.zeros(len(truth), bool) if crowd is None else crowd
        levels = np.array(self.overlap)
        found: dict[int, tuple[Floats, Match]] = {}
        for label in np.union1d(labels, wanted).astype(int).tolist():
            own, there = np.flatnonzero(labels == label), np.flatnonzero(wanted == label)
            score = np.asarray(scores, dtype=np.float64)[own]
            made = match(boxes[own], score, truth[there], levels, ignore[there], crowd[there], self.rule, self.most)
            found[label] = score[made.order], made
        self.found.append(found)
        self._table = None

    def merge(self, other: BoxPrecision) -> None:
        """Take in the pictures of another of the same settings."""
        if (self.overlap, self.rule, self.curve, self.most) != (other.overlap, other.rule, other.curve, other.most):
            raise ValueError("average precisions of different settings cannot be merged")
        self.found += other.found
        self._table = None

    def only(self, level: float) -> BoxPrecision:
        """The same at one of the thresholds: ten times as fast, which a bootstrap notices. Raises ValueError for another."""
        place = self.overlap.index(level)
        made = BoxPrecision((level,), self.rule, self.curve, self.most)
        for row in self.found:
            part = {label: (scores, replace(m, hit=m.hit[[place]], skip=m.skip[[place]])) for label, (scores, m) in row.items()}
            made.found.append(part)
        return made

    def result(self, weight: NDArray[np.float64] | None = None) -> dict[str, float]:
        """Give the figures; ``weight`` (N,) repeats pictures, as a bootstrap does. NaN where there is no object."""
        each = list(self._classes(weight).values())
        if not each:
            return dict.fromkeys(self._named(np.zeros(len(self.overlap)), np.zeros(len(self.overlap))), float("nan"))
        return self._named(np.mean([precision for precision, _ in each], axis=0), np.mean([recall for _, recall in each], axis=0))

    def per_class(self, weight: NDArray[np.float64] | None = None) -> dict[int, dict[str, float]]:
        """Give the figures of each class that has an object, and ``n``, how many it has."""
        table = self._sorted()
        return {
            label: self._named(*pair) | {"n": float(table[label].objects.sum())} for label, pair in self._classes(weight).items()
        }

    def _named(self, precision: Floats, recall: Floats) -> dict[str, float]:
        found = {"AP": 100 * float(precision.mean())}
        for level in (0.5, 0.75):
            place = [i for i, value in enumerate(self.overlap) if abs(value - level) < 1e-9]
            found |= {f"AP{100 * level:.0f}": 100 * float(precision[i]) for i in place}
        return found | {"AR": 100 * float(recall.mean())}

    def _classes(self, weight: NDArray[np.float64] | None) -> dict[int, tuple[Floats, Floats]]:
        weight = np.ones(len(self.found)) if weight is None else weight
        found = {}
        for label, part in self._sorted().items():
            objects = float(weight @ part.objects)
            if objects > 0:
                drawn = weight[part.picture]
                right, wrong = np.cumsum(part.right * drawn, axis=1), np.cumsum(part.wrong * drawn, axis=1)
                found[label] = self._average(right, wrong, objects)
        return found

    def _average(self, right: Floats, wrong: Floats, objects: float) -> tuple[Floats, Floats]:
        """Average precision and recall (T,) of numbers of right and wrong detections (T, N) from the best on."""
        if not right.shape[1]:
            return np.zeros(len(right)), np.zeros(len(right))
        recall = right / objects
        precision = right / (right + wrong + np.spacing(1))
        best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        if self.curve == "area":
            return (np.diff(recall, axis=1, prepend=0) * best).sum(1), recall[:, -1]
        levels = LEVELS[self.curve]
        padded = np.concatenate([best, np.zeros((len(best), 1))], axis=1)
        at = [row[np.searchsorted(reached, levels, side="left")].mean() for row, reached in zip(padded, recall, strict=True)]
        return np.array(at), recall[:, -1]

    def _sorted(self) -> dict[int, _Sorted]:
        if self._table is None:
            self._table = {label: self._gather(label) for label in sorted({label for row in self.found for label in row})}
        return self._table

    def _gather(self, label: int) -> _Sorted:
        rows = [(place, *row[label]) for place, row in enumerate(self.found) if label in row]
        order = np.argsort(-np.concatenate([scores for _, scores, _ in rows]), kind="stable")
        hit = np.concatenate([made.hit for _, _, made in rows], axis=1)[:, order]
        counted = ~np.concatenate([made.skip for _, _, made in rows], axis=1)[:, order]
        picture = np.concatenate([np.full(len(scores), place) for place, scores, _ in rows])[order]
        objects = np.zeros(len(self.found), np.int64)
        for place, _, made in rows:
            objects[place] = made.objects
        return _Sorted((hit & counted).astype(float), (~hit & counted).astype(float), picture, objects)
