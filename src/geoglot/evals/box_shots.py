"""New classes for a detection head by one to five boxed examples: by words, by examples, by both, and by fine-tuning.

The head must not have been taught the classes (`unseen` in the recipe detect). Examples are drawn from the training pictures,
figures are AP50 on the validation pictures. Fine-tuning trains the last layers of the head on the examples: what lies around an
example, as far as its box is large, counts as something else, the rest of its picture neither way.

python -m geoglot.evals.box_shots runs/base/nano.detect.safetensors --classes "storage tank,tennis court" --root ../shared/data
"""

from __future__ import annotations

import argparse
import copy
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from geoglot import models
from geoglot.data.build.centres import targets
from geoglot.data.build.objects import Objects, Pictured, boxes_of
from geoglot.evals import detection as figures
from geoglot.evals.few_shot import interval
from geoglot.geo.boxes import Box
from geoglot.losses.detection import DetectionLossConfig, detection
from geoglot.models import detector as heads
from geoglot.models.detector import Detector
from geoglot.nn.batch import ImageBatch
from geoglot.nn.detection import STRIDE, DetectionHead, peaks
from geoglot.tasks.classify import prompts
from geoglot.tasks.detect.examples import prototype
from geoglot.text import templates

SHOTS = (1, 3, 5)
SIDE = 256  # pixels of the part of a picture that an example is fine-tuned on
STEPS = 40
LR = 1e-3
LAST = ("meaning", "form", "words", "box")
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Shot:
    """An example: the part of its picture that lies around it, and its box in that part."""

    batch: ImageBatch
    box: Objects


def shot(picture: Pictured, number: int) -> Shot:
    """The example of one object of a picture."""
    ring = picture.rings[number]
    left, top = (max(0, int(v - SIDE / 2)) for v in (ring.min(0) + ring.max(0)) / 2)
    part = np.zeros((SIDE, SIDE, 3), np.uint8)
    seen = np.zeros((SIDE, SIDE), np.bool_)
    cut = picture.pixels[top : top + SIDE, left : left + SIDE]
    part[: cut.shape[0], : cut.shape[1]] = cut
    seen[: cut.shape[0], : cut.shape[1]] = True
    pixels = torch.from_numpy(part).permute(2, 0, 1)[None].float() / 255
    box = boxes_of((picture.names[number],), (ring - (left, top),), (SIDE, SIDE), 0.3, picture.outlined)
    return Shot(ImageBatch.of(pixels, torch.from_numpy(seen)[None]), box)


def draw(pool: Sequence[Pictured], label: str, count: int, rng: np.random.Generator) -> list[Shot]:
    """Examples of a class, each from another picture."""
    holding = [picture for picture in pool if label in picture.names]
    chosen = rng.choice(len(holding), count, replace=False)
    return [shot(holding[i], int(rng.choice([n for n, name in enumerate(holding[i].names) if name == label]))) for i in chosen]


@dataclass(frozen=True)
class Held:
    """Validation pictures with the tower's maps of each."""

    pictures: Sequence[Pictured]
    maps: Sequence[list[Tensor]]

    @classmethod
    def of(cls, pictures: Sequence[Pictured], found: Detector) -> Held:
        """Look at the pictures once; heads change, the tower does not."""
        made = []
        for picture in pictures:
            pixels = torch.from_numpy(np.array(picture.pixels)).permute(2, 0, 1)[None].float() / 255
            with torch.inference_mode():
                made.append(found.model.model.image.maps(pixels.to(found.model.device)))
        return cls(pictures, made)

    def precision(self, head: DetectionHead, direction: Floats, label: str) -> float:
        """AP50 in per cent of one class."""
        made = figures.Measured((label,))
        towards = torch.from_numpy(direction[None])
        for picture, maps in zip(self.pictures, self.maps, strict=True):
            with torch.inference_mode():
                found = head(maps)
                (one,) = peaks(head.logits(found.features, towards), found, 0.01, heads.MOST)
            made.add(figures.best(one.plain()), figures.truth_of(picture))
        return made.result()["AP50"]


