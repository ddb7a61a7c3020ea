"""A head that finds objects by words: at every fourth pixel a vector to compare with texts, an upright and a turned box.

Centres as in Zhou et al. 2019, "Objects as Points" (arXiv 1904.07850); sides of the upright box measured from the pixel as in
Liu et al. 2019, "Training-Time-Friendly Network" (arXiv 1909.00700); the angle as (sin 2t, cos 2t), which has no seam. The
upright box is learned apart from the turned one, since the hull of a turned box is far larger than what lies in it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geoglot.core.config import Config

STRIDE = 4  # pixels between the places that are looked at
REACH = 16.0  # pixels from a place to an edge of its box before anything is learned


class DetectionConfig(Config):
    """Sizes of the head: channels of the three maps, inside at 16 and 8 pixels a cell and at 4 (``fine``), blocks at 16 and 8,
    length of the vectors."""

    channels: tuple[int, int, int] = (256, 512, 1024)
    inner: int = 96
    fine: int = 64
    deep: int = 2
    middle: int = 1
    dim: int = 384


class Found(NamedTuple):
    """What the head says of every place: features (B, C, h, w), edges (B, 4, h, w), turned boxes (B, 6, h, w).

    Edges are distances in pixels from the place to the left, top, right and bottom edge; a turned box is the way (x, y) in
    pixels to its centre, its long and short side, and sine and cosine of twice its angle (not of length one).
    """

    features: Tensor
    edges: Tensor
    turned: Tensor


class Lateral(nn.Conv2d):
    """A 1x1 convolution of a map whose channels, a hundredfold apart in scale, are brought to mean 0 and deviation 1 first."""

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__(channels, inner, 1)
        self.register_buffer("centre", torch.zeros(channels))
        self.register_buffer("spread", torch.ones(channels))
        self.centre: Tensor
        self.spread: Tensor

    @torch.no_grad()
    def measure(self, x: Tensor) -> None:
        """Take the constants from maps (B, channels, h, w) of ordinary pictures."""
        self.centre.copy_(x.float().mean((0, 2, 3)))
        self.spread.copy_(x.float().std((0, 2, 3)).clamp(min=1e-4))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, h, w) to (B, inner, h, w); the constants go into the weights, not over the map."""
        weight = self.weight / self.spread[:, None, None]
        assert self.bias is not None
        bias = self.bias - weight[:, :, 0, 0] @ self.centre
        return F.conv2d(x, weight.to(x.dtype), bias.to(x.dtype))


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of each place of (B, C, h, w); over groups of channels it would take a third of the training
    time on CPUs, where the backward of that norm is slow."""

    def forward(self, x: Tensor) -> Tensor:
        """Bring the channels of every place to mean 0 and deviation 1, then scale and shift them."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Convolution(nn.Sequential):
    """3x3, norm over channels, ReLU."""

    def __init__(self, inner: int) -> None:
        super().__init__(nn.Conv2d(inner, inner, 3, 1, 1, bias=False), ChannelNorm(inner), nn.ReLU())


