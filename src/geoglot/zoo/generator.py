"""A generator of diffusers' parts: from scratch, all of a published one, low-rank updates of it, or a ControlNet beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from geoglot.core.config import Config
from geoglot.core.errors import ConfigError
from geoglot.losses.diffusion import DiffusionConfig, diffusion, noised, target
from geoglot.losses.flow import FlowConfig, between, flow, times
from geoglot.models import assembled, generators, lora, schedules
from geoglot.models.condition import Drawing
from geoglot.models.generators import _folder
from geoglot.models.latent import Beside, Latent, Parts
from geoglot.models.lora import LoraConfig
from geoglot.models.probe import device_of
from geoglot.nn.conditions import Metadata, MetadataConfig
from geoglot.nn.denoiser import Denoiser, Heard
from geoglot.train import batches
from geoglot.train.distribute import is_main, main_first
from geoglot.train.loop import Group, TrainConfig, fit
from geoglot.zoo._drawn_pictures import Batch, DropConfig, Pictures, Stream, gather

NATURAL = ("red", "green", "blue")
ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")
HELD = 8  # batches that are measured
VALIDATION = 900_000  # number of the first of them
FLOW = {"_class_name": "FlowMatchEulerDiscreteScheduler", "num_train_timesteps": 1000, "shift": 1.0}
NOISE = {
    "_class_name": "DDIMScheduler", "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
    "clip_sample": False, "set_alpha_to_one": True, "timestep_spacing": "trailing", "rescale_betas_zero_snr": True,
}  # fmt: skip


class NetworkConfig(Config):
    """A denoiser from scratch: ``widths`` of a U-Net's levels, or of a transformer's one (``depth`` blocks, ``patch`` latents).

    ``predicts`` is what it says: "flow" learns straight paths. ``metadata`` gives it place, pixel size and date, ``coarse`` a
    coarser picture beside the latents, with which it draws in a cascade. ``attend`` says which levels look at words.
    """

    kind: Literal["unet", "transformer"] = "unet"
    predicts: Literal["flow", "epsilon", "v_prediction", "sample"] = "flow"
    widths: tuple[int, ...] = (128, 256, 384)
    attend: tuple[bool, ...] = (False, True, True)
    layers: int = 2
    heads: int = 32
    depth: int = 12
    patch: int = 2
    metadata: bool = True
    coarse: bool = False


class Recipe(Config):
    """Everything that decides a run.

    ``model`` is a generator to go on from (name, hub id or folder), else ``network`` begins anew, with the autoencoder and text
    encoder of ``parts`` (a name, hub id or folder), or without: on pixels, without words. ``tune``: all of the denoiser
    ("full"), low-rank updates of its attention ("lora", merged at the end, and alone in ``lora``), or a ControlNet ("control",
    for ``control``: edges and coarse come from the pictures, masks from the sources). Autoencoder and text encoder never learn.
    """

    recipe: Literal["generator"] = "generator"
    model: str | None = None
    parts: str | None = None
    root: str = "../shared/data"
    cache: str = "runs/cache"
    sources: tuple[str, ...] = ("ucm", "aid_rsicd")
    side: int = Field(default=256, ge=8)
    tune: Literal["full", "lora", "control"] = "full"
    control: Literal["edges", "coarse", "mask"] = "edges"
    batch: int = Field(default=32, ge=1)
    lr: float = Field(default=1e-4, gt=0)
    network: NetworkConfig = NetworkConfig()
    drop: DropConfig = DropConfig()
    diffusion: DiffusionConfig = DiffusionConfig()
    flow: FlowConfig = FlowConfig()
    lora: LoraConfig = LoraConfig(rank=16, alpha=16, targets=ATTENTION)
    train: TrainConfig = TrainConfig(steps=20_000, warmup=500, weight_decay=0.01, ema=0.9999)


def begin(recipe: Recipe, classes: int = 0) -> Latent:
    """The generator that is taught, before it is: opened, or new. Raises ConfigError, and as `generators.load` does."""
    if recipe.model is not None:
        made = generators.load(recipe.model, "auto", "float32")
        if not isinstance(made, Latent) or made.parts.network.fusion is not None:
            raise ConfigError(f"model={recipe.model!r} is not trained by this recipe: give one of diffusers' parts")
    else:
        if recipe.tune != "full":
            raise ConfigError(f"tune={recipe.tune!r} goes on from a generator: say which with model, or tune='full'")
        made = untrained(recipe)
    if made.native != recipe.side:
        made = again(made, native=recipe.side)
    network = made.parts.network
    if recipe.tune == "control" and recipe.control not in network.nets:
        if network.flat:
            raise ConfigError("a ControlNet is a copy of a U-Net's encoder, and this model has a transformer: tune='lora'")
        network.nets[recipe.control] = control_net(made, classes if recipe.control == "mask" else 3)
        made = again(made)
    return made


def again(made: Latent, **more: Any) -> Latent:
    """The same parts as a generator anew, so that what is known of them is true again."""
    given: dict[str, Any] = {"native": made.native} | more
    spec = replace(made.spec, size=given["native"])
    return Latent(made.parts, spec, given["native"], made.defaults, made.device, made.dtype)


def control_net(made: Latent, channels: int) -> nn.Module:
    """A copy of the U-Net's encoder that takes an image, and adds nothing at first; its image is made as small as latents."""
    from diffusers import ControlNetModel

    halvings = made.cell.bit_length() - 1
    widths = (16, 32, 96, 256)[: halvings + 1] if halvings <= 3 else (16, *[32 * 2**k for k in range(halvings)])
    core = made.parts.network.core
    if core.config.in_channels != made.channels:
        raise ConfigError("a ControlNet takes latents alone, and this U-Net has channels beside them: tune='full'")
    net: nn.Module = ControlNetModel.from_unet(core, conditioning_channels=channels, conditioning_embedding_out_channels=widths)
    return net


