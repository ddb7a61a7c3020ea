"""The detection head of `nano`: boxes, upright and turned, of what words say, on the frozen tower."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from geoglot.core.config import Config
from geoglot.core.errors import ConfigError
from geoglot.core.protocols import ModelSpec
from geoglot.data.augment import AugmentConfig, recolour
from geoglot.data.build import objects
from geoglot.data.build.centres import targets
from geoglot.data.build.objects import Pictured, ViewConfig
from geoglot.evals import detection as figures
from geoglot.losses.detection import DetectionLossConfig, Targets, detection
from geoglot.models import detector
from geoglot.models.detector import HeadCard
from geoglot.models.files import native
from geoglot.models.nano import Nano, restore
from geoglot.nn.batch import ImageBatch
from geoglot.nn.cells import channels_last
from geoglot.nn.detection import STRIDE, DetectionConfig, DetectionHead, Found, Peaks, peaks
from geoglot.train.distribute import is_main, main_first
from geoglot.train.loop import Group, TrainConfig, fit
from geoglot.zoo._detect_words import Vocabulary

OF = "vhr10"  # whose validation the run is measured by
STANDARD = 24  # pictures that the constants of the head are measured on
APART = 900_000  # number of the first batch of these


class Recipe(Config):
    """Everything that decides a run.

    ``model`` is the frozen model: nano, or a native file. ``sources`` says how often a view is of each set; of a set only its
    own classes are judged. ``places`` made-up places are rendered, with ``windows`` pictures of each. ``unseen`` classes are
    taken out of all sets, so that what the head does with words that it was not taught can be measured.
    """

    recipe: Literal["detect"] = "detect"
    root: str = "../shared/data"
    cache: str = "runs/cache"
    model: str = "nano"
    sources: dict[str, float] = {"vhr10": 0.62, "airport_obb": 0.1, "ships": 0.08, "neon_trees": 0.03, "rendered": 0.17}  # noqa: RUF012
    places: int = 20
    windows: int = 10
    unseen: tuple[str, ...] = ()
    batch: int = 8
    lr: float = 1e-3
    head: DetectionConfig = DetectionConfig()
    view: ViewConfig = ViewConfig()
    augment: AugmentConfig = AugmentConfig(
        coarse=0.1, coarse_side=(200, 380), colour=0.7, dim=0.1, haze=0.1, grey=0.06, radar=0.0, false_colour=0.05
    )
    loss: DetectionLossConfig = DetectionLossConfig()
    train: TrainConfig = TrainConfig(
        steps=1200, warmup=60, weight_decay=0.01, clip=5.0, ema=0.995, validate_every=300, prefetch=2
    )


class Views(NamedTuple):
    """A batch: pictures, what is true of them, and the vectors (K, D) of the words for the classes, once for each picture."""

    images: ImageBatch
    true: Targets
    texts: Tensor


class Trained(nn.Module):
    """The frozen tower in the fast number format, and the head."""

    def __init__(self, model: Nano, head: DetectionHead, dtype: torch.dtype) -> None:
        super().__init__()
        self.tower = model.image.to(dtype).requires_grad_(False)
        self.tower.freeze(len(model.config.image.widths))
        self.head = head
        channels_last(self)

    def forward(self, images: ImageBatch, texts: Tensor) -> tuple[Tensor, Found]:
        """Give logits (B, K, h, w) of texts (K, D), and boxes of every place."""
        with torch.no_grad():
            maps = self.tower.maps(images.pixels, images.valid)
        found = self.head(maps)
        with torch.autocast(images.pixels.device.type, enabled=False):
            return self.head.logits(found.features, self.head.directions(texts)), found


@dataclass(frozen=True)
class Stream:
    """Batches by number: pictures drawn by source and by how rare their classes are, and a random view of each."""

    pictures: Sequence[Pictured]
    chance: NDArray[np.float64]
    words: Vocabulary
    recipe: Recipe

    def batch(self, index: int) -> Views:
        """Give views and what is true of them; the same index gives the same batch."""
        seed = self.recipe.train.seed * 1_000_003 + index
        rng, other = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
        drawn = [self.pictures[i] for i in rng.choice(len(self.chance), self.recipe.batch, p=self.chance)]
        views = [objects.view(picture, self.recipe.view, rng) for picture in drawn]
        x = torch.from_numpy(np.stack([pixels for pixels, _, _ in views])).permute(0, 3, 1, 2).float() / 255
        valid = torch.from_numpy(np.stack([seen for _, seen, _ in views]))
        listed = [(found, seen, picture.known) for (_, seen, found), picture in zip(views, drawn, strict=True)]
        true = targets(listed, self.words.classes, self.recipe.view.size, STRIDE)
        texts = self.words.draw(other)
        return Views(ImageBatch.of(recolour(x, self.recipe.augment, other), valid), true, texts.expand(len(drawn), -1, -1))


def material(recipe: Recipe) -> dict[str, list[Pictured]]:
    """Give the training pictures by source, without objects and words of unseen classes."""
    found = {}
    for name in recipe.sources:
        if name == objects.RENDERED:
            with main_first():
                found[name] = objects.rendered(recipe.places, recipe.windows, 512, Path(recipe.cache))
        else:
            found[name] = figures.pictures(Path(recipe.root), name, "train")
    known = frozenset[str]().union(*(picture.known for listed in found.values() for picture in listed))
    if strange := set(recipe.unseen) - known:
        raise ConfigError(f"unseen: no set has {sorted(strange)[0]!r}; there are: {', '.join(sorted(known))}.")
    return {name: [objects.without(picture, recipe.unseen) for picture in listed] for name, listed in found.items()}


def chances(found: Mapping[str, Sequence[Pictured]], shares: Mapping[str, float]) -> NDArray[np.float64]:
    """Give the chance of each picture in a draw: by source, and within it more for those with rarer classes."""
    parts = []
    for name, listed in found.items():
        count = Counter(label for picture in listed for label in set(picture.names) if label)
        rare = [max((count[label] ** -0.5 for label in picture.names if label), default=0.03) for picture in listed]
        parts.append(shares[name] * np.array(rare) / sum(rare))
    every = np.concatenate(parts)
    made: NDArray[np.float64] = every / every.sum()
    return made


def compare(module: nn.Module, batch: Views, recipe: Recipe) -> tuple[Tensor, dict[str, float]]:
    """Give the objective of one batch, and what to log beside it."""
    logits, found = module(batch.images, batch.texts[0])
    return detection(logits, found.edges, found.turned, batch.true, recipe.loss)


def build(recipe: Recipe, stream: Stream, model: Nano, words: Vocabulary) -> Trained:
    """Give tower and untrained head, whose constants are measured on views and on the words of all sets."""
    torch.manual_seed(recipe.train.seed)
    head = DetectionHead(recipe.head.model_copy(update={"channels": model.config.image.widths, "dim": model.config.head.dim}))
    trained = Trained(model, head, torch.bfloat16 if recipe.train.precision == "bf16" else torch.float32)
    parts = [stream.batch(APART + i).images for i in range(math.ceil(STANDARD / recipe.batch))]
    with torch.no_grad():
        maps = [trained.tower.maps(part.pixels, part.valid) for part in parts]
    head.prepare([torch.cat(level) for level in zip(*maps, strict=True)], torch.cat([one.flatten(0, 1) for one in words.vectors]))
    return trained


def run(recipe: Recipe, folder: Path) -> DetectionHead:
    """Train, resuming when ``folder`` holds a part of the same run; write ``detect.safetensors`` there and give the head."""
    model, spec = restore(native(recipe.model))
    found = material(recipe)
    pictures = [picture for listed in found.values() for picture in listed]
    words = Vocabulary(model, sorted({name for picture in pictures for name in picture.known}))
    stream = Stream(pictures, chances(found, recipe.sources), words, recipe)
    trained = build(recipe, stream, model, words)
    held = figures.pictures(Path(recipe.root), OF, "val") if OF in recipe.sources else []

    def measured(module: nn.Module) -> dict[str, float]:
        return figures.measure(finding(module, words), held, words.classes).result()

    fit(
        trained,
        stream.batch,
        lambda module, batch: compare(module, batch, recipe),
        [Group(list(trained.head.parameters()), recipe.lr)],
        recipe.train,
        folder,
        recipe,
        measured if held else None,
    )
    if is_main():
        _write(trained, words, held, spec, folder)
    return trained.head.eval()


def finding(trained: nn.Module, words: Vocabulary) -> figures.Find:
    """Give what looks for every class by its own name."""
    texts = words.usual()

    @torch.inference_mode()
    def find(batch: ImageBatch) -> list[Peaks]:
        trained.eval()
        with torch.autocast(batch.pixels.device.type, torch.bfloat16):
            logits, found = trained(batch, texts)
        return [one.plain() for one in peaks(logits, found, detector.FLOOR, detector.MOST)]

    return find


def _write(trained: Trained, words: Vocabulary, held: Sequence[Pictured], spec: ModelSpec, folder: Path) -> None:
    made = figures.measure(finding(trained, words), held, words.classes) if held else None
    card = HeadCard(
        spec.hash,
        words.classes,
        {} if made is None else made.calibration(),
        {} if made is None else {f"{OF} val {name}": round(value, 2) for name, value in made.result().items()},
    )
    detector.save(trained.head, card, folder / "nano.detect.safetensors", spec)
