"""The networks of `nano-gen`: latents that are a rotation of 4 x 4 pixels, a U-Net that denoises, a decoder that sharpens.

The rotation keeps the principal components of the patches, so that latents need no training, are made in no time and are of their
own pixels alone: what is known of a scene, or of it at coarser pixels, is exact in them, and windows of any size agree.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geoglot.core.config import Config

PATCH = 4  # pixels of a latent's side
FREQUENCIES = 32


class DrawConfig(Config):
    """Sizes: ``channels`` of a latent, ``widths`` and ``blocks`` of the U-Net's levels, ``wide`` what conditions are summed in,
    ``words`` the length of a sentence's vector, ``classes``, ``looks`` and ``cover`` how many of each there are."""

    channels: int = 8
    widths: tuple[int, ...] = (80, 160, 240)
    blocks: tuple[int, ...] = (2, 2, 2)
    wide: int = 384
    words: int = 384
    classes: int = 80
    looks: int = 3
    cover: int = 7
    detail: tuple[int, int] = (96, 48)

    @property
    def multiple(self) -> int:
        """Latents to a side are multiples of this."""
        return int(2 ** (len(self.widths) - 1))


@dataclass(frozen=True)
class Asked:
    """Conditions of a batch. Unknown are: ``words`` (B, D) where ``has`` (B,) is False, ``label`` (B,) and ``gsd`` (B,) in metres
    below 0, ``look`` 0. ``cover`` (B, K, h, w) are shares of what covers the ground, ``coarse`` (B, C + 1, h, w) latents of the
    scene at coarser pixels, ``known`` (B, C + 1, h, w) latents that stay, each with 1 where they count; all 0: none."""

    words: Tensor
    has: Tensor
    label: Tensor
    gsd: Tensor
    look: Tensor
    cover: Tensor
    coarse: Tensor
    known: Tensor

    @classmethod
    def nothing(cls, config: DrawConfig, rows: int, height: int, width: int) -> Asked:
        """No condition, for latents of a size."""
        one = config.channels + 1
        return cls(
            torch.zeros(rows, config.words),
            torch.zeros(rows, dtype=torch.bool),
            torch.full((rows,), -1),
            torch.full((rows,), -1.0),
            torch.zeros(rows, dtype=torch.long),
            torch.zeros(rows, config.cover, height, width),
            torch.zeros(rows, one, height, width),
            torch.zeros(rows, one, height, width),
        )

    def maps(self) -> Tensor:
        """What is given for each place (B, K + 2 C + 2, h, w)."""
        return torch.cat([self.cover, self.coarse, self.known], 1)

    def unguided(self) -> Asked:
        """The same without words and class: what guidance leads away from. Maps stay, which are followed as they are."""
        return replace(self, has=torch.zeros_like(self.has), label=torch.full_like(self.label, -1))


def sinusoid(values: Tensor, count: int, top: float) -> Tensor:
    """Sines and cosines (B, 2 count) of values (B,) at frequencies from 1 to ``top``."""
    turns = torch.exp(torch.linspace(0, math.log(top), count, device=values.device)) * values.float()[:, None]
    return torch.cat([turns.sin(), turns.cos()], 1)


