"""Generators that were trained here, as folders: diffusers' own for each part, and one file that says the rest."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from geoglot.core.errors import InputError, ModelError
from geoglot.core.protocols import ModelSpec
from geoglot.models import states
from geoglot.models.catalogue import ANY_GSD
from geoglot.models.condition import Drawing
from geoglot.models.generators import OWN, _folder, sd
from geoglot.models.latent import Beside, Latent, Parts
from geoglot.models.probe import device_of, dtype_of
from geoglot.nn.conditions import Metadata, MetadataConfig
from geoglot.nn.denoiser import Denoiser, Timed

FORMAT = "geoglot-generator-1"
CORE, METADATA = "denoiser", "metadata.safetensors"


def save(made: Latent, folder: Path, name: str, licence: str) -> str:
    """Write a generator as a folder that `generators.load` opens; gives the digest of its weights.

    Raises InputError for one with adapters that are not merged, or with parts that have no form on disk (CRS-Diff's).
    """
    parts, network = made.parts, made.parts.network
    if any(".lora_" in key for key in network.state_dict()):
        raise InputError("the denoiser has adapters: merge them first (geoglot.models.lora.merge), or save them alone")
    if network.fusion is not None or (parts.phrases is not None and parts.phrases.folder is None):
        raise InputError(f"{made.spec.id} has parts that are not written as folders: keep its own checkpoint")
    _folder.quiet()
    folder.mkdir(parents=True, exist_ok=True)
    _plain(network)
    network.core.save_pretrained(folder / CORE)
    if isinstance(network.metadata, Metadata):
        _timed(network)
        save_file({key: value.contiguous() for key, value in network.metadata.state_dict().items()}, folder / METADATA)
    for kind, net in network.nets.items():
        whole: Any = net
        whole.save_pretrained(folder / f"controlnet-{kind}")
    if parts.vae is not None:
        vae: Any = parts.vae
        vae.save_pretrained(folder / "vae")
    if parts.phrases is not None and parts.phrases.folder is not None:
        for part in ("text_encoder", "tokenizer"):
            if parts.phrases.folder.resolve() != folder.resolve():
                shutil.copytree(parts.phrases.folder / part, folder / part, dirs_exist_ok=True)
    (folder / "scheduler").mkdir(exist_ok=True)
    _write(folder / "scheduler" / "scheduler_config.json", dict(parts.schedule))
    told = {
        "format": FORMAT,
        "name": name,
        "licence": licence,
        "bands": list(made.spec.bands),
        "gsd": list(made.spec.gsd),
        "native": made.native,
        "defaults": vars(made.defaults),
        "metadata": network.metadata.config.model_dump(mode="json") if isinstance(network.metadata, Metadata) else None,
        "beside": [list(one) for one in parts.beside],
        "levels": parts.levels,
        "frees": parts.frees,
        "nothing": parts.nothing,
    }
    _write(folder / OWN, told)
    return _digest(folder)


def load(folder: Path, device: str = "auto", dtype: str = "auto") -> Latent:
    """Open a folder that `save` wrote. Raises ModelError, ModelMismatchError, InputError."""
    told = _folder.json_of(folder / OWN)
    if told.get("format") != FORMAT:
        raise ModelError(f"{folder / OWN} has the format {told.get('format')!r}, and this version reads {FORMAT!r}.")
    kind = str(_folder.json_of(folder / CORE / "config.json").get("_class_name"))
    if kind not in sd.CLASSES:
        raise ModelError(f"{folder / CORE} is of {kind}: only {' and '.join(sd.CLASSES)} are read.")
    metadata = None
    if told["metadata"] is not None:
        metadata = Metadata(MetadataConfig.build(told["metadata"]))
        try:
            metadata.load_state_dict(load_file(folder / METADATA))
        except (SafetensorError, OSError, RuntimeError) as error:
            raise ModelError(f"{folder / METADATA} cannot be read ({error}): copy the folder again.") from None
    network = Denoiser(_folder.part(folder / CORE, "diffusers", kind), metadata, sd.control_nets(folder))
    parts = Parts(
        network,
        _folder.schedule(folder),
        _folder.autoencoder(folder),
        _folder.phrases(folder),
        tuple(Beside(*one) for one in told["beside"]),
        bool(told["levels"]),
        bool(told["frees"]),
        str(told["nothing"]),
    )
    spec = replace(
        spec_of(told["name"], told["bands"], int(told["native"]), told["licence"], tuple(told["gsd"])), hash=_digest(folder)
    )
    place = device_of(device)
    return Latent(parts, spec, int(told["native"]), Drawing(**told["defaults"]), place, dtype_of(dtype, place))


def spec_of(
    name: str, bands: Any, native: int, licence: str, gsd: tuple[float, ...] = ANY_GSD, version: str = "local"
) -> ModelSpec:
    """What a generator is whose weights have no digest yet."""
    count = len(bands)
    return ModelSpec(name, version, "", 0, tuple(bands), native, (gsd[0], gsd[1]), (0.5,) * count, (0.5,) * count, "", licence)


def _plain(network: Denoiser) -> None:
    """Take off what metadata put into the core, which its own class has not."""
    if network.metadata is not None and network.flat and isinstance(network.core.adaln_single.emb, Timed):
        network.core.adaln_single.emb = network.core.adaln_single.emb.inner


def _timed(network: Denoiser) -> None:
    if network.flat:
        network.core.adaln_single.emb = Timed(network.core.adaln_single.emb)


def _write(file: Path, values: dict[str, Any]) -> None:
    file.write_text(json.dumps(values, indent=2, default=_listed) + "\n", encoding="utf-8")


def _listed(value: Any) -> Any:
    return value.tolist() if isinstance(value, torch.Tensor) else str(value)


def _digest(folder: Path) -> str:
    files = [
        file for file in sorted(folder.rglob("*")) if file.is_file() and (file.suffix in _folder.WEIGHTS or file.name == OWN)
    ]
    return states.digest(files)
