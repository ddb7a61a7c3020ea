"""The cloud head of a model of ours: its file, masks by its maps, and the cloud of whole tiles by their vectors alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from geoglot.core.errors import ModelError
from geoglot.core.protocols import ModelSpec
from geoglot.models import weights
from geoglot.models.dual import DualModel
from geoglot.models.files import beside
from geoglot.nn.batch import ImageBatch
from geoglot.nn.cells import channels_last
from geoglot.nn.cloud import CloudConfig, CloudHead
from geoglot.nn.heads import LinearHead

SUFFIX = ".cloud.safetensors"
TILE = "tile."  # of the weights that a tile's vector is multiplied with

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class CloudCard:
    """What a cloud head's file says beside its weights.

    ``model`` is the hash of the model that it belongs to, ``present`` the share of cloud, by a tile's vector, from which on the
    tile is best called cloudy, ``figures`` what was measured.
    """

    model: str
    present: float = 0.5
    figures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class CloudParts:
    """A head for maps, a linear one for the vectors of tiles, and their card; ``hash`` is the file's."""

    head: CloudHead
    tile: LinearHead
    card: CloudCard
    hash: str = ""


def save(parts: CloudParts, path: Path, spec: ModelSpec) -> str:
    """Write the parts as a native file beside the model of ``spec``; gives its hash."""
    tensors = {name: value.detach().float().cpu().numpy() for name, value in parts.head.state_dict().items()}
    tensors |= {f"{TILE}{name}": value for name, value in parts.tile.arrays().items()}
    told = {**vars(parts.card), "figures": dict(parts.card.figures)}
    config = {"cloud": parts.head.config.model_dump(mode="json"), "card": told}
    return weights.write(path, tensors, replace(spec, id=f"{spec.id}-cloud", hash=""), config)


def restore(path: Path) -> CloudParts:
    """Read what `save` wrote, in float32. Raises as `weights.header` does, and ModelError for another kind of file."""
    spec, config = weights.header(path)
    if "cloud" not in config or "card" not in config:
        raise ModelError(f"{path} holds no cloud head: give the file that `geoglot train` wrote with the recipe cloud.")
    head = CloudHead(CloudConfig.build(config["cloud"]))
    found = weights.read(path)
    tile = LinearHead(**{name.removeprefix(TILE): found.pop(name) for name in list(found) if name.startswith(TILE)})
    head.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in found.items()})
    return CloudParts(head.eval().requires_grad_(False), tile, CloudCard(**config["card"]), spec.hash)


def parts_of(spec: ModelSpec, path: Path | None = None) -> CloudParts:
    """The cloud head of a file, or the one that comes with a model. Raises ModelError where there is none, or another model's."""
    file = path or beside(spec.id, SUFFIX)
    if file is None:
        raise ModelError(
            f"{spec.name} has no cloud head: use nano, or train one with geoglot recipe cloud and pass it as the head; "
            "an archive can also be made with cloud told by words (--cloud-by words)."
        )
    found = restore(file)
    if found.card.model != spec.hash:
        raise ModelError(
            f"The cloud head was made for a model of hash {found.card.model[:12]}, not {spec.hash[:12]} of {spec.name}: "
            "train it anew with geoglot recipe cloud."
        )
    return found


class CloudMasker:
    """The model's tower and the head, on the model's device and in its number format."""

    def __init__(self, model: DualModel, parts: CloudParts) -> None:
        self.model, self.parts = model, parts
        self.head = parts.head.to(model.device).eval().requires_grad_(False)
        for name, part in self.head.named_children():
            if name != "laterals":  # small, and fine differences count in them
                part.to(model.dtype)
            channels_last(part)

    @torch.inference_mode()
    def logits(self, batch: ImageBatch) -> Tensor:
        """Logits (B, h, w, 3) of `nn.cloud.KINDS`, a place every `STRIDE` pixels, of display renderings (B, 3, H, W)."""
        return torch.cat([self._logits(part.to(self.model.device)) for part in self.model.parts(batch)])

    def _logits(self, batch: ImageBatch) -> Tensor:
        found: Tensor = self.head(self.model.model.image.maps(batch.pixels, batch.valid), batch.pixels)
        return found.movedim(1, -1)


def open_masker(model: DualModel, path: Path | None = None) -> CloudMasker:
    """Put the cloud head of a file, or the one that comes with the model, on a model. Raises as `parts_of` does."""
    return CloudMasker(model, parts_of(model.spec, path))
