"""CLIP's modified ResNet with attention pooling (Radford et al. 2021, arXiv 2103.00020), which transformers does not have.

Differences from the usual ResNet: a stem of three convolutions with an average pool, an average pool before each strided
convolution (also in the shortcut) in place of the stride, and at the end one layer of attention whose query is the mean
cell. Names of parameters are those of the published checkpoints, so that a state dict loads as it is.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geoglot.core.config import Config
from geoglot.nn.batch import Features


class ClipResNetConfig(Config):
    """Sizes of the tower; `size` is the side of the input in pixels, `dim` the length of an embedding."""

    layers: tuple[int, int, int, int] = (3, 4, 6, 3)
    width: int = 64
    dim: int = 1024
    size: int = 224
    heads: int = 32

    @property
    def cells(self) -> int:
        """Cells along one side of the last map."""
        return self.size // 32


class Bottleneck(nn.Module):
    """One block: 1x1, 3x3, average pool where the map shrinks, 1x1, and a shortcut treated alike."""

    def __init__(self, channels: int, inner: int, stride: int) -> None:
        super().__init__()
        outer = inner * 4
        self.conv1, self.bn1 = nn.Conv2d(channels, inner, 1, bias=False), nn.BatchNorm2d(inner)
        self.conv2, self.bn2 = nn.Conv2d(inner, inner, 3, padding=1, bias=False), nn.BatchNorm2d(inner)
        self.conv3, self.bn3 = nn.Conv2d(inner, outer, 1, bias=False), nn.BatchNorm2d(outer)
        self.stride = stride
        self.downsample: nn.Sequential | None = None
        if stride > 1 or channels != outer:
            self.downsample = nn.Sequential(nn.Conv2d(channels, outer, 1, bias=False), nn.BatchNorm2d(outer))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, h, w) to (B, 4 inner, h / stride, w / stride)."""
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(self._shrink(y)))
        short = x if self.downsample is None else self.downsample(self._shrink(x))
        return F.relu(y + short)

    def _shrink(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(x, self.stride) if self.stride > 1 else x


class AttentionPool(nn.Module):
    """Attention of the mean cell over all cells; the value of a cell is what it adds to the whole."""

    def __init__(self, cells: int, channels: int, heads: int, dim: int) -> None:
        super().__init__()
        self.heads = heads
        self.side = round(cells**0.5)
        self.positional_embedding = nn.Parameter(torch.randn(cells + 1, channels) / channels**0.5)
        self.k_proj = nn.Linear(channels, channels)
        self.q_proj = nn.Linear(channels, channels)
        self.v_proj = nn.Linear(channels, channels)
        self.c_proj = nn.Linear(channels, dim)

    def forward(self, x: Tensor, hw: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Map cells (B, h * w, C) to the pooled vector (B, D) and to the projected value of each cell (B, h * w, D)."""
        x = torch.cat([x.mean(1, keepdim=True), x], dim=1) + self._positions(hw)
        value = self.v_proj(x)
        query, keys, values = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (self.q_proj(x[:, :1]), self.k_proj(x), value)
        )
        pooled = F.scaled_dot_product_attention(query, keys, values).transpose(1, 2).flatten(2)
        return self.c_proj(pooled)[:, 0], self.c_proj(value[:, 1:])

    def _positions(self, hw: tuple[int, int]) -> Tensor:
        """Positions (h * w + 1, C), interpolated for a map of another size than the tower's own."""
        if hw == (self.side, self.side):
            return self.positional_embedding
        own = self.positional_embedding[1:].T.reshape(1, -1, self.side, self.side)
        cells = F.interpolate(own.float(), hw, mode="bicubic", align_corners=False)[0].flatten(1).T
        return torch.cat([self.positional_embedding[:1], cells.to(own.dtype)])


class ClipResNet(nn.Module):
    """The image tower of CLIP's RN50, RN101 and their wider kin."""

    def __init__(self, config: ClipResNetConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.conv1, self.bn1 = nn.Conv2d(3, width // 2, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(width // 2)
        self.conv2, self.bn2 = nn.Conv2d(width // 2, width // 2, 3, padding=1, bias=False), nn.BatchNorm2d(width // 2)
        self.conv3, self.bn3 = nn.Conv2d(width // 2, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        channels = width
        for number, depth in enumerate(config.layers):
            inner, stride = width * 2**number, 1 if number == 0 else 2
            blocks = [Bottleneck(channels if k == 0 else inner * 4, inner, stride if k == 0 else 1) for k in range(depth)]
            self.add_module(f"layer{number + 1}", nn.Sequential(*blocks))
            channels = inner * 4
        self.attnpool = AttentionPool(config.cells**2, channels, config.heads, config.dim)

    def forward(self, pixels: Tensor) -> Features:
        """Map normalised pixels (B, 3, H, W) to the pooled vector and the cells, 32 pixels apart; none is unit."""
        x = F.relu(self.bn1(self.conv1(pixels)))
        x = F.relu(self.bn2(self.conv2(x)))
        x = F.avg_pool2d(F.relu(self.bn3(self.conv3(x))), 2)
        for number in range(1, 5):
            x = self.get_submodule(f"layer{number}")(x)
        hw = (x.shape[2], x.shape[3])
        pooled, tokens = self.attnpool(x.flatten(2).transpose(1, 2), hw)
        return Features(pooled, tokens, hw)