def untrained(recipe: Recipe) -> Latent:
    """A new denoiser between the frozen parts that are named."""
    _folder.quiet()
    config = recipe.network
    vae = phrases = None
    if recipe.parts is not None:
        path, _ = generators.locate(recipe.parts)
        vae, phrases = _folder.autoencoder(path), _folder.phrases(path)
    cell = 1 if vae is None else 2 ** (len(vae.config.block_out_channels) - 1)  # type: ignore[union-attr, arg-type]
    channels = 3 if vae is None else int(vae.config.latent_channels)  # type: ignore[union-attr, arg-type]
    width = 32 if phrases is None else int(phrases.encoder.config.hidden_size)  # type: ignore[union-attr, arg-type]
    beside = (Beside("coarse", channels + 1, True),) if config.coarse else ()
    torch.manual_seed(recipe.train.seed)
    core = network_of(config, channels + sum(one.channels for one in beside), channels, recipe.side // cell, width)
    time = (
        core.config.num_attention_heads * core.config.attention_head_dim if config.kind == "transformer" else 4 * config.widths[0]
    )
    metadata = Metadata(MetadataConfig(width=min(320, time), out=time)) if config.metadata else None
    schedule = FLOW if config.predicts == "flow" else {**NOISE, "prediction_type": config.predicts}
    if config.predicts == "epsilon":
        schedule = {**schedule, "rescale_betas_zero_snr": False}  # where there is no signal, noise says nothing
    sampler = "flow" if config.predicts == "flow" else "ddim"
    spec = assembled.spec_of("generator", NATURAL, recipe.side, "that of its training pictures")
    parts = Parts(Denoiser(core, metadata), schedule, vae, phrases, beside)
    return Latent(parts, spec, recipe.side, Drawing(25, 3.0, sampler), device_of("auto"), torch.float32)


def network_of(config: NetworkConfig, ins: int, outs: int, side: int, words: int) -> Any:
    """A denoiser of diffusers without weights."""
    import diffusers

    if config.kind == "transformer":
        heads = config.widths[0] // config.heads
        return diffusers.PixArtTransformer2DModel(
            num_attention_heads=heads, attention_head_dim=config.heads, in_channels=ins, out_channels=outs,
            num_layers=config.depth, cross_attention_dim=heads * config.heads, caption_channels=words, sample_size=side,
            patch_size=config.patch, norm_num_groups=1, use_additional_conditions=False,
        )  # fmt: skip
    if len(config.attend) != len(config.widths):
        raise ConfigError(f"network.attend has {len(config.attend)} levels, and network.widths {len(config.widths)}")
    return diffusers.UNet2DConditionModel(
        sample_size=side, in_channels=ins, out_channels=outs, block_out_channels=config.widths, layers_per_block=config.layers,
        down_block_types=tuple("CrossAttnDownBlock2D" if one else "DownBlock2D" for one in config.attend),
        up_block_types=tuple("CrossAttnUpBlock2D" if one else "UpBlock2D" for one in reversed(config.attend)),
        cross_attention_dim=words, attention_head_dim=[max(1, width // config.heads) for width in config.widths],
        # a norm of each channel alone would take off what the time adds
        norm_num_groups=min(32, config.widths[0] // 4),
    )  # fmt: skip


def learns(made: Latent, recipe: Recipe) -> tuple[list[nn.Parameter], Any]:
    """What learns, and peft's handle where it is adapters; all else is frozen."""
    network = made.parts.network.requires_grad_(False)
    handle = None
    if recipe.tune == "lora":
        handle = lora.wrap(network.core, recipe.lora)
    elif recipe.tune == "control":
        network.nets[recipe.control].requires_grad_(True)
    else:
        network.core.requires_grad_(True)
        if network.metadata is not None:
            network.metadata.requires_grad_(True)
    return [p for p in network.parameters() if p.requires_grad], handle


def compare(module: nn.Module, batch: Batch, recipe: Recipe, schedule: dict[str, Any]) -> tuple[Tensor, dict[str, float]]:
    """Give the objective of one batch, and what to log beside it."""
    predicts = schedules.predicts(schedule)
    if predicts == "flow":
        share = times(batch.share, recipe.flow)
        x, time = between(batch.clean, batch.noise, share), share * 1000
    else:
        table = alphas(schedule, batch.clean.device)
        step = (batch.share * len(table)).long().clamp(max=len(table) - 1)
        x, time = noised(batch.clean, batch.noise, table[step]), step
    said = say(module, x, time, batch, recipe)
    if predicts == "flow":
        return flow(said, batch.clean, batch.noise), {}
    alpha = table[step]
    kind: Any = predicts
    return diffusion(said, target(batch.clean, batch.noise, alpha, kind), alpha, kind, recipe.diffusion), {}


def say(module: nn.Module, x: Tensor, time: Tensor, batch: Batch, recipe: Recipe) -> Tensor:
    """What the denoiser says of noisy latents, with all that steers them in a batch."""
    whole = x if batch.beside is None else torch.cat([x, batch.beside], 1)
    hints = {} if batch.hint is None else {recipe.control: (batch.hint, 1.0)}
    said: Tensor = module(whole, time, Heard(batch.words, batch.mask), batch.numbers, None, None, hints)
    return said[:, : x.shape[1]]


def alphas(schedule: dict[str, Any], device: torch.device) -> Tensor:
    """The share of signal (steps,) at each step of a schedule."""
    import diffusers

    own = {name: value for name, value in schedule.items() if not name.startswith("_")}
    made: Tensor = diffusers.DDIMScheduler.from_config(own).alphas_cumprod
    return made.to(device)


@torch.no_grad()
def measure(module: nn.Module, held: Stream, recipe: Recipe, schedule: dict[str, Any]) -> dict[str, float]:
    """Give the mean objective on held-out pictures, with noise that is always the same."""
    device = next(module.parameters()).device
    module.eval()
    found = []
    for k in range(HELD):
        batch: Batch = batches.to(held(VALIDATION + k), device)
        found.append(float(compare(module, batch, recipe, schedule)[0]))
    return {"held": round(sum(found) / len(found), 5)}


def streams(recipe: Recipe, pictures: Sequence[Pictures], made: Latent) -> list[Stream]:
    """Batches of training and of held-out pictures."""
    kind = recipe.control if recipe.tune == "control" else ""
    cache = Path(recipe.cache)
    return [Stream(part, made, recipe.batch, recipe.train.seed, recipe.drop, kind, cache) for part in pictures]


def run(recipe: Recipe, folder: Path) -> Latent:
    """Train, or go on; write the model into ``model`` there, which loads by its path, and give it."""
    masks = recipe.tune == "control" and recipe.control == "mask"
    with main_first():  # which fetches weights and decodes pictures
        splits: tuple[Literal["train", "val"], ...] = ("train", "val")
        pictures = [gather(Path(recipe.root), Path(recipe.cache), recipe.sources, one, recipe.side, masks) for one in splits]
        made = begin(recipe, len(pictures[0].classes))
        if masks and pictures[0].classes != pictures[1].classes:
            raise ConfigError("the held-out masks name other classes than those of training: give other sources")
        teach, held = streams(recipe, pictures, made)
    parameters, handle = learns(made, recipe)
    schedule = dict(made.parts.schedule)
    fit(
        made.parts.network,
        teach,
        lambda module, batch: compare(module, batch, recipe, schedule),
        [Group(parameters, recipe.lr)],
        recipe.train,
        folder,
        recipe,
        lambda module: measure(module, held, recipe, schedule),
    )
    if is_main() and handle is not None:
        lora.save(handle, folder / "lora")
    if handle is not None:
        lora.merge(handle)
    made.parts.network.eval().requires_grad_(False)
    if is_main():
        assembled.save(made, folder / "model", f"{made.spec.id}-tuned" if recipe.model else folder.name, made.spec.licence)
    return made
