"""Trains a joint bilateral upsampler for the cells of a frozen model (SimFeatUp, arXiv 2410.01768)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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
from geoglot.data.augment import plain
from geoglot.data.build import mixture
from geoglot.data.build.mixture import Material
from geoglot.models import upsampler
from geoglot.models.dual import DualModel
from geoglot.nn.batch import ImageBatch
from geoglot.nn.upsample import JointBilateral, Retrace, UpsamplerConfig
from geoglot.train.distribute import is_main, main_first
from geoglot.train.loop import Group, TrainConfig, fit

MEASURED = 64  # pictures that a run is watched on


class Recipe(Config):
    """Everything that decides a run.

    Pictures of ``sources`` are looked at whole at ``size`` pixels and in a view that is cut out and perhaps mirrored; maps are
    made finer on a random projection of the features to ``channels`` numbers, brought into the view, averaged back to cells,
    and compared with what the model sees there. ``colours`` is the weight of telling the picture from the finer map.

    The published method learns on four doublings, with a radius of 5 and 30 channels. Here two doublings teach the filter that
    all of them share, since the last two would be fifteen sixteenths of the work; and a radius of 3 costs a CPU 2.5 times less.
    """

    recipe: Literal["upsample"] = "upsample"
    model: str = "nano"
    root: str = "../shared/data"
    cache: str = "runs/cache"
    sources: tuple[str, ...] = ("aid_rsicd", "ucm")
    batch: int = Field(default=8, ge=1)
    size: int = 160
    channels: int = 16
    zoom: tuple[float, float] = (0.5, 1.0)
    colours: float = 0.1
    lr: float = 0.015
    upsampler: UpsamplerConfig = UpsamplerConfig(radius=3, keys=16, times=2)
    train: TrainConfig = TrainConfig(steps=400, warmup=20, ema=0.98, weight_decay=0.0, precision="no", validate_every=100)


class Views(NamedTuple):
    """Pictures (B, 3, S, S), their cells (B, C, h, w), where the view lies in them (B, 2, 3, as `affine_grid` takes it), and
    the cells of the view."""

    pictures: Tensor
    cells: Tensor
    turn: Tensor
    wanted: Tensor


class Learner(nn.Module):
    """The upsampler, and what tells the picture from its maps."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.up = JointBilateral(recipe.upsampler)
        self.retrace = Retrace(recipe.channels)

    def forward(self, batch: Views) -> tuple[Tensor, Tensor, Tensor]:
        """Give cells (B, C, h, w) of the finer map averaged back, those of the view in it, and colours of the finer map."""
        fine = self.up(batch.cells, batch.pictures)
        return F.avg_pool2d(fine, self.up.factor), F.avg_pool2d(view(fine, batch.turn), self.up.factor), self.retrace(fine)


def view(maps: Tensor, turn: Tensor) -> Tensor:
    """What lies in the view, at the maps' own size."""
    places = F.affine_grid(turn, list(maps.shape), align_corners=False)
    return F.grid_sample(maps, places, mode="bilinear", padding_mode="reflection", align_corners=False)


@dataclass(frozen=True)
class Stream:
    """Batches by number."""

    material: Material
    model: DualModel
    basis: Tensor
    recipe: Recipe

    def batch(self, index: int) -> Views:
        """Give pictures, their cells and a view; the same index gives the same batch."""
        seed = self.recipe.train.seed * 1_000_003 + index
        rows = np.sort(np.random.default_rng(seed).choice(len(self.material), self.recipe.batch, replace=False))
        return self.views(rows, torch.Generator().manual_seed(seed))

    def views(self, rows: np.ndarray, rng: torch.Generator) -> Views:
        """Give some pictures with one view of each."""
        pixels = torch.from_numpy(np.ascontiguousarray(self.material.pixels[rows]))
        pictures = plain(pixels, self.recipe.size).pixels
        low, high = self.recipe.zoom
        side = torch.rand(len(rows), generator=rng) * (high - low) + low
        mirror = torch.randint(0, 2, (len(rows),), generator=rng) * 2.0 - 1
        shift = (torch.rand(len(rows), 2, generator=rng) * 2 - 1) * (1 - side[:, None])
        zero = torch.zeros_like(side)
        turn = torch.stack([torch.stack([side * mirror, zero, shift[:, 0]], 1), torch.stack([zero, side, shift[:, 1]], 1)], 1)
        return Views(pictures, self.cells(pictures), turn, self.cells(view(pictures, turn).clamp(0, 1)))

    def cells(self, pictures: Tensor) -> Tensor:
        """The model's cells (B, channels, h, w) of pictures, projected."""
        found = self.model.dense(ImageBatch.of(pictures)).float().cpu()
        return (found @ self.basis).permute(0, 3, 1, 2).contiguous()