def tuned(found: Detector, direction: Floats, shots: Sequence[Shot], label: str) -> DetectionHead:
    """A copy of the head whose last layers are trained on the examples."""
    head = copy.deepcopy(found.head).requires_grad_(False)
    last = [p for name in LAST for p in getattr(head, name).requires_grad_(True).parameters()]
    maps = [torch.cat(level) for level in zip(*(_maps(found, one) for one in shots), strict=True)]
    seen = [_around(one) for one in shots]
    listed = [(one.box, part, frozenset({label})) for one, part in zip(shots, seen, strict=True)]
    true = targets(listed, (label,), SIDE, STRIDE)
    optimiser = torch.optim.AdamW(last, LR, weight_decay=0.01)
    towards = torch.from_numpy(direction[None])
    for _ in range(STEPS):
        made = head(maps)
        loss, _ = detection(head.logits(made.features, towards), made.edges, made.turned, true, DetectionLossConfig())
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return head.requires_grad_(False)


def _maps(found: Detector, one: Shot) -> list[Tensor]:
    with torch.no_grad():
        return found.model.model.image.maps(one.batch.pixels, one.batch.valid)


def _around(one: Shot) -> NDArray[np.bool_]:
    left, top, right, bottom = one.box.upright[0].tolist()
    w, h = right - left, bottom - top
    seen = np.zeros((SIDE, SIDE), np.bool_)
    seen[max(0, int(top - h)) : int(bottom + h) + 1, max(0, int(left - w)) : int(right + w) + 1] = True
    seen &= one.batch.valid[0].numpy()
    return seen


def report(file: Path, classes: Sequence[str], root: Path, draws: int, source: str = "vhr10") -> dict[str, Any]:
    """Give AP50 in per cent by class, way and number of examples; of several draws the mean and its 95 % interval."""
    model = models.load("nano", dtype="float32")
    found = heads.open_detector(model, file)  # type: ignore[arg-type]
    pool, held = figures.pictures(root, source, "train"), Held.of(figures.pictures(root, source, "val"), found)
    told: dict[str, Any] = {"model": model.spec.name, "taught": list(found.card.classes), "source": source, "draws": draws}
    for label in classes:
        words = prompts.encode(model, {label: (label,)}, templates.check(()))
        text = found.directions(words.vectors)[0]
        told[label] = {"n": sum(p.names.count(label) for p in held.pictures)}
        told[label]["words"] = round(held.precision(found.head, text, label), 1)
        for count in SHOTS:
            each: dict[str, list[float]] = {"examples": [], "words and examples": [], "fine-tuning": []}
            for seed in range(draws):
                shots = draw(pool, label, count, np.random.default_rng(seed))
                by_boxes = np.stack([prototype(found, one.batch, [Box(*one.box.turned[0].tolist())]) for one in shots])
                shown = prompts.unit(by_boxes.mean(0)[None])[0]
                each["examples"].append(held.precision(found.head, shown, label))
                each["words and examples"].append(held.precision(found.head, prompts.unit((shown + text)[None])[0], label))
                each["fine-tuning"].append(held.precision(tuned(found, text, shots, label), text, label))
            for way, values in each.items():
                told[label][f"{way}, {count}"] = interval(values) if draws > 1 else {"mean": round(values[0], 1)}
    return told


def main() -> None:
    """Print the figures as JSON."""
    options = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    options.add_argument("head", type=Path)
    options.add_argument("--classes", required=True, help="classes that the head was not taught, with commas between them")
    options.add_argument("--root", type=Path, default=Path("../shared/data"))
    options.add_argument("--draws", type=int, default=3)
    given = options.parse_args()
    names = [name.strip() for name in given.classes.split(",")]
    print(json.dumps(report(given.head, names, given.root, given.draws), indent=2))


if __name__ == "__main__":
    main()
