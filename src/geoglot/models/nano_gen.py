"""The file of `nano-gen`: the denoiser, what turns pictures to latents and back, and its card; and the names that it knows."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from geoglot.core.errors import InputError, ModelError
from geoglot.core.parts import find
from geoglot.core.protocols import ModelSpec
from geoglot.data.synth import SCENES
from geoglot.models import weights
from geoglot.nn.cells import channels_last
from geoglot.nn.draw import Asked, Denoiser, DrawConfig, Latents

VERSION = "1"
NAME = "nano-gen"
NATIVE = 64  # pixels along the side of a window
COVER = ("bare land", "water", "buildings", "vegetation", "roads", "paved", "unknown")
LOOKS = ("unknown", "aerial", "rendered")
SOURCES = ("aid_rsicd", "ucm")
LICENCE = "trained on pictures for research use, some of them of unstated licence: see the card"


@cache
def classes() -> tuple[str, ...]:
    """Scene classes that can be asked for, each with its source in front."""
    named = [f"{source}/{name}" for source in SOURCES for name in sorted(find("data.sources", source).CARD.classes)]
    return (*named, *(f"rendered/{name}" for name in SCENES))


def label_of(name: str, known: tuple[str, ...]) -> int:
    """The number of a class by its name, with its source or without (the first that has it), or by a phrase that says it.

    Raises InputError with the nearest names.
    """
    wanted = name.strip().lower()
    for number, full in enumerate(known):
        source, own = full.split("/", 1)
        said = find("data.sources", source).CARD.classes.get(own, ()) if source in SOURCES else ()
        if wanted in (full.lower(), own.lower(), *(phrase.lower() for phrase in said)):
            return number
    near = difflib.get_close_matches(wanted, [full.split("/", 1)[1].lower() for full in known], n=3, cutoff=0.5)
    hint = f"did you mean {', '.join(near)}?" if near else "say it as text instead."
    raise InputError(f"{NAME} knows no class {name!r}: {hint}")


def prompts(known: tuple[str, ...]) -> list[str]:
    """A sentence for each class, as sentences of classes were taught."""
    found = []
    for full in known:
        source, own = full.split("/", 1)
        said = find("data.sources", source).CARD.classes.get(own, (own,)) if source in SOURCES else (own,)
        found.append(f"a satellite photo of {said[0]}.")
    return found


def named(words: Tensor, prompted: Tensor, known: tuple[str, ...], rendered: bool = False) -> Tensor:
    """The number (N,) of the class whose sentence (K, D) is nearest to each vector (N, D), of real or of rendered pictures.

    With a class beside the words more of what is drawn is of what was asked for.
    """
    own = torch.tensor([full.startswith("rendered/") == rendered for full in known], device=words.device)
    return (words @ prompted.T).masked_fill(~own, -torch.inf).argmax(1)


@dataclass(frozen=True)
class GenCard:
    """What the file says beside its weights: the hash of the model whose words it reads, the names of its classes, looks and
    cover, how it is best drawn, and what was measured."""

    model: str
    classes: tuple[str, ...]
    looks: tuple[str, ...] = LOOKS
    cover: tuple[str, ...] = COVER
    steps: int = 16
    guidance: float = 4.0
    figures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class GenParts:
    """Denoiser, latents and card."""

    denoiser: Denoiser
    latents: Latents
    card: GenCard


def save(parts: GenParts, path: Path, spec: ModelSpec) -> str:
    """Write the parts; ``spec`` is of the model whose words it reads. Gives the hash."""
    held: dict[str, torch.nn.Module] = {"denoiser": parts.denoiser, "latents": parts.latents}
    tensors = {
        f"{name}.{key}": value.detach().float().cpu().numpy()
        for name, part in held.items()
        for key, value in part.state_dict().items()
    }
    config = {"generator": "nano_gen", "draw": parts.denoiser.config.model_dump(mode="json"), "card": asdict(parts.card)}
    own = replace(
        spec, id=NAME, version=VERSION, hash="", dim=parts.denoiser.config.channels, bands=("red", "green", "blue"), size=NATIVE,
        gsd=(0.3, 40.0), mean=(0.0,) * 3, std=(1.0,) * 3, licence=LICENCE,
    )  # fmt: skip
    return weights.write(path, tensors, own, config)


def restore(path: Path) -> tuple[GenParts, ModelSpec]:
    """Read what `save` wrote, in float32. Raises as `weights.header` does, and ModelError for another kind of file."""
    spec, config = weights.header(path)
    if config.get("generator") != "nano_gen":
        raise ModelError(f"{path} holds no {NAME}: give the file that `geoglot train` wrote with the recipe nano_gen.")
    sizes = DrawConfig.build(config["draw"])
    denoiser, latents = Denoiser(sizes), Latents(sizes)
    for name, part in (("denoiser", denoiser), ("latents", latents)):
        part.load_state_dict({key: torch.from_numpy(np.array(value)) for key, value in weights.read(path, f"{name}.").items()})
        part.eval().requires_grad_(False)
        channels_last(part)
    told: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in config["card"].items()}
    return GenParts(denoiser, latents, GenCard(**told)), spec


@torch.inference_mode()
def draw(denoiser: Denoiser, noise: Tensor, asked: Asked, steps: int, guidance: float) -> Tensor:
    """Latents from noise (B, C, h, w) by Euler's steps from time 1 to 0, each of the same length."""
    x = noise
    times = torch.linspace(1, 0, steps + 1)
    without = asked.unguided()
    for now, after in zip(times[:-1].tolist(), times[1:].tolist(), strict=True):
        with torch.autocast(x.device.type, torch.bfloat16):
            found = guided(denoiser, x, torch.full((len(x),), now), asked, without, guidance)
        x = x + (after - now) * found
    return x


def guided(denoiser: Denoiser, x: Tensor, time: Tensor, asked: Asked, without: Asked, guidance: float) -> Tensor:
    """The velocity (B, C, h, w); ``guidance`` goes so many times as far from what is said ``without`` the condition."""
    found: Tensor = denoiser(x, time, asked).float()
    if guidance == 1:
        return found
    plain = denoiser(x, time, without).float()
    made: Tensor = plain + guidance * (found - plain)
    return made
