"""DiffusionSat: Stable Diffusion with place, pixel size, cloud and date in the time (Khanna et al. 2024, arXiv 2312.03606)."""

from __future__ import annotations

from pathlib import Path

from geoglot.core.errors import ModelMismatchError
from geoglot.models.generators import _folder, sd
from geoglot.models.generators._catalogue import GeneratorEntry
from geoglot.models.latent import Latent
from geoglot.nn.conditions import FIELDS, Metadata, MetadataConfig
from geoglot.nn.denoiser import Denoiser

OWN = "metadata_embedding."  # of the weights that a plain U-Net has not
KINDS = ("SatUNet",)


def reads(path: Path) -> bool:
    """Whether a folder's U-Net is of the class of its authors."""
    config = path / "unet" / "config.json"
    return config.exists() and _folder.json_of(config).get("_class_name") in KINDS


def open_path(path: Path, name: str, entry: GeneratorEntry | None, device: str, dtype: str) -> Latent:
    """Open a folder. Raises ModelError, ModelMismatchError, InputError."""
    core = _folder.part(path / "unet", "diffusers", "UNet2DConditionModel", spare=(OWN,))
    network = Denoiser(core, metadata=embedding(path / "unet"), nets=sd.control_nets(path))
    return sd.assembled(path, name, entry, device, dtype, network)


def embedding(folder: Path) -> Metadata:
    """The embedding of metadata of a U-Net's weights; unknown is what its authors trained it as, the number 0."""
    found = {key.removeprefix(OWN): value for key, value in _folder.weights_of(folder).items() if key.startswith(OWN)}
    count = len({key.split(".")[0] for key in found})
    if count != len(FIELDS):
        raise ModelMismatchError(f"{folder} embeds {count} numbers of metadata, and DiffusionSat {len(FIELDS)}: fetch it again.")
    out, width = found["0.linear_1.weight"].shape
    made = Metadata(MetadataConfig(width=width, out=out))
    layers = {"linear_1": "0", "linear_2": "2"}
    state = {}
    for key, value in found.items():
        number, layer, what = key.split(".")
        state[f"nets.{number}.{layers[layer]}.{what}"] = value
    made.load_state_dict({**made.state_dict(), **state})
    made.unknown_is_zero()
    return made
