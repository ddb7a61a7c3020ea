"""Measure and write the calibration of a model for `classify`: temperature, and when to say that no label fits.

A part of the classes of AID and UC Merced is given as labels, pictures of the others are unknown; also with words for AID's
classes that no training sentence holds, since users' words are rarely those that were taught. Everything is fitted on the
validation splits; the test splits are only reported.

python -m geoglot.evals.unknown nano --root ../shared/data --cache runs/cache --write nano.classify.npz
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglot import models
from geoglot.core.parts import find
from geoglot.data.sample import Split
from geoglot.evals import protocol
from geoglot.evals.features import SETS, vectors
from geoglot.nn.heads import fit_linear
from geoglot.tasks.classify import prompts
from geoglot.tasks.classify.scores import Calibration, write

Floats = NDArray[np.float32]
BANK = 512
RATIOS = (0.0, 0.25, 0.5, 0.65, 0.75, 0.85, 1.0)
TEMPERATURES = (0.01, 0.015, 0.02, 0.025, 0.03, 0.035, 0.04, 0.045, 0.05, 0.06, 0.07, 0.085, 0.1)
KNOWN = (2, 5, 10, 15)  # classes that are given as labels
DRAWS = 10


@dataclass(frozen=True)
class Labelled:
    """Vectors of pictures (N, D), of classes (K, D), and the class (N,) of each picture."""

    images: Floats
    texts: Floats
    truth: NDArray[np.int64]

    def draws(self) -> Iterator[tuple[Floats, Floats, NDArray[np.int64]]]:
        """Cosines (N, k) with some classes, the vectors of these, and the truth (N,): their position, or -1 for unknown."""
        rng = np.random.default_rng(0)
        for count in KNOWN:
            for _ in range(DRAWS):
                chosen = rng.choice(len(self.texts), min(count, len(self.texts) - 1), replace=False)
                place = np.full(len(self.texts), -1, dtype=np.int64)
                place[chosen] = np.arange(len(chosen))
                yield self.images @ self.texts[chosen].T, self.texts[chosen], place[self.truth]


def sets(model: Any, root: Path, cache: Path, split: Split) -> dict[str, Labelled]:
    """AID and UC Merced by name, and AID by words that were not taught."""
    made = {}
    for key in SETS:
        images, labels = vectors(model, root, cache, key, split)
        made[key] = _labelled(model, find("data.sources", key).CARD.classes, images, labels)
        if key == "aid_rsicd":
            other: dict[str, tuple[str, ...]] = {
                label: (words,) for label, words in protocol.load("aid-untaught").called().items()
            }
            rows = [i for i, label in enumerate(labels) if label in other]
            made["aid_rsicd by untaught words"] = _labelled(model, other, images[rows], [labels[i] for i in rows])
    return made


def _labelled(model: Any, classes: dict[str, tuple[str, ...]], images: Floats, labels: list[str]) -> Labelled:
    known = prompts.encode(model, classes)
    return Labelled(images, known.vectors, np.array([known.names.index(label) for label in labels]))


def auroc(score: NDArray[Any], positive: NDArray[np.bool_]) -> float:
    """The chance that a positive scores above a negative; ties count half."""
    _, place, count = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[place]
    n = int(positive.sum())
    return float((rank[positive].sum() - n * (n + 1) / 2) / (n * (len(score) - n)))


def fit_temperature(data: dict[str, Labelled]) -> float:
    """The temperature with the least loss over all classes of the sets that go by name."""

    def loss(part: Labelled, temperature: float) -> float:
        z = part.images @ part.texts.T / temperature
        top = z.max(axis=1)
        return float((np.log(np.exp(z - top[:, None]).sum(axis=1)) + top - z[np.arange(len(z)), part.truth]).mean())

    named = [part for key, part in data.items() if key in SETS]
    return min(TEMPERATURES, key=lambda t: sum(loss(part, t) for part in named))


def fit(start: Calibration, data: dict[str, Labelled]) -> Calibration:
    """Fit slope and bias for each ratio, and keep the ratio with the best mean of the sets' balanced accuracies."""
    found = []
    for ratio in RATIOS:
        made = fit_only(start, data, ratio)
        found.append((np.mean([report(made, part)["balanced"] for part in data.values()]), made))
    return max(found, key=lambda item: item[0])[1]


