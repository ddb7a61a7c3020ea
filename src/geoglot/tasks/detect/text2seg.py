"""Text2Seg's three ways (Zhang et al. 2023, arXiv 2304.10597), as finders: boxes of phrases, points, or crops, each with SAM.

- `grounding`: Grounding DINO finds boxes of the words, SAM their masks;
- `points`: cells that resemble the words most become points, SAM their masks;
- `crops`: SAM cuts everything out, the model says which cut-outs resemble the words.

A turned box is the least rectangle around a mask, the upright one that of its bounds.
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

from geoglot.geo.boxes import from_polygon
from geoglot.models.grounding import BOX, Grounding
from geoglot.models.sam import Sam
from geoglot.nn.batch import ImageBatch
from geoglot.tasks.classify import prompts, scores
from geoglot.tasks.classify.prompts import Prompts
from geoglot.tasks.detect.tiles import NONE, Boxes, Finder, oriented

POINTS = 12  # of one label in one picture
CROP = 1.2  # side of a cut-out, of that of its mask's bounds
Masks = NDArray[np.bool_]
Floats = NDArray[np.float64]


def by_grounding(grounding: Grounding, sam: Sam | None, known: Prompts) -> Finder:
    """Boxes of phrases; the class of a phrase is that of its synonyms. Without SAM turned boxes are the upright ones."""
    phrases = [phrase for each in known.phrases for phrase in each]
    owner = np.array([k for k, each in enumerate(known.phrases) for _ in each], dtype=np.int64)

    def find(picture: Tensor) -> Boxes:
        phrase, score, boxes = grounding.find(picture, phrases)
        sure = score >= BOX
        label, score, boxes = owner[phrase][sure], score[sure], boxes[sure]
        if sam is None or not len(label):
            return Boxes(label, score, boxes, oriented(boxes))
        masks, _ = sam.boxes(sam.look(picture), boxes)
        return of_masks(masks, label, score)

    return lambda batch: [find(picture.cpu()) for picture in batch.pixels]


def by_points(model: Any, sam: Sam, known: Prompts) -> Finder:
    """Masks of the cells that resemble a label more than their neighbours do; the score is the label's share there."""
    texts = torch.from_numpy(np.concatenate([known.vectors, prompts.others(model, known).vectors]))
    temperature = scores.calibration(model.spec).temperature

    def find(batch: ImageBatch) -> list[Boxes]:
        shares = (model.dense(batch).float().cpu() @ texts.T / temperature).softmax(-1).permute(0, 3, 1, 2)
        shares = shares[:, : len(known.names)]
        high = F.max_pool2d(shares, 3, 1, 1) == shares
        return [_of_points(sam, batch.pixels[i].cpu(), torch.where(high[i], shares[i], 0.0)) for i in range(len(batch))]

    return find


def _of_points(sam: Sam, picture: Tensor, peaks: Tensor) -> Boxes:
    classes, h, w = peaks.shape
    value, at = peaks.flatten(1).topk(min(POINTS, h * w))
    label = np.repeat(np.arange(classes), at.shape[1])
    score = value.flatten().double().numpy()
    spots = at.flatten().numpy()
    points = np.stack([(spots % w + 0.5) * picture.shape[2] / w, (spots // w + 0.5) * picture.shape[1] / h], axis=1)
    kept = score >= 1 / (classes + 1)
    if not kept.any():
        return NONE
    masks, _ = sam.points(sam.look(picture), points[kept][:, None], np.ones((int(kept.sum()), 1), np.bool_))
    return of_masks(masks, label[kept], score[kept])


def by_crops(model: Any, sam: Sam, known: Prompts) -> Finder:
    """Cut-outs of everything, each with the label that it resembles most, unless it resembles something else more."""
    texts = np.concatenate([known.vectors, prompts.others(model, known).vectors])
    temperature = scores.calibration(model.spec).temperature

    def find(picture: Tensor) -> Boxes:
        masks, _ = sam.everything(sam.look(picture))
        if not len(masks):
            return NONE
        crops = torch.stack([_crop(picture, mask, model.spec.size) for mask in masks])
        shares = scores.softmax(prompts.as_array(model.image(ImageBatch.of(crops))) @ texts.T / temperature)
        label, score = shares.argmax(axis=1), shares.max(axis=1).astype(np.float64)
        kept = label < len(known.names)
        return of_masks(masks[kept], label[kept], score[kept])

    return lambda batch: [find(picture.cpu()) for picture in batch.pixels]


def _crop(picture: Tensor, mask: Masks, side: int) -> Tensor:
    rows, cols = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    middle = (rows[0] + rows[-1] + 1) / 2, (cols[0] + cols[-1] + 1) / 2
    reach = CROP * max(rows[-1] + 1 - rows[0], cols[-1] + 1 - cols[0]) / 2
    top, left = (max(0, int(v - reach)) for v in middle)
    bottom, right = (int(np.ceil(v + reach)) + 1 for v in middle)
    part = picture[None, :, top:bottom, left:right]
    return F.interpolate(part, size=(side, side), mode="bilinear", antialias=True, align_corners=False)[0]


def of_masks(masks: Masks, label: NDArray[np.int64], score: Floats) -> Boxes:
    """The boxes around the largest part of each mask (N, H, W); masks that hold nothing are left out."""
    rows, upright, turned = [], [], []
    for row, mask in enumerate(masks):
        parts: list[Any] = [shape(found) for found, value in rasterio.features.shapes(mask.astype(np.uint8), mask) if value]
        if parts:
            largest = max(parts, key=lambda part: part.area)
            box = from_polygon(Polygon(largest.exterior))
            rows.append(row)
            upright.append(largest.bounds)
            turned.append((box.x, box.y, box.width, box.height, box.angle))
    if not rows:
        return NONE
    return Boxes(
        np.asarray(label)[rows].astype(np.int64), np.asarray(score, dtype=np.float64)[rows], np.array(upright), np.array(turned)
    )
