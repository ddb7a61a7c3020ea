"""What `nano-chat` sees of a picture: nano's vector and cells, what its head for objects finds, and how near concepts are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from geoglot.models.detector import Detector
from geoglot.models.dual import DualModel
from geoglot.nn.batch import ImageBatch
from geoglot.nn.detection import Peaks, peaks
from geoglot.nn.pointer import Objects
from geoglot.nn.talk import KNOWN, Sight

FAR = 448  # pixels of the longer side beyond which a picture is made smaller
LEAST, ALIKE, MOST = 0.05, 0.6, 80  # least score, overlap above which two boxes are of one object, and how many are kept
LEVELS = (0.15, 0.3, 0.5)  # scores above which objects are counted
GREY = 0.012  # mean difference of channels below which a picture is a grey one

Floats = NDArray[np.float32]


class Circumstances(NamedTuple):
    """What is known of how a picture was taken: metres a pixel and time, None where unknown."""

    gsd: float | None = None
    time: datetime | None = None

    def numbers(self, pixels: Tensor) -> list[float]:
        """Eight numbers, with what a picture (3, H, W) shows of itself: whether it is grey, and its form."""
        grey = float((pixels.amax(0) - pixels.amin(0)).mean()) < GREY
        form = math.log2(pixels.shape[1] / pixels.shape[2])
        gsd = [0.0, 0.0] if self.gsd is None else [1.0, math.log2(self.gsd) / 3]
        if self.time is None:
            return [*gsd, float(grey), form, 0.0, 0.0, 0.0, 0.0]
        turn = 2 * math.pi * self.time.timetuple().tm_yday / 365.25
        return [*gsd, float(grey), form, 1.0, math.sin(turn), math.cos(turn), (self.time.year - 2015) / 10]


@dataclass(frozen=True)
class Seen:
    """One picture as seen, see `nn.talk.Sight` and `nn.pointer.Objects`; ``scores`` (K, C) are those of the head's classes."""

    cells: NDArray[np.float16]
    whole: Floats
    counts: Floats
    concepts: Floats
    known: Floats
    boxes: Floats
    features: Floats
    scores: Floats


class Eyes:
    """The frozen tower of nano, a head for objects, and the vectors of concepts; ``side`` squared cells are made of a picture."""

    def __init__(self, model: DualModel, detector: Detector, concepts: Sequence[str], side: int = 5) -> None:
        self.model, self.detector, self.side = model, detector, side
        self.classes = detector.card.classes
        self.concepts = model.text([f"a satellite photo of {name}." for name in concepts])
        self.directions = torch.from_numpy(detector.directions(model.text(list(self.classes)).cpu().numpy())).to(model.device)

    def look(self, pixels: Tensor, known: Sequence[Circumstances], valid: Tensor | None = None) -> list[Seen]:
        """Look at pictures (B, 3, H, W) in [0, 1] of one size; ``valid`` (B, H, W) says where there is an observation."""
        size = self.model.spec.size
        seen = torch.ones_like(pixels[:, 0], dtype=torch.bool) if valid is None else valid
        near = _resized(pixels, seen, (size, size))
        far = _resized(pixels, seen, far_size(pixels.shape[-2], pixels.shape[-1], size, self.model.cells.side))
        found = [self._far(part) for part in self.model.parts(far)]
        own, cells, concepts = (torch.cat(parts) for parts in zip(*(f[:3] for f in found), strict=True))
        objects = [one for f in found for one in f[3]]
        # a small picture is looked at once
        whole = own if far.pixels.shape == near.pixels.shape else self.model.image(near).cpu()
        pooled = whole @ self.concepts.cpu().T
        made = []
        for b, one in enumerate(objects):
            kept, scores = self._kept(one)
            colour = _colours(far.pixels[b], kept.upright)
            high, wide = far.pixels.shape[-2:]
            boxes = (kept.upright / torch.tensor([wide, high, wide, high])).clamp(0, 1).numpy()
            made.append(
                Seen(
                    cells[b].numpy().astype(np.float16),
                    whole[b].numpy(),
                    _counted(scores),
                    torch.cat([pooled[b], concepts[b]]).numpy() * 10,
                    np.array(known[b].numbers(pixels[b]), np.float32),
                    boxes.astype(np.float32),
                    np.concatenate([kept.features.numpy(), scores, colour], 1).astype(np.float32),
                    scores,
                )
            )
        return made

    @torch.inference_mode()
    def _far(self, batch: ImageBatch) -> tuple[Tensor, Tensor, Tensor, list[Peaks]]:
        """Vectors (B, D), pooled cells (B, S * S, C), the nearest cell's cosines (B, M) with concepts, objects."""
        here = batch.to(self.model.device)
        nano = self.model.model
        features, maps = nano.depths(here)
        raw = ((nano.image.norm(maps[-1]) - nano.head.centre) / nano.head.spread).float()
        cells = F.adaptive_avg_pool2d(raw, self.side).flatten(2).transpose(1, 2)
        tokens = F.normalize(features.tokens.float(), dim=-1)
        near = (tokens @ self.concepts.T).amax(1)
        found = self.detector.head(maps)
        logits = self.detector.head.logits(found.features, self.directions)
        whole = F.normalize(features.pooled.float(), dim=-1)
        return whole.cpu(), cells.cpu(), near.cpu(), [one.plain() for one in peaks(logits, found, LEAST, 4 * MOST)]

    @torch.inference_mode()
    def _kept(self, found: Peaks) -> tuple[Peaks, Floats]:
        """Each object once, the best first, and its score for every class (K, C)."""
        rows = torch.tensor(once(found.upright.numpy())[:MOST], dtype=torch.long)
        kept = Peaks(*(part[rows] for part in found))
        head = self.detector.head
        near = head.vectors(kept.features.to(self.model.device)) @ self.directions.T
        scores: Floats = (head.scale.exp() * near + head.bias).sigmoid().cpu().numpy()
        return kept, scores


