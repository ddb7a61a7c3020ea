"""Text2Earth: Stable Diffusion with the resolution as a class of its U-Net (Liu et al. 2025, arXiv 2501.00895)."""

from __future__ import annotations

from pathlib import Path

from geoglot.models.generators import _folder, sd
from geoglot.models.generators._catalogue import GeneratorEntry
from geoglot.models.latent import Latent
from geoglot.nn.denoiser import Denoiser

GUIDANCE = 4.0


def reads(path: Path) -> bool:
    """Whether a folder's U-Net has classes, which are levels of resolution."""
    return bool(_folder.index(path)) and sd.levels(path)


def open_path(path: Path, name: str, entry: GeneratorEntry | None, device: str, dtype: str) -> Latent:
    """Open a folder. Raises ModelError, ModelMismatchError, InputError."""
    core = _folder.part(path / "unet", "diffusers", "UNet2DConditionModel")
    network = Denoiser(core, nets=sd.control_nets(path))
    return sd.assembled(path, name, entry, device, dtype, network, guidance=GUIDANCE, levels=True)
