"""A decoder of masks on the frozen tower of an image-text model (CLIPSeg, arXiv 2112.10003)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from geoglot import models
from geoglot.core.config import Config
from geoglot.core.errors import ConfigError
from geoglot.data.augment import AugmentConfig, recolour
from geoglot.data.build import masks
from geoglot.data.build.masks import Masked, MaskViewConfig
from geoglot.data.sample import UNLABELLED
from geoglot.evals import masks as figures
from geoglot.losses.mask import MaskLossConfig, mask
from geoglot.models import decoder
from geoglot.models.decoder import DecoderCard, Segmenter
from geoglot.models.ready import Ready
from geoglot.nn.batch import ImageBatch
from geoglot.nn.cells import channels_last
from geoglot.nn.decoder import Decoder, DecoderConfig, Depths
from geoglot.train.distribute import is_main, main_first
from geoglot.train.loop import Group, TrainConfig, fit
from geoglot.zoo._decode_words import Vocabulary

APART = 900_000  # number of the group of views that the constants of the decoder are measured on
GROUP = 4  # batches of views that the tower looks at together
FINEST = 4  # pixels of a place of a mask, where the tower's finest map has larger cells
SHARES = {"dubai": 0.3, "epfl_roads": 0.15, "spacenet": 0.12, "vhr10": 0.23, masks.RENDERED: 0.2}


class Recipe(Config):
    """Everything that decides a run.

    ``model`` is the frozen model: any with maps of its depths. ``sources`` says how often a view is of each set; of a view
    ``each`` classes that its set judges are asked for, more often those that it shows. ``visual`` is the share of conditions
    with a part of an example's vector in them, which lies anywhere between words and example. The tower's maps of a view are in
    ``reuse`` batches. ``places`` made-up places are rendered, with ``windows`` pictures of each; a class has ``examples``
    cut-outs, and the first ``measured`` pictures of a set tell how a run goes. ``unseen`` classes are taken out of all sets, so
    that what the decoder does with words that it was not taught can be measured.
    """

    recipe: Literal["decode"] = "decode"
    root: str = "../shared/data"
    cache: str = "runs/cache"
    model: str = "nano"
    sources: dict[str, float] = SHARES
    places: int = 12
    windows: int = 6
    examples: int = Field(default=8, ge=1)
    measured: int = Field(default=12, ge=1)
    unseen: tuple[str, ...] = ()
    batch: int = 8
    each: int = 3
    visual: float = 0.25
    reuse: int = Field(default=3, ge=1)
    lr: float = 2e-3
    inner: tuple[int, ...] = (24, 48, 64)
    blocks: tuple[int, ...] = (1, 1, 2)
    view: MaskViewConfig = MaskViewConfig()
    augment: AugmentConfig = AugmentConfig(
        coarse=0.1, coarse_side=(110, 210), colour=0.7, dim=0.1, haze=0.1, grey=0.1, radar=0.0, false_colour=0.03
    )
    loss: MaskLossConfig = MaskLossConfig()
    train: TrainConfig = TrainConfig(steps=2000, prefetch=4)


class Views(NamedTuple):
    """A batch: what the tower gives of pictures, conditions (B, K, D), shares of their masks and weights (B, K, h, w)."""

    depths: Depths
    conditions: Tensor
    true: Tensor
    judged: Tensor


class Looked(NamedTuple):
    """Views that the tower has looked at: what it gave, their numbers (N, S, S), and the pictures that they are of."""

    depths: Depths
    numbers: Tensor
    pictures: list[Masked]


class Stream:
    """Batches by number: classes drawn by source, pictures that show them, and random views.

    The tower takes longer than the decoder, so it looks at a group of views once, and each view is in ``reuse`` batches, with
    other classes asked for.
    """

    def __init__(self, material: Mapping[str, Sequence[Masked]], words: Vocabulary, model: Ready, recipe: Recipe) -> None:
        self.words, self.model, self.recipe = words, model, recipe
        self.showing = {
            source: {name: held for name in listed[0].classes if (held := [one for one in listed if name in one.present(64)])}
            for source, listed in material.items()
        }
        self.stride = 0
        self._centres: Decoder | None = None
        self._group: tuple[int, Looked] | None = None

    def serve(self, made: Decoder, stride: int) -> None:
        """Make batches for a decoder, whose masks have a place every ``stride`` pixels."""
        self._centres, self.stride = made, stride

    def batch(self, index: int) -> Views:
        """Give views and what is true of them; the same index gives the same batch."""
        recipe = self.recipe
        number, place = divmod(index, GROUP * recipe.reuse)
        if self._group is None or self._group[0] != number:
            self._group = number, self.group(number)
        group = self._group[1]
        order = np.random.default_rng((recipe.train.seed, number, place // GROUP)).permutation(GROUP * recipe.batch)
        rows = order[recipe.batch * (place % GROUP) :][: recipe.batch]
        rng = np.random.default_rng((recipe.train.seed, index, 1))
        asked = [self._asked(group.pictures[row], group.numbers[row], rng) for row in rows]
        conditions = torch.stack([torch.stack([self._condition(name, rng) for name in names]) for names in asked])
        truths = [self._truth(group.pictures[row], group.numbers[row], names) for row, names in zip(rows, asked, strict=True)]
        true, judged = (torch.stack(part) for part in zip(*truths, strict=True))
        at = torch.from_numpy(rows)
        maps = tuple(level[at].contiguous(memory_format=torch.channels_last) for level in group.depths.maps)
        return Views(Depths(group.depths.pooled[at], group.depths.cells[at], maps), conditions, true, judged)

    def group(self, number: int) -> Looked:
        """Draw a group of views and have the tower look at them."""
        recipe, seed = self.recipe, self.recipe.train.seed * 1_000_003 + number
        rng = np.random.default_rng(seed)
        names = list(self.showing)
        share = np.array([recipe.sources[name] for name in names])
        pictures, views = [], []
        for source in rng.choice(len(names), GROUP * recipe.batch, p=share / share.sum()):
            held = self.showing[names[source]]
            name = list(held)[int(rng.integers(len(held)))]
            picture = held[name][int(rng.integers(len(held[name])))]
            views.append(masks.view(picture, recipe.view, rng, name if rng.random() < recipe.view.about else None))
            pictures.append(picture)
        x = torch.from_numpy(np.stack([pixels for pixels, _ in views])).permute(0, 3, 1, 2).float() / 255
        x = recolour(x, recipe.augment, torch.Generator().manual_seed(seed))
        found = [self.model.depths(part, self.model.levels) for part in self.model.parts(ImageBatch.of(x))]
        maps = tuple(torch.cat(level) for level in zip(*(part.maps for part in found), strict=True))
        depths = Depths(torch.cat([part.pooled for part in found]), torch.cat([part.cells for part in found]), maps)
        return Looked(depths, torch.from_numpy(np.stack([index for _, index in views])), pictures)

    def _asked(self, picture: Masked, index: Tensor, rng: np.random.Generator) -> list[str]:
        """Classes to ask a view for: up to three quarters that it shows, the rest that it is known not to show."""
        shown = [name for name in picture.classes if np.isin(index.numpy(), list(picture.classes[name])).any()]
        other = [name for name in picture.classes if name not in shown]
        each = self.recipe.each
        rng.shuffle(shown)
        rng.shuffle(other)
        kept = shown[: max(1, 3 * each // 4)] if other else shown
        listed = (kept + other + shown[len(kept) :])[:each]
        return [listed[k % len(listed)] for k in range(each)]

    def _condition(self, name: str, rng: np.random.Generator) -> Tensor:
        """The vector (D,) that asks for a class: of words, or on the way to an example."""
        assert self._centres is not None
        number = self.words.classes.index(name)
        text = self._centres.of_texts(self.words.text(number, rng))
        example = self.words.example(number, rng) if rng.random() < self.recipe.visual else None
        if example is None:
            return text
        return F.normalize(torch.lerp(text, self._centres.of_images(example), float(rng.random())), dim=-1)

    def _truth(self, picture: Masked, index: Tensor, names: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Shares (K, h, w) of the labelled pixels of each place that are of a class, and weights."""
        known = F.avg_pool2d((index != UNLABELLED).float()[None], self.stride)
        held = np.stack([np.isin(index.numpy(), list(picture.classes[name])) for name in names])
        there = F.avg_pool2d(torch.from_numpy(held).float(), self.stride)
        return there / known.clamp(min=1e-6), (known >= 0.5).float().expand_as(there)


