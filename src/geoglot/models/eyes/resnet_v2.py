"""The tower of `nano`: stages at 4, 8, 16 ... pixels a cell, and after the last its norm. It leaves out what is not valid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from geoglot.encoders.resnet_v2 import ResNetV2, ResNetV2Config


class Tower(nn.Module):
    """A ResNet v2, which normalises its input itself."""

    normalises = True

    def __init__(self, config: dict[str, Any], inner: ResNetV2 | None = None) -> None:
        super().__init__()
        self.inner = ResNetV2(ResNetV2Config.build(config)) if inner is None else inner
        self.config: dict[str, Any] = self.inner.config.model_dump(mode="json")
        self.widths = (*self.inner.config.widths, self.inner.config.widths[-1])

    def maps(self, pixels: Tensor, valid: Tensor, levels: Sequence[int]) -> list[Tensor]:
        """Maps (B, h, w, C) of some stages; the number after the last stage's is the last one's, normed."""
        found = self.inner.maps(pixels, valid)
        found.append(self.inner.norm(found[-1]))
        return [found[level].permute(0, 2, 3, 1) for level in levels]


def take(model: Any) -> Tower | None:
    """The tower of a native model."""
    inner = getattr(getattr(model, "model", None), "image", None)
    return Tower({}, inner) if isinstance(inner, ResNetV2) else None
