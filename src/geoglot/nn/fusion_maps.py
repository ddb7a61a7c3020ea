"""Several maps that steer one denoiser together, at several scales: CRS-Diff's encoder beside the U-Net.

Tang et al. 2024, "CRS-Diff" (arXiv 2403.11614), after Uni-ControlNet (arXiv 2305.16322). All maps are channels of one picture; a
pyramid of them enters the first block of each level of a copy of the U-Net's encoder, where the noisy features look at
themselves and are then normalised, and scaled and moved by the maps. What the copy finds is added to the U-Net's maps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

PRE = (32, 64, 128)


def zeroed(layer: nn.Conv2d) -> nn.Conv2d:
    """A convolution that gives nothing at first."""
    nn.init.zeros_(layer.weight)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer


class Pyramid(nn.Module):
    """Maps (B, channels, H, W) to features of so many ``widths``, the first at an eighth of the pixels, each next at half."""

    def __init__(self, channels: int, widths: Sequence[int]) -> None:
        super().__init__()
        first, second, third = PRE
        self.before = nn.Sequential(
            nn.Conv2d(channels, first, 3, padding=1), nn.SiLU(),
            nn.Conv2d(first, second, 3, 2, 1), nn.SiLU(), nn.Conv2d(second, second, 3, padding=1), nn.SiLU(),
            nn.Conv2d(second, third, 3, 2, 1), nn.SiLU(), nn.Conv2d(third, third, 3, padding=1), nn.SiLU(),
        )  # fmt: skip
        ins = [third, *widths[:-1]]
        self.levels = nn.ModuleList(nn.Conv2d(a, b, 3, 2, 1) for a, b in zip(ins, widths, strict=True))
        self.zeros = nn.ModuleList(zeroed(nn.Conv2d(width, width, 3, padding=1)) for width in widths)

    def forward(self, maps: Tensor) -> list[Tensor]:
        """Features (B, width, h, w) of each level."""
        x, found = self.before(maps), []
        for level, last in zip(self.levels, self.zeros, strict=True):
            x = F.silu(level(x))
            found.append(last(x))
        return found


class Modulated(nn.Module):
    """Features that look at themselves, normalised, then scaled and moved by maps: norm(x) (1 + scale) + shift."""

    def __init__(self, channels: int, maps: int, groups: int = 32) -> None:
        super().__init__()
        self.query, self.key = (nn.Conv2d(channels, max(1, channels // 8), 1) for _ in range(2))
        self.value = nn.Conv2d(channels, channels, 1)
        self.norm = nn.GroupNorm(groups, channels, affine=False)
        self.scale, self.shift = (nn.Conv2d(maps, channels, 3, padding=1) for _ in range(2))

    def forward(self, x: Tensor, maps: Tensor) -> Tensor:
        """Features (B, C, h, w) and maps (B, M, h, w) to features."""
        query, key, value = (part(x).flatten(2).transpose(1, 2) for part in (self.query, self.key, self.value))
        seen = F.scaled_dot_product_attention(query, key, value, scale=1.0).transpose(1, 2).reshape(x.shape)
        made: Tensor = self.norm(x + seen) * (1 + self.scale(maps)) + self.shift(maps)
        return made


class MapBlock(nn.Module):
    """A residual block of diffusers whose norms are moved by maps."""

    def __init__(self, plain: Any, maps: int) -> None:
        super().__init__()
        self.conv1, self.conv2, self.time_emb_proj = plain.conv1, plain.conv2, plain.time_emb_proj
        self.conv_shortcut = plain.conv_shortcut
        groups = plain.norm1.num_groups
        self.norm1 = Modulated(plain.conv1.in_channels, maps, groups)
        self.norm2 = Modulated(plain.conv2.in_channels, maps, groups)

    def forward(self, x: Tensor, time: Tensor, maps: Tensor) -> Tensor:
        """Features (B, C, h, w), a vector of time (B, D) and maps (B, M, h, w) to features."""
        made = self.conv1(F.silu(self.norm1(x, maps))) + self.time_emb_proj(F.silu(time))[:, :, None, None]
        made = self.conv2(F.silu(self.norm2(made, maps)))
        whole: Tensor = made + (x if self.conv_shortcut is None else self.conv_shortcut(x))
        return whole


class MapFusion(nn.Module):
    """A copy of a U-Net's encoder that takes maps; a pixel of its first features must be eight of the maps'."""

    def __init__(self, unet: Any, channels: int = 18, widths: Sequence[int] = (192, 256, 384, 512)) -> None:
        super().__init__()
        from diffusers import ControlNetModel

        net: Any = ControlNetModel.from_unet(unet)
        self.channels, self.widths = channels, tuple(widths)
        self.conv_in, self.time_proj, self.time_embedding = net.conv_in, net.time_proj, net.time_embedding
        self.down_blocks, self.mid_block = net.down_blocks, net.mid_block
        self.zeros, self.mid_zero = net.controlnet_down_blocks, net.controlnet_mid_block
        self.pyramid = Pyramid(channels, widths)
        for block, width in zip(self.down_blocks, widths, strict=True):
            block.resnets[0] = MapBlock(block.resnets[0], width)

    def forward(self, x: Tensor, time: Tensor, words: Tensor, maps: Tensor) -> tuple[list[Tensor], Tensor]:
        """What is added to the U-Net's maps on the way down, and in its middle."""
        vector = self.time_embedding(self.time_proj(time).to(x.dtype))
        features = self.pyramid(maps.to(x.dtype))
        h = self.conv_in(x)
        found = [h]
        for block, level in zip(self.down_blocks, features, strict=True):
            attentions = getattr(block, "attentions", [None] * len(block.resnets))
            for resnet, attention in zip(block.resnets, attentions, strict=True):
                h = resnet(h, vector, level) if isinstance(resnet, MapBlock) else resnet(h, vector)
                if attention is not None:
                    h = attention(h, encoder_hidden_states=words, return_dict=False)[0]
                found.append(h)
            for down in block.downsamplers or []:
                h = down(h)
                found.append(h)
        h = self.mid_block(h, vector, encoder_hidden_states=words)
        return [zero(one) for zero, one in zip(self.zeros, found, strict=True)], self.mid_zero(h)


class Content(nn.Module):
    """A picture's content (B, D) as so many more words (B, count, D), as Uni-ControlNet's global adapter makes them."""

    def __init__(self, width: int, middle: int = 2, count: int = 4) -> None:
        super().__init__()
        from diffusers.models.attention import FeedForward

        self.width, self.count = width, count
        # widths inside are multiples of what goes in
        self.ff1 = FeedForward(width, width * middle, mult=middle * 2, activation_fn="geglu")
        self.ff2 = FeedForward(width * middle, width * count, mult=count * 2 // middle, activation_fn="geglu")
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width * middle)

    def forward(self, content: Tensor) -> Tensor:
        """Words of a content; zeros are no picture."""
        made: Tensor = self.ff2(self.norm2(self.ff1(self.norm1(content))))
        return made.reshape(-1, self.count, self.width)