class Trained(nn.Module):
    """The decoder as it is called in training."""

    def __init__(self, made: Decoder) -> None:
        super().__init__()
        self.decoder = made
        channels_last(self)

    def forward(self, depths: Depths, conditions: Tensor) -> Tensor:
        """Give logits (B, K, h, w)."""
        found: Tensor = self.decoder(depths, conditions)
        return found


def material(recipe: Recipe) -> tuple[dict[str, list[Masked]], dict[str, list[Masked]]]:
    """Give the training pictures by source, without unseen classes, and those that the run is measured by."""
    teach, held = {}, {}
    root = Path(recipe.root)
    for name in recipe.sources:
        if name == masks.RENDERED:
            with main_first():
                teach[name] = masks.rendered(recipe.places, recipe.windows, 512, Path(recipe.cache))
            continue
        teach[name], held[name] = masks.load(root, name, "train"), masks.load(root, name, "val")
    known = frozenset[str]().union(*(picture.classes for listed in teach.values() for picture in listed))
    if strange := set(recipe.unseen) - known:
        raise ConfigError(f"unseen: no set has {sorted(strange)[0]!r}; there are: {', '.join(sorted(known))}.")
    teach = {name: [masks.without(picture, recipe.unseen) for picture in listed] for name, listed in teach.items()}
    return teach, {name: listed for name, listed in held.items() if listed}


