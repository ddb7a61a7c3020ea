"""The recipe of `nano-gen`: pictures of 64 pixels from words, classes, pixel sizes, masks and coarser pictures, by flow matching."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geoglot.core.config import Config
from geoglot.models.dual import open_native
from geoglot.models.nano_gen import LOOKS, classes
from geoglot.nn.cells import channels_last
from geoglot.nn.draw import Denoiser, DrawConfig, Latents
from geoglot.train.loop import Group, TrainConfig, fit
from geoglot.zoo import _gen_material
from geoglot.zoo._gen_figures import Judge
from geoglot.zoo._gen_views import Noised, Stream, ViewConfig


class Recipe(Config):
    """Everything that decides a run. ``weights`` says how often a picture of a source is drawn beside one of AID; ``places`` and
    ``covers`` are rendered places with words and with masks, of ``windows`` each."""

    recipe: Literal["nano_gen"] = "nano_gen"
    root: str = "../shared/data"
    cache: str = "runs/cache"
    places: int = 220
    covers: int = 12
    windows: int = 6
    weights: dict[str, float] = {"ucm": 2.0, "vhr10": 0.3, "airport_obb": 0.3, "ships": 0.2, "dubai": 0.5, "epfl_roads": 0.5, "rendered": 0.4}  # noqa: RUF012
    batch: int = 64
    lr: float = 1e-3
    decoder_lr: float = 1e-3
    grain: float = 0.05
    judged: int = 5
    guidance: float = 3.0
    draw: DrawConfig = DrawConfig()
    views: ViewConfig = ViewConfig()
    train: TrainConfig = TrainConfig(
        steps=5000, warmup=200, schedule="wsd", decay=0.3, weight_decay=0.01, betas=(0.9, 0.99), ema=0.9985,
        validate_every=400, save_every=100, prefetch=0,
    )  # fmt: skip
    decoder: TrainConfig = TrainConfig(
        steps=900, warmup=50, weight_decay=0.0, betas=(0.9, 0.99), ema=0.99, save_every=100, prefetch=0
    )  # fmt: skip


def denoise(module: nn.Module, batch: Noised) -> tuple[Tensor, dict[str, float]]:
    """Mean squared error of the velocity, and that of the early, middle and late times."""
    found = module(batch.latents, batch.time, batch.asked).float()
    each = (found - batch.velocity).square().mean((1, 2, 3))
    return each.mean(), {"late": float(each[batch.time > 0.5].mean())} if bool((batch.time > 0.5).any()) else {}


def sharpen(module: nn.Module, latents: Latents, x: Tensor, grain: float) -> tuple[Tensor, dict[str, float]]:
    """How far decoded pictures are off, and their edges, with a little noise in the latents."""
    made = latents.encode(x)
    found = module(made + grain * torch.rand(len(x), 1, 1, 1) * torch.randn_like(made))
    value = (found - x).abs().mean()
    for dim in (-1, -2):
        value = value + (found.diff(dim=dim) - x.diff(dim=dim)).abs().mean()
    return value, {"psnr": float(-10 * (found.detach().clamp(0, 1) - x).square().mean((1, 2, 3)).log10().mean())}


def run(recipe: Recipe, folder: Path) -> Denoiser:
    """Train."""
    root, cache = Path(recipe.root), Path(recipe.cache)
    model = open_native("nano", "auto", "bfloat16" if recipe.train.precision == "bf16" else "float32")
    taught, dropped = _gen_material.teach(root, cache, recipe.places, model)
    covered = _gen_material.covered(root, cache, recipe.covers, recipe.windows) if recipe.covers else None
    config = recipe.draw.model_copy(update={"classes": len(classes()), "looks": len(LOOKS), "words": model.spec.dim})
    share = np.array([recipe.weights.get(source, 1.0) for source in taught.material.source])
    torch.manual_seed(recipe.train.seed)
    latents, denoiser = Latents(config), Denoiser(config)
    stream = Stream(taught, covered, latents, config, recipe.views, recipe.batch, recipe.train.seed, share / share.sum())
    latents.measure(torch.cat([stream.pictures(10**6 + i) for i in range(16)]))
    channels_last(latents)
    channels_last(denoiser)
    judge = Judge.build(model, root, cache, recipe.views.size)

    def measured(module: nn.Module) -> Mapping[str, float]:
        assert isinstance(module, Denoiser)
        return judge.figures(module, latents, recipe.judged, recipe.guidance, folder)

    latents.requires_grad_(False)
    fit(denoiser, stream.batch, denoise, [Group(list(denoiser.parameters()), recipe.lr)], recipe.train, folder, recipe, measured)
    sharpened(latents, stream, recipe, folder)
    return denoiser


def sharpened(latents: Latents, stream: Stream, recipe: Recipe, folder: Path) -> None:
    """Teach the decoder, which needs nothing of the denoiser."""
    latents.requires_grad_(True)
    fit(
        latents, stream.pictures, lambda module, x: sharpen(module, stream.latents, x, recipe.grain),
        [Group(list(latents.parameters()), recipe.decoder_lr)], recipe.decoder, folder / "decoder", recipe,
    )  # fmt: skip
    latents.eval().requires_grad_(False)
