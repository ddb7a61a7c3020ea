"""Stable Diffusion 1.5 and 2.1 and what was made of them (RS-SD of RS5M), and transformers in their place (PixArt's DiT).

Rombach et al. 2022 (arXiv 2112.10752); Zhang et al. 2024, "RS5M" (arXiv 2306.11300); Chen et al. 2024, "PixArt" (2310.00426).
ControlNets lie beside the U-Net: `controlnet` (masks), or `controlnet-<kind>` for each kind of control.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from geoglot.models import schedules
from geoglot.models.condition import KINDS
from geoglot.models.generators import _folder
from geoglot.models.generators._catalogue import GeneratorEntry
from geoglot.models.latent import KEPT, Beside, Latent, Parts
from geoglot.models.probe import device_of, dtype_of
from geoglot.nn.denoiser import Denoiser

STEPS, GUIDANCE = 50, 7.5
NETS = {"controlnet": "mask"} | {f"controlnet-{kind}": kind for kind in KINDS}
CLASSES = ("UNet2DConditionModel", "PixArtTransformer2DModel")


def reads(path: Path) -> bool:
    """Whether a folder has a U-Net that nothing but words steers, or a transformer."""
    found = _folder.index(path)
    core = found.get("unet") or found.get("transformer") or [None, None]
    return core[1] in CLASSES and not levels(path)


def levels(path: Path) -> bool:
    """Whether a folder's U-Net has classes, as Text2Earth's has for the pixel size."""
    config = path / "unet" / "config.json"
    return config.exists() and bool(_folder.json_of(config).get("num_class_embeds"))


def open_path(path: Path, name: str, entry: GeneratorEntry | None, device: str, dtype: str) -> Latent:
    """Open a folder. Raises ModelError, ModelMismatchError, InputError."""
    where = "unet" if (path / "unet").is_dir() else "transformer"
    kind = str(_folder.json_of(path / where / "config.json").get("_class_name"))
    core = _folder.part(path / where, "diffusers", kind if kind in CLASSES else CLASSES[0])
    return assembled(path, name, entry, device, dtype, Denoiser(core, nets=control_nets(path)))


def control_nets(path: Path) -> dict[str, nn.Module]:
    """ControlNets of a folder by kind of control."""
    return {
        kind: _folder.part(path / name, "diffusers", "ControlNetModel") for name, kind in NETS.items() if (path / name).is_dir()
    }


def assembled(
    path: Path,
    name: str,
    entry: GeneratorEntry | None,
    device: str,
    dtype: str,
    network: Denoiser,
    guidance: float = GUIDANCE,
    **more: Any,
) -> Latent:
    """A generator of a folder whose denoiser is open."""
    vae, schedule = _folder.autoencoder(path), _folder.schedule(path)
    own = schedules.predicts(schedule)
    size = network.core.config.sample_size
    side = int(size[0] if isinstance(size, list | tuple) else size or 64)
    cell = 1 if vae is None else 2 ** (len(vae.config.block_out_channels) - 1)  # type: ignore[union-attr, arg-type]
    bands = int(network.core.config.out_channels if vae is None else vae.config.out_channels)  # type: ignore[union-attr, arg-type]
    latents = bands if vae is None else int(vae.config.latent_channels)  # type: ignore[union-attr, arg-type]
    beside = (Beside(KEPT, latents + 1, True),) if network.channels == 2 * latents + 1 else ()
    parts = Parts(network, schedule, vae, _folder.phrases(path), beside, **more)
    native = side * cell
    spec = _folder.spec(path, name, entry, native, bands)
    place = device_of(device)
    return Latent(
        parts, spec, native, _folder.drawing(schedule, STEPS, 1.0 if own == "flow" else guidance), place, dtype_of(dtype, place)
    )
