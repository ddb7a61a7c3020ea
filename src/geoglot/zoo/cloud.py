"""The cloud head of `nano`: cloud, shadow and clear ground on the frozen tower, and the cloud of a tile by its vector."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from geoglot.core.config import Config
from geoglot.data.augment import AugmentConfig, recolour
from geoglot.data.build import grounds
from geoglot.data.build.grounds import Ground, ViewConfig
from geoglot.data.build.weather import CLEAR, CLOUD, SHADOW
from geoglot.evals import sky
from geoglot.evals.sky import Shown
from geoglot.losses.cloud import CloudLossConfig, cloud
from geoglot.metrics.presence import area, best_threshold
from geoglot.models.cloud import CloudCard, CloudParts, save
from geoglot.models.dual import DualModel, open_native
from geoglot.nn import heads
from geoglot.nn.batch import ImageBatch
from geoglot.nn.cells import channels_last
from geoglot.nn.cloud import STRIDE, CloudConfig, CloudHead
from geoglot.nn.heads import LinearHead
from geoglot.train.distribute import is_main
from geoglot.train.loop import Group, TrainConfig, fit

APART = 900_000  # number of the group of views that the constants of the head are measured on
GROUP = 4  # batches of views that the tower looks at together
TILES = 5  # seed of the tiles that the linear head is fitted on
L2 = (1e-5, 1e-4, 1e-3, 1e-2)


class Recipe(Config):
    """Everything that decides a run.

    ``model`` is the frozen model: nano, or a native file. ``sources`` says how often a view is of each source (see
    `data.build.grounds`), of which ``aerial`` photographs of each set and ``rendered`` made-up places take part. A view of
    ``size`` pixels shows ``zoom`` times as many of its ground, under weather of which ``clear`` is the share without a cloud; a
    share ``bright`` of the grounds is as light as sand, salt or snow.
    The tower's maps of a view are in ``reuse`` batches. The linear head is fitted on ``tiles`` tiles.
    """

    recipe: Literal["cloud"] = "cloud"
    root: str = "../shared/data"
    model: str = "nano"
    sources: dict[str, float] = grounds.SHARES
    aerial: int = 800
    rendered: int = 69
    size: int = Field(default=192, ge=32)
    zoom: tuple[float, float] = (0.6, 1.6)
    clear: float = 0.25
    bright: float = 0.12
    batch: int = 8
    reuse: int = Field(default=3, ge=1)
    tiles: int = 3000
    lr: float = 2e-3
    head: CloudConfig = CloudConfig()
    augment: AugmentConfig = AugmentConfig(
        coarse=0.1, coarse_side=(60, 150), colour=0.4, dim=0.1, haze=0.05, grey=0.12, radar=0.0, false_colour=0.03
    )
    loss: CloudLossConfig = CloudLossConfig()
    train: TrainConfig = TrainConfig(
        steps=2200, warmup=60, weight_decay=0.01, clip=10.0, ema=0.995, validate_every=550, prefetch=4
    )


class Views(NamedTuple):
    """A batch: the tower's maps of pictures, the pictures, shares (B, 3, h, w) of `nn.cloud.KINDS`, and which places count."""

    maps: tuple[Tensor, ...]
    pixels: Tensor
    true: Tensor
    judged: Tensor


class Trained(nn.Module):
    """The head as it is called in training."""

    def __init__(self, head: CloudHead) -> None:
        super().__init__()
        self.head = head
        channels_last(self)

    def forward(self, maps: Sequence[Tensor], pixels: Tensor) -> Tensor:
        """Give logits (B, 3, h, w)."""
        logits: Tensor = self.head(list(maps), pixels)
        return logits


