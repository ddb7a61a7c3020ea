"""Damage of places from pictures before and after, against the picture after alone: `harvey`, places split by distance.

What the data can tell: each place has one picture before the flood and one after, in which it is flooded or damaged; there is no
label between the two, and no later picture of a place that stayed untouched. The untouched second picture is therefore the one
before, in another light and a little off. Two references bracket the truth:

- `own`: the place's own picture before. It flatters the pair, for an untouched place looks like itself to the last car.
- `next`: the picture before of the nearest other place, some tens of metres away, whatever the second picture shows. It is
  a handicap, for the ground is only partly the same.

The second picture is the same in both. All pictures get a light of their own, so that the light of the day of a flight says
nothing. A third question needs no simulated picture: of the two that there are, in either order, which is the damaged one?

Heads are linear, on vectors of a frozen model. Three are compared: of the picture after alone; of pairs by the place's own
reference, which may learn that what is identical is untouched; and of pairs by both references, which is the one that is written.
Which columns the first two see and how strongly they are regularised is chosen by cross-validation over cells of places.

python -m geoglot.evals.damage nano --root ../shared/data [-o head.safetensors]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglot import models
from geoglot.core.progress import track
from geoglot.data.augment import plain
from geoglot.data.build.places import distances
from geoglot.data.sample import Sample, Split
from geoglot.data.sources import harvey, harvey_pairs
from geoglot.evals.figure import measured
from geoglot.metrics.accuracy import Accuracy
from geoglot.metrics.bootstrap import paired
from geoglot.nn import folds, heads
from geoglot.nn.pairs import ALONE, NAMES, WAYS, columns, ways
from geoglot.nn.pairs import KIND as PAIRS

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
REFERENCES = ("own", "next")
CHOSEN = "difference, l2 0.001"  # of the head that ships: see docs/change.md for what it was chosen by
FOLDS, BATCH = 5, 50
OFF = 6  # pixels by which a picture lies off at most


def lit(pixels: Bytes, rng: np.random.Generator) -> Bytes:
    """Pixels (H, W, 3) as another flight might have taken them: moved, brighter or darker, with some haze and noise."""
    down, across = rng.integers(0, OFF + 1, 2)
    height, width = (side - OFF for side in pixels.shape[:2])
    x = pixels[down : down + height, across : across + width].astype(np.float32) / 255
    x = x ** rng.uniform(0.8, 1.25) * rng.uniform(0.8, 1.2) * rng.uniform(0.94, 1.06, 3)
    veil = rng.uniform(0, 0.2)
    x = x * (1 - veil) + 0.85 * veil + rng.normal(0, rng.uniform(0, 0.02), x.shape)
    return (np.clip(x, 0, 1) * 255 + 0.5).astype(np.uint8)


@dataclass(frozen=True)
class Places:
    """Vectors (N, D) of places: before as reference, before and after as second pictures; the nearest other place and how far it
    is in metres (N,); which cell (N,) they lie in."""

    reference: Floats
    untouched: Floats
    damaged: Floats
    near: Ints
    metres: NDArray[np.float64]
    cell: Ints

    def pairs(self, reference: str) -> Floats:
        """Columns (2N, 3D) of pairs, untouched ones first."""
        before = self.reference if reference == "own" else self.reference[self.near]
        return np.concatenate([columns(before, self.untouched), columns(before, self.damaged)])

    @property
    def truth(self) -> Ints:
        """Classes (2N,) of `pairs`."""
        return np.repeat(np.arange(2), len(self.near))


def look(model: Any, samples: Sequence[Sample]) -> Places:
    """Look at both pictures of places through a frozen model."""
    import torch

    found: dict[str, list[Floats]] = {"reference": [], "untouched": [], "damaged": []}
    with track(len(samples), "places", "places") as shown:
        for start in range(0, len(samples), BATCH):
            part = samples[start : start + BATCH]
            rngs = [np.random.default_rng([7, *map(ord, sample.id)]) for sample in part]
            for name, which in (("reference", 0), ("untouched", 0), ("damaged", 1)):
                pixels = np.stack([lit(s.pictures[which].read(), rng) for s, rng in zip(part, rngs, strict=True)])
                found[name].append(model.image(plain(torch.from_numpy(pixels), model.spec.size)).float().cpu().numpy())
            shown.advance(len(part))
    lonlat = np.array([sample.lonlat for sample in samples], np.float64)
    near, metres = nearest(lonlat)
    cells = np.unique(np.floor(lonlat / harvey.CELL), axis=0, return_inverse=True)[1].reshape(-1)
    reference, untouched, damaged = (np.concatenate(rows) for rows in found.values())
    return Places(reference, untouched, damaged, near, metres, cells)


def nearest(lonlat: NDArray[np.float64]) -> tuple[Ints, NDArray[np.float64]]:
    """The nearest other place (N,) of each, and how far it is in metres (N,)."""
    points = np.radians(lonlat)
    near, metres = np.zeros(len(points), np.int64), np.zeros(len(points))
    for k, point in enumerate(points):
        far = distances(point, points)
        far[k] = np.inf
        near[k], metres[k] = far.argmin(), far.min()
    return near, metres


def fitted(x: Floats, y: Ints, groups: Ints, names: Sequence[str]) -> tuple[str, heads.Head]:
    """The way and setting with the least cross-validated loss among `names` of `nn.pairs.ways`, or all settings of a way, fitted
    on all of it."""
    fits = {name: fit for name, fit in ways(x.shape[1] // 3).items() if name in names or name.split(",")[0] in names}
    best = folds.choose(fits, x, y, groups, 2, FOLDS)
    return best, fits[best](x, y)


def taught(train: Places) -> dict[str, tuple[str, heads.Head]]:
    """The heads: of the picture after alone, of pairs by the place's own reference, and of pairs by both references."""
    group = np.tile(train.cell, 2)
    both = np.concatenate([train.pairs(reference) for reference in REFERENCES])
    return {
        "alone": fitted(train.pairs("own"), train.truth, group, [ALONE]),
        "own": fitted(train.pairs("own"), train.truth, group, [way for way in WAYS if way != ALONE]),
        "both": fitted(both, np.tile(train.truth, 2), np.tile(group, 2), [CHOSEN]),
    }


