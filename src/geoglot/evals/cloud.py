"""Cloud: masks and presence on simulated clouds over scenes that were not used in training, beside trivial baselines.

Grounds, skies and their seeds are fixed (see `evals.sky`): the same pictures are measured every time; their digest is in the
report. What a baseline or a way to tell presence has to choose (a threshold) is chosen on the validation grounds.

python -m geoglot.evals.cloud nano --root ../shared/data --split test
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from geoglot.data.build import grounds
from geoglot.data.build.weather import CLEAR, CLOUD
from geoglot.data.sample import Split
from geoglot.evals import sky
from geoglot.evals.sky import Shown
from geoglot.metrics.bootstrap import interval
from geoglot.metrics.presence import Presence, best_threshold
from geoglot.metrics.segmentation import Segmentation
from geoglot.models.cloud import CloudMasker, open_masker
from geoglot.models.dual import DualModel, open_native
from geoglot.nn import prompts as learning
from geoglot.nn.heads import LinearHead
from geoglot.tasks.classify import prompts
from geoglot.tasks.cloud.scorers import ByMask, by_words
from geoglot.text.clouds import CLEAR as CLEAR_WORDS
from geoglot.text.clouds import CLOUDED

SEED = 17
CONTEXT = 4  # word vectors that are learned before the words
STEPS = np.linspace(0.3, 0.99, 70)  # thresholds that are tried
TAUGHT = 1500  # tiles that prompts are learned on
AERIAL, RENDERED = 300, 23  # photographs of a set and rendered places among their grounds

Floats = NDArray[np.float64]
Bytes = NDArray[np.uint8]


def brightness(one: Shown) -> NDArray[np.float32]:
    """The darkest channel (H, W): clouds are white."""
    made: NDArray[np.float32] = np.asarray(one.pixels.min(-1), np.float32) / np.float32(255)
    return made


def hot(one: Shown) -> NDArray[np.float32]:
    """The third channel less half of the first, blue less half of red in true colour (after Zhang et al. 2002's HOT)."""
    x = np.asarray(one.pixels, np.float32) / np.float32(255)
    made: NDArray[np.float32] = np.float32(2) * x[..., 2] - x[..., 0]
    return made


MAPS: Mapping[str, Callable[[Shown], NDArray[np.float32]]] = {"brightness": brightness, "HOT-like": hot}


def above(score: Callable[[Shown], NDArray[np.float32]], least: float, pictures: Sequence[Shown]) -> list[Bytes]:
    """Cloud where a score of pixels is at least a threshold."""
    return [np.where(score(one) >= least, np.uint8(CLOUD), np.uint8(CLEAR)) for one in pictures]


def chosen(score: Callable[[Shown], NDArray[np.float32]], held: Sequence[Shown]) -> float:
    """The threshold with the best IoU of cloud on held pictures."""
    found = [sky.figures(sky.counted(above(score, least, held), held))["IoU cloud"] for least in STEPS]
    return float(STEPS[int(np.argmax(found))])


def told(given: Sequence[Bytes], pictures: Sequence[Shown]) -> dict[str, Any]:
    """Figures with intervals over pictures, of all and by source."""
    made = _with_interval(sky.counted(given, pictures))
    for source in sorted({one.source for one in pictures}):
        rows = [i for i, one in enumerate(pictures) if one.source == source]
        made[source] = _with_interval(sky.counted([given[i] for i in rows], [pictures[i] for i in rows]))
    return made


def _with_interval(table: Segmentation) -> dict[str, Any]:
    found: dict[str, Any] = {"n": len(table.counts)}
    for name, value in sky.figures(table).items():

        def figure(weight: Floats, name: str = name) -> float:
            return sky.figures(table, weight)[name]

        low, high = interval(figure, len(table.counts), draws=400)
        found[name] = [round(value, 1), round(low, 1), round(high, 1)]
    return found


class Ways:
    """The ways to tell how cloudy tiles are, each a score (N,); what is learned is learned on tiles of the training grounds."""

    def __init__(self, model: DualModel, masker: CloudMasker, taught: Sequence[Shown]) -> None:
        self.model, self.masker = model, masker
        share = np.array([one.share for one in taught], np.float32)
        x = vectors(model, taught)
        words = prompts.encode(model, {"cloud": CLOUDED, "clear": CLEAR_WORDS}).vectors
        self.heads: dict[str, LinearHead] = {
            "words": by_words(model),
            "learned context, joint space": learning.learn(*learning.beside(torch.from_numpy(words)), x, share),
            "learned context, word vectors": learning.learn(*self._before(), x, share),
            "linear": masker.parts.tile,
        }

    def _before(self) -> tuple[learning.Encode, torch.Tensor]:
        model = self.model.model
        ids, mask = model.tokens(["clouds", "clear ground"])

        def tower(words: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.normalize(model.text.map(model.text.pooled(words, seen)), dim=-1)

        return learning.before(model.text.words(ids).detach(), mask, tower, CONTEXT)

    def scores(self, pictures: Sequence[Shown]) -> dict[str, Floats]:
        """Scores (N,) of tiles by each way."""
        x = vectors(self.model, pictures)
        found = {name: head.logits(x)[:, 0].astype(np.float64) for name, head in self.heads.items()}
        by_mask = ByMask(self.masker)
        parts = []
        for one in pictures:
            batch = sky.batch_of([one])
            parts.append(by_mask.score(batch.pixels.numpy(), batch.valid.numpy())[0])
        found["mask"] = np.array(parts, np.float64)
        found["brightness"] = np.array([float(brightness(one).mean()) for one in pictures])
        found["always"] = np.ones(len(pictures))
        return found


def vectors(model: DualModel, pictures: Sequence[Shown], rows: int = 32) -> NDArray[np.float32]:
    """Unit vectors (N, D) of pictures, those of one size together."""
    found = np.zeros((len(pictures), model.spec.dim), np.float32)
    for shape in sorted({one.index.shape for one in pictures}):
        numbers = [i for i, one in enumerate(pictures) if one.index.shape == shape]
        for start in range(0, len(numbers), rows):
            part = numbers[start : start + rows]
            found[part] = model.image(sky.batch_of([pictures[i] for i in part])).cpu().numpy()
    return found


def presence(ways: Ways, pictures: Sequence[Shown], held: Sequence[Shown]) -> dict[str, Any]:
    """F1 at the threshold that suits held tiles, and AUC, of each way, with intervals."""
    truth, asked = np.array([one.cloudy for one in pictures]), ways.scores(pictures)
    known = np.array([one.cloudy for one in held])
    made: dict[str, Any] = {"n": len(pictures), "cloudy": int(truth.sum())}
    for name, scores in ways.scores(held).items():
        metric = Presence(best_threshold(scores, known))
        metric.add(asked[name], truth)
        part = {}
        for key, value in metric.result().items():

            def figure(weight: Floats, key: str = key, metric: Presence = metric) -> float:
                return metric.result(weight)[key]

            low, high = interval(figure, len(pictures), draws=400)
            part[key] = [round(value, 1), round(low, 1), round(high, 1)]
        made[name] = part
    share = np.array([one.share for one in pictures])
    linear = 1 / (1 + np.exp(-asked["linear"]))
    made["share off by, linear"] = round(100 * float(np.abs(linear - share).mean()), 1)
    made["share off by, mask"] = round(100 * float(np.abs(asked["mask"] - share).mean()), 1)
    return made


def report(name: str, root: Path, split: Split, head: Path | None = None) -> dict[str, Any]:
    """Give the figures of a model's cloud head and of the baselines, in per cent with 95 % intervals."""
    model = open_native(name, "auto", "auto")
    masker = open_masker(model, head)
    held, pictures = sky.shown(root, "val"), sky.shown(root, split)
    given = sky.classes(masker.logits, pictures)
    made: dict[str, Any] = {
        "model": model.spec.name,
        "head": masker.parts.hash,
        "split": split,
        "pictures": digest(pictures),
        "mask": told(given, pictures),
        "all clear": told([np.full_like(one.index, CLEAR) for one in pictures], pictures),
    }
    for key, score in MAPS.items():
        made[key] = told(above(score, chosen(score, held), pictures), pictures)
    clear = [i for i, one in enumerate(pictures) if not one.share]
    for label in ("Beach", "Desert", "snow"):
        rows = [i for i in clear if pictures[i].label == label]
        if rows:
            false = float(np.mean([(given[i] == CLOUD).mean() for i in rows]))
            made[f"false cloud, clear {label}"] = {"n": len(rows), "share": round(100 * false, 1)}
    size = model.spec.size
    made["presence"] = presence(Ways(model, masker, learned_on(root, size)), sky.tiles(pictures, size), sky.tiles(held, size))
    return made


def learned_on(root: Path, size: int) -> list[Shown]:
    """Tiles of training grounds."""
    found = grounds.load(root, "train", AERIAL, RENDERED)
    chance, how = grounds.chances(found), grounds.ViewConfig(size=size)
    made = []
    for number in range(TAUGHT):
        ground, pixels, index = grounds.view(found, chance, how, np.random.default_rng([SEED, number]))
        made.append(Shown(ground.id, ground.source, ground.label, pixels, index))
    return made


def digest(pictures: Sequence[Shown]) -> str:
    """What names the pictures and their masks."""
    found = hashlib.sha256()
    for one in pictures:
        found.update(one.id.encode() + one.pixels.tobytes() + one.index.tobytes())
    return found.hexdigest()[:16]


def main() -> None:
    """Print the report as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--root", type=Path, default=Path("../shared/data"))
    parser.add_argument("--split", choices=("val", "test"), default="val")
    parser.add_argument("--head", type=Path)
    given = parser.parse_args()
    print(json.dumps(report(given.model, given.root, given.split, given.head), indent=1))


if __name__ == "__main__":
    main()