class Conditions(nn.Module):
    """The vector (B, wide) of a time and what is asked for; what is unknown has a learned vector."""

    def __init__(self, config: DrawConfig) -> None:
        super().__init__()
        wide = config.wide
        self.scale = config.words**0.5
        self.time = nn.Sequential(nn.Linear(2 * FREQUENCIES, wide), nn.SiLU(), nn.Linear(wide, wide))
        self.words = nn.Sequential(nn.Linear(config.words, wide), nn.SiLU(), nn.Linear(wide, wide))
        self.gsd = nn.Sequential(nn.Linear(2 * FREQUENCIES, wide), nn.SiLU(), nn.Linear(wide, wide))
        self.no_words = nn.Parameter(torch.zeros(wide))
        self.no_gsd = nn.Parameter(torch.zeros(wide))
        self.label = nn.Embedding(config.classes + 1, wide)  # the last is none
        self.look = nn.Embedding(config.looks, wide)
        self.last = nn.Linear(wide, wide)

    def forward(self, time: Tensor, asked: Asked) -> Tensor:
        """Times (B,) in [0, 1]."""
        made: Tensor = self.time(sinusoid(time, FREQUENCIES, 200.0))
        made = made + torch.where(asked.has[:, None], self.words(asked.words * self.scale), self.no_words)
        known = asked.gsd > 0
        place = sinusoid(torch.where(known, asked.gsd, torch.ones_like(asked.gsd)).log(), FREQUENCIES, 8.0)
        made = made + torch.where(known[:, None], self.gsd(place), self.no_gsd)
        made = made + self.label(torch.where(asked.label < 0, self.label.num_embeddings - 1, asked.label)) + self.look(asked.look)
        found: Tensor = F.silu(self.last(F.silu(made)))
        return found


class Block(nn.Module):
    """Two convolutions beside the way through, the first of what the conditions scale and shift."""

    def __init__(self, width: int, wide: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.shifts = nn.Linear(wide, 2 * width)
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor, asked: Tensor) -> Tensor:
        """Maps (B, C, h, w) and conditions (B, wide)."""
        scale, shift = self.shifts(asked)[:, None, None].chunk(2, -1)
        y = F.silu(self.norm(x.permute(0, 2, 3, 1)) * (1 + scale) + shift).permute(0, 3, 1, 2)
        made: Tensor = x + self.second(F.silu(self.first(y)))
        return made


