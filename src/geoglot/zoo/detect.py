"""The detection head of `nano`: boxes, upright and turned, of what words say, on the frozen tower."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from geoglot.core.config import Config
from geoglot.core.errors import ConfigError
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
from geoglot.models.probe import device_of
from geoglot.nn.batch import ImageBatch
from geoglot.nn.cells import channels_last
from geoglot.nn.detection import STRIDE, DetectionConfig, DetectionHead, Found, Peaks, peaks
from geoglot.train.distribute import is_main, main_first
from geoglot.train.loop import Group, TrainConfig, fit
from geoglot.zoo._detect_words import Vocabulary

OF = "vhr10"  # whose validation the run is measured by
APART = 900_000  # number of the group of views that the constants of the head are measured on
GROUP = 4  # batches of views that the tower looks at together


SHARES = {"vhr10": 0.78, "airport_obb": 0.07, "ships": 0.06, "neon_trees": 0.03, "rendered": 0.06}


class Recipe(Config):
    """Everything that decides a run.

    ``model`` is the frozen model: nano, or a native file. ``sources`` says how often a view is of each set; of a set only its
    own classes are judged. The tower's maps of a view are in ``reuse`` batches. ``places`` made-up places are rendered, with
    ``windows`` pictures of each. ``unseen`` classes are taken out of all sets, so that what the head does with words that it was
    not taught can be measured. ``start`` is a head's file, or a model that one comes with, to go on from.
    """

    recipe: Literal["detect"] = "detect"
    root: str = "../shared/data"
    cache: str = "runs/cache"
    model: str = "nano"
    sources: dict[str, float] = SHARES
    places: int = 20
    windows: int = 10
    unseen: tuple[str, ...] = ()
    start: str | None = None
    batch: int = 8
    reuse: int = Field(default=3, ge=1)
    lr: float = 2e-3
    head: DetectionConfig = DetectionConfig()
    view: ViewConfig = ViewConfig()
    augment: AugmentConfig = AugmentConfig(
        coarse=0.1, coarse_side=(200, 380), colour=0.7, dim=0.1, haze=0.1, grey=0.06, radar=0.0, false_colour=0.05
    )
    loss: DetectionLossConfig = DetectionLossConfig()
    train: TrainConfig = TrainConfig(
        steps=2800, warmup=60, weight_decay=0.01, clip=10.0, ema=0.995, validate_every=250, prefetch=12
    )


class Views(NamedTuple):
    """A batch: the tower's maps of pictures, what is true of them, the vectors (K, D) of words for the classes, repeated."""

    maps: tuple[Tensor, ...]
    true: Targets
    texts: Tensor


class Trained(nn.Module):
    """The head as it is called in training."""

    def __init__(self, head: DetectionHead) -> None:
        super().__init__()
        self.head = head
        channels_last(self)

    def forward(self, maps: Sequence[Tensor], texts: Tensor) -> tuple[Tensor, Found]:
        """Give logits (B, K, h, w) of texts (K, D), and boxes of every place."""
        found = self.head(list(maps))
        with torch.autocast(texts.device.type, enabled=False):
            return self.head.logits(found.features, self.head.directions(texts)), found


class Tower:
    """The frozen tower in the fast number format."""

    def __init__(self, model: Nano, dtype: torch.dtype) -> None:
        self.device = device_of("auto")
        self.image = model.image.to(self.device, dtype).requires_grad_(False).eval()
        channels_last(self.image)

    @torch.no_grad()
    def maps(self, images: ImageBatch) -> list[Tensor]:
        """What leaves the stages for pictures (B, 3, H, W) in [0, 1]."""
        here = images.to(self.device)
        return self.image.maps(here.pixels, here.valid)


