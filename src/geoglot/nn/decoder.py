"""A decoder that draws the mask of a condition: a vector of the joint space, of words, of an example, or of both.

After CLIPSeg (Lüddecke & Ecker 2022, "Image segmentation using text and image prompts", arXiv 2112.10003): activations of several
depths of a frozen image tower are reduced, the deepest is modulated by the condition (FiLM, Dumoulin et al. 2018), skips are
summed on the way up. Two departures: convolutions stand for transformer blocks, so that any size of picture will do; and the
cosines of the condition with the cells go in beside the deepest activation, which is all that is known of words never taught.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geoglot.core.config import Config
from geoglot.core.errors import ConfigError
from geoglot.nn.detection import Convolution, Lateral, Residual

CONTRAST = 10.0  # of the cosines: what tells cells apart is a tenth or so


class DecoderConfig(Config):
    """Sizes: channels of the tower's maps and inside at each, the finest first; blocks at each; how many times finer than
    the finest map the mask is; length of the vectors."""

    channels: tuple[int, ...] = (256, 512, 1024)
    inner: tuple[int, ...] = (32, 48, 64)
    blocks: tuple[int, ...] = (1, 1, 2)
    up: int = 1
    dim: int = 384


class Depths(NamedTuple):
    """What a tower gives of pictures: unit vectors ``pooled`` (B, D), unit ``cells`` (B, h, w, D), and ``maps`` (B, C, h, w) of
    several depths, the finest first."""

    pooled: Tensor
    cells: Tensor
    maps: tuple[Tensor, ...]


class Decoder(nn.Module):
    """From maps of a frozen tower, its cells and conditions to a logit a place for each condition."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        if not len(config.channels) == len(config.inner) == len(config.blocks):
            raise ConfigError(f"channels, inner and blocks of a decoder are of one length, got {config.model_dump()}.")
        self.config = config
        widths = config.inner
        self.laterals = nn.ModuleList(Lateral(*pair) for pair in zip(config.channels, widths, strict=True))
        self.film = nn.Linear(config.dim, 2 * widths[-1])
        self.prior = nn.Conv2d(1, widths[-1], 1)
        self.levels = nn.ModuleList(
            nn.Sequential(*(Residual(width) for _ in range(count))) for width, count in zip(widths, config.blocks, strict=True)
        )
        self.narrow = nn.ModuleList(nn.Conv2d(low, high, 1) for high, low in pairwise(widths))
        self.last = Convolution(widths[0])
        self.mask = nn.ConvTranspose2d(widths[0], 1, config.up, config.up) if config.up > 1 else nn.Conv2d(widths[0], 1, 1)
        nn.init.constant_(self.mask.bias, -1.0)  # type: ignore[arg-type]
        self.register_buffer("usual_text", torch.zeros(config.dim))
        self.register_buffer("usual_image", torch.zeros(config.dim))
        self.usual_text: Tensor
        self.usual_image: Tensor

    @torch.no_grad()
    def prepare(self, depths: Depths, texts: Tensor, images: Tensor) -> None:
        """Measure the constants: statistics of maps of ordinary pictures, means of vectors (N, D) of many texts and images."""
        for lateral, x in zip(self.laterals, depths.maps, strict=True):
            assert isinstance(lateral, Lateral)
            lateral.centre.copy_(x.float().mean((0, 2, 3)))
            lateral.spread.copy_(x.float().std((0, 2, 3)).clamp(min=1e-4))
        self.usual_text.copy_(texts.float().mean(0))
        self.usual_image.copy_(images.float().mean(0))

    def of_texts(self, vectors: Tensor) -> Tensor:
        """Conditions, unit vectors (..., D), of unit vectors of texts: without what all texts share."""
        return F.normalize(vectors.float() - self.usual_text, dim=-1)

    def of_images(self, vectors: Tensor) -> Tensor:
        """Conditions, unit vectors (..., D), of unit vectors of pictures that show an example."""
        return F.normalize(vectors.float() - self.usual_image, dim=-1)

    def forward(self, depths: Depths, conditions: Tensor) -> Tensor:
        """Give logits (B, K, up * h, up * w) of conditions (B, K, D), h and w those of the finest map.

        A map may have any size; a coarser one is enlarged to the next.
        """
        count = conditions.shape[1]
        skips = [lateral(x) for lateral, x in zip(self.laterals, depths.maps, strict=True)]
        x = self._conditioned(skips[-1], depths.cells, conditions)
        x = self.levels[-1](x)
        for level, narrow, skip in zip(reversed(self.levels[:-1]), reversed(self.narrow), reversed(skips[:-1]), strict=True):
            x = _enlarged(narrow(x), skip) + skip.repeat_interleave(count, 0)
            x = level(F.relu(x))
        logits: Tensor = self.mask(self.last(x)).float()
        return logits.reshape(-1, count, *logits.shape[-2:])

    def _conditioned(self, deep: Tensor, cells: Tensor, conditions: Tensor) -> Tensor:
        """Modulate a map (B, C, h, w) by each condition and add their cosines with the cells: (B * K, C, h, w)."""
        scale, shift = self.film(conditions.to(self.film.weight.dtype)).chunk(2, -1)
        x = deep[:, None] * (1 + scale)[..., None, None] + shift[..., None, None]
        cosines = torch.einsum("bhwd,bkd->bkhw", cells.float(), conditions.float())
        seen = _enlarged(CONTRAST * cosines, deep).flatten(0, 1)[:, None].to(deep.dtype)
        x = x.flatten(0, 1).to(deep.dtype).contiguous(memory_format=torch.channels_last)
        return F.relu(x + self.prior(seen))


def _enlarged(x: Tensor, like: Tensor) -> Tensor:
    if x.shape[-2:] == like.shape[-2:]:
        return x
    return F.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=False)
