"""Boxes from scores of places: connected parts of a class, their edges moved to edges of the picture.

Scores are what cells resemble, for any model with dense features: a cell is of a class where its share among the classes and
some words for everything else is the highest. Or they are the masks that a decoder draws. Parts that touch by their sides are
one object, so objects that touch are not told apart: baselines, and the way for words on models without a trained head.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import rasterio.features
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from shapely.geometry import Polygon, shape
from torch import Tensor

from geoglot.core.errors import ModelError
from geoglot.geo.boxes import from_polygon
from geoglot.models.decoder import Segmenter
from geoglot.nn.batch import ImageBatch
from geoglot.tasks.classify import prompts, scores
from geoglot.tasks.classify.prompts import Prompts
from geoglot.tasks.detect.tiles import NONE, Boxes, Finder, together

FINE = 4  # pixels of a place of the map that parts are found in
LEAST = 4  # places of a part
HALF = 0.5  # chance of a class at which a mask ends
Floats = NDArray[np.float64]


def by_dense(model: Any, known: Prompts) -> Finder:
    """A finder for classes in words. Raises `ModelError` for a model without dense features."""
    if not callable(getattr(model, "dense", None)):
        raise ModelError(f"{type(model).__name__} has no dense features: use nano, or a published CLIP or SigLIP.")
    texts = torch.from_numpy(np.concatenate([known.vectors, prompts.others(model, known).vectors]))
    temperature = scores.calibration(model.spec).temperature

    def find(batch: ImageBatch) -> list[Boxes]:
        cells = model.dense(batch)
        shares = (cells.float().cpu() @ texts.T / temperature).softmax(-1).permute(0, 3, 1, 2)
        size = max(1, batch.pixels.shape[-2] // FINE), max(1, batch.pixels.shape[-1] // FINE)
        maps = F.interpolate(shares, size=size, mode="bilinear", align_corners=False)
        return _of_batch(batch, maps, maps.argmax(1), len(known.names))

    return find


def by_masks(found: Segmenter, known: Prompts) -> Finder:
    """A finder for classes in words by the masks of a decoder, where the chance of a class is at least one half."""
    conditions = found.texts(torch.from_numpy(known.vectors))
    classes = len(known.names)

    def find(batch: ImageBatch) -> list[Boxes]:
        chances = found.logits(batch, conditions).float().cpu().sigmoid().permute(0, 3, 1, 2)
        best = torch.where(chances.amax(1) >= HALF, chances.argmax(1), classes)
        return _of_batch(batch, chances, best, classes)

    return find


def _of_batch(batch: ImageBatch, scores: Tensor, best: Tensor, classes: int) -> list[Boxes]:
    """Boxes of pictures from scores (B, K, h, w) and the class of each place (B, h, w); what was not observed has none."""
    seen = F.adaptive_avg_pool2d(batch.valid[:, None].float().cpu(), (best.shape[-2], best.shape[-1]))[:, 0] > 0.5
    best = torch.where(seen, best, classes)
    return [_of_picture(batch.pixels[i].cpu(), scores[i], best[i].numpy(), classes) for i in range(len(batch))]


def _of_picture(pixels: Tensor, shares: Tensor, best: NDArray[np.int64], classes: int) -> Boxes:
    scale = (pixels.shape[2] / best.shape[1], pixels.shape[1] / best.shape[0])
    steps = _steps(pixels.numpy().mean(0))
    return together([_of_class(k, best == k, shares[k].numpy(), scale, steps) for k in range(classes)])


def _of_class(
    k: int, mask: NDArray[np.bool_], shares: NDArray[np.float32], scale: tuple[float, float], steps: tuple[Floats, Floats]
) -> Boxes:
    """Boxes of the connected parts of one class; the score is the mean share of the class over a part."""
    found = rasterio.features.shapes(mask.astype(np.uint8), mask, connectivity=4)
    parts: list[Any] = [part for part in (shape(outline) for outline, value in found if value) if part.area >= LEAST]
    if not parts:
        return NONE
    numbers = rasterio.features.rasterize([(part, i) for i, part in enumerate(parts, 1)], out_shape=mask.shape)
    count = np.maximum(np.bincount(numbers.ravel(), minlength=len(parts) + 1)[1:], 1)
    score = np.bincount(numbers.ravel(), shares.ravel(), minlength=len(parts) + 1)[1:] / count
    upright, turned = [], []
    for part in parts:
        outline = Polygon([(x * scale[0], y * scale[1]) for x, y in part.exterior.coords])
        box = from_polygon(outline)
        turned.append((box.x, box.y, box.width, box.height, box.angle))
        upright.append(refine(outline.bounds, steps, 2 * FINE))
    return Boxes(np.full(len(parts), k), score.astype(np.float64), np.array(upright), np.array(turned))


def _steps(grey: NDArray[np.float32]) -> tuple[Floats, Floats]:
    """How much brightness changes from each pixel to the next, across (H, W - 1) and down (H - 1, W)."""
    wide = grey.astype(np.float64)
    return np.abs(np.diff(wide, axis=1)), np.abs(np.diff(wide, axis=0))


def refine(
    bounds: tuple[float, float, float, float], steps: tuple[Floats, Floats], reach: int
) -> tuple[float, float, float, float]:
    """Move the edges left, top, right, bottom, each by ``reach`` pixels at most, to where brightness changes most along them."""
    left, top, right, bottom = (round(v) for v in bounds)
    across, down = steps
    profile = across[max(top, 0) : max(bottom, top + 1)].mean(0) if across.size else np.zeros(0)
    other = down[:, max(left, 0) : max(right, left + 1)].mean(1) if down.size else np.zeros(0)
    reach_x, reach_y = min(reach, (right - left) // 3), min(reach, (bottom - top) // 3)
    return (
        _steepest(profile, left, reach_x),
        _steepest(other, top, reach_y),
        _steepest(profile, right, reach_x),
        _steepest(other, bottom, reach_y),
    )


def _steepest(profile: Floats, edge: int, reach: int) -> float:
    """The edge at most ``reach`` pixels away where the profile is highest; steps between pixel i and i + 1 are the edge i + 1."""
    at = np.arange(edge - reach, edge + reach + 1)
    at = at[(at >= 1) & (at <= len(profile))]
    if not len(at) or reach < 1:
        return float(edge)
    near = 1 - 0.5 * np.abs(at - edge) / reach
    return float(at[int(((profile[at - 1] + 1e-9) * near).argmax())])  # where nothing changes the edge stays