class Attention(nn.Module):
    """Every place looks at every other of the window."""

    def __init__(self, width: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.triple = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        nn.init.zeros_(self.out.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B, C, h, w)."""
        b, c, h, w = x.shape
        rows = self.norm(x.permute(0, 2, 3, 1).reshape(b, h * w, c))
        q, k, v = self.triple(rows).reshape(b, h * w, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, h * w, c)
        made: Tensor = x + self.out(seen).reshape(b, h, w, c).permute(0, 3, 1, 2)
        return made


class Denoiser(nn.Module):
    """The velocity, noise less picture, of latents between a picture (time 0) and noise (time 1)."""

    def __init__(self, config: DrawConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.widths
        inputs = 3 * config.channels + 2 + config.cover
        self.conditions = Conditions(config)
        self.inputs = nn.Conv2d(inputs, widths[0], 3, padding=1)
        levels = list(zip(widths, config.blocks, strict=True))
        self.down = nn.ModuleList(nn.ModuleList(Block(w, config.wide) for _ in range(n)) for w, n in levels)
        self.up = nn.ModuleList(nn.ModuleList(Block(w, config.wide) for _ in range(n)) for w, n in levels)
        pairs = list(pairwise(widths))
        self.smaller = nn.ModuleList(nn.Conv2d(4 * a, b, 1) for a, b in pairs)
        self.larger = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairs)
        self.joined = nn.ModuleList(nn.Conv2d(2 * a, a, 1) for a in widths[:-1])
        self.look = nn.ModuleList(Attention(widths[-1]) for _ in range(2))
        self.norm = nn.LayerNorm(widths[0])
        self.outputs = nn.Conv2d(widths[0], config.channels, 3, padding=1)
        nn.init.zeros_(self.outputs.weight)

    def forward(self, latents: Tensor, time: Tensor, asked: Asked) -> Tensor:
        """Latents (B, C, h, w), whose sides are multiples of ``config.multiple``, and times (B,); gives (B, C, h, w)."""
        at = self.conditions(time, asked)
        x = self.inputs(torch.cat([latents, asked.maps()], 1).contiguous(memory_format=torch.channels_last))
        kept = []
        last = len(self.down) - 1
        for i, blocks in enumerate(self.down):
            for block in blocks:  # type: ignore[attr-defined]
                x = block(x, at)
            if i < last:
                kept.append(x)
                x = self.smaller[i](F.pixel_unshuffle(x, 2))
        x = self.look[0](x)
        for i in reversed(range(last + 1)):
            if i < last:
                x = F.interpolate(self.larger[i](x), scale_factor=2.0, mode="nearest")
                x = self.joined[i](torch.cat([x, kept[i]], 1))
            for block in self.up[i]:  # type: ignore[attr-defined]
                x = block(x, at)
            if i == last:
                x = self.look[1](x)
        x = F.silu(self.norm(x.permute(0, 2, 3, 1))).permute(0, 3, 1, 2)
        made: Tensor = self.outputs(x)
        return made


class Detail(nn.Module):
    """Two convolutions beside the way through."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B, C, h, w)."""
        made: Tensor = x + self.second(F.silu(self.first(F.silu(x))))
        return made


class Latents(nn.Module):
    """Pictures to latents and back: a rotation of patches, its inverse, and what a network adds to that."""

    mean: Tensor
    basis: Tensor
    scale: Tensor

    def __init__(self, config: DrawConfig) -> None:
        super().__init__()
        self.config = config
        c, (wide, fine) = config.channels, config.detail
        self.register_buffer("mean", torch.zeros(3 * PATCH**2))
        self.register_buffer("basis", torch.eye(3 * PATCH**2)[:c])
        self.register_buffer("scale", torch.ones(c))
        self.coarse = nn.Sequential(nn.Conv2d(c, wide, 3, padding=1), Detail(wide), Detail(wide), Detail(wide))
        self.finer = nn.Sequential(nn.Conv2d(wide, 4 * fine, 1), nn.PixelShuffle(2), Detail(fine), Detail(fine))
        self.last = nn.Sequential(nn.Conv2d(fine, 12, 3, padding=1), nn.PixelShuffle(2))
        nn.init.zeros_(self.last[0].weight)  # type: ignore[arg-type]
        nn.init.zeros_(self.last[0].bias)  # type: ignore[arg-type]

    @torch.no_grad()
    def measure(self, pictures: Tensor, power: float = 0.5, largest: float = 1.5) -> None:
        """Take the rotation from pictures (N, 3, H, W) in [0, 1]. The first component is scaled to a deviation of ``largest``,
        the others to a ``power`` of how much smaller theirs is."""
        rows = F.pixel_unshuffle(pictures * 2 - 1, PATCH).permute(0, 2, 3, 1).reshape(-1, len(self.mean)).double()
        mean = rows.mean(0)
        rows = rows - mean
        value, vector = torch.linalg.eigh(rows.T @ rows / len(rows))
        deviation = value.flip(0)[: len(self.basis)].clamp(min=1e-8).sqrt()
        self.mean.copy_(mean)
        self.basis.copy_(vector.flip(1).T[: len(self.basis)])
        self.scale.copy_(largest * (deviation / deviation[0]) ** power / deviation)

    def encode(self, pictures: Tensor) -> Tensor:
        """Latents (B, C, H / 4, W / 4) of pictures (B, 3, H, W) in [0, 1]."""
        rows = F.pixel_unshuffle(pictures * 2 - 1, PATCH).movedim(1, -1) - self.mean
        return ((rows @ self.basis.T) * self.scale).movedim(-1, 1)

    def turned(self, latents: Tensor) -> Tensor:
        """Pictures of latents by the rotation alone."""
        rows = (latents.movedim(1, -1) / self.scale) @ self.basis + self.mean
        return (F.pixel_shuffle(rows.movedim(-1, 1), PATCH) + 1) / 2

    def forward(self, latents: Tensor) -> Tensor:
        """Pictures (B, 3, H, W), about in [0, 1], of latents (B, C, H / 4, W / 4)."""
        added = self.last(self.finer(self.coarse(latents.contiguous(memory_format=torch.channels_last))))
        made: Tensor = self.turned(latents) + added.float() / 2
        return made