def build(recipe: Recipe, stream: Stream, model: Ready) -> tuple[Decoder, int]:
    """Give an untrained decoder, its constants measured on views, words and examples, and pixels of a place of its masks."""
    torch.manual_seed(recipe.train.seed)
    depths = stream.group(APART).depths
    cell = recipe.view.size // depths.maps[0].shape[-1]
    up = max([factor for factor in range(1, cell + 1) if cell % factor == 0 and cell // factor >= FINEST], default=1)
    channels = tuple(level.shape[1] for level in depths.maps)
    made = Decoder(DecoderConfig(channels=channels, inner=recipe.inner, blocks=recipe.blocks, up=up, dim=model.spec.dim))
    texts = torch.cat([one.flatten(0, 1) for one in stream.words.vectors])
    plain = Depths(depths.pooled.cpu(), depths.cells.cpu(), tuple(level.cpu() for level in depths.maps))
    made.prepare(plain, texts, torch.cat(stream.words.examples))
    return made, cell // up


def compare(module: nn.Module, batch: Views, recipe: Recipe) -> tuple[Tensor, dict[str, float]]:
    """Give the objective of one batch, and what to log beside it."""
    logits = module(batch.depths, batch.conditions)
    return mask(logits.flatten(0, 1), batch.true.flatten(0, 1), batch.judged.flatten(0, 1), recipe.loss)


def run(recipe: Recipe, folder: Path) -> Decoder:
    """Train, resuming when ``folder`` holds a part of the same run; write ``decoder.safetensors`` there and give the decoder."""
    model: Ready = models.load(recipe.model, dtype="bfloat16" if recipe.train.precision == "bf16" else "float32")
    if not getattr(model, "levels", ()) or len(recipe.inner) != len(model.levels):
        raise ConfigError(
            f"{recipe.model} shows maps of {len(getattr(model, 'levels', ()))} depths and the decoder has {len(recipe.inner)} "
            "levels: give as many widths (inner) and blocks, and a model that shows maps."
        )
    if recipe.view.size % model.cells.side:
        raise ConfigError(f"view.size={recipe.view.size} is not of whole cells of {model.cells.side} pixels.")
    teach, held = material(recipe)
    every = [picture for listed in teach.values() for picture in listed]
    words = Vocabulary(model, sorted({name for listed in (every, *held.values()) for one in listed for name in one.classes}))
    words.show(model, every, recipe.examples, recipe.train.seed)
    stream = Stream(teach, words, model, recipe)
    made, side = build(recipe, stream, model)
    stream.serve(made, side)
    trained = Trained(made)
    taught = tuple(sorted({name for picture in every for name in picture.classes}))
    card = DecoderCard(model.spec.hash, tuple(model.levels), side, taught)

    def measured(most: int | None) -> dict[str, float]:
        made.eval()
        ready = Segmenter(model, made, card)
        some = {name: listed[:most] for name, listed in held.items()}
        found = figures.measure(lambda batch, names: ready.logits(batch, ready.texts(words.usual(names))), some)
        made.requires_grad_(True)
        return found

    fit(
        trained,
        stream.batch,
        lambda module, batch: compare(module, batch, recipe),
        [Group(list(trained.parameters()), recipe.lr)],
        recipe.train,
        folder,
        recipe,
        (lambda _: measured(recipe.measured)) if held else None,
    )
    if is_main():
        told = measured(None) if held else {}
        card = DecoderCard(model.spec.hash, tuple(model.levels), side, taught, told)
        decoder.save(made, card, folder / "decoder.safetensors", model.spec)
    return made.eval()
