"""What label-free adaptation gives: classes by words, each picture alone and all together, in points and seconds.

Also where only a third of the labels is there, two labels, or few pictures of most: what a user's archive looks like.

python -m geoglot.evals.transductive nano --root ../shared/data --cache runs/cache --split test
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglot import models
from geoglot.data.sample import Split
from geoglot.evals.unknown import Labelled, sets
from geoglot.metrics.accuracy import Accuracy
from geoglot.metrics.bootstrap import interval
from geoglot.nn.transduce import gauss, transport
from geoglot.tasks.classify.scores import calibration

DRAWS = 10
METHODS: dict[str, Callable[..., NDArray[Any]]] = {
    "words": lambda x, text, _: x @ text.T,
    "gauss": gauss,
    "transport": transport,
}
CASES = ("a third of the labels", "two labels", "skewed", "30 pictures")


def parts(truth: NDArray[np.int64], case: str) -> Iterator[NDArray[np.int64]]:
    """Pictures (n,) of draws in which not all labels are there, or not alike."""
    count = int(truth.max()) + 1
    for seed in range(DRAWS):
        rng = np.random.default_rng(seed)
        if case in CASES[:2]:
            chosen = rng.choice(count, 2 if case == CASES[1] else max(3, count // 3), replace=False)
            yield np.flatnonzero(np.isin(truth, chosen))
        elif case == "skewed":
            chance = (1 / (1 + rng.permutation(count))) ** 1.5
            yield np.flatnonzero(rng.random(len(truth)) < chance[truth])
        else:
            yield rng.choice(len(truth), 30, replace=False)


def report(name: str, root: Path, cache: Path, split: Split, device: str = "auto") -> dict[str, Any]:
    """Give accuracies in per cent with 95 % intervals, and the seconds of each method; means over draws for the cases."""
    model = models.load(name, device)
    temperature = calibration(model.spec).temperature
    told: dict[str, Any] = {"model": model.spec.name, "hash": model.spec.hash, "split": split}
    for key, data in sets(model, root, cache, split).items():
        told[key] = {"n": len(data.images)} | {method: _whole(data, run, temperature) for method, run in METHODS.items()}
        for case in CASES:
            told[key][case] = {
                method: round(
                    float(np.mean([_right(data, rows, run, temperature).mean() for rows in parts(data.truth, case)])) * 100, 1
                )
                for method, run in METHODS.items()
            }
    return told


def _right(data: Labelled, rows: NDArray[np.int64], run: Callable[..., Any], temperature: float) -> NDArray[np.bool_]:
    made: NDArray[np.bool_] = run(data.images[rows], data.texts, temperature).argmax(axis=1) == data.truth[rows]
    return made


def _whole(data: Labelled, run: Callable[..., Any], temperature: float) -> dict[str, float]:
    began = time.perf_counter()
    answer = run(data.images, data.texts, temperature).argmax(axis=1)
    seconds = time.perf_counter() - began
    metric = Accuracy()
    metric.add(answer, data.truth)
    low, high = interval(lambda weight: metric.result(weight)["accuracy"], len(answer))
    made = {"accuracy": metric.result()["accuracy"], "low": low, "high": high}
    return {name: round(value, 1) for name, value in made.items()} | {"seconds": round(seconds, 2)}


def main() -> None:
    """Print the report as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--root", type=Path, default=Path("../shared/data"))
    parser.add_argument("--cache", type=Path, default=Path("runs/cache"))
    parser.add_argument("--split", choices=("val", "test"), default="val")
    parser.add_argument("--device", default="auto")
    given = parser.parse_args()
    print(json.dumps(report(given.model, given.root, given.cache, given.split, given.device), indent=1))


if __name__ == "__main__":
    main()
