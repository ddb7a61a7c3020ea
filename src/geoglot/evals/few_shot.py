"""Classes by a few examples: accuracy of heads on frozen features at 1, 4 and 16 examples a class, beside words alone.

Examples are drawn from one split (--pool), figures are on another. A model that was itself trained on these classes shows what
a head adds to its words, not what it does with new classes; "by untaught words" names the classes by words that it never saw.

python -m geoglot.evals.few_shot nano --root ../shared/data --cache runs/cache --split test --plot few-shot.png
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglot import models
from geoglot.core.parts import find
from geoglot.data.sample import Split
from geoglot.evals import protocol
from geoglot.evals.features import SETS, vectors
from geoglot.nn import folds
from geoglot.tasks.classify import prompts
from geoglot.tasks.classify.scores import calibration
from geoglot.text.sentences import PROMPTS

Floats = NDArray[np.float32]
SHOTS = (1, 4, 16)
ONE = PROMPTS[:1]
WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 430, 330, 56, 44, 16, 46
COLOURS = {"probe": (31, 119, 180), "adapter": (214, 93, 14), "auto": (44, 130, 60)}


def interval(values: list[float]) -> dict[str, float]:
    """Mean of draws and its 95 % interval by Student's t (two-sided)."""
    quantiles = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78, 6: 2.57, 7: 2.45, 8: 2.36, 9: 2.31, 10: 2.26, 15: 2.14, 20: 2.09}
    n = len(values)
    half = quantiles[n] * float(np.std(values, ddof=1)) / np.sqrt(n)
    mean = float(np.mean(values))
    return {"mean": round(mean, 1), "low": round(mean - half, 1), "high": round(mean + half, 1)}


