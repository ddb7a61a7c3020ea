"""A tiny `nano-gen` with the tiny `nano` that reads for it, as files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import nano_kit
from geoglot.models import nano, nano_gen
from geoglot.models.generators import nano_gen as family
from geoglot.models.nano_gen import GenCard, GenParts
from geoglot.nn.draw import Denoiser, DrawConfig, Latents

SIZES = {"widths": (16, 24, 32), "blocks": (1, 1, 1), "wide": 48, "detail": (16, 8)}


def tiny_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write both; what is opened afterwards reads with the tiny tower."""
    tower = folder / "tower.safetensors"
    nano.save(nano_kit.tiny_nano(), tower, "none")
    spec = nano.restore(tower)[1]
    monkeypatch.setattr(family, "TOWER", str(tower))
    config = DrawConfig(**SIZES, words=spec.dim, classes=len(nano_gen.classes()))  # type: ignore[arg-type]
    torch.manual_seed(5)
    denoiser, latents = Denoiser(config), Latents(config)
    latents.measure(torch.rand(4, 3, 16, 16))
    for name, value in denoiser.named_parameters():  # as if trained: nothing is left at its first zeros
        if "outputs" in name or "no_" in name or "second" in name:
            torch.nn.init.normal_(value, std=0.3)
    path = folder / "tiny-gen.safetensors"
    nano_gen.save(GenParts(denoiser, latents, GenCard(spec.hash, nano_gen.classes(), steps=3)), path, spec)
    return path
