"""Quick figures on pictures that are already decoded, for choosing while training; what is reported comes from protocols."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from geoglot.data.augment import plain
from geoglot.data.build.mixture import Material
from geoglot.metrics.accuracy import Accuracy
from geoglot.metrics.recall import MeanRecall
from geoglot.nn.batch import ImageBatch

TEMPLATE = "a satellite photo of {}."

Embed = Callable[[Sequence[str]], NDArray[np.float32]]


@torch.inference_mode()
def picture_vectors(
    look: Callable[[ImageBatch], Tensor], pixels: NDArray[np.uint8], size: int, batch: int = 64
) -> NDArray[np.float32]:
    """Give unit vectors (N, D) of decoded pictures (N, S, S, 3), resampled to the model's ``size``."""
    found = []
    for start in range(0, len(pixels), batch):
        part = np.ascontiguousarray(pixels[start : start + batch])
        found.append(look(plain(torch.from_numpy(part), size)).float().cpu().numpy())
    return np.concatenate(found)


def retrieval(images: NDArray[np.float32], material: Material, embed: Embed) -> MeanRecall:
    """Rank all captions for each image and all images for each caption; directions in captions are kept out."""
    pairs = [(text, i) for i, row in enumerate(material.by_kind) for text in row.get("caption", ())]
    texts = [material.texts[text] for text, _ in pairs]
    metric = MeanRecall()
    metric.add(images @ embed(texts).T, texts, np.array([i for _, i in pairs]))
    return metric


def prompted(images: NDArray[np.float32], labels: Sequence[str], classes: Mapping[str, Sequence[str]], embed: Embed) -> Accuracy:
    """Name the class whose first phrase, in one fixed prompt, is nearest to the image."""
    names = sorted(classes)
    texts = embed([TEMPLATE.format(classes[name][0]) for name in names])
    index = {name: i for i, name in enumerate(names)}
    metric = Accuracy()
    metric.add((images @ texts.T).argmax(1), np.array([index[label] for label in labels]))
    return metric
