"""What drawn pictures are worth as training data: heads fitted on real pictures, on drawn ones, on both; asked about real ones.

A classifier is a linear head on a frozen tower: by default the bare ImageNet tower, which saw neither the set nor the
generator. Drawn pictures are asked for by captions of the training split, in the form that a protocol of generation says. The
penalty of each arm is chosen on the validation split. The generator itself may have been taught all of the training split, so
beside so many real pictures a class (--shots) stand all of them (0), where it can only add what it made up.

python -m geoglot.evals.augmentation nano-gen ucm-generation --root ../shared/data --split test --shots 10,0 --seeds 5
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from geoglot import models
from geoglot.core.parts import find
from geoglot.data.sample import Sample, Split
from geoglot.evals import drawn, frozen, protocol
from geoglot.evals.eyes import Eyes
from geoglot.evals.job import Weighted
from geoglot.evals.kinds import probe
from geoglot.metrics.accuracy import Accuracy
from geoglot.metrics.bootstrap import interval, paired
from geoglot.nn.heads import fit_linear

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
PENALTIES = (1e-5, 1e-4, 1e-3, 1e-2)
ARMS = ("real", "drawn", "both")
IMAGENET = "imagenet"


@dataclass(frozen=True)
class Pictures:
    """Vectors (N, D) and classes (N,)."""

    vectors: Floats
    of: Ints

    def some(self, places: Ints) -> Pictures:
        """Those at some places."""
        return Pictures(self.vectors[places], self.of[places])

    def and_also(self, other: Pictures) -> Pictures:
        """These and others."""
        return Pictures(np.concatenate([self.vectors, other.vectors]), np.concatenate([self.of, other.of]))


def gains(arms: Mapping[str, Sequence[Weighted]], name: str, count: int, base: str = "real") -> dict[str, dict[str, float]]:
    """Compare arms of training by one figure of ``count`` real pictures: its mean over repeats with a bootstrap interval, the
    standard deviation over repeats, and the paired difference to the arm ``base``.

    Metrics are any whose figures can be taken of weighted pictures: `Accuracy`, or those of boxes where a detector is taught.
    """

    def mean(arm: str, weight: NDArray[np.float64]) -> float:
        return float(np.mean([metric.result(weight)[name] for metric in arms[arm]]))

    told = {}
    for arm, metrics in arms.items():
        each = [metric.result()[name] for metric in metrics]
        low, high = interval(lambda weight, arm=arm: mean(arm, weight), count)  # type: ignore[misc]
        told[arm] = {"mean": float(np.mean(each)), "low": low, "high": high}
        told[arm] |= {"over repeats": float(np.std(each, ddof=1)) if len(each) > 1 else 0.0}
        if arm != base:
            far = paired(lambda weight, arm=arm: mean(arm, weight), lambda weight: mean(base, weight), count)  # type: ignore[misc]
            told[arm] |= {f"above {base}": far.value, "above low": far.low, "above high": far.high, "p": far.p}
    return {arm: {key: round(value, 3) for key, value in part.items()} for arm, part in told.items()}


def taught_with(arm: str, real: Pictures, made: Pictures, shots: int, seed: int) -> Pictures:
    """What an arm is fitted on: so many real pictures a class (all for 0), all that were drawn, or both."""
    own = real.some(probe.drawn(real.of, shots, seed)) if shots else real
    return {"real": own, "drawn": made, "both": own.and_also(made)}[arm]


def answered(given: Pictures, asked: Pictures, classes: int, penalty: float) -> Accuracy:
    """Accuracy of a head fitted on some pictures on others."""
    metric = Accuracy()
    metric.add(fit_linear(given.vectors, given.of, classes, penalty).logits(asked.vectors).argmax(1), asked.of)
    return metric


def worth(real: Pictures, made: Pictures, held: Pictures, asked: Pictures, shots: int, seeds: int) -> dict[str, Any]:
    """Figures of all arms on ``asked``; the penalty of each is chosen on ``held``."""
    classes = int(real.of.max()) + 1
    arms, chosen = {}, {}
    for arm in ARMS:
        sets = [taught_with(arm, real, made, shots, seed) for seed in range(seeds if shots and arm != "drawn" else 1)]

        def score(penalty: float, sets: Sequence[Pictures] = sets) -> float:
            return float(np.mean([answered(one, held, classes, penalty).result()["accuracy"] for one in sets]))

        chosen[arm] = max(PENALTIES, key=score)
        arms[arm] = [answered(one, asked, classes, chosen[arm]) for one in sets]
    return {"accuracy": gains(arms, "accuracy", len(asked.of)), "penalties": chosen}


def prompts(items: Sequence[Sample], each: int) -> list[Sample]:
    """So many training items of every class, in a fixed random order, whose captions are asked for."""
    rng = np.random.default_rng(0)
    label = np.array([str(item.label) for item in items])
    rows = [rng.permutation(np.flatnonzero(label == name))[:each] for name in sorted(set(label))]
    return [items[place] for place in np.concatenate(rows)]


def looking(name: str, root: Path, cache: Path) -> Eyes:
    """The frozen tower by name: `imagenet`, or an image-text model. Raises ModelError where it is not there."""
    if name != IMAGENET:
        return Eyes(models.load(name), cache)
    size = models.spec("nano").size
    return Eyes(frozen.bare(root, size, torch.float32), cache)


def report(given: argparse.Namespace) -> dict[str, Any]:
    """Draw, look, fit and compare."""
    rules = protocol.load(given.protocol)
    scenes = rules.scenes or protocol.Scenes()
    rules = rules.model_copy(update={"scenes": scenes.model_copy(update={"each": 1, "by": given.by})})
    source = find("data.sources", rules.source)
    splits: tuple[Split, ...] = ("train", "val", given.split)
    parts = {split: [item for item in source.rows(given.root, split) if item.label] for split in splits}
    names = sorted({str(item.label) for item in parts["train"]})
    eyes = looking(given.eyes, given.root, given.cache)

    def unit(vectors: Floats) -> Floats:
        found: Floats = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return found

    def pictures(items: Sequence[Sample]) -> Pictures:
        pixels, kept, _ = drawn.real(rules, items)
        return Pictures(unit(eyes.vectors(pixels)), np.array([names.index(str(items[place].label)) for place in kept]))

    wanted = prompts(parts["train"], given.drawn)
    asked = [replace(wish, seed=given.first + k) for k, wish in enumerate(drawn.wishes(rules, wanted))]
    model = models.opened(given.model, given.device)
    pixels = drawn.draw(model, rules, asked)
    made = Pictures(unit(eyes.vectors(pixels)), np.array([names.index(str(wanted[wish.place].label)) for wish in asked]))
    real, held, test = (pictures(parts[split]) for split in splits)
    told: dict[str, Any] = {
        "model": model.spec.name, "hash": model.spec.hash, "protocol": rules.name, "protocol hash": rules.hash,
        "tower": eyes.model.spec.name, "tower's hash": eyes.model.spec.hash[:12], "split": given.split, "n": len(test.of),
        "drawn": len(made.of), "drawn by": given.by, "real": len(real.of), "seeds": given.seeds,
        "drawn pictures by the head of all real ones": answered(real, made, len(names), PENALTIES[2]).result()["accuracy"],
        "detection": "not run: what is drawn has no boxes",
    }  # fmt: skip
    for shots in given.shots:
        told[f"{shots} real a class" if shots else "all real"] = worth(real, made, held, test, shots, given.seeds)
    return told


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the report as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("protocol", nargs="?", default="ucm-generation")
    parser.add_argument("--root", type=Path, default=Path("../shared/data"))
    parser.add_argument("--cache", type=Path, default=Path("runs/cache"))
    parser.add_argument("--split", choices=("val", "test"), default="val")
    parser.add_argument("--by", choices=("captions", "classes", "labels"), default="captions")
    parser.add_argument("--drawn", type=int, default=20, help="pictures drawn of every class")
    parser.add_argument("--first", type=int, default=10_000, help="the first seed, apart from those of the protocol")
    parser.add_argument("--shots", type=lambda text: [int(part) for part in text.split(",")], default=[10, 0])
    parser.add_argument("--seeds", type=int, default=5, help="draws of the real pictures")
    parser.add_argument("--eyes", default=IMAGENET, help="imagenet, or an image-text model")
    parser.add_argument("--device", default="auto")
    print(json.dumps(report(parser.parse_args(arguments)), indent=1))


if __name__ == "__main__":
    main()
