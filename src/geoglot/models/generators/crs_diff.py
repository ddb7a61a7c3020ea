"""CRS-Diff: Stable Diffusion 1.5 with six maps, metadata and content (Tang et al. 2024, arXiv 2403.11614), its own checkpoint.

Of the content that its authors take from a picture by CLIP nothing is given: the four words of no picture are kept, as they do.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from geoglot.core.errors import ModelMismatchError
from geoglot.models import states
from geoglot.models.generators import _folder, _ldm
from geoglot.models.generators._catalogue import GeneratorEntry
from geoglot.models.latent import Latent, Parts
from geoglot.models.phrases import Phrases
from geoglot.models.probe import device_of, dtype_of
from geoglot.nn.conditions import FIELDS, Metadata, MetadataConfig
from geoglot.nn.denoiser import Denoiser
from geoglot.nn.fusion_maps import Content, MapFusion
from geoglot.text import clip_bpe

MAPS = ("lines", "edges", "sketch", "roads", "depth", "mask")  # in the order of its channels
AVOID = "Blurry, distorted, overexposed"
END = clip_bpe.SIZE - 1
NATIVE = 512
ADAPTER, UNET = "local_adapter.", "model.diffusion_model."
MODULATED = {
    "query": "attention.query_conv", "key": "attention.key_conv", "value": "attention.value_conv", "scale": "fdn.conv_gamma",
    "shift": "fdn.conv_beta",
}  # fmt: skip


def reads(path: Path) -> bool:
    """Whether a file may be a checkpoint of its authors; what it holds is looked at when it is opened."""
    return path.is_file() and path.suffix in (".ckpt", ".pt", ".pth")


def open_path(path: Path, name: str, entry: GeneratorEntry | None, device: str, dtype: str) -> Latent:
    """Open a checkpoint. Raises ModelError, ModelMismatchError, InputError."""
    _folder.quiet()
    state = states.read(path, ())
    if not any(key.startswith(ADAPTER) for key in state):
        raise ModelMismatchError(f"{path} has no {ADAPTER[:-1]}: it is no checkpoint of CRS-Diff. Give a folder of diffusers.")
    core = _ldm.unet_of(_ldm.below(state, UNET))
    own = _ldm.below(state, ADAPTER)
    widths = [own[f"feature_extractor.zero_convs.{k}.weight"].shape[0] for k in range(4)]
    fusion = MapFusion(core, own["feature_extractor.pre_extractor.0.weight"].shape[1], widths)
    _ldm.fill(fusion, own, adapter_name, "the adapter of maps")
    vae = _ldm.vae_of(_ldm.below(state, "first_stage_model."))
    network = Denoiser(core, metadata=metadata(_ldm.below(state, "metadata_emb.")), fusion=fusion)
    reader = _ldm.reader_of(_ldm.below(state, "cond_stage_model.transformer."))
    length = int(reader.config.max_position_embeddings)  # type: ignore[union-attr, arg-type]
    phrases = Phrases(lambda texts: tokens(texts, length), reader, more=content(_ldm.below(state, "global_content_adapter.")))
    parts = Parts(network, _ldm.SCHEDULE, vae, phrases, frees=False, nothing=AVOID, maps=MAPS)
    place = device_of(device)
    spec = _folder.spec(path, name, entry, NATIVE)
    return Latent(parts, spec, NATIVE, _folder.drawing(_ldm.SCHEDULE, 50, 7.5), place, dtype_of(dtype, place))


def metadata(state: _ldm.State) -> Metadata:
    """The embedding of metadata; unknown is the number 0, as its authors have it."""
    out, width = state["mlp_models.0.fc1.weight"].shape
    made = Metadata(MetadataConfig(width=width, out=out, net="linear", order="turns"))
    for k in range(len(FIELDS)):
        for what in ("weight", "bias"):
            made.state_dict()[f"nets.{k}.{what}"].copy_(state[f"mlp_models.{k}.fc1.{what}"])
    made.unknown_is_zero()
    return made


@torch.no_grad()
def content(state: _ldm.State) -> torch.Tensor:
    """The words (1, 4, D) of no picture."""
    width = state["norm1.weight"].shape[0]
    made = Content(width).eval()
    _ldm.fill(made, state, lambda name: name, "the adapter of content")
    words: torch.Tensor = made(torch.zeros(1, width))
    return words


def tokens(texts: Sequence[str], length: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ids (B, T) of texts, filled up with the token that ends them, and which are text."""
    ids = clip_bpe.encode(clip_bpe.shipped(), texts, length)
    real = np.arange(length) <= (ids == END).argmax(1)[:, None]
    return np.where(real, ids, END), real.astype(np.int64)


def adapter_name(name: str) -> str:
    """The name of a tensor of the adapter in the authors' checkpoint."""
    if found := re.fullmatch(r"pyramid\.before\.(\d+)\.(\w+)", name):
        return f"feature_extractor.pre_extractor.{found[1]}.{found[2]}"
    if found := re.fullmatch(r"pyramid\.levels\.(\d+)\.(\w+)", name):
        return f"feature_extractor.extractors.{found[1]}.0.{found[2]}"
    if found := re.fullmatch(r"pyramid\.zeros\.(\d+)\.(\w+)", name):
        return f"feature_extractor.zero_convs.{found[1]}.{found[2]}"
    if found := re.fullmatch(r"zeros\.(\d+)\.(\w+)", name):
        return f"zero_convs.{found[1]}.0.{found[2]}"
    if name.startswith("mid_zero."):
        return name.replace("mid_zero.", "middle_block_out.0.")
    if found := re.fullmatch(r"down_blocks\.(\d+)\.resnets\.0\.norm([12])\.(\w+)\.(\w+)", name):
        side = {"1": "norm_in", "2": "norm_out"}[found[2]]
        block = (_ldm.LAYERS + 1) * int(found[1]) + 1
        return f"input_blocks.{block}.0.{side}.{MODULATED[found[3]]}.{found[4]}"
    return _ldm.unet_name(name)