class Stream:
    """Batches by number: pictures drawn by source and by how rare their classes are, and random views of them.

    The tower takes longer than the head, so it looks at a group of views once, and each view is in ``reuse`` batches.
    """

    def __init__(
        self, pictures: Sequence[Pictured], chance: NDArray[np.float64], words: Vocabulary, tower: Tower, recipe: Recipe
    ):
        self.pictures, self.chance, self.words, self.tower, self.recipe = pictures, chance, words, tower, recipe
        self._group: tuple[int, list[Tensor], Targets] | None = None

    def batch(self, index: int) -> Views:
        """Give views and what is true of them; the same index gives the same batch."""
        recipe, seed = self.recipe, self.recipe.train.seed * 1_000_003 + index
        number, place = divmod(index, GROUP * recipe.reuse)
        if self._group is None or self._group[0] != number:
            images, true = self.views(number)
            self._group = number, self.tower.maps(images), true
        _, maps, true = self._group
        order = np.random.default_rng((recipe.train.seed, number, place // GROUP)).permutation(GROUP * recipe.batch)
        rows = torch.from_numpy(order[recipe.batch * (place % GROUP) :][: recipe.batch])
        texts = self.words.draw(torch.Generator().manual_seed(seed)).expand(recipe.batch, -1, -1)
        return Views(tuple(_rows(level, rows) for level in maps), Targets(*(part[rows] for part in true)), texts)

    def views(self, number: int) -> tuple[ImageBatch, Targets]:
        """Give a group of views, and what is true of them."""
        recipe, seed = self.recipe, self.recipe.train.seed * 1_000_003 + number
        rng, other = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
        drawn = [self.pictures[i] for i in rng.choice(len(self.chance), GROUP * recipe.batch, p=self.chance)]
        views = [objects.view(picture, recipe.view, rng) for picture in drawn]
        x = torch.from_numpy(np.stack([pixels for pixels, _, _ in views])).permute(0, 3, 1, 2).float() / 255
        valid = torch.from_numpy(np.stack([seen for _, seen, _ in views]))
        listed = [(found, seen, picture.known) for (_, seen, found), picture in zip(views, drawn, strict=True)]
        true = targets(listed, self.words.classes, recipe.view.size, STRIDE)
        return ImageBatch.of(recolour(x, recipe.augment, other), valid), true


def _rows(level: Tensor, rows: Tensor) -> Tensor:
    return level[rows].contiguous(memory_format=torch.channels_last)


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
    logits, found = module(batch.maps, batch.texts[0])
    return detection(logits, found.edges, found.turned, batch.true, recipe.loss)


def build(recipe: Recipe, stream: Stream, model: Nano) -> Trained:
    """Give the head to go on from, or an untrained one, whose constants are measured on views and on the words of all sets."""
    torch.manual_seed(recipe.train.seed)
    if recipe.start is not None:
        return Trained(detector.restore(detector.file_of(recipe.start))[0].requires_grad_(True))
    head = DetectionHead(recipe.head.model_copy(update={"channels": model.config.image.widths, "dim": model.config.head.dim}))
    maps = stream.tower.maps(stream.views(APART)[0])
    head.prepare([level.cpu() for level in maps], torch.cat([one.flatten(0, 1) for one in stream.words.vectors]))
    return Trained(head)


def run(recipe: Recipe, folder: Path) -> DetectionHead:
    """Train, resuming when ``folder`` holds a part of the same run; write ``nano.detect.safetensors`` there and give the head."""
    model, spec = restore(native(recipe.model))
    found = material(recipe)
    pictures = [picture for listed in found.values() for picture in listed]
    words = Vocabulary(model, sorted({name for picture in pictures for name in picture.known}))
    tower = Tower(model, torch.bfloat16 if recipe.train.precision == "bf16" else torch.float32)
    stream = Stream(pictures, chances(found, recipe.sources), words, tower, recipe)
    trained = build(recipe, stream, model)
    held = figures.pictures(Path(recipe.root), OF, "val") if OF in recipe.sources else []
    classes = [name for name in words.classes if any(name in picture.known for picture in held)]

    def measured(module: nn.Module) -> dict[str, float]:
        return figures.measure(finding(tower, module, words, classes), held, classes).result()

    fit(
        trained,
        stream.batch,
        lambda module, batch: compare(module, batch, recipe),
        [Group(list(trained.parameters()), recipe.lr)],
        recipe.train,
        folder,
        recipe,
        measured if held else None,
    )
    if is_main():
        made = figures.measure(finding(tower, trained, words, classes), held, classes) if held else None
        told = {} if made is None else {f"{OF} val {name}": round(value, 2) for name, value in made.result().items()}
        card = HeadCard(spec.hash, words.classes, {} if made is None else made.calibration(), told)
        detector.save(trained.head, card, folder / "nano.detect.safetensors", spec)
    return trained.head.eval()


def finding(tower: Tower, trained: nn.Module, words: Vocabulary, classes: Sequence[str]) -> figures.Find:
    """Give what looks for some classes by their own names."""
    texts = words.usual()[[words.classes.index(name) for name in classes]]

    @torch.inference_mode()
    def find(batch: ImageBatch) -> list[Peaks]:
        trained.eval()
        with torch.autocast(tower.device.type, torch.bfloat16, enabled=tower.image.stem.weight.dtype == torch.bfloat16):
            logits, found = trained(tower.maps(batch), texts.to(tower.device))
        return [one.plain() for one in peaks(logits, found, detector.FLOOR, detector.MOST)]

    return find
