"""Random views of pictures that keep their sentences true, drawn on tensors for a whole batch at once.

They stand for what real archives hold and the training pictures lack: other orientations and scales, coarser sensors,
haze, other radiometry, panchromatic and radar looks, false colour, and edges without data.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from geoglot.core.config import Config
from geoglot.nn.batch import ImageBatch


class AugmentConfig(Config):
    """Shares of a batch that each change is applied to, and how far it goes."""

    size: int = 128
    zoom: tuple[float, float] = (0.7, 1.0)
    coarse: float = 0.25
    coarse_side: tuple[int, int] = (28, 90)
    colour: float = 0.8
    dim: float = 0.25
    haze: float = 0.15
    grey: float = 0.10
    radar: float = 0.04
    false_colour: float = 0.08
    edge: float = 0.10


def augment(pixels: Tensor, config: AugmentConfig, rng: Generator) -> ImageBatch:
    """Make views (B, 3, size, size) in [0, 1] of pictures (B, S, S, 3) uint8; same generator state, same views."""
    x = pixels.permute(0, 3, 1, 2).float() / 255
    x = recolour(_geometry(x, config, rng), config, rng)
    return ImageBatch.of(x, _edges(x, config, rng))


def recolour(x: Tensor, config: AugmentConfig, rng: Generator) -> Tensor:
    """Change how pictures (B, 3, H, W) in [0, 1] were taken, and nothing's place: sharpness, bands, colour, a radar's look."""
    x = _coarsen(x, config, rng)
    x = _false_colour(x, config, rng)
    x = _colour(x, config, rng)
    return _single_band(x, config, rng)


def plain(pixels: Tensor, size: int) -> ImageBatch:
    """Resample pictures (B, S, S, 3) uint8 to (B, 3, size, size) in [0, 1], nothing else: the view for measuring."""
    x = pixels.permute(0, 3, 1, 2).float() / 255
    if x.shape[-1] != size:
        x = F.interpolate(x, size=(size, size), mode="bilinear", antialias=True, align_corners=False)
    return ImageBatch.of(x)


def _uniform(count: int, low: float, high: float, rng: Generator) -> Tensor:
    return torch.rand(count, generator=rng) * (high - low) + low


def _some(count: int, share: float, rng: Generator) -> Tensor:
    return torch.rand(count, generator=rng) < share


def _geometry(x: Tensor, config: AugmentConfig, rng: Generator) -> Tensor:
    """Quarter turns, mirror images, and a window of random size and place."""
    b = len(x)
    turn = torch.randint(0, 4, (b,), generator=rng).float() * (math.pi / 2)
    flip = torch.where(_some(b, 0.5, rng), -1.0, 1.0)
    zoom = _uniform(b, *config.zoom, rng)
    room = 1 - zoom
    cos, sin = turn.cos().round(), turn.sin().round()
    theta = torch.stack(
        [
            torch.stack([cos * zoom * flip, -sin * zoom, _uniform(b, -1, 1, rng) * room], 1),
            torch.stack([sin * zoom * flip, cos * zoom, _uniform(b, -1, 1, rng) * room], 1),
        ],
        1,
    )
    grid = F.affine_grid(theta, [b, 3, config.size, config.size], align_corners=False)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def _coarsen(x: Tensor, config: AugmentConfig, rng: Generator) -> Tensor:
    """Show a share of the batch as a coarser sensor would: averaged down to a few pixels, then up again."""
    rows = torch.nonzero(_some(len(x), config.coarse, rng))[:, 0]
    out = x.clone()
    for part in rows.chunk(4):
        low, high = (math.log(side) for side in config.coarse_side)
        side = round(math.exp(float(_uniform(1, low, high, rng))))
        small = F.interpolate(x[part], size=(side, side), mode="area")
        mode = "nearest" if torch.rand(1, generator=rng) < 0.3 else "bilinear"
        out[part] = F.interpolate(small, size=x.shape[-2:], mode=mode)
    return out


def _false_colour(x: Tensor, config: AugmentConfig, rng: Generator) -> Tensor:
    """Guess a near infrared (plants bright, water dark) and show infrared or short-wave composites."""
    red, green, blue = x.unbind(1)
    light = x.mean(1)
    level = light.clamp(min=0.08)
    plants = torch.sigmoid(30 * ((2 * green - red - blue) / level - 0.10))
    water = torch.sigmoid(30 * ((blue - red) / level - 0.15)) * (1 - plants)
    ground = (1 - plants) * (1 - water)
    infrared = plants * (0.45 + 0.9 * light) + ground * 0.9 * light + water * 0.05 * light
    short = plants * (0.2 + 0.6 * light) + ground * 1.2 * light + water * 0.02 * light
    dark = plants * 0.35 * light + ground * light + water * (0.1 + 0.6 * light)
    one = torch.stack([infrared, red, green], 1)
    two = torch.stack([short, infrared, dark], 1)
    two = two * (1 + 0.7 * torch.rand(len(x), 1, 1, 1, generator=rng))
    draw = torch.rand(len(x), generator=rng)[:, None, None, None]
    x = torch.where(draw < config.false_colour, two.clamp(0, 1), x)
    return torch.where(draw < 0.5 * config.false_colour, one.clamp(0, 1), x)


def _colour(x: Tensor, config: AugmentConfig, rng: Generator) -> Tensor:
    """Gain a band, saturation, gamma, contrast, brightness, haze and noise."""
    b = len(x)

    def each(low: float, high: float) -> Tensor:
        return _uniform(b, low, high, rng)[:, None, None, None]

    gain = 1 + (torch.rand(b, 3, 1, 1, generator=rng) - 0.5) * 0.3
    y = (x * gain).clamp(1e-4, 1)
    light = y.mean(1, keepdim=True)
    y = light + (y - light) * each(0.4, 1.4)
    y = y.clamp(1e-4, 1) ** torch.exp(each(-0.45, 0.45))
    middle = y.mean((1, 2, 3), keepdim=True)
    y = (y - middle) * each(0.4, 1.4) + middle + each(-0.12, 0.12)
    y = torch.where(_some(b, config.colour, rng)[:, None, None, None], y, x)
    dim = torch.where(_some(b, config.dim, rng)[:, None, None, None], each(0.3, 0.9), each(1.0, 1.0))
    y = y * dim
    haze = each(0.0, 0.4) * _some(b, config.haze, rng)[:, None, None, None]
    y = y * (1 - haze) + haze * each(0.7, 1.0)
    rows = torch.nonzero(_some(b, config.colour / 2, rng))[:, 0]
    y[rows] += torch.randn(y[rows].shape, generator=rng) * _uniform(len(rows), 0, 0.04, rng)[:, None, None, None]
    return y.clamp(0, 1)


def _single_band(x: Tensor, config: AugmentConfig, rng: Generator) -> Tensor:
    """Show a share as panchromatic, and a share as speckled radar amplitude in decibels."""
    b, _, h, w = x.shape
    light = x.mean(1, keepdim=True)
    draw = torch.rand(b, generator=rng)
    grey, radar = draw < config.grey + config.radar, torch.nonzero(draw < config.radar)[:, 0]
    x = torch.where(grey[:, None, None, None], light.expand_as(x), x)
    speckle = -torch.rand(len(radar), 4, h, w, generator=rng).clamp(min=1e-6).log()
    many = (torch.rand(len(radar), 1, 1, 1, generator=rng) < 0.5).float()
    looks = many * speckle.mean(1, keepdim=True) + (1 - many) * speckle[:, :1]
    decibels = (0.75 + 0.3 * torch.log10((light[radar] ** 2 + 1e-3) * looks + 1e-3)).clamp(0, 1)
    x[radar] = decibels.expand(-1, 3, -1, -1)
    return x


def _edges(x: Tensor, config: AugmentConfig, rng: Generator) -> Tensor:
    """Call a border strip invalid for a share of the batch, up to two fifths of the picture."""
    b, _, h, w = x.shape
    depth = _uniform(b, 0.05, 0.4, rng) * _some(b, config.edge, rng)
    slope = _uniform(b, -0.3, 0.3, rng)[:, None, None]
    ramp = torch.linspace(0, 1, h)[None, :, None] + slope * torch.linspace(0, 1, w)[None, None, :]
    ramp = torch.where(_some(b, 0.5, rng)[:, None, None], ramp, ramp.transpose(1, 2))
    return (ramp >= depth[:, None, None]) | (depth == 0)[:, None, None]