class Stream:
    """Batches by number: grounds drawn by source, cut, put under weather and shown.

    The tower takes longer than the head, so it looks at a group of views once, and each view is in ``reuse`` batches.
    """

    def __init__(self, found: Sequence[Ground], model: DualModel, recipe: Recipe) -> None:
        self.grounds, self.model, self.recipe = found, model, recipe
        self.chance = grounds.chances(found, recipe.sources)
        self._group: tuple[int, Views] | None = None

    def batch(self, index: int) -> Views:
        """Give views and what is true of them; the same index gives the same batch."""
        recipe = self.recipe
        number, place = divmod(index, GROUP * recipe.reuse)
        if self._group is None or self._group[0] != number:
            self._group = number, self.group(number)
        held = self._group[1]
        order = np.random.default_rng((recipe.train.seed, number, place // GROUP)).permutation(GROUP * recipe.batch)
        rows = torch.from_numpy(order[recipe.batch * (place % GROUP) :][: recipe.batch])
        maps = tuple(level[rows].contiguous(memory_format=torch.channels_last) for level in held.maps)
        return Views(maps, held.pixels[rows], held.true[rows], held.judged[rows])

    def group(self, number: int) -> Views:
        """Give a group of views that the tower has looked at."""
        recipe, seed = self.recipe, self.recipe.train.seed * 1_000_003 + number
        views = [self.view(np.random.default_rng([seed, i])) for i in range(GROUP * recipe.batch)]
        x = torch.from_numpy(np.stack([one.pixels for one in views])).permute(0, 3, 1, 2).float() / 255
        x = recolour(x, recipe.augment, torch.Generator().manual_seed(seed))
        index = torch.from_numpy(np.stack([one.index for one in views]))
        true = torch.stack([F.avg_pool2d((index == k).float(), STRIDE) for k in (CLOUD, SHADOW, CLEAR)], 1)
        judged = torch.ones(true.shape[0], *true.shape[2:], dtype=torch.bool)
        return Views(tuple(tower(self.model, ImageBatch.of(x))), x, true, judged)

    def view(self, rng: np.random.Generator, size: int | None = None) -> Shown:
        """A picture of some ground under some weather, of ``size`` pixels a side."""
        recipe = self.recipe
        how = ViewConfig(size=size or recipe.size, zoom=recipe.zoom, clear=recipe.clear, bright=recipe.bright)
        ground, pixels, index = grounds.view(self.grounds, self.chance, how, rng)
        return Shown(ground.id, ground.source, ground.label, pixels, index)


@torch.no_grad()
def tower(model: DualModel, batch: ImageBatch) -> list[Tensor]:
    """What leaves the stages for pictures (B, 3, H, W) in [0, 1]."""
    parts = [model.model.image.maps(part.pixels, part.valid) for part in model.parts(batch.to(model.device))]
    return [torch.cat(level) for level in zip(*parts, strict=True)]


def compare(module: nn.Module, batch: Views, recipe: Recipe) -> tuple[Tensor, dict[str, float]]:
    """Give the objective of one batch, and what to log beside it."""
    return cloud(module(batch.maps, batch.pixels), batch.true, batch.judged, recipe.loss)


def answering(model: DualModel, module: nn.Module) -> sky.Answer:
    """Give what tells the kinds of places of pictures."""

    @torch.inference_mode()
    def answer(batch: ImageBatch) -> Tensor:
        module.eval()
        here = batch.to(model.device)
        with torch.autocast(model.device.type, torch.bfloat16, enabled=model.dtype == torch.bfloat16):
            found: Tensor = module(tower(model, here), here.pixels)
        return found.movedim(1, -1)

    return answer


def tile_head(stream: Stream, held: Sequence[Shown]) -> tuple[LinearHead, float, dict[str, float]]:
    """Fit the linear head on tiles, as regular as suits the held ones; with it the least share that is best called cloudy."""
    model, size = stream.model, stream.model.spec.size
    taught = [stream.view(np.random.default_rng([TILES, i]), size) for i in range(stream.recipe.tiles)]
    x, share = vectors(model, taught), np.array([one.share for one in taught], np.float32)
    asked = sky.tiles(held, size)
    other, truth = vectors(model, asked), np.array([one.cloudy for one in asked])
    fits = [heads.fit_share(x, share, l2) for l2 in L2]
    scores = [share_of(head, other) for head in fits]
    chosen = int(np.argmax([area(score, truth) for score in scores]))
    far = np.abs(scores[chosen] - np.array([one.share for one in asked]))
    told = {"val tile AUC": 100 * area(scores[chosen], truth), "val tile share off by": 100 * float(far.mean())}
    return fits[chosen], best_threshold(scores[chosen], truth), told


def share_of(head: LinearHead, x: NDArray[np.float32]) -> NDArray[np.float64]:
    """The share (N,) of cloud by the vectors (N, D) of tiles."""
    made: NDArray[np.float64] = 1 / (1 + np.exp(-head.logits(x)[:, 0].astype(np.float64)))
    return made


def vectors(model: DualModel, pictures: Sequence[Shown], rows: int = 32) -> NDArray[np.float32]:
    """Unit vectors (N, D) of pictures of one size."""
    parts = [model.image(sky.batch_of(pictures[i : i + rows])) for i in range(0, len(pictures), rows)]
    found: NDArray[np.float32] = torch.cat(parts).cpu().numpy()
    return found


def run(recipe: Recipe, folder: Path) -> CloudHead:
    """Train, resuming when ``folder`` holds a part of the same run; write ``nano.cloud.safetensors`` there and give the head."""
    root = Path(recipe.root)
    model = open_native(recipe.model, "auto", "bfloat16" if recipe.train.precision == "bf16" else "float32")
    stream = Stream(grounds.load(root, "train", recipe.aerial, recipe.rendered), model, recipe)
    torch.manual_seed(recipe.train.seed)
    head = CloudHead(recipe.head.model_copy(update={"channels": model.model.config.image.widths}))
    head.prepare([level.cpu() for level in stream.group(APART).maps])
    trained = Trained(head)
    held = sky.shown(root, "val")

    def measured(module: nn.Module) -> dict[str, float]:
        return sky.figures(sky.counted(sky.classes(answering(model, module), held), held))

    fit(
        trained,
        stream.batch,
        lambda module, batch: compare(module, batch, recipe),
        [Group(list(trained.parameters()), recipe.lr)],
        recipe.train,
        folder,
        recipe,
        measured,
    )
    if is_main():
        tile, present, told = tile_head(stream, held)
        told |= {f"val {name}": value for name, value in measured(trained).items()}
        card = CloudCard(model.spec.hash, present, {name: round(value, 2) for name, value in told.items()})
        save(CloudParts(head, tile, card), folder / "nano.cloud.safetensors", model.spec)
    return head.eval()
