"""What modules of change take and are: pictures of one place at two dates, and a frozen tower's view of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar, Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geoglot.core.errors import ModelError
from geoglot.nn.batch import ImageBatch
from geoglot.nn.decoder import Depths
from geoglot.nn.detection import Lateral

Looks = Literal["picture", "model", "nothing"]
MIDDLE, SPREAD = 0.4, 0.25  # of display renderings, by which hosts see them standardised


class Date(NamedTuple):
    """One date: ``pixels`` (B, 3, H, W) standardised, 0 where nothing was observed, and what a frozen tower gives, if any."""

    pixels: Tensor
    depths: Depths | None = None

    def rows(self, at: Tensor) -> Date:
        """Some of the pictures."""
        some = None
        if self.depths is not None:
            maps = tuple(level[at].contiguous(memory_format=torch.channels_last) for level in self.depths.maps)
            some = Depths(self.depths.pooled[at], self.depths.cells[at], maps)
        return Date(self.pixels[at], some)

    def to(self, device: torch.device) -> Date:
        """The same on a device."""
        here = self.depths
        if here is not None:
            here = Depths(here.pooled.to(device), here.cells.to(device), tuple(level.to(device) for level in here.maps))
        return Date(self.pixels.to(device), here)


def standardised(batch: ImageBatch) -> Tensor:
    """Pixels (B, 3, H, W) of mean near 0; what is not valid is 0, whatever stands there."""
    return torch.where(batch.valid[:, None], (batch.pixels.float() - MIDDLE) / SPREAD, torch.zeros((), device=batch.valid.device))


class Changer(nn.Module, ABC):
    """A module of change. ``looks``: whether the frozen tower sees pictures at their own size, at the model's, or none.

    ``texts`` are phrases whose unit vectors are taken up by `prepare`. ``symmetric``: whether the order of dates is all one.
    """

    looks: ClassVar[Looks] = "picture"
    symmetric: bool = False
    texts: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def forward(self, before: Date, after: Date) -> Tensor:
        """Give logits (B, h, w) in float32, a place every few pixels of the pictures."""

    def prepare(self, seen: Date, vectors: Tensor) -> None:
        """Measure constants on ordinary pictures, and take up the vectors (K, D) of `texts`."""


def measured(laterals: Sequence[nn.Module], maps: Sequence[Tensor]) -> None:
    """Give each `Lateral` mean and deviation of the channels of a map (B, C, h, w)."""
    for lateral, x in zip(laterals, maps, strict=True):
        assert isinstance(lateral, Lateral)
        lateral.centre.copy_(x.float().mean((0, 2, 3)))
        lateral.spread.copy_(x.float().std((0, 2, 3)).clamp(min=1e-4))


def depths(date: Date) -> Depths:
    """What the tower gives. Raises ModelError where none looked."""
    if date.depths is None:
        raise ModelError("This module of change needs the maps of a frozen model: give one.")
    return date.depths


def cosine(a: Tensor, b: Tensor, lateral: Lateral | None = None) -> Tensor:
    """One minus the cosine (B, 1, h, w) of two maps (B, C, h, w), brought to mean 0 and deviation 1 by a lateral's constants."""
    if lateral is not None:
        centre, spread = (part.to(a.dtype)[:, None, None] for part in (lateral.centre, lateral.spread))
        a, b = (a - centre) / spread, (b - centre) / spread
    return (1 - F.cosine_similarity(a.float(), b.float(), dim=1, eps=1e-4))[:, None]


def enlarged(x: Tensor, like: Tensor) -> Tensor:
    """A map (B, C, h, w) at the size of another."""
    if x.shape[-2:] == like.shape[-2:]:
        return x
    return F.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=False)


Bridge = Callable[[int, Tensor], Tensor]


class Host(Changer):
    """A module of change with an encoder in stages of its own, into which something may be put after each of them (see `ban`)."""

    looks: ClassVar[Looks] = "nothing"
    widths: tuple[int, ...]  # channels of the maps that leave the stages

    @abstractmethod
    def stage(self, number: int, x: Tensor) -> Tensor:
        """Map pixels, or what left the stage before (B, C, h, w), to (B, widths[number], h', w')."""

    @abstractmethod
    def decide(self, before: list[Tensor], after: list[Tensor]) -> Tensor:
        """Compare what left the stages at both dates: logits (B, h, w)."""

    def forward(self, before: Date, after: Date, bridge: Bridge | None = None) -> Tensor:
        """Give logits (B, h, w); ``bridge`` changes what leaves each stage for both dates, one after the other (2B, C, h, w)."""
        x = torch.cat([before.pixels, after.pixels])
        found: list[Tensor] = []
        for number in range(len(self.widths)):
            x = self.stage(number, x)
            if bridge is not None:
                x = bridge(number, x)
            found.append(x)
        half = len(before.pixels)
        return self.decide([x[:half] for x in found], [x[half:] for x in found]).float()
