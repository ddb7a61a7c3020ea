"""The default image-text model: a folded ResNet-50 v2 of three stages, a head over its cells, and a small text tower."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from geoglot.core.config import Config
from geoglot.core.protocols import ModelSpec
from geoglot.encoders.minilm import MiniLM, MiniLMConfig
from geoglot.encoders.resnet_v2 import ResNetV2, ResNetV2Config
from geoglot.models import weights
from geoglot.nn.batch import Features, ImageBatch
from geoglot.nn.cells import CellHead, CellHeadConfig, pool
from geoglot.text import wordpiece

BANDS = ("red", "green", "blue")
VERSION = "4"  # of the weights that the present recipe makes


class NanoConfig(Config):
    """Sizes of the model; ``words`` is the longest text in tokens."""

    image: ResNetV2Config = ResNetV2Config()
    head: CellHeadConfig = CellHeadConfig()
    text: MiniLMConfig = MiniLMConfig()
    words: int = 64
    size: int = 144
    gsd: tuple[float, float] = (0.1, 90.0)


class Nano(nn.Module):
    """Both towers, the tokenizer and the logit scale: what is trained and what is written to a file."""

    def __init__(self, config: NanoConfig, tokenizer: str) -> None:
        super().__init__()
        self.config = config
        self.tokenizer_json = tokenizer
        self.tokenizer = wordpiece.load(tokenizer, config.words)
        self.image = ResNetV2(config.image)
        self.head = CellHead(self.image.dim, config.head)
        self.text = MiniLM(config.text)
        self.scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def cells(self, batch: ImageBatch) -> tuple[Tensor, Tensor]:
        """Give raw cells (B, h, w, D) and their weights (B, h, w)."""
        cells, weight = self.head(self.image(batch.pixels, batch.valid), batch.valid)
        return cells, weight

    def features(self, batch: ImageBatch) -> Features:
        """Give the pooled unit vectors (B, D) and the cells as tokens (B, h * w, D)."""
        cells, weight = self.cells(batch)
        h, w = cells.shape[1:3]
        return Features(pool(cells, weight), cells.flatten(1, 2), (h, w))

    def depths(self, batch: ImageBatch) -> tuple[Features, list[Tensor]]:
        """Give `features`, and the maps that leave the stages at 4, 8, 16 ... pixels a cell."""
        maps = self.image.maps(batch.pixels, batch.valid)
        cells, weight = self.head(self.image.norm(maps[-1]), batch.valid)
        return Features(pool(cells, weight), cells.flatten(1, 2), (cells.shape[1], cells.shape[2])), maps

    def tokens(self, texts: list[str]) -> tuple[Tensor, Tensor]:
        """Give token ids and mask (B, T) on the model's device."""
        ids, mask = wordpiece.encode(self.tokenizer, texts)
        device = self.scale.device
        return torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device)

    def texts(self, ids: Tensor, mask: Tensor, rows: int = 48) -> Tensor:
        """Give the unit vectors (B, D) of token ids and mask (B, T).

        Each distinct text is encoded once, beside others of like length, so that little is computed for padding.
        """
        distinct, back = torch.unique(ids, dim=0, return_inverse=True)
        known = torch.zeros(distinct.shape, dtype=torch.bool, device=ids.device)
        known[back] = mask
        order = known.sum(1).argsort()
        parts = [(part, int(known[part].sum(1).max())) for part in torch.split(order, rows)]
        found = torch.cat([self.text(distinct[part, :longest], known[part, :longest]).float() for part, longest in parts])
        return found[order.argsort()][back]

    def forward(self, batch: ImageBatch, ids: Tensor, mask: Tensor, names: Tensor, real: Tensor) -> tuple[Tensor, ...]:
        """Give unit vectors of images and of texts (both (B, D)), cosines (B, K) of images with K ``names``, and the scale.

        Texts are token ids and masks (B, T), names likewise ``names`` and ``real`` (K, T).
        """
        image = self.features(batch).pooled
        cosines = image @ self.texts(names, real).T
        return image, self.texts(ids, mask), cosines, self.scale.clamp(max=math.log(100.0)).exp()

    def spec(self, digest: str, licence: str, name: str = "nano", version: str = VERSION) -> ModelSpec:
        """Say what the model is."""
        return ModelSpec(
            id=name,
            version=version,
            hash=digest,
            dim=self.config.head.dim,
            bands=BANDS,
            size=self.config.size,
            gsd=self.config.gsd,
            mean=self.config.image.mean,
            std=self.config.image.std,
            activation="gelu",
            licence=licence,
        )


def save(model: Nano, path: Path, licence: str) -> str:
    """Write a model as a native file with its tokenizer beside it (``.tokenizer.json``); gives the hash."""
    tensors = {name: value.detach().float().cpu().numpy() for name, value in model.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".tokenizer.json").write_text(model.tokenizer_json, encoding="utf-8")
    config: dict[str, Any] = model.config.model_dump(mode="json")
    return weights.write(path, tensors, model.spec("", licence), config)


def restore(path: Path) -> tuple[Nano, ModelSpec]:
    """Read a model that `save` wrote, in float32 and ready for use. Raises as `weights.header` does."""
    spec, config = weights.header(path)
    tokenizer = path.with_suffix(".tokenizer.json").read_text(encoding="utf-8")
    model = Nano(NanoConfig.build(config), tokenizer)
    state = {name: torch.from_numpy(np.array(value)) for name, value in weights.read(path).items()}
    model.load_state_dict(state)
    return model.eval().requires_grad_(False), spec