def objective(recipe: Recipe, module: nn.Module, batch: Views) -> tuple[Tensor, dict[str, float]]:
    """Give the loss of one batch, and its parts."""
    back, seen, colours = module(batch)
    spread = batch.cells.var()  # of the projected cells, so that the weight of colours means the same for every model
    same, view = F.mse_loss(back, batch.cells) / spread, F.mse_loss(seen, batch.wanted) / spread
    told = F.mse_loss(colours, F.adaptive_avg_pool2d(batch.pictures, colours.shape[-2:]))
    value = same + view + recipe.colours * told
    return value, {"same": float(same.detach()), "view": float(view.detach()), "colours": float(told.detach())}


@torch.no_grad()
def measure(recipe: Recipe, module: Learner, held: Stream) -> dict[str, float]:
    """How far cells of views lie from what the finer maps say of them, as a share of that of maps made finer bilinearly."""
    rows = np.arange(min(MEASURED, len(held.material)))
    errors = np.zeros(2)
    for start in range(0, len(rows), recipe.batch):
        batch = held.views(rows[start : start + recipe.batch], torch.Generator().manual_seed(start))
        _, seen, _ = module(batch)
        smooth = F.interpolate(batch.cells, scale_factor=module.up.factor, mode="bilinear", align_corners=False)
        plainly = F.avg_pool2d(view(smooth, batch.turn), module.up.factor)
        errors += [float(F.mse_loss(found, batch.wanted)) * len(batch.wanted) for found in (seen, plainly)]
    return {"error": float(errors[0] / errors[1])}


def run(recipe: Recipe, folder: Path) -> JointBilateral:
    """Train, resuming when ``folder`` holds a part of the same run; write ``upsampler.safetensors`` there and give it."""
    model = models.load(recipe.model)
    if not isinstance(model, DualModel):
        raise ConfigError(f"An upsampler is trained for a model of ours, and {recipe.model} is another: set model=nano.")
    side = model.cells.side
    if recipe.size % side or not 2 <= 1 << recipe.upsampler.times <= side:
        raise ConfigError(
            f"Pictures of whole cells are needed, and cells of {side} pixels can be halved up to {side.bit_length() - 1} times: "
            f"set size to a multiple of {side}, and upsampler.times."
        )
    root, cache = Path(recipe.root), Path(recipe.cache)
    with main_first():
        teach = mixture.sources(root, cache, recipe.sources, "train", recipe.size)
        held = mixture.sources(root, cache, recipe.sources, "val", recipe.size)
    rng = torch.Generator().manual_seed(recipe.train.seed)
    basis = torch.linalg.qr(torch.randn(model.spec.dim, recipe.channels, generator=rng)).Q
    torch.manual_seed(recipe.train.seed)
    module = Learner(recipe)
    stream = Stream(teach, model, basis, recipe)
    watched = Stream(held, model, basis, recipe)

    def loss(worker: nn.Module, batch: Views) -> tuple[Tensor, Mapping[str, float]]:
        return objective(recipe, worker, batch)

    groups = [Group(list(module.parameters()), recipe.lr)]
    fit(module, stream.batch, loss, groups, recipe.train, folder, recipe, lambda _: measure(recipe, module, watched))
    if is_main():
        upsampler.save(module.up, folder / "upsampler.safetensors", model.spec)
    return module.up.eval()
