"""The recipe of `nano-gen`: pictures of 64 pixels from words, classes, pixel sizes, masks and coarser pictures, by flow matching.

The denoiser learns the velocity on the straight way from a picture's latents to noise (Lipman et al. 2022, arXiv 2210.02747; Liu
et al. 2022, arXiv 2209.03003), at times drawn as in Esser et al. 2024 (arXiv 2403.03206). The same denoiser takes the scene at
coarser pixels, so that it draws stage by stage as MetaEarth does (arXiv 2405.13570). The decoder learns apart from it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from geoglot.core.config import Config
from geoglot.models import nano_gen, record
from geoglot.models.dual import DualModel, open_native
from geoglot.models.nano_gen import LOOKS, GenCard, GenParts, classes
from geoglot.nn.cells import channels_last
from geoglot.nn.draw import Denoiser, DrawConfig, Latents
from geoglot.train.distribute import is_main
from geoglot.train.loop import Group, TrainConfig, fit
from geoglot.zoo import _gen_material
from geoglot.zoo._gen_figures import Judge
from geoglot.zoo._gen_material import Taught
from geoglot.zoo._gen_views import Noised, Stream, ViewConfig

MEASURED = 10**6  # number of the first batch whose patches the rotation is taken from
BATCHES = 16
SHARES = {
    "ucm": 2.0, "vhr10": 0.3, "airport_obb": 0.3, "ships": 0.2, "dubai": 0.5, "epfl_roads": 0.5, "rendered": 0.4,
}  # fmt: skip


class Recipe(Config):
    """Everything that decides a run.

    ``weights`` says how often a picture of a source is drawn beside one of AID. ``places`` and ``covers`` are rendered places,
    with words and with masks (``windows`` of each). ``grain`` is the noise in the latents that the decoder learns from.
    Validation draws ``judged`` pictures of every class in ``draws`` steps of ``guidance``, which the file names as its own.
    """

    recipe: Literal["nano_gen"] = "nano_gen"
    root: str = "../shared/data"
    cache: str = "runs/cache"
    places: int = Field(default=220, ge=0)
    covers: int = Field(default=12, ge=0)
    windows: int = 6
    weights: dict[str, float] = SHARES
    batch: int = 64
    lr: float = 8e-4
    decoder_lr: float = 1e-3
    grain: float = 0.05
    judged: int = 5
    draws: int = 16
    guidance: float = 4.0
    draw: DrawConfig = DrawConfig()
    views: ViewConfig = ViewConfig()
    train: TrainConfig = TrainConfig(
        steps=6000, warmup=200, schedule="wsd", decay=0.3, weight_decay=0.01, betas=(0.9, 0.99), ema=0.9985, validate_every=400
    )
    decoder: TrainConfig = TrainConfig(steps=900, warmup=50, weight_decay=0.0, betas=(0.9, 0.99), ema=0.99)


def denoise(module: nn.Module, batch: Noised) -> tuple[Tensor, dict[str, float]]:
    """Mean squared error of the velocity; beside it that of times nearer to noise than to the picture."""
    found = module(batch.latents, batch.time, batch.asked).float()
    each = (found - batch.velocity).square().mean((1, 2, 3))
    far = batch.time > 0.5
    return each.mean(), {"far": float(each[far].detach().mean()) if bool(far.any()) else 0.0}


def sharpen(module: nn.Module, latents: Latents, x: Tensor, grain: float) -> tuple[Tensor, dict[str, float]]:
    """How far decoded pictures are off in value and from pixel to pixel; beside it their signal-to-noise ratio in dB."""
    made = latents.encode(x)
    found = module(made + grain * torch.rand(len(x), 1, 1, 1, device=x.device) * torch.randn_like(made))
    value = (found - x).abs().mean()
    for dim in (-1, -2):
        value = value + (found.diff(dim=dim) - x.diff(dim=dim)).abs().mean()
    return value, {"psnr": float(-10 * (found.detach().clamp(0, 1) - x).square().mean((1, 2, 3)).log10().mean())}


def run(recipe: Recipe, folder: Path) -> GenParts:
    """Train, resuming when ``folder`` holds a part of the same run; write ``nano-gen.safetensors`` there and give its parts."""
    root, cache = Path(recipe.root), Path(recipe.cache)
    model = open_native("nano", "auto", "bfloat16" if recipe.train.precision == "bf16" else "float32")
    taught, dropped = _gen_material.teach(root, cache, recipe.places, model)
    latents, denoiser, stream = prepared(recipe, taught, model)
    judge = Judge.build(model, root, cache, recipe.views.size)

    def measured(module: nn.Module) -> Mapping[str, float]:
        assert isinstance(module, Denoiser)
        return judge.figures(module, latents, recipe.judged, recipe.draws, recipe.guidance)

    latents.requires_grad_(False)
    fit(denoiser, stream.batch, denoise, [Group(list(denoiser.parameters()), recipe.lr)], recipe.train, folder, recipe, measured)
    latents.requires_grad_(True)
    fit(
        latents,
        stream.pictures,
        lambda module, x: sharpen(module, stream.latents, x, recipe.grain),
        [Group(list(latents.parameters()), recipe.decoder_lr)],
        recipe.decoder,
        folder / "decoder",
        recipe,
    )
    for part in (denoiser, latents):
        part.eval().requires_grad_(False)
    told = {f"val {name}": value for name, value in measured(denoiser).items()}
    parts = GenParts(
        denoiser, latents, GenCard(model.spec.hash, classes(), steps=recipe.draws, guidance=recipe.guidance, figures=told)
    )
    if is_main():
        file = folder / "nano-gen.safetensors"
        nano_gen.save(parts, file, model.spec)
        record.write(written(taught, dropped, recipe), file)
    return parts


def prepared(recipe: Recipe, taught: Taught, model: DualModel) -> tuple[Latents, Denoiser, Stream]:
    """Untrained networks, the rotation taken from views, and the batches."""
    root, cache = Path(recipe.root), Path(recipe.cache)
    covered = _gen_material.covered(root, cache, recipe.covers, recipe.windows) if recipe.covers else None
    config = recipe.draw.model_copy(update={"classes": len(classes()), "looks": len(LOOKS), "words": model.spec.dim})
    share = np.array([recipe.weights.get(source, 1.0) for source in taught.material.source])
    torch.manual_seed(recipe.train.seed)
    latents, denoiser = Latents(config), Denoiser(config)
    stream = Stream(taught, covered, latents, recipe.views, recipe.batch, recipe.train.seed, share / share.sum())
    latents.measure(torch.cat([stream.pictures(MEASURED + i) for i in range(BATCHES)]))
    channels_last(latents)
    channels_last(denoiser)
    return latents, denoiser, stream


def written(taught: Taught, dropped: list[str], recipe: Recipe) -> record.Record:
    """Say what a run took of each source, and what it left out."""
    count = Counter(taught.material.source)
    sources = {
        name: record.Taught(pictures=count[name], left_out=tuple(i for i in dropped if i.startswith(f"{name}/")))
        for name in _gen_material.SOURCES
        if count[name]
    }
    other = (f"rendered places: {count['rendered']:,} tiles of {recipe.places}, and {recipe.covers} with masks",)
    return record.Record(
        model=f"{nano_gen.NAME}@{nano_gen.VERSION}", sources=sources, other=(*other, "nano, whose words it reads")
    )
