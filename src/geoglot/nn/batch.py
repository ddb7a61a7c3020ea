"""The typed tensors that every encoder takes and gives."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from geoglot.core.errors import InputError


@dataclass(frozen=True)
class ImageBatch:
    """Pixels with what is known of them; unknown is NaN, never a guess.

    ``pixels`` (B, C, H, W) float, scaled by sensor (a display rendering lies in [0, 1]); ``valid`` (B, H, W) bool, False
    where there is no observation; ``wavelength`` (C,) micrometres; ``gsd`` (B,) metres; ``lonlat`` (B, 2) degrees;
    ``day`` (B,) day of the year. Raises InputError when the shapes do not belong together.
    """

    pixels: Tensor
    valid: Tensor
    wavelength: Tensor
    gsd: Tensor
    lonlat: Tensor
    day: Tensor

    def __post_init__(self) -> None:
        if self.pixels.ndim != 4:
            raise InputError(f"pixels must be (B, C, H, W), got {tuple(self.pixels.shape)}: stack the images first")
        b, c, h, w = self.pixels.shape
        wanted = {"valid": (b, h, w), "wavelength": (c,), "gsd": (b,), "lonlat": (b, 2), "day": (b,)}
        for name, shape in wanted.items():
            got = tuple(getattr(self, name).shape)
            if got != shape:
                raise InputError(f"{name} must be {shape} beside pixels {(b, c, h, w)}, got {got}")

    @classmethod
    def of(cls, pixels: Tensor, valid: Tensor | None = None, **known: Tensor) -> ImageBatch:
        """Make a batch of which little is known: all pixels valid unless ``valid`` says otherwise, the rest NaN."""
        if pixels.ndim != 4:
            raise InputError(f"pixels must be (B, C, H, W), got {tuple(pixels.shape)}: stack the images first")
        b, c, h, w = pixels.shape
        blank: dict[str, Any] = {
            "wavelength": torch.full((c,), torch.nan),
            "gsd": torch.full((b,), torch.nan),
            "lonlat": torch.full((b, 2), torch.nan),
            "day": torch.full((b,), torch.nan),
        }
        if valid is None:
            valid = torch.ones((b, h, w), dtype=torch.bool, device=pixels.device)
        return cls(pixels=pixels, valid=valid, **(blank | known))

    def __len__(self) -> int:
        return self.pixels.shape[0]

    def __getitem__(self, rows: slice) -> ImageBatch:
        """Take some images of the batch."""
        return ImageBatch(self.pixels[rows], self.valid[rows], self.wavelength, self.gsd[rows], self.lonlat[rows], self.day[rows])

    def to(self, device: torch.device | str) -> ImageBatch:
        """Move every tensor to a device."""
        return replace(self, **{name: getattr(self, name).to(device) for name in self.__dataclass_fields__})


@dataclass(frozen=True)
class Features:
    """What an encoder gives: ``pooled`` (B, D), ``tokens`` (B, N, D) in row-major order, ``hw`` with N = h * w."""

    pooled: Tensor
    tokens: Tensor
    hw: tuple[int, int]

    def __post_init__(self) -> None:
        if self.tokens.shape[1] != self.hw[0] * self.hw[1]:
            raise InputError(f"{self.tokens.shape[1]} tokens cannot form a map of {self.hw[0]} x {self.hw[1]}")

    def map(self) -> Tensor:
        """Give the tokens as a map (B, h, w, D)."""
        return self.tokens.reshape(len(self.tokens), *self.hw, -1)
