"""Metadata of a scene as one vector for the time of a denoiser: place, pixel size, cloud, date, sensor, each may be unknown.

As Khanna et al. 2024, "DiffusionSat" (arXiv 2312.03606), embed it - a sinusoid and a small network for each number, summed - with
one thing changed: what is unknown has a vector of its own. Its authors say 0 for it, which is a place, a clear sky, a date.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import torch
from torch import Tensor, nn

from geoglot.core.config import Config

FIELDS = ("lon", "lat", "gsd", "cloud", "year", "month", "day")
SCALE = 1000.0
FIRST_YEAR, YEARS = 1980, 120


class MetadataConfig(Config):
    """``width`` of the sinusoids, ``out`` of the vector; ``net`` of each number: two layers ("mlp"), or one ("linear").

    ``order`` says how the sinusoid is laid out: all cosines, then all sines, or in turns. ``sensors`` are names that have a
    vector.
    """

    width: int = 320
    out: int = 1280
    fields: tuple[str, ...] = FIELDS
    net: Literal["mlp", "linear"] = "mlp"
    order: Literal["halves", "turns"] = "halves"
    sensors: tuple[str, ...] = ()


class Metadata(nn.Module):
    """Vectors (B, out) of numbers (B, fields), NaN where unknown, and of sensors' numbers (B,), 0 for unknown."""

    def __init__(self, config: MetadataConfig) -> None:
        super().__init__()
        self.config = config
        width, out = config.width, config.out
        self.nets = nn.ModuleList(
            nn.Sequential(nn.Linear(width, out), nn.SiLU(), nn.Linear(out, out)) if config.net == "mlp" else nn.Linear(width, out)
            for _ in config.fields
        )
        self.unknown = nn.Parameter(torch.zeros(len(config.fields), out))
        self.sensors = nn.Embedding(len(config.sensors) + 1, out)
        nn.init.zeros_(self.sensors.weight)

    def forward(self, numbers: Tensor, sensors: Tensor | None = None) -> Tensor:
        """Sum what is known and what stands for what is not."""
        known = numbers.isfinite()
        waves = sinusoid(torch.nan_to_num(numbers.float()), self.config.width, self.config.order).to(self.unknown.dtype)
        parts = torch.stack([net(waves[:, k]) for k, net in enumerate(self.nets)], 1)
        made = torch.where(known[..., None], parts, self.unknown).sum(1)
        if sensors is None:
            sensors = torch.zeros(len(numbers), dtype=torch.long, device=numbers.device)
        vector: Tensor = made + self.sensors(sensors)
        return vector

    def sensor(self, name: str | None) -> int:
        """The number of a sensor's name, 0 where it is not known."""
        names = [one.lower() for one in self.config.sensors]
        return names.index(name.lower()) + 1 if name is not None and name.lower() in names else 0

    @torch.no_grad()
    def unknown_is_zero(self) -> None:
        """Let what is unknown be what the number 0 is, as published weights were trained."""
        zero = sinusoid(torch.zeros(1, 1), self.config.width, self.config.order)[:, 0].to(self.unknown)
        self.unknown.copy_(torch.cat([net(zero) for net in self.nets]))


def numbers(
    at: tuple[float, float] | None,
    gsd: float | None,
    cloud: float | None,
    time: datetime | None,
    fields: Sequence[str] = FIELDS,
) -> Tensor:
    """The numbers (fields,) of a scene, times 1,000 as DiffusionSat has them; NaN where unknown."""
    found: dict[str, float] = {}
    if at is not None:
        found |= {"lon": (at[0] + 180) / 360, "lat": (at[1] + 90) / 180}
    if gsd is not None:
        found["gsd"] = gsd
    if cloud is not None:
        found["cloud"] = cloud
    if time is not None:
        found |= {"year": (time.year - FIRST_YEAR) / YEARS, "month": time.month / 12, "day": time.day / 31}
    return torch.tensor([found.get(name, math.nan) * SCALE for name in fields])


def sinusoid(values: Tensor, width: int, order: str = "halves") -> Tensor:
    """Waves (..., width) of values, the longest of period 10,000."""
    half = width // 2
    speeds = torch.exp(-math.log(10_000) * torch.arange(half, dtype=torch.float32, device=values.device) / half)
    angles = values[..., None].float() * speeds
    if order == "halves":
        return torch.cat([angles.cos(), angles.sin()], -1)
    return torch.stack([angles.sin(), angles.cos()], -1).flatten(-2)


def level(gsd: float | None, lowest: int = 10, highest: int = 18) -> int:
    """Text2Earth's level of resolution of metres to a pixel: 2^(17 - level) m; 0 where unknown (Liu et al. 2025, 2501.00895)."""
    if gsd is None:
        return 0
    return min(max(round(17 - math.log2(gsd)), lowest), highest)