def far_size(height: int, width: int, least: int, step: int) -> tuple[int, int]:
    """Height and width at which a picture is looked at closely: whole cells, the longer side between ``least`` and 448 pixels."""
    long = max(height, width)
    scale = min(max(long, least), FAR) / long
    return max(step, round(height * scale / step) * step), max(step, round(width * scale / step) * step)


def _resized(pixels: Tensor, valid: Tensor, size: tuple[int, int]) -> ImageBatch:
    if pixels.shape[-2:] == size:
        return ImageBatch.of(pixels, valid)
    small = F.interpolate(pixels.float(), size, mode="bicubic", antialias=True, align_corners=False).clamp(0, 1)
    share = F.interpolate(valid[:, None].float(), size, mode="bilinear", antialias=True, align_corners=False)
    return ImageBatch.of(small, share[:, 0] > 0.5)


def once(boxes: Floats, alike: float = ALIKE) -> list[int]:
    """Places of boxes (N, 4), the best first, that overlap no better one by more than ``alike``."""
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    low, high = np.maximum(boxes[:, None, :2], boxes[:, :2]), np.minimum(boxes[:, None, 2:], boxes[:, 2:])
    shared = np.clip(high - low, 0, None).prod(2)
    over = shared > alike * (area[:, None] + area - shared)
    free = np.ones(len(boxes), bool)
    for row in range(len(boxes)):
        if free[row]:
            free[row + 1 :] &= ~over[row, row + 1 :]
    return [int(row) for row in np.flatnonzero(free)]


def _counted(scores: Floats) -> Floats:
    """Of each class: how many objects look most like it, by three scores, and the best score; (4 * C,)."""
    classes = scores.shape[1]
    if not len(scores):
        return np.zeros(4 * classes, np.float32)
    best, top = scores.argmax(1), scores.max(1)
    parts = [np.bincount(best[top >= least], minlength=classes).astype(np.float32) for least in LEVELS]
    return np.concatenate([*(np.log1p(part) for part in parts), scores.max(0)]).astype(np.float32)


def _colours(picture: Tensor, boxes: Tensor) -> Floats:
    """Mean colour (K, 3) of the middle half of boxes (K, 4) in pixels of a picture (3, H, W)."""
    _, high, wide = picture.shape
    summed = np.zeros((3, high + 1, wide + 1))
    summed[:, 1:, 1:] = picture.double().numpy().cumsum(1).cumsum(2)
    x0, y0, x1, y1 = boxes.double().numpy().T
    a, c = (np.clip(v, 0, size - 1).astype(int) for v, size in ((y0 + (y1 - y0) / 4, high), (x0 + (x1 - x0) / 4, wide)))
    b, d = (np.clip(v, 0, size - 1).astype(int) + 1 for v, size in ((y1 - (y1 - y0) / 4, high), (x1 - (x1 - x0) / 4, wide)))
    total = summed[:, b, d] - summed[:, a, d] - summed[:, b, c] + summed[:, a, c]
    made: Floats = (total / np.maximum((b - a) * (d - c), 1)).T.astype(np.float32)
    return made


def sight(seen: Sequence[Sequence[Seen]], device: torch.device | str = "cpu") -> Sight:
    """Put the pictures of B conversations together; a conversation may have none, one or two, absent ones stand last."""
    count = max(1, max(len(some) for some in seen))
    blank = next((some[0] for some in seen if some), None)
    there = torch.zeros(len(seen), count, dtype=torch.bool)

    def stacked(name: str) -> Tensor:
        like = np.zeros(KNOWN, np.float32) if blank is None else getattr(blank, name)
        rows = np.zeros((len(seen), count, *like.shape), np.float32)
        for b, some in enumerate(seen):
            for n, one in enumerate(some):
                rows[b, n] = getattr(one, name)
                there[b, n] = True
        return torch.from_numpy(rows).to(device)

    cells, whole, counts, concepts, known = (stacked(name) for name in ("cells", "whole", "counts", "concepts", "known"))
    return Sight(cells, whole, counts, concepts, known, there.to(device))


def objects(seen: Sequence[Seen], device: torch.device | str = "cpu") -> Objects:
    """Put the objects of pictures together, as many places as the fullest has."""
    most = max(1, max(len(one.boxes) for one in seen))
    wide = seen[0].features.shape[1]
    boxes, features = np.zeros((len(seen), most, 4), np.float32), np.zeros((len(seen), most, wide), np.float32)
    there = np.zeros((len(seen), most), bool)
    for b, one in enumerate(seen):
        k = len(one.boxes)
        boxes[b, :k], features[b, :k], there[b, :k] = one.boxes, one.features, True
    return Objects(*(torch.from_numpy(part).to(device) for part in (boxes, features, there)))
