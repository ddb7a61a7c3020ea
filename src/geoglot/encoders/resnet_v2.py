"""The first three stages of the pre-activation ResNet-50, with its batch norms folded to constants.

He et al. 2016, "Identity mappings in deep residual networks" (arXiv 1603.05027). The statistics of the norms are never
retrained here, so a norm that follows a convolution is part of that convolution, and the one that precedes a block is a
scale and a shift: fewer tensors to store, and the same function (see `fold`).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geoglot.core.config import Config

EPS = 1e-5


class ResNetV2Config(Config):
    """Sizes of the tower; the defaults are the published ResNet-50's stem and stages 1-3."""

    stem: int = 64
    widths: tuple[int, ...] = (256, 512, 1024)
    blocks: tuple[int, ...] = (3, 4, 6)
    mean: tuple[float, float, float] = (0.45222315, 0.42570502, 0.37756839)
    std: tuple[float, float, float] = (0.28551355, 0.27888468, 0.28231028)

    @property
    def stride(self) -> int:
        """Pixels of the input to one cell of the output map."""
        return 4 << (len(self.widths) - 1)


class ScaleRelu(nn.Module):
    """A frozen batch norm (scale and shift a channel) and ReLU, as one fused kernel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("zero", torch.zeros(channels), persistent=False)
        self.register_buffer("one", torch.ones(channels), persistent=False)
        self.zero: Tensor
        self.one: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """Apply to (B, C, H, W)."""
        y = F.batch_norm(x, self.zero, self.one, self.weight, self.bias, training=False, eps=0.0)
        return F.relu(y, inplace=not y.requires_grad)


class Block(nn.Module):
    """Pre-activation bottleneck: scale, ReLU, 1x1, 3x3, 1x1, plus the shortcut."""

    def __init__(self, inner: int, width: int, outer: int, stride: int) -> None:
        super().__init__()
        self.norm = ScaleRelu(inner)
        self.conv1 = nn.Conv2d(inner, width, 1)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1)
        self.conv3 = nn.Conv2d(width, outer, 1, bias=False)
        same = inner == outer and stride == 1
        self.downsample = None if same else nn.Conv2d(inner, outer, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inner, H, W) to (B, outer, H / stride, W / stride)."""
        p = self.norm(x)
        shortcut = x if self.downsample is None else self.downsample(p)
        out: Tensor = self.conv3(F.relu(self.conv2(F.relu(self.conv1(p)))))
        return out + shortcut


class ResNetV2(nn.Module):
    """The tower: display rendering (B, 3, H, W) in [0, 1] to a map (B, D, H / 16, W / 16), any size of image."""

    def __init__(self, config: ResNetV2Config) -> None:
        super().__init__()
        self.config = config
        self.stem = nn.Conv2d(3, config.stem, 7, 2, 3)
        inner, stages = config.stem, []
        for i, (outer, count) in enumerate(zip(config.widths, config.blocks, strict=True)):
            blocks = []
            for j in range(count):
                blocks.append(Block(inner, outer // 4, outer, 2 if i > 0 and j == 0 else 1))
                inner = outer
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)
        self.norm = ScaleRelu(inner)
        self.register_buffer("mean", torch.tensor(config.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(config.std).view(1, 3, 1, 1), persistent=False)
        self.mean: Tensor
        self.std: Tensor
        self.frozen_stages = 0

    @property
    def dim(self) -> int:
        """Channels of the output map."""
        return self.config.widths[-1]

    def freeze(self, stages: int) -> None:
        """Freeze the stem and the first ``stages`` stages; forward then keeps no graph for them."""
        self.frozen_stages = stages
        self.stem.requires_grad_(stages == 0)
        for i, stage in enumerate(self.stages):
            stage.requires_grad_(i >= stages)

    def forward(self, pixels: Tensor, valid: Tensor | None = None) -> Tensor:
        """Map pixels (B, 3, H, W) in [0, 1] to (B, D, h, w); what is not ``valid`` (B, H, W) looks like mean colour."""
        y: Tensor = self.norm(self.maps(pixels, valid)[-1])
        return y

    def maps(self, pixels: Tensor, valid: Tensor | None = None) -> list[Tensor]:
        """Give the sums that leave the stages, before any norm: (B, widths[i], h, w) at 4, 8, 16 ... pixels a cell."""
        x = (pixels.float() - self.mean.float()) / self.std.float()
        if valid is not None:
            x = torch.where(valid[:, None], x, torch.zeros((), dtype=x.dtype, device=x.device))
        x = x.to(self.stem.weight.dtype).contiguous(memory_format=torch.channels_last)
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.frozen_stages == 0):
            x = F.max_pool2d(F.relu(self.stem(x)), 3, 2, 1)
        found = []
        for i, stage in enumerate(self.stages):
            with torch.set_grad_enabled(torch.is_grad_enabled() and i >= self.frozen_stages):
                x = stage(x)
            found.append(x)
        return found


def fold(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Turn the published layer names (convolutions and batch norms) into those of `ResNetV2`, exactly, in fp32.

    Takes the state of a pre-activation ResNet whose keys are stem.conv, stem.norm, stages.i.blocks.j.{norm1, conv1,
    norm2, conv2, norm3, conv3, downsample.conv} and norm. Raises KeyError when one is missing.
    """
    p = {k: v.float() for k, v in published.items()}

    def affine(name: str) -> tuple[Tensor, Tensor]:
        scale = p[f"{name}.weight"] / torch.sqrt(p[f"{name}.running_var"] + EPS)
        return scale, p[f"{name}.bias"] - p[f"{name}.running_mean"] * scale

    def conv_norm(conv: str, norm: str) -> tuple[Tensor, Tensor]:
        scale, shift = affine(norm)
        return p[f"{conv}.weight"] * scale[:, None, None, None], shift

    out: dict[str, Tensor] = {}
    out["stem.weight"], out["stem.bias"] = conv_norm("stem.conv", "stem.norm")
    blocks = sorted({k.rsplit(".conv1.", 1)[0] for k in p if ".conv1." in k})
    for name in blocks:
        to = name.replace(".blocks.", ".")
        out[f"{to}.norm.weight"], out[f"{to}.norm.bias"] = affine(f"{name}.norm1")
        out[f"{to}.conv1.weight"], out[f"{to}.conv1.bias"] = conv_norm(f"{name}.conv1", f"{name}.norm2")
        out[f"{to}.conv2.weight"], out[f"{to}.conv2.bias"] = conv_norm(f"{name}.conv2", f"{name}.norm3")
        out[f"{to}.conv3.weight"] = p[f"{name}.conv3.weight"]
        if f"{name}.downsample.conv.weight" in p:
            out[f"{to}.downsample.weight"] = p[f"{name}.downsample.conv.weight"]
    out["norm.weight"], out["norm.bias"] = affine("norm")
    return out
