"""Image encoders as the eyes of a conversation model, by file name: maps of chosen depths, with gradients where wanted.

A part is a module with `Tower`, an `nn.Module` that is built from its configuration (`Tower(config)`, `config` gives it back),
says the `widths` of its depths, and gives `maps(pixels, valid, levels)`; and with `take(model)`, which gives the tower of a
loaded model where it is of this kind, else None.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from geoglot.core import parts
from geoglot.core.config import Config
from geoglot.core.errors import ConfigError, ModelError
from geoglot.models.ready import Ready


class TowerLike(Protocol):
    """What the towers of this room offer."""

    config: dict[str, Any]
    widths: tuple[int, ...]

    def maps(self, pixels: Tensor, valid: Tensor, levels: Sequence[int]) -> list[Tensor]:
        """Maps (B, h, w, C) of some depths, of pixels (B, 3, S, S) in [0, 1] and validity (B, S, S)."""


class EyeConfig(Config):
    """An encoder: its ``kind`` (a file of `models.eyes`) and configuration, and what is taken of it.

    ``levels`` are depths, counted from the end where negative; ``size`` pixels of a side. Beyond 1, a number of ``scales`` says
    that the picture is seen that many times as large too, in pieces; what they give is averaged onto the cells of the first, so
    that a scale adds channels and no tokens. ``mean`` and ``std`` are what the encoder's inputs are normalised by.
    """

    kind: str
    config: dict[str, Any] = Field(default_factory=dict)
    levels: tuple[int, ...] = (-2,)
    size: int = Field(default=224, ge=8)
    scales: tuple[int, ...] = (1,)
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)


class Eye(nn.Module):
    """One encoder, seen at some depths and scales."""

    def __init__(self, config: EyeConfig, tower: Any = None) -> None:
        super().__init__()
        self.tower = parts.find("models.eyes", config.kind).Tower(config.config) if tower is None else tower
        self.settings = config
        count = len(self.tower.widths)
        wrong = [level for level in config.levels if not -count <= level < count]
        if wrong or not config.levels or not config.scales or min(config.scales) < 1:
            raise ConfigError(f"the encoder {config.kind} has the depths 0 to {count - 1}; {config.levels} at {config.scales}")
        self.levels = tuple(level % count for level in config.levels)
        for name, value in (("mean", config.mean), ("std", config.std)):
            self.register_buffer(name, torch.tensor(value).view(1, 3, 1, 1), persistent=False)
        self.mean: Tensor
        self.std: Tensor

    @property
    def side(self) -> int:
        """Pixels of a side of the largest picture that it looks at."""
        return self.settings.size * max(self.settings.scales)

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of the maps, scale after scale and depth after depth."""
        return tuple(self.tower.widths[level] for _ in self.settings.scales for level in self.levels)

    def forward(self, pixels: Tensor, valid: Tensor) -> list[Tensor]:
        """Maps (B, h, w, C) of pixels (B, 3, S, S) in [0, 1] and validity (B, S, S), of any S."""
        return [found for scale in self.settings.scales for found in self._at(pixels, valid, scale)]

    def _at(self, pixels: Tensor, valid: Tensor, scale: int) -> list[Tensor]:
        size, b = self.settings.size, len(pixels)
        x, seen = sized(pixels, valid, size * scale)
        x = torch.where(seen[:, None], x, self.mean)
        x = ((x - self.mean) / self.std).to(next(self.tower.parameters()).dtype)
        pieces = x.reshape(b, 3, scale, size, scale, size).permute(0, 2, 4, 1, 3, 5).reshape(-1, 3, size, size)
        holes = seen.reshape(b, scale, size, scale, size).permute(0, 1, 3, 2, 4).reshape(-1, size, size)
        made = []
        for found in self.tower.maps(pieces, holes, self.levels):
            _, h, w, c = found.shape
            whole = found.reshape(b, scale, scale, h, w, c).permute(0, 5, 1, 3, 2, 4).reshape(b, c, scale * h, scale * w)
            made.append(F.adaptive_avg_pool2d(whole, (h, w)).permute(0, 2, 3, 1))
        return made


def sized(pixels: Tensor, valid: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """Pixels (B, 3, H, W) in [0, 1] and validity (B, H, W) as squares of a side, bicubic; what is not valid is left out."""
    if tuple(pixels.shape[-2:]) == (side, side):
        return pixels, valid
    x = F.interpolate(pixels.float(), (side, side), mode="bicubic", align_corners=False, antialias=True).clamp(0, 1)
    seen = F.interpolate(valid[:, None].float(), (side, side), mode="bilinear", align_corners=False, antialias=True)
    return x.to(pixels.dtype), seen[:, 0] > 0.5


def eye_of(model: Ready, levels: Sequence[int] = (-2,), size: int | None = None, scales: Sequence[int] = (1,)) -> Eye:
    """The eye made of a loaded model's image tower, which stays the model's own. Raises ModelError for one without a tower."""
    for kind in parts.names("models.eyes"):
        tower = parts.find("models.eyes", kind).take(model)
        if tower is not None:
            own = bool(getattr(tower, "normalises", False))
            told = {"kind": kind, "config": tower.config, "levels": levels, "size": size or model.spec.size, "scales": scales}
            seen = {} if own else {"mean": model.spec.mean, "std": model.spec.std}
            return Eye(EyeConfig.build(told | seen), tower)
    raise ModelError(f"{model.spec.name} has no image tower that a conversation model can look through.")
