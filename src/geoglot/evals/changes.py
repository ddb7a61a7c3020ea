"""Figures of a module of change over pairs that are known exactly: F1 of each group of views, and where change begins."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from geoglot.data.build import twins
from geoglot.data.build.twins import Twin, TwinViewConfig, View
from geoglot.metrics.change import UNKNOWN, Change
from geoglot.nn.batch import ImageBatch

Find = Callable[[ImageBatch, ImageBatch], torch.Tensor]  # logits (B, H, W)
LEVELS = np.round(np.arange(0.1, 0.91, 0.05), 2)  # probabilities at which change may begin
TOGETHER = 8


def batches(views: Sequence[View]) -> tuple[ImageBatch, ImageBatch]:
    """Both dates of views in [0, 1]."""
    valid = torch.from_numpy(np.stack([view.valid for view in views]))

    def of(name: str) -> ImageBatch:
        pixels = torch.from_numpy(np.stack([getattr(view, name) for view in views]))
        return ImageBatch.of(pixels.permute(0, 3, 1, 2).float() / 255, valid)

    return of("before"), of("after")


def held(
    known: Sequence[Twin], pictures: Sequence[NDArray[np.uint8]], count: int, config: TwinViewConfig
) -> dict[str, list[View]]:
    """The same views each time: of rendered pairs up to 2 m a pixel and coarser, and of real pictures, ``count`` of each."""
    rng = np.random.default_rng(0)
    groups = {
        "fine": [twin for twin in known if twin.gsd <= twins.SMALL],
        "coarse": [twin for twin in known if twin.gsd > twins.SMALL],
    }
    found = {
        name: [twins.view(listed[k % len(listed)], config, rng) for k in range(count)]
        for name, listed in groups.items()
        if listed
    }
    if pictures:
        found["pasted"] = [twins.pasted(pictures, config, rng) for _ in range(count)]
    return found


def scores(find: Find, views: Mapping[str, Sequence[View]]) -> dict[str, NDArray[np.float32]]:
    """Probabilities (N, S, S) of change of each group of views."""
    made = {}
    for name, listed in views.items():
        parts = [find(*batches(listed[k : k + TOGETHER])).sigmoid() for k in range(0, len(listed), TOGETHER)]
        made[name] = torch.cat(parts).cpu().float().numpy()
    return made


def figures(given: NDArray[np.float32], views: Sequence[View], least: float) -> dict[str, float]:
    """F1, precision and recall of views in per cent, with change from a probability on."""
    metric = Change()
    for probability, view in zip(given, views, strict=True):
        truth = np.where(view.judged & view.valid, view.changed, UNKNOWN).astype(np.uint8)
        metric.add((probability > least).astype(np.uint8), truth)
    return metric.result()


def measure(find: Find, views: Mapping[str, Sequence[View]]) -> dict[str, float]:
    """F1 of each group and their mean at the best one threshold, which is ``least``."""
    given = scores(find, views)
    table = {float(at): {name: figures(given[name], views[name], float(at))["f1"] for name in views} for at in LEVELS}
    least = max(table, key=lambda at: float(np.mean(list(table[at].values()))))
    best = {name: figures(given[name], views[name], least) for name in views}
    told = {f"{name} {part}": round(found[part], 2) for name, found in best.items() for part in ("f1", "precision", "recall")}
    return told | {"f1": round(float(np.mean(list(table[least].values()))), 2), "least": least}
