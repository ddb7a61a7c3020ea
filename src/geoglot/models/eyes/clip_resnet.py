"""CLIP's modified ResNet: its four stages, at 4, 8, 16 and 32 pixels a cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from geoglot.encoders.clip_resnet import ClipResNet, ClipResNetConfig
from geoglot.models.towers import ResNetTowers, kept


class Tower(nn.Module):
    """The stages, without the pool of attention after them."""

    def __init__(self, config: dict[str, Any], inner: ClipResNet | None = None) -> None:
        super().__init__()
        self.inner = ClipResNet(ClipResNetConfig.build(config)) if inner is None else inner
        self.config: dict[str, Any] = self.inner.config.model_dump(mode="json")
        self.widths = tuple(self.inner.config.width * 4 * 2**number for number in range(4))

    def maps(self, pixels: Tensor, valid: Tensor, levels: Sequence[int]) -> list[Tensor]:
        """Maps (B, h, w, C) of some stages."""
        with kept([self.inner.get_submodule(f"layer{level + 1}") for level in levels]) as found:
            self.inner(pixels)
        return [made.permute(0, 2, 3, 1) for made in found]


def take(model: Any) -> Tower | None:
    """The tower of a published model with a ResNet."""
    towers = getattr(model, "towers", None)
    return Tower({}, towers.visual) if isinstance(towers, ResNetTowers) else None