def draw(truth: NDArray[np.int64], shots: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Positions of `shots` random samples of each class."""
    return np.concatenate([rng.choice(np.flatnonzero(truth == k), shots, replace=False) for k in range(int(truth.max()) + 1)])


@dataclass(frozen=True)
class Task:
    """Classes in words, vectors and labels of pictures to draw examples from, and of those to be told."""

    classes: dict[str, tuple[str, ...]]
    pool: tuple[Floats, list[str]]
    asked: tuple[Floats, list[str]]


def tasks(model: Any, root: Path, cache: Path, pool: Split, split: Split) -> dict[str, Task]:
    """AID and UC Merced by name, and AID's classes by words that were not taught."""
    made = {}
    for key in SETS:
        pair = vectors(model, root, cache, key, pool), vectors(model, root, cache, key, split)
        made[key] = Task(dict(find("data.sources", key).CARD.classes), *pair)
        if key == "aid_rsicd":
            other: dict[str, tuple[str, ...]] = {
                label: (words,) for label, words in protocol.load("aid-untaught").called().items()
            }
            made[f"{key} by untaught words"] = Task(other, *(_only(part, other) for part in pair))
    return made


def _only(part: tuple[Floats, list[str]], names: Iterable[str]) -> tuple[Floats, list[str]]:
    rows = [i for i, label in enumerate(part[1]) if label in set(names)]
    return part[0][rows], [part[1][i] for i in rows]


def report(
    name: str, root: Path, cache: Path, split: Split, draws: int, pool: Split = "train", device: str = "auto"
) -> dict[str, Any]:
    """Give accuracies in per cent by set, method and number of examples, where each class has that many to draw from."""
    model = models.load(name, device)
    temperature = calibration(model.spec).temperature
    told: dict[str, Any] = {"model": model.spec.name, "hash": model.spec.hash, "split": split, "pool": pool, "draws": draws}
    for key, task in tasks(model, root, cache, pool, split).items():
        words = prompts.encode(model, task.classes)
        known, truth = (np.array([words.names.index(each) for each in labels]) for _, labels in (task.pool, task.asked))
        (examples, _), (images, _) = task.pool, task.asked
        first = {each: phrases[:1] for each, phrases in task.classes.items()}

        def accuracy(answer: NDArray[np.int64], truth: NDArray[np.int64] = truth) -> float:
            return 100 * float((answer == truth).mean())

        told[key] = {
            "n": len(images),
            "classes": len(words.names),
            "commonest class": round(100 * float(np.bincount(truth).max()) / len(truth), 1),
            "words, one template": round(accuracy(prompts.encode(model, first, ONE).cosines(images).argmax(1)), 1),
            "words, template ensemble": round(accuracy(prompts.encode(model, first).cosines(images).argmax(1)), 1),
            "words, ensemble and synonyms": round(accuracy(words.cosines(images).argmax(1)), 1),
        }
        for method in folds.METHODS:
            fits = folds.candidates(method, words.vectors, temperature)
            for shots in (each for each in SHOTS if each <= np.bincount(known).min()):
                found = []
                for seed in range(draws):
                    rows = draw(known, shots, np.random.default_rng(seed))
                    x, y, alone = examples[rows], known[rows], np.arange(len(rows))
                    chosen = folds.choose(fits, x, y, alone, len(words.names), min(shots, 4))
                    found.append(accuracy(fits[chosen](x, y).logits(images).argmax(1)))
                told[key][f"{method}, {shots} a class"] = interval(found)
    return told


def plot(told: dict[str, Any], path: Path) -> None:
    """Draw the curves with their intervals: one panel a set."""
    from PIL import Image, ImageDraw, ImageFont

    parts = {key: part for key, part in told.items() if isinstance(part, dict)}
    picture = Image.new("RGB", (WIDTH * len(parts), HEIGHT), "white")
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(12)
    for panel, (key, part) in enumerate(parts.items()):
        _panel(pen, font, WIDTH * panel, f"{key}, {told['split']}, n = {part['n']}", part)
    picture.save(path)


def _panel(pen: Any, font: Any, x0: int, title: str, part: dict[str, Any]) -> None:
    """One set: a curve for each method, words alone as a dashed line."""
    low = 5 * int(min([part["words, ensemble and synonyms"], *(v["low"] for v in part.values() if isinstance(v, dict))]) // 5)
    edge, ground = x0 + WIDTH - RIGHT, HEIGHT - BOTTOM

    def x(shots: float) -> float:
        return float(x0 + LEFT + 20 + np.log2(shots) / np.log2(SHOTS[-1]) * (WIDTH - LEFT - RIGHT - 40))

    def y(value: float) -> float:
        return ground - (value - low) / (100 - low) * (ground - TOP)

    pen.text((x0 + LEFT, 8), title, "black", font)
    pen.text((x0 + 4, TOP - 18), "accuracy, %", "black", font)
    for value in range(low, 101, 5 if low >= 60 else 10):
        pen.line((x0 + LEFT, y(value), edge, y(value)), (228, 228, 228))
        pen.text((x0 + LEFT - 28, y(value) - 7), str(value), "black", font)
    pen.rectangle((x0 + LEFT, TOP, edge, ground), outline=(150, 150, 150))
    words = y(part["words, ensemble and synonyms"])
    for start in range(x0 + LEFT, edge, 8):
        pen.line((start, words, start + 4, words), (90, 90, 90))
    pen.text((x0 + LEFT + 8, ground - 18), "dashed: words alone", (90, 90, 90), font)
    for number, (method, colour) in enumerate(COLOURS.items()):
        spots = [(x(n) + 5 * (number - 1), part[f"{method}, {n} a class"]) for n in SHOTS if f"{method}, {n} a class" in part]
        pen.line([(at, y(v["mean"])) for at, v in spots], colour, 2)
        for at, v in spots:
            pen.line((at, y(v["low"]), at, y(v["high"])), colour, 2)
            pen.ellipse((at - 3, y(v["mean"]) - 3, at + 3, y(v["mean"]) + 3), colour)
        pen.text((edge - 64, ground - 64 + 18 * number), method, colour, font)
    for shots in SHOTS:
        pen.text((x(shots) - 4, ground + 6), str(shots), "black", font)
    pen.text((x0 + WIDTH / 2 - 50, HEIGHT - 20), "examples a class", "black", font)


def main() -> None:
    """Print the report as JSON, and draw it where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--root", type=Path, default=Path("../shared/data"))
    parser.add_argument("--cache", type=Path, default=Path("runs/cache"))
    parser.add_argument("--split", choices=("val", "test"), default="val")
    parser.add_argument("--pool", choices=("train", "val"), default="train")
    parser.add_argument("--draws", type=int, choices=(5, 6, 7, 8, 9, 10, 15, 20), default=10)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--plot", type=Path)
    given = parser.parse_args()
    told = report(given.model, given.root, given.cache, given.split, given.draws, given.pool, given.device)
    print(json.dumps(told, indent=1))
    if given.plot is not None:
        plot(told, given.plot)


if __name__ == "__main__":
    main()
