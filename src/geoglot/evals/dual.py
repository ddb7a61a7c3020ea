"""Figures of an image-text model on pictures that are already decoded: caption retrieval and classes by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from geoglot.data.augment import plain
from geoglot.data.build.mixture import Material
from geoglot.metrics.accuracy import Accuracy
from geoglot.metrics.bootstrap import interval
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


def with_interval(metric: Any, key: str, count: int) -> dict[str, float]:
    """Give all figures of a metric, and the bootstrap 95 % interval of one of them, beside n."""
    low, high = interval(lambda weight: metric.result(weight)[key], count)
    found = {name: round(value, 2) for name, value in metric.result().items()}
    return found | {"low": round(low, 2), "high": round(high, 2), "n": count}


def baselines(labels: Sequence[str], classes: int) -> dict[str, float]:
    """Accuracy in per cent of guessing evenly and of always naming the commonest class."""
    _, counts = np.unique(np.asarray(labels), return_counts=True)
    return {"chance": round(100 / classes, 2), "majority": round(100 * float(counts.max()) / len(labels), 2)}
