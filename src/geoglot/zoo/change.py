"""Modules of change over any image-text model, or alone: a small head, ChangeCLIP, BAN, hosts like BiT and ChangeFormer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from geoglot import models
from geoglot.core.config import Config
from geoglot.core.errors import ConfigError
from geoglot.core.parts import find
from geoglot.core.protocols import ModelSpec
from geoglot.data.augment import AugmentConfig, recolour
from geoglot.data.build import twins
from geoglot.data.build.twins import Twin, TwinViewConfig, View
from geoglot.evals import changes as figures
from geoglot.losses.mask import MaskLossConfig, mask
from geoglot.models import changer
from geoglot.models.changer import ChangeModel, ChangerCard, dates
from geoglot.models.ready import Ready
from geoglot.nn.batch import ImageBatch
from geoglot.nn.cells import channels_last
from geoglot.nn.dates import MIDDLE, SPREAD, Changer, Date, Looks
from geoglot.train.distribute import is_main, main_first
from geoglot.train.loop import Group, TrainConfig, fit

APART = 900_000  # number of the group of views that constants are measured on
LARGER = 2.0  # times that coarse pictures are shown larger when they are compared: near the middle of the views' enlargement
GROUP = 4  # batches of views that the tower looks at together


class Recipe(Config):
    """Everything that decides a run.

    ``module`` is a part of `geoglot.nn.change` and ``options`` its own sizes; of ban, ``host`` names the host. ``model`` is the
    frozen model, empty for a host alone. ``places`` made-up places are rendered at three dates, and ``held`` others to choose by;
    ``rendered`` is the share of views of them, the rest are real pictures with parts of others pasted in. The tower's maps of a
    view are in ``reuse`` batches. ``shared`` happens to both dates alike (another sensor), ``each`` to each of them on its own.
    """

    recipe: Literal["change"] = "change"
    root: str = "../shared/data"
    cache: str = "runs/cache"
    module: str = "head"
    host: str = "changeformer"
    options: dict[str, Any] = Field(default_factory=dict)
    model: str = "nano"
    places: int = 64
    held: int = 24
    measured: int = Field(default=48, ge=1)
    rendered: float = Field(default=0.6, ge=0, le=1)
    batch: int = 8
    reuse: int = Field(default=3, ge=1)
    lr: float = 2e-3
    view: TwinViewConfig = TwinViewConfig()
    shared: AugmentConfig = AugmentConfig(
        coarse=0.15, coarse_side=(48, 120), colour=0.0, dim=0.0, haze=0.0, grey=0.08, radar=0.0, false_colour=0.12
    )
    each: AugmentConfig = AugmentConfig(
        coarse=0.1, coarse_side=(80, 150), colour=0.7, dim=0.12, haze=0.12, grey=0.0, radar=0.0, false_colour=0.0
    )
    loss: MaskLossConfig = MaskLossConfig()
    train: TrainConfig = TrainConfig(steps=1000, warmup=60, ema=0.995, validate_every=250, prefetch=4)


class Views(NamedTuple):
    """A batch: both dates, and (B, S, S) bool: which pixels changed, and of which that is known."""

    before: Date
    after: Date
    true: Tensor
    judged: Tensor


class Stream:
    """Batches by number: random views of rendered pairs and of pasted ones.

    The tower takes longer than the module, so it looks at a group of views once, and each view is in ``reuse`` batches.
    """

    def __init__(
        self, known: Sequence[Twin], pictures: Sequence[NDArray[np.uint8]], model: Ready | None, looks: Looks, recipe: Recipe
    ) -> None:
        self.known, self.pictures, self.model, self.looks, self.recipe = known, pictures, model, looks, recipe
        self.levels = () if model is None else tuple(model.levels)
        self._group: tuple[int, tuple[Date, Date, Tensor, Tensor]] | None = None

    def batch(self, index: int) -> Views:
        """Give views and what is true of them; the same index gives the same batch."""
        recipe = self.recipe
        number, place = divmod(index, GROUP * recipe.reuse)
        if self._group is None or self._group[0] != number:
            self._group = number, self.group(number)
        before, after, changed, judged = self._group[1]
        order = np.random.default_rng((recipe.train.seed, number, place // GROUP)).permutation(GROUP * recipe.batch)
        rows = torch.from_numpy(order[recipe.batch * (place % GROUP) :][: recipe.batch])
        return Views(before.rows(rows), after.rows(rows), changed[rows], judged[rows])

    def group(self, number: int) -> tuple[Date, Date, Tensor, Tensor]:
        """Draw a group of views and have the tower look at both dates."""
        recipe, seed = self.recipe, self.recipe.train.seed * 1_000_003 + number
        rng = np.random.default_rng(seed)
        views = [self._view(rng) for _ in range(GROUP * recipe.batch)]
        before, after = figures.batches(views)
        taken = []
        for k, one in enumerate((before, after)):
            x = recolour(one.pixels, recipe.shared, torch.Generator().manual_seed(seed))
            x = recolour(x, recipe.each, torch.Generator().manual_seed(2 * seed + k + 1))
            taken.append(dates(self.model, self.looks, ImageBatch.of(x, one.valid), self.levels))
        changed, judged = (torch.from_numpy(np.stack([getattr(v, name) for v in views])) for name in ("changed", "judged"))
        return taken[0], taken[1], changed, judged & before.valid

    def _view(self, rng: np.random.Generator) -> View:
        if self.known and (not self.pictures or rng.random() < self.recipe.rendered):
            return twins.view(self.known[int(rng.integers(len(self.known)))], self.recipe.view, rng)
        return twins.pasted(self.pictures, self.recipe.view, rng)


class Trained(nn.Module):
    """The module as it is called in training."""

    def __init__(self, module: Changer) -> None:
        super().__init__()
        self.module = module
        channels_last(self)

    def forward(self, before: Date, after: Date) -> Tensor:
        """Give logits (B, h, w)."""
        found: Tensor = self.module(before, after)
        return found


def compare(module: nn.Module, batch: Views, recipe: Recipe) -> tuple[Tensor, dict[str, float]]:
    """Give the objective of one batch, and what to log beside it."""
    logits = module(batch.before, batch.after)
    weight = F.adaptive_avg_pool2d(batch.judged.float(), logits.shape[-2:])
    share = F.adaptive_avg_pool2d((batch.true & batch.judged).float(), logits.shape[-2:])
    return mask(logits, share / weight.clamp(min=1e-6), (weight >= 0.5).float(), recipe.loss)


def sizes(recipe: Recipe, seen: Date) -> dict[str, Any]:
    """The options of the module: what the recipe says, and sizes that follow from the model's maps."""
    part = find(changer.ROOM, recipe.module)
    known = part.Options.model_fields
    made = dict(recipe.options)
    if seen.depths is not None:
        sides = {level.shape[-1] for level in seen.depths.maps}
        made["channels"] = tuple(level.shape[1] for level in seen.depths.maps)
        made["dim"] = seen.depths.pooled.shape[1]
        if "enlarge" in known and len(sides) == 1:  # a transformer's maps are all of one size
            made.setdefault("enlarge", tuple(2**k for k in reversed(range(len(seen.depths.maps)))))
    if "host" in known:
        made = {"host": recipe.host} | made
    return made


