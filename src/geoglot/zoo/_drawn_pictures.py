"""Pictures with all that steers a generator, in batches by number: latents, words, numbers, another image, at times left out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field
from torch import Tensor

from geoglot.core.config import Config
from geoglot.core.errors import DataError
from geoglot.core.parts import find
from geoglot.core.progress import track
from geoglot.data.build import mixture
from geoglot.data.sample import UNLABELLED, Sample, Split
from geoglot.models.latent import FACTOR, Latent
from geoglot.nn.conditions import FIELDS, numbers

SEEN = 0.01  # the share of a picture that a class must have to be told of
ENCODED = 16  # pictures that the autoencoder sees at once


class DropConfig(Config):
    """How often words, each number of the metadata, and the image are left out, and how often everything is."""

    words: float = Field(default=0.1, ge=0, le=1)
    number: float = Field(default=0.1, ge=0, le=1)
    image: float = Field(default=0.1, ge=0, le=1)
    everything: float = Field(default=0.05, ge=0, le=1)


@dataclass(frozen=True)
class Pictures:
    """Pictures (N, S, S, 3), sentences of each, numbers (N, fields) of its metadata, and masks (N, S, S) where there are any."""

    pixels: NDArray[np.uint8]
    texts: tuple[tuple[str, ...], ...]
    numbers: Tensor
    masks: NDArray[np.uint8] | None
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.texts)


class Batch(NamedTuple):
    """Clean latents and noise (B, c, h, w), times (B,) in (0, 1), and what steers; None where nothing of the kind does."""

    clean: Tensor
    noise: Tensor
    share: Tensor
    words: Tensor | None
    mask: Tensor | None
    numbers: Tensor | None
    hint: Tensor | None
    beside: Tensor | None


def gather(root: Path, cache: Path, names: Sequence[str], split: Split, side: int, masks: bool = False) -> Pictures:
    """Pictures of sources; with ``masks`` those that have land cover drawn. Raises NotFoundError, DataError."""
    found: list[Sample] = []
    for name in names:
        rows = find("data.sources", name).rows(root, split)
        found += [_told(one) for one in rows if "cover" in one.masks] if masks else list(rows)
    if not found:
        raise DataError(f"{', '.join(names)} have no pictures of the split {split!r}{' with masks' if masks else ''}.")
    cards = {name: find("data.sources", name).CARD for name in names}
    material = mixture.build([(cards[one.source], one) for one in found], side, cache, f"drawn-{split}")
    held = {one.id: one for one in found}
    rows = [held[name] for name in material.ids]
    texts = tuple(tuple(material.texts[k] for ids in row.values() for k in ids) for row in material.by_kind)
    told = torch.stack([_numbers(one, side) for one in rows])
    classes = tuple(dict.fromkeys(name for one in rows if masks for name in one.masks["cover"].names))
    drawn = np.stack([_mask(one, classes, side) for one in rows]) if masks else None
    return Pictures(material.pixels, texts, told, drawn, classes)


def _told(sample: Sample) -> Sample:
    """A picture with a mask, and words for it: the classes that are drawn, where nothing else is said."""
    if sample.captions or sample.labels or sample.label or sample.cover:
        return sample
    mask = sample.masks["cover"]
    count = np.bincount(mask.read().ravel(), minlength=256)
    return replace(sample, labels=tuple(name for k, name in enumerate(mask.names) if count[k] > SEEN * count.sum()))


def _numbers(sample: Sample, side: int) -> Tensor:
    """What is known of a picture; its pixels are larger than they were by as much as it was made smaller."""
    gsd = None if sample.gsd is None else sample.gsd * sample.pictures[0].size[0] / side
    grid = sample.pictures[0].grid
    return numbers(sample.lonlat or (grid.lonlat() if grid is not None else None), gsd, None, sample.pictures[0].time)


def _mask(sample: Sample, classes: Sequence[str], side: int) -> NDArray[np.uint8]:
    mask = sample.masks["cover"]
    index = np.array([*(classes.index(name) for name in mask.names), *([UNLABELLED] * (256 - len(mask.names)))], np.uint8)
    made: NDArray[np.uint8] = np.asarray(Image.fromarray(index[mask.read()]).resize((side, side), Image.Resampling.NEAREST))
    return made


def edges(pixels: Tensor) -> Tensor:
    """Strong gradients (B, 3, H, W) of pictures in [0, 1], as white lines on black."""
    grey = pixels.mean(1, keepdim=True)
    turn = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    kernel = torch.stack([turn, turn.T])[:, None]
    steep = F.conv2d(F.pad(grey, (1, 1, 1, 1), mode="replicate"), kernel).square().sum(1, keepdim=True).sqrt()
    return (steep > 0.4).float().expand(-1, 3, -1, -1)


def coarser(pixels: Tensor) -> Tensor:
    """Pictures as they look from pixels `FACTOR` times as large, at their own size."""
    small = F.avg_pool2d(pixels, FACTOR)
    return F.interpolate(small, size=pixels.shape[-2:], mode="bilinear")


class Stream:
    """Batches by number, the same for the same number; latents of pictures and of their mirror images are kept on disk."""

    def __init__(
        self, pictures: Pictures, model: Latent, batch: int, seed: int, drop: DropConfig, kind: str, cache: Path
    ) -> None:
        self.pictures, self.model, self.batch, self.seed, self.drop, self.kind = pictures, model, batch, seed, drop, kind
        self.beside = any(part.kind == "coarse" for part in model.parts.beside)
        encoded = model.parts.vae is not None
        self._clean = self._encoded(cache, "clean") if encoded else None
        self._coarse = self._encoded(cache, "coarse") if encoded and self.beside else None

    def __call__(self, index: int) -> Batch:
        """Give a batch."""
        rng = np.random.default_rng((self.seed, index))
        rows = rng.integers(len(self.pictures), size=self.batch)
        turned = rng.random(self.batch) < 0.5
        nothing = rng.random(self.batch) < self.drop.everything
        pixels = torch.stack([self._pixels(row, turn) for row, turn in zip(rows, turned, strict=True)])
        clean = pixels * 2 - 1 if self._clean is None else _rows(self._clean, rows, turned)
        words, mask = self._words(rows, nothing, rng)
        draw = torch.Generator().manual_seed(self.seed * 1_000_003 + index)
        noise, share = torch.randn(clean.shape, generator=draw), torch.rand(self.batch, generator=draw)
        told = self._numbers(rows, nothing, rng)
        blank = torch.from_numpy(nothing | (rng.random(self.batch) < self.drop.image))
        return Batch(
            clean,
            noise,
            share,
            words,
            mask,
            told,
            self._hint(pixels, rows, turned, blank),
            self._next(pixels, rows, turned, blank),
        )

    def _pixels(self, row: int, turn: bool) -> Tensor:
        pixels = torch.from_numpy(np.array(self.pictures.pixels[row])).permute(2, 0, 1).float() / 255
        return pixels.flip(-1) if turn else pixels

    def _words(
        self, rows: NDArray[np.int64], nothing: NDArray[np.bool_], rng: np.random.Generator
    ) -> tuple[Tensor | None, Tensor | None]:
        silent = nothing | (rng.random(self.batch) < self.drop.words)
        picked = [self.pictures.texts[row][rng.integers(len(self.pictures.texts[row]))] for row in rows]
        if self.model.parts.phrases is None:
            return None, None
        return self.model.parts.phrases(["" if mute else text for mute, text in zip(silent, picked, strict=True)])

    def _numbers(self, rows: NDArray[np.int64], nothing: NDArray[np.bool_], rng: np.random.Generator) -> Tensor | None:
        lost = torch.from_numpy((rng.random((self.batch, len(FIELDS))) < self.drop.number) | nothing[:, None])
        if self.model.parts.network.metadata is None:
            return None
        return self.pictures.numbers[torch.from_numpy(rows)].masked_fill(lost, torch.nan)

    def _hint(self, pixels: Tensor, rows: NDArray[np.int64], turned: NDArray[np.bool_], blank: Tensor) -> Tensor | None:
        if not self.kind:
            return None
        if self.kind == "mask":
            assert self.pictures.masks is not None
            drawn = torch.from_numpy(
                np.stack([self.pictures.masks[row][:, :: -1 if t else 1] for row, t in zip(rows, turned, strict=True)])
            )
            made = torch.stack([drawn == k for k in range(len(self.pictures.classes))], 1).float()
        else:
            made = edges(pixels) if self.kind == "edges" else coarser(pixels)
        return made.masked_fill(blank[:, None, None, None], 0)

    def _next(self, pixels: Tensor, rows: NDArray[np.int64], turned: NDArray[np.bool_], blank: Tensor) -> Tensor | None:
        """Channels beside the latents: whether there is a coarser picture, and that."""
        if not self.beside:
            return None
        seen = coarser(pixels) * 2 - 1 if self._coarse is None else _rows(self._coarse, rows, turned)
        return torch.cat([torch.ones_like(seen[:, :1]), seen], 1).masked_fill(blank[:, None, None, None], 0)

    def _encoded(self, cache: Path, what: str) -> NDArray[np.float16]:
        """Latents (N, 2, c, h, w) of all pictures and their mirror images, kept under what decides them."""
        model, count = self.model, len(self.pictures)
        told = hashlib.sha256(f"{_digest(model)} {what} {self.pictures.pixels.shape}".encode())
        told.update(np.ascontiguousarray(self.pictures.pixels).tobytes())
        file = cache / f"latents-{told.hexdigest()[:16]}.npy"
        if not file.exists():
            cache.mkdir(parents=True, exist_ok=True)
            side = self.pictures.pixels.shape[1] // model.cell
            part = file.with_suffix(".part")
            kept = np.lib.format.open_memmap(part, "w+", np.float16, (count, 2, model.channels, side, side))
            with track(count, f"encode {what} pictures", "picture") as progress, torch.inference_mode():
                for start in range(0, count, ENCODED):
                    rows = range(start, min(start + ENCODED, count))
                    for turn in (False, True):
                        pixels = torch.stack([self._pixels(row, turn) for row in rows])
                        seen = coarser(pixels) if what == "coarse" else pixels
                        found = model.encode((seen * 2 - 1).to(model.device))
                        kept[start : start + len(rows), int(turn)] = found.float().cpu().numpy()
                    progress.advance(len(rows))
            kept.flush()
            part.replace(file)
        made: NDArray[np.float16] = np.load(file, mmap_mode="r")
        return made


def _rows(held: NDArray[np.float16], rows: NDArray[np.int64], turned: NDArray[np.bool_]) -> Tensor:
    return torch.from_numpy(np.stack([held[row, int(turn)] for row, turn in zip(rows, turned, strict=True)]).astype(np.float32))


def _digest(model: Latent) -> str:
    assert model.parts.vae is not None
    told = hashlib.sha256()
    for name, value in sorted(model.parts.vae.state_dict().items()):
        told.update(f"{name}{tuple(value.shape)}{float(value.double().sum())}".encode())
    return told.hexdigest()