def which(head: heads.Head, places: Places) -> NDArray[np.bool_]:
    """Whether a head tells (N,) which of the two pictures that there are is the damaged one: it scores that order higher."""
    right, wrong = (
        head.logits(columns(*order)) for order in ((places.reference, places.damaged), (places.damaged, places.reference))
    )
    return np.asarray(right[:, 1] - right[:, 0] > wrong[:, 1] - wrong[:, 0])


def compare(train: Places, test: Places) -> tuple[dict[str, Any], heads.Head]:
    """Figures of each head by each reference, and of the choice between two pictures; the head that was taught both."""
    found = taught(train)
    told: dict[str, Any] = {}
    for asked in (*REFERENCES, "which"):
        answered: dict[str, Accuracy] = {}
        group = test.cell if asked == "which" else np.tile(test.cell, 2)
        names, member = np.unique(group, return_inverse=True)
        for name, (chosen, head) in found.items():
            metric = answered[name] = Accuracy()
            if asked == "which":
                metric.add(which(head, test).astype(np.int64), np.ones(len(test.cell), np.int64))
            else:
                metric.add(head.logits(test.pairs(asked)).argmax(axis=1), test.truth)
            figure = measured(metric, "accuracy", {"head": name, "asked": asked}, len(group), group, "cells")
            row = told[f"{name}, {asked}"] = {"way": chosen, **figure.plain(), "questions": len(group)}
            if asked != "which":
                row |= {NAMES[k]: round(share, 1) for k, (share, _) in metric.per_class().items()}
        for name in [name for name in found if name != "alone"]:
            one, other = (_of(answered[key], member) for key in (name, "alone"))
            gap = vars(paired(one, other, len(names)))
            told[f"{name}, {asked}"]["beside alone"] = {key: round(value, 3) for key, value in gap.items()}
    return told, found["both"][1]


def _of(metric: Accuracy, member: Ints) -> Any:
    return lambda weight: metric.result(weight[member])["accuracy"]


def run(name: str, root: Path, out: Path | None = None) -> dict[str, Any]:
    """Fit on the places of train and val, answer those of test; write the head that was taught both references to `out`."""
    model = models.load(name)
    splits: tuple[Split, ...] = ("train", "val")
    train = look(model, [sample for split in splits for sample in harvey_pairs.rows(root, split)])
    test = look(model, list(harvey_pairs.rows(root, "test")))
    figures, head = compare(train, test)
    report: dict[str, Any] = {"model": model.spec.id, "hash": model.spec.hash[:12], "set": harvey.CARD.name}
    report["places"] = {"fitted on": len(train.near), "asked": len(test.near), "metres between them": harvey.MARGIN}
    report["metres to the next place"] = [round(float(v), 1) for v in np.quantile(test.metres, (0.25, 0.5, 0.75))]
    report["figures"] = figures
    if out is not None:
        heads.save(out, head, heads.HeadCard(NAMES, model.spec.id, model.spec.hash, figures=figures, of=PAIRS))
    return report


def main() -> None:
    """Measure a model and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("-o", "--out", type=Path)
    given = parser.parse_args()
    print(json.dumps(run(given.model, given.root, given.out), indent=1))


if __name__ == "__main__":
    main()