def report(made: Calibration, part: Labelled) -> dict[str, float]:
    """Figures in per cent, means over the draws.

    `auroc` and `balanced` accuracy of known against unknown pictures, and the share of right answers (the class of a known
    picture, "none of these" of an unknown one) with and without "none of these", where the latter is wrong on every unknown one.
    """
    rows = []
    for cosines, texts, truth in part.draws():
        scores, known = made.scores(cosines, texts, True), truth >= 0
        answer = scores.argmax(axis=1)
        none = answer == scores.shape[1] - 1
        right = np.where(known, answer == truth, none)
        kept = 0.5 * (float((~none[known]).mean()) + float(none[~known].mean()))
        forced = cosines.argmax(axis=1) == truth
        plain = auroc(cosines.max(axis=1), known)
        rows.append((auroc(-scores[:, -1], known), kept, right[known].mean(), right[~known].mean(), forced[known].mean(), plain))
    names = ("auroc", "balanced", "known right", "unknown right", "known right without none", "auroc of the best cosine")
    return {name: round(100 * float(value), 1) for name, value in zip(names, np.mean(rows, axis=0), strict=True)}


def measure(name: str, root: Path, cache: Path, device: str = "auto") -> Calibration:
    """Calibrate a model; what was measured is in the result."""
    model = models.load(name, device)
    rng = np.random.default_rng(0)
    bank = np.concatenate([rng.permutation(vectors(model, root, cache, key, "train")[0])[: BANK // len(SETS)] for key in SETS])
    data = sets(model, root, cache, "val")
    start = Calibration(model.spec.hash, fit_temperature(data), bank)
    made = fit(start, data)
    told: dict[str, Any] = {"model": model.spec.name, "known classes": KNOWN, "draws": DRAWS, "ratio": made.ratio}
    alone = fit_only(start, data, 0.0)
    for split, found in (("val", data), ("test", sets(model, root, cache, "test"))):
        told[split] = {key: report(made, part) | {"n": len(part.images)} for key, part in found.items()}
        told[f"{split}, one threshold for all labels"] = {key: report(alone, part)["balanced"] for key, part in found.items()}
    return replace(made, measured=told)


def fit_only(start: Calibration, data: dict[str, Labelled], ratio: float) -> Calibration:
    """The same with one given ratio; 0 is one threshold on the cosine for all labels."""
    pairs = [
        (replace(start, ratio=ratio).excess(c, start.reach(t)), truth >= 0)
        for part in data.values()
        for c, t, truth in part.draws()
    ]
    x, y = np.concatenate([excess for excess, _ in pairs]), np.concatenate([known for _, known in pairs])
    head = fit_linear(x[:, None], y.astype(np.int64), 2, 1e-6)
    slope, bias = (float(value[1] - value[0]) for value in (head.weight[:, 0], head.bias))
    return replace(start, ratio=ratio, slope=round(slope, 3), bias=round(bias, 3))


def main() -> None:
    """Print what was measured as JSON, and write the calibration where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--root", type=Path, default=Path("../shared/data"))
    parser.add_argument("--cache", type=Path, default=Path("runs/cache"))
    parser.add_argument("--device", default="auto")
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    made = measure(given.model, given.root, given.cache, given.device)
    print(json.dumps(made.measured | {k: getattr(made, k) for k in ("temperature", "slope", "bias")}, indent=1))
    if given.write is not None:
        write(given.write, made)


if __name__ == "__main__":
    main()