def build(recipe: Recipe, stream: Stream) -> tuple[Changer, dict[str, Any]]:
    """Give an untrained module, its constants measured on views, and its options."""
    torch.manual_seed(recipe.train.seed)
    part = find(changer.ROOM, recipe.module)
    seen = stream.group(APART)[0]
    options = part.Options.build(sizes(recipe, seen))
    module: Changer = part.KIND(options)
    vectors = torch.zeros(0)
    if stream.model is not None and module.texts:
        vectors = stream.model.text(list(module.texts)).float().cpu()
    module.prepare(seen.to(torch.device("cpu")), vectors)
    return module, options.model_dump(mode="json")


def ready(recipe: Recipe) -> Ready | None:
    """The frozen model, None for a host alone. Raises ConfigError for what does not go together."""
    kind: type[Changer] = find(changer.ROOM, recipe.module).KIND
    if kind.looks == "nothing":
        if recipe.model:
            raise ConfigError(
                f"{recipe.module} sees pixels alone: set model='' for it, or module='ban' and host='{recipe.module}'."
            )
        return None
    if not recipe.model:
        raise ConfigError(f"{recipe.module} needs a frozen model: name one (model='nano').")
    model: Ready = models.load(recipe.model, dtype="bfloat16" if recipe.train.precision == "bf16" else "float32")
    if not getattr(model, "levels", ()):
        raise ConfigError(f"{recipe.model} shows no maps of its depths: take nano, or a published CLIP or SigLIP.")
    if recipe.view.size % model.cells.side and kind.looks == "picture":
        raise ConfigError(f"view.size={recipe.view.size} is not of whole cells of {model.cells.side} pixels.")
    return model


def material(recipe: Recipe) -> tuple[list[Twin], list[NDArray[np.uint8]], dict[str, list[View]]]:
    """Rendered pairs and real pictures to learn from, and views to choose by."""
    cache, root = Path(recipe.cache), Path(recipe.root)
    taught: list[NDArray[np.uint8]] = []
    others: list[NDArray[np.uint8]] = []
    if recipe.rendered < 1:
        taught, others = twins.real(root, "train", recipe.train.seed), twins.real(root, "val", recipe.train.seed)
    known: list[Twin] = []
    apart: list[Twin] = []
    if recipe.rendered > 0:
        with main_first():
            known, apart = twins.rendered(recipe.places, cache), twins.rendered(recipe.held, cache, twins.HELD_SEED)
    return known, taught, figures.held(apart, others, recipe.measured, recipe.view)


def alone(recipe: Recipe) -> ModelSpec:
    """What a host without a frozen model is."""
    bands, gsd, size = ("red", "green", "blue"), (min(twins.GSDS), twins.MEAN * max(twins.GSDS)), recipe.view.size
    return ModelSpec(recipe.module, "1", "", 0, bands, size, gsd, (MIDDLE,) * 3, (SPREAD,) * 3, "none", "as of its training data")


def run(recipe: Recipe, folder: Path) -> Changer:
    """Train, resuming when ``folder`` holds a part of the same run; write ``changer.safetensors`` there and give the module."""
    model = ready(recipe)
    known, pictures, held = material(recipe)
    stream = Stream(known, pictures, model, find(changer.ROOM, recipe.module).KIND.looks, recipe)
    module, options = build(recipe, stream)
    trained = Trained(module)
    spec = alone(recipe) if model is None else model.spec
    card = ChangerCard(recipe.module, "" if model is None else spec.id, spec.hash, stream.levels)

    def measured(whole: nn.Module) -> dict[str, float]:
        whole.eval()
        found = figures.measure(ChangeModel(module, card, model).logits, held)
        module.requires_grad_(True)
        return found

    fit(
        trained,
        stream.batch,
        lambda whole, batch: compare(whole, batch, recipe),
        [Group(list(trained.parameters()), recipe.lr)],
        recipe.train,
        folder,
        recipe,
        measured if held else None,
    )
    if is_main():
        made = measured(trained) if held else {}
        told = {"least": made["least"], "coarse": twins.SMALL, "scale": LARGER} if made else {}
        changer.save(module, options, replace(card, calibration=told, figures=made), folder / "changer.safetensors", spec)
    return module.eval()