class Residual(nn.Module):
    """Two 3x3 beside the identity."""

    def __init__(self, inner: int) -> None:
        super().__init__()
        self.first, self.second = Convolution(inner), nn.Conv2d(inner, inner, 3, 1, 1)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inner, h, w) to the same."""
        y: Tensor = x + self.second(self.first(x))
        return y


class DetectionHead(nn.Module):
    """From maps of a tower at 4, 8 and 16 pixels a cell to `Found`, and from features to scores of texts."""

    def __init__(self, config: DetectionConfig) -> None:
        super().__init__()
        self.config = config
        inner, fine = config.inner, config.fine
        widths = (fine, inner, inner)
        self.laterals = nn.ModuleList(Lateral(*pair) for pair in zip(config.channels, widths, strict=True))
        self.deep = nn.Sequential(*(Residual(inner) for _ in range(config.deep)))
        self.middle = nn.Sequential(*(Residual(inner) for _ in range(config.middle)))
        self.narrow = nn.Conv2d(inner, fine, 1)
        self.fine = Convolution(fine)
        self.meaning, self.form = Convolution(fine), Convolution(fine)
        self.words = nn.Linear(fine, config.dim, bias=False)
        self.box = nn.Conv2d(fine, 10, 1)
        nn.init.normal_(self.box.weight, std=0.01)
        nn.init.zeros_(self.box.bias)  # type: ignore[arg-type]
        self.scale = nn.Parameter(torch.tensor(math.log(10.0)))
        self.bias = nn.Parameter(torch.tensor(-4.0))
        self.register_buffer("usual", torch.zeros(config.dim))
        self.usual: Tensor

    @torch.no_grad()
    def prepare(self, maps: list[Tensor], texts: Tensor) -> None:
        """Measure the constants: statistics of maps of ordinary pictures, and the mean of texts (K, D) of many kinds."""
        for lateral, x in zip(self.laterals, maps, strict=True):
            assert isinstance(lateral, Lateral)
            lateral.measure(x)
        self.usual.copy_(texts.float().mean(0))

    def forward(self, maps: list[Tensor]) -> Found:
        """Look at maps (B, channels[i], h, w), the finest first, whose sides halve (rounded up) from one to the next."""
        fine, middle, deep = (lateral(x) for lateral, x in zip(self.laterals, maps, strict=True))
        deep = self.deep(deep)
        middle = self.middle(F.relu(middle + _enlarged(deep, middle)))
        fine = self.fine(F.relu(fine + _enlarged(self.narrow(middle), fine)))
        box = self.box(self.form(fine)).float()
        edges = REACH * box[:, :4].clamp(-6, 6).exp()
        sides = REACH * box[:, 6:8].clamp(-6, 6).exp()
        return Found(self.meaning(fine), edges, torch.cat([REACH * box[:, 4:6], sides, box[:, 8:]], 1))

    def directions(self, texts: Tensor) -> Tensor:
        """Unit vectors (K, D) of texts (K, D) without what all texts share, which says nothing of any of them."""
        return F.normalize(texts.float() - self.usual, dim=-1)

    def vectors(self, features: Tensor) -> Tensor:
        """Unit vectors (N, D) of features (N, C) of places, in the space of `directions`."""
        return F.normalize(self.words(features.float()), dim=-1)

    def logits(self, features: Tensor, directions: Tensor) -> Tensor:
        """Logits (B, K, h, w) of features (B, C, h, w): scale * cosine with directions (K, D) + bias.

        The vectors of all places are never made: their products with the directions, and their lengths, follow from the
        features by small matrices.
        """
        weight = self.words.weight.float()
        x = features.float()
        dots = torch.einsum("bchw,kc->bkhw", x, directions @ weight)
        square = (x * torch.einsum("bchw,cd->bdhw", x, weight.T @ weight)).sum(1, keepdim=True)
        return self.scale.exp() * dots * square.clamp(min=1e-6).rsqrt() + self.bias


def _enlarged(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=False)


class Peaks(NamedTuple):
    """Objects of one picture, the best first: class and score (N,), upright (N, 4) and turned boxes (N, 5) in pixels, as
    `geoglot.geo.iou` has them, and the features (N, C) of their places."""

    label: Tensor
    score: Tensor
    upright: Tensor
    turned: Tensor
    features: Tensor

    def plain(self) -> Peaks:
        """The same on the CPU, numbers in float32."""
        return Peaks(*(part.cpu().float() if part.is_floating_point() else part.cpu() for part in self))


def peaks(logits: Tensor, found: Found, least: float, most: int) -> list[Peaks]:
    """Take the places of each class whose score is the highest of their neighbours and at least ``least``, at most ``most``."""
    high = F.max_pool2d(logits, 3, 1, 1)
    score = torch.where(logits == high, logits.sigmoid(), 0.0)
    return [_taken(score[i], found.edges[i], found.turned[i], found.features[i], least, most) for i in range(len(score))]


def _taken(score: Tensor, edges: Tensor, turned: Tensor, features: Tensor, least: float, most: int) -> Peaks:
    _, h, w = score.shape
    value, at = score.flatten().topk(min(most, score.numel()))
    at, value = at[value >= least], value[value >= least]
    label, place = at // (h * w), at % (h * w)
    x, y = ((place % w) + 0.5) * STRIDE, ((place // w) + 0.5) * STRIDE
    left, top, right, bottom = edges.flatten(1)[:, place]
    across, down, long, short, sine, cosine = turned.flatten(1)[:, place]
    angle = torch.rad2deg(torch.atan2(sine, cosine)) / 2
    upright = torch.stack([x - left, y - top, x + right, y + bottom], 1)
    # the long side comes first: where the head has them the other way round, the box is turned by a right angle
    other = short > long
    angle = torch.where(other, torch.where(angle < 0, angle + 90, angle - 90), angle)
    oblique = torch.stack([x + across, y + down, torch.maximum(long, short), torch.minimum(long, short), angle], 1)
    return Peaks(label, value, upright, oblique, features.flatten(1)[:, place].T)
