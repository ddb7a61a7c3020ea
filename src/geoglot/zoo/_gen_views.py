"""Batches of `nano-gen`: views of pictures as latents between picture and noise, and what is told of them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Generator, Tensor

from geoglot.core.config import Config
from geoglot.models.nano_gen import COVER
from geoglot.nn.draw import PATCH, Asked, Latents
from geoglot.zoo._gen_material import MASK_SIDE, SIDE, Covered, Taught


class ViewConfig(Config):
    """Views of ``size`` pixels, of which a share ``whole`` shows all of a picture and the others a part of ``part`` of its side.

    ``words``, ``label``, ``gsd`` and ``look`` are shares of the rows that are told each; ``nothing`` of those told nothing.
    A share ``covered`` shows pictures with masks. ``coarse`` are given the view at pixels up to ``factor`` times as large, with
    noise up to ``blur`` in its latents, ``known`` a part of the view itself.
    """

    size: int = 64
    whole: float = 0.5
    part: tuple[float, float] = (0.4, 1.0)
    words: float = 0.8
    label: float = 0.5
    gsd: float = 0.8
    look: float = 0.9
    nothing: float = 0.1
    covered: float = 0.12
    coarse: float = 0.22
    factor: tuple[float, float] = (2.0, 4.5)
    blur: float = 0.15
    known: float = 0.12


class Noised(NamedTuple):
    """A batch: latents on the way (B, C, h, w), its times (B,), the velocity there, and what is asked."""

    latents: Tensor
    time: Tensor
    velocity: Tensor
    asked: Asked


class Stream:
    """Batches by number; the same number gives the same batch."""

    def __init__(
        self,
        taught: Taught,
        covered: Covered | None,
        latents: Latents,
        views: ViewConfig,
        batch: int,
        seed: int,
        chance: NDArray[np.float64],
    ) -> None:
        self.taught, self.covered, self.latents, self.views = taught, covered, latents, views
        self.config = latents.config
        self.rows, self.seed, self.chance = batch, seed, chance
        by_kind = taught.material.by_kind
        self.said = [np.array([i for texts in row.values() for i in texts]) for row in by_kind]
        self.captions = [np.array(row.get("caption", ()), np.int64) for row in by_kind]

    def pictures(self, index: int) -> Tensor:
        """Views alone (B, 3, S, S) in [0, 1], what a decoder is taught on."""
        rng = np.random.default_rng([self.seed, index, 1])
        rows = rng.choice(len(self.chance), self.rows, p=self.chance)
        return torch.stack([self._view(self.taught.material.pixels[i], SIDE, rng)[0] for i in rows])

    def batch(self, index: int) -> Noised:
        """Views, noise and what is told."""
        rng = np.random.default_rng([self.seed, index])
        g = torch.Generator().manual_seed(self.seed * 1_000_003 + index)
        views = self.views
        side = views.size // PATCH
        asked = Asked.nothing(self.config, self.rows, side, side)
        masked = round(views.covered * self.rows) if self.covered is not None else 0
        x = torch.empty(self.rows, 3, views.size, views.size)
        for k in range(self.rows):
            if k < masked:
                self._covered(k, x, asked, rng)
            else:
                self._worded(k, x, asked, rng)
        clean = self.latents.encode(x)
        asked = replace(asked, coarse=self._coarse(x, g), known=self._known(clean, rng))
        time = torch.sigmoid(torch.randn(self.rows, generator=g))
        noise = torch.randn(clean.shape, generator=g)
        at = time[:, None, None, None]
        return Noised((1 - at) * clean + at * noise, time, noise - clean, asked)

    def _view(
        self, pixels: NDArray[np.uint8], side: int, rng: np.random.Generator
    ) -> tuple[Tensor, tuple[int, int, int], tuple[int, bool]]:
        """A square part of a picture, its frame and how it was turned and mirrored."""
        views = self.views
        size = side
        if rng.random() >= views.whole:
            low, high = (math.log(value) for value in views.part)
            size = max(views.size, min(side, round(side * math.exp(rng.uniform(low, high)))))
        top, left = (int(value) for value in rng.integers(0, side - size + 1, 2))
        turns, mirror = int(rng.integers(4)), bool(rng.random() < 0.5)
        part = torch.from_numpy(np.ascontiguousarray(pixels[top : top + size, left : left + size])).permute(2, 0, 1).float() / 255
        if size != views.size:
            part = F.interpolate(part[None], size=(views.size, views.size), mode="bilinear", antialias=True)[0]
        return _turned(part, turns, mirror), (top, left, size), (turns, mirror)

    def _worded(self, k: int, x: Tensor, asked: Asked, rng: np.random.Generator) -> None:
        views, taught = self.views, self.taught
        row = int(rng.choice(len(self.chance), p=self.chance))
        x[k], (_, _, size), _ = self._view(taught.material.pixels[row], SIDE, rng)
        draws = rng.random(5)
        if draws[0] < views.nothing:
            return
        said = self.captions[row] if len(self.captions[row]) and rng.random() < 0.6 else self.said[row]
        if draws[1] < views.words and len(said):
            asked.words[k] = torch.from_numpy(taught.vectors[said[rng.integers(len(said))]].astype(np.float32))
            asked.has[k] = True
        if draws[2] < views.label:
            asked.label[k] = int(taught.label[row])
        if draws[3] < views.gsd and taught.gsd[row] > 0:
            asked.gsd[k] = float(taught.gsd[row]) * size / views.size
        if draws[4] < views.look:
            asked.look[k] = int(taught.look[row])

    def _covered(self, k: int, x: Tensor, asked: Asked, rng: np.random.Generator) -> None:
        assert self.covered is not None
        held, views = self.covered, self.views
        row = int(rng.integers(len(held.pixels)))
        x[k], (top, left, size), (turns, mirror) = self._view(held.pixels[row], MASK_SIDE, rng)
        at = ((np.arange(views.size) + 0.5) * size / views.size).astype(int)
        index = torch.from_numpy(held.index[row][top + at][:, left + at])
        shares = F.avg_pool2d(F.one_hot(index.long(), len(COVER)).permute(2, 0, 1).float(), PATCH)
        draws = rng.random(3)
        if draws[0] >= views.nothing:
            asked.cover[k] = _turned(shares, turns, mirror)
        if draws[1] < views.gsd and held.gsd[row] > 0:
            asked.gsd[k] = float(held.gsd[row]) * size / views.size
        if draws[2] < views.look:
            asked.look[k] = int(held.look[row])

    def _coarse(self, x: Tensor, g: Generator) -> Tensor:
        views = self.views
        made = self.latents.encode(x[:1])
        out = torch.zeros(len(x), self.config.channels + 1, *made.shape[2:])
        rows = torch.nonzero(torch.rand(len(x), generator=g) < views.coarse)[:, 0]
        for part in rows.chunk(3):
            if len(part):
                low, high = (math.log(value) for value in views.factor)
                factor = math.exp(float(torch.rand((), generator=g)) * (high - low) + low)
                out[part] = coarse_latents(self.latents, coarser(x[part], factor), views.size, views.size)
                noise = torch.randn(out[part][:, :-1].shape, generator=g) * torch.rand(len(part), 1, 1, 1, generator=g)
                out[part, :-1] += views.blur * noise
        return out

    def _known(self, clean: Tensor, rng: np.random.Generator) -> Tensor:
        """Everything of some rows but a rectangle, or nothing but one."""
        b, _, h, w = clean.shape
        keep = torch.zeros(b, 1, h, w)
        for k in range(b):
            if rng.random() < self.views.known:
                top, left = int(rng.integers(0, h)), int(rng.integers(0, w))
                bottom, right = int(rng.integers(top + 1, h + 1)), int(rng.integers(left + 1, w + 1))
                inside = rng.random() < 0.5
                keep[k] = float(not inside)
                keep[k, :, top:bottom, left:right] = float(inside)
        return torch.cat([clean * keep, keep], 1)


def _turned(x: Tensor, turns: int, mirror: bool) -> Tensor:
    x = torch.rot90(x, turns, (-2, -1))
    return x.flip(-1) if mirror else x


def coarser(x: Tensor, factor: float) -> Tensor:
    """Pictures at pixels ``factor`` times as large."""
    size = [max(1, round(n / factor)) for n in x.shape[-2:]]
    return F.interpolate(x, size=size, mode="bilinear", antialias=True)


def coarse_latents(latents: Latents, coarse: Tensor, height: int, width: int) -> Tensor:
    """What a denoiser is given of pictures at coarser pixels: latents (B, C + 1, h, w) of them enlarged, and ones."""
    made = latents.encode(F.interpolate(coarse, size=(height, width), mode="bilinear").clamp(0, 1))
    return torch.cat([made, torch.ones_like(made[:, :1])], 1)
