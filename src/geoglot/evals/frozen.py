"""Frozen image towers side by side: the bare ImageNet tower, and the same tower after image-text training."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from geoglot.core.errors import ModelError
from geoglot.core.protocols import ModelSpec
from geoglot.encoders import resnet_v2
from geoglot.encoders.resnet_v2 import ResNetV2, ResNetV2Config
from geoglot.models.dual import DualModel
from geoglot.models.ready import Ready
from geoglot.nn.batch import ImageBatch
from geoglot.nn.cells import CellHead, channels_last, pool

BARE = "ImageNet tower"
PUBLISHED = Path("pretrained", "resnetv2_50_gluon_stages1-3", "model_fp16.safetensors")


class Tower:
    """An image tower as what measures models expects: a specification, a number format, and vectors of pictures.

    With the ``head`` that was trained with it, one look gives the vector that is compared with texts too.
    """

    def __init__(
        self, tower: ResNetV2, spec: ModelSpec, dtype: torch.dtype, head: CellHead | None = None, chunk: int = 32
    ) -> None:
        self.tower, self.head, self.dtype, self.chunk = tower, head, dtype, chunk
        self.width = 2 * tower.dim
        self.spec = replace(spec, dim=self.width)

    @torch.inference_mode()
    def image(self, batch: ImageBatch) -> Tensor:
        """Give mean and maximum over the cells of the tower's map (B, ``width``), then the head's unit vector if there is one."""
        parts = [batch[slice(start, start + self.chunk)] for start in range(0, len(batch), self.chunk)]
        return torch.cat([self._look(part) for part in parts])

    def _look(self, batch: ImageBatch) -> Tensor:
        cells = self.tower(batch.pixels, batch.valid)
        found = both_pools(cells)
        return found if self.head is None else torch.cat([found, pool(*self.head(cells, batch.valid))], dim=1)


def both_pools(cells: Tensor) -> Tensor:
    """Give mean and maximum (B, 2 C) of a map (B, C, h, w)."""
    flat = cells.float().flatten(2)
    return torch.cat([flat.mean(2), flat.amax(2)], dim=1)


def bare_state(root: Path) -> tuple[dict[str, Tensor], str]:
    """Give the weights of the published tower and their hash. Raises ModelError where they are not below ``root``."""
    from safetensors.torch import load_file

    file = root / PUBLISHED
    if not file.exists():
        raise ModelError(f"{file} is missing: this compares with the published tower, which lies below the root of the data.")
    return resnet_v2.fold(load_file(file)), hashlib.sha256(file.read_bytes()).hexdigest()[:32]


def bare(root: Path, size: int, dtype: torch.dtype) -> Tower:
    """The tower as published, trained on ImageNet alone. Raises ModelError where it is not below ``root``."""
    state, digest = bare_state(root)
    tower = ResNetV2(ResNetV2Config())
    tower.load_state_dict(state)
    channels_last(tower.to(dtype).eval().requires_grad_(False))
    spec = ModelSpec(
        id=BARE,
        version="1",
        hash=digest,
        dim=2 * tower.dim,
        bands=("red", "green", "blue"),
        size=size,
        gsd=(0.0, float("inf")),
        mean=tower.config.mean,
        std=tower.config.std,
        activation="relu",
        licence="Apache-2.0",
    )
    return Tower(tower, spec, dtype)


def tower_of(model: Ready) -> Tower:
    """The image tower of a model of ours and its head. Raises ModelError for another model."""
    if not isinstance(model, DualModel):
        raise ModelError(f"{model.spec.name} has no tower of ours: take nano, or a native file of its build.")
    spec = replace(
        model.spec, id=f"{model.spec.id} tower", hash=hashlib.sha256(f"tower {model.spec.hash}".encode()).hexdigest()[:32]
    )
    return Tower(model.model.image, spec, model.dtype, model.model.head)
