"""A pixel head from a data set with masks: fitted on its training split, chosen by cross-validation over groups of pictures (of
blocks, where there are few pictures).

A logistic regression on the dense features of places drawn evenly from every picture, classes weighted alike; how strongly it
is regularised, and how much of the classes' shares is given back to their biases, is chosen by the mIoU of groups held out. The
head is then measured with `geoglot evaluate MODEL PROTOCOL --head FILE`.

python -m geoglot.evals.mask_heads nano dubai-segments --root ../shared/data -o head.safetensors
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglot import models
from geoglot.archive.rows import Asked
from geoglot.archive.sources import listed
from geoglot.archive.tiling import Options
from geoglot.core.errors import InputError
from geoglot.core.parts import find
from geoglot.core.progress import track
from geoglot.data.build.windows import wholes
from geoglot.data.sample import UNLABELLED, Sample
from geoglot.evals import protocol
from geoglot.evals.kinds.segmentation import Legend
from geoglot.metrics.segmentation import Segmentation
from geoglot.models.dense import Variant
from geoglot.nn import folds, heads
from geoglot.nn.heads import HeadCard, LinearHead, fit_linear
from geoglot.tasks.segment.raster import write_picture
from geoglot.tasks.segment.scoring import Look, Rule
from geoglot.tasks.segment.stream import Run
from geoglot.tasks.segment.train import Places, look_at

VARIANT: Variant = "segearth"  # of a transformer; see `models.dense`
FEW, BLOCKS = 5, 4  # groups below which each picture is cut into blocks (a side), which are groups of their own
MOST = 12_000  # places of a fit
STEP = 4  # pixels between places
L2 = (1e-5, 1e-4, 1e-3, 1e-2)
SHARES = (0.0, 0.5, 1.0)  # of the logarithm of a class's share that its bias is given
Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Marked:
    """Features (N, D), classes (N,) and groups (N,) of places."""

    x: Floats
    y: Ints
    group: Ints


def places(samples: Sequence[Sample], legend: Legend, how: Run) -> Marked:
    """Draw places of whole pictures, as many of each, and look at them as a map does."""
    rng = np.random.default_rng(0)
    share = max(MOST // max(len(samples), 1), 50)
    groups = sorted({sample.group or sample.id for sample in samples})
    blocks = 1 if len(groups) >= FEW else BLOCKS
    with tempfile.TemporaryDirectory(prefix="geoglot-masks-") as folder:
        drawn, of = [], []
        for number, sample in enumerate(samples):
            raster = sample.pictures[0].raster()
            truth = legend.truth(sample, raster.valid)
            path = Path(folder) / f"{number:05}.tif"
            write_picture(path, raster)
            (source,) = listed(path, Asked())
            with source.open({}).scene as scene:  # type: ignore[union-attr]
                cells = how.lattice(scene)
            at = np.argwhere(truth[STEP // 2 :: STEP, STEP // 2 :: STEP] != UNLABELLED) * STEP + STEP // 2
            at = rng.permutation(at)[:share]
            spots = np.stack([cells.position(axis, at[:, axis].astype(np.float64) + 0.5) for axis in (0, 1)], axis=1)
            y = truth[at[:, 0], at[:, 1]].astype(np.int64)
            drawn.append(Places(source, cells, spots, y, np.ones(len(y))))
            block = (at * blocks // np.array(truth.shape)) @ (blocks, 1)
            of += list(groups.index(sample.group or sample.id) * blocks**2 + block)
        with track(None, "look at pictures", "windows") as shown:
            look_at(drawn, how, shown)
    x, y = np.concatenate([one.x for one in drawn]), np.concatenate([one.y for one in drawn])
    seen = np.isfinite(x).all(axis=1)
    return Marked(x[seen], y[seen], np.array(of)[seen])


def fitted(x: Floats, y: Ints, classes: int, l2: float) -> tuple[LinearHead, Floats]:
    """A head with classes weighted alike, and the logarithms of their shares (K,), 0 for a class without an example."""
    count = np.bincount(y, minlength=classes)
    shares = np.log(np.maximum(count, 1) / len(y))
    return fit_linear(x, y, classes, l2), np.where(count > 0, shares, 0).astype(np.float32)


def figures(answers: Ints, y: Ints, legend: Legend) -> dict[str, Any]:
    """Intersection over union of places by class, and the mean of those that are asked for and of all."""
    made = Segmentation(len(legend.names), (UNLABELLED,), legend.background)
    made.add(answers[None].astype(np.uint8), y[None].astype(np.uint8))
    each = {legend.names[k]: round(row["iou"], 2) for k, row in made.per_class().items()}
    return {name: round(value, 2) for name, value in made.result().items()} | {"IoU": each}


def choose(marked: Marked, legend: Legend, metric: str, count: int) -> tuple[float, float, dict[str, Any]]:
    """The strength of regularisation and the share of the prior with the best cross-validated figure, and all figures."""
    classes = len(legend.names)
    fold = folds.split(marked.y, marked.group, count)
    tried: dict[tuple[float, float], Ints] = {(l2, share): np.zeros(len(fold), np.int64) for l2 in L2 for share in SHARES}
    with track(len(L2) * count, "cross-validate", "fits") as shown:
        for l2 in L2:
            for k in range(count):
                held = fold == k
                head, prior = fitted(marked.x[~held], marked.y[~held], classes, l2)
                logits = head.logits(marked.x[held])
                for share in SHARES:
                    tried[l2, share][held] = (logits + share * prior).argmax(axis=1)
                shown.advance()
    scores = {setting: figures(answers, marked.y, legend) for setting, answers in tried.items()}
    best = max(scores, key=lambda setting: scores[setting][metric])
    told = {f"l2 {l2:g}, prior {share:g}": found[metric] for (l2, share), found in scores.items()}
    common = np.full(len(fold), np.bincount(marked.y).argmax())
    chosen = {"head": scores[best], "commonest class": figures(common, marked.y, legend), "settings": told}
    return *best, chosen


def run(name: str, of: str, root: Path, out: Path, count: int) -> dict[str, Any]:
    """Fit, measure by cross-validation, save. Raises `InputError` for a protocol without masks."""
    rules = protocol.load(of, "train")
    if rules.kind != "segmentation":
        raise InputError(f"{of} is no protocol of pixels: give one that ends in -segments.")
    legend, model = Legend.of(rules), models.load(name)
    how = Run(Look(model, VARIANT), Rule(1.0), (), Options(), {}, model.spec.dim)
    marked = places(list(wholes(find("data.sources", rules.source).rows(root, "train"))), legend, how)
    groups = len(np.unique(marked.group))
    l2, share, told = choose(marked, legend, rules.metric, min(count, groups))
    head, prior = fitted(marked.x, marked.y, len(legend.names), l2)
    head = LinearHead(head.weight, head.bias + share * prior)
    names = tuple(words[0] for words in legend.words) + legend.names[len(legend.words) :]
    made = {"set": rules.source, "groups": groups, "places": len(marked.y), "l2": l2, "prior": share} | told
    heads.save(out, head, HeadCard(names, model.spec.name, model.spec.hash, {}, made, "cells", {"variant": VARIANT, "factor": 1}))
    return made


def main() -> None:
    """Fit a head and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("protocol")
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--folds", type=int, default=5)
    given = parser.parse_args()
    print(json.dumps(run(given.model, given.protocol, given.root, given.out, given.folds), indent=1))


if __name__ == "__main__":
    main()
