"""A tiny pair of towers without dropout, its batches and its loss: what the tests of the loop train."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geoglot.losses.infonce import InfoNCEConfig, infonce
from geoglot.losses.siglip import SigLIPConfig, siglip
from geoglot.train.loop import Group, Split, TrainConfig, fit

ROWS, DIM = 12, 6
CONFIG = TrainConfig(steps=8, warmup=2, log_every=1, save_every=3, validate_every=4, precision="no", ema=0.9, clip=0.5)


class Towers(nn.Module):
    """Two stacks of layers, one of them with batch norm where asked, a scale and a bias."""

    def __init__(self, norms: bool = False) -> None:
        super().__init__()
        self.image = nn.ModuleList([nn.Linear(DIM, 16), nn.Linear(16, 8)])
        self.text = nn.ModuleList([nn.Linear(DIM, 16), nn.Linear(16, 8)])
        self.norm = nn.BatchNorm1d(16) if norms else nn.Identity()
        self.scale = nn.Parameter(torch.tensor(1.5))
        self.bias = nn.Parameter(torch.tensor(-2.0))

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
        image = self.image[1](torch.tanh(self.norm(self.image[0](x))))
        text = self.text[1](torch.tanh(self.text[0](y)))
        return F.normalize(image, dim=-1), F.normalize(text, dim=-1), self.scale.exp(), self.bias


def towers(seed: int = 0, norms: bool = False) -> Towers:
    torch.manual_seed(seed)
    return Towers(norms)


def batch(index: int) -> tuple[Tensor, Tensor, Tensor]:
    """Pairs that belong together; some texts are equal."""
    rng = torch.Generator().manual_seed(index)
    y = torch.randn(ROWS, DIM, generator=rng)
    same = torch.arange(ROWS)
    same[1], same[7] = 0, 6
    y[1], y[7] = y[0], y[6]
    return y + 0.3 * torch.randn(ROWS, DIM, generator=rng), y, same


def loss_of(name: str, negatives: str) -> Split:
    def embed(module: nn.Module, part: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, ...]:
        found: tuple[Tensor, ...] = module(part[0], part[1])
        return found

    def compare(outputs: tuple[Tensor, ...], part: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Mapping[str, float]]:
        image, text, scale, bias = outputs
        if name == "siglip":
            return siglip(image, text, scale, bias, part[2], SigLIPConfig(negatives=negatives)), {}
        # the bias is part of every loss, since data-parallel training wants a gradient of each parameter
        value = infonce(image, text, scale, part[2], InfoNCEConfig(smooth=0.1, negatives=negatives))
        return value + 0.01 * bias**2, {}

    return Split(embed, compare)


def train(folder: Path, config: TrainConfig = CONFIG, name: str = "infonce", negatives: str = "local", source=batch) -> Towers:
    """A short run in this process, or as this process's part of a run of several."""
    module = towers()

    def validate(model: nn.Module) -> dict[str, float]:
        with torch.no_grad():
            image, text, *_ = model(*batch(10_000)[:2])
        return {"cosine": float((image * text).sum(1).mean())}

    groups = [Group([*module.image.parameters(), module.scale], 0.02), Group([*module.text.parameters(), module.bias], 0.01)]
    fit(module, source, loss_of(name, negatives), groups, config, folder, None, validate)
    return module


def slow(index: int) -> tuple[Tensor, Tensor, Tensor]:
    """The same batches, slowly enough for a test to end the process between two of them."""
    time.sleep(0.15)
    return batch(index)


if __name__ == "__main__":
    torch.set_num_threads(1)
    train(Path(sys.argv[1]), source=slow)
