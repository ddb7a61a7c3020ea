"""Quick figures of masks on whole pictures in memory, for choosing while training; what is reported comes from protocols."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from geoglot.data.build.masks import Masked
from geoglot.data.sample import UNLABELLED
from geoglot.metrics.segmentation import Segmentation
from geoglot.nn.batch import ImageBatch

Draw = Callable[[ImageBatch, Sequence[str]], Tensor]  # pictures and classes to logits (B, h, w, K), any size of map


def logits_of(draw: Draw, picture: Masked, names: Sequence[str], whole: int = 32) -> Tensor:
    """Logits (K, H, W) of the classes of a picture, which is reflected to sides of multiples of ``whole`` pixels."""
    height, width = picture.index.shape
    x = torch.from_numpy(np.ascontiguousarray(picture.pixels)).permute(2, 0, 1)[None].float() / 255
    x = F.pad(x, (0, -width % whole, 0, -height % whole), mode="reflect")
    found = draw(ImageBatch.of(x), names).movedim(-1, 1).float().cpu()
    return F.interpolate(found, x.shape[-2:], mode="bilinear", align_corners=False)[0, :, :height, :width]


def measure(draw: Draw, held: Mapping[str, Sequence[Masked]]) -> dict[str, float]:
    """Per cent by source: intersection over union of each class that occurs against all else (logit above 0), their mean,
    and the mean where the highest logit decides, of sources of several classes of which each pixel has one."""
    report: dict[str, float] = {}
    for source, pictures in held.items():
        names = list(pictures[0].classes)
        known = {number for numbers in pictures[0].classes.values() for number in numbers}
        alone: dict[str, Segmentation] = defaultdict(lambda: Segmentation(2, (UNLABELLED,), 0))
        among = Segmentation(len(names), (UNLABELLED,))
        for picture in pictures:
            logits = logits_of(draw, picture, names)
            table = np.full(256, UNLABELLED, np.uint8)
            for k, name in enumerate(names):
                table[list(picture.classes[name])] = k
                truth = np.isin(picture.index, list(picture.classes[name])).astype(np.uint8)
                alone[name].add((logits[k] > 0).numpy().astype(np.uint8), np.where(picture.index == UNLABELLED, 255, truth))
            among.add(logits.argmax(0).numpy().astype(np.uint8), table[picture.index])
        shown = {name: metric.per_class()[1] for name, metric in alone.items() if 1 in metric.per_class()}
        each = {name: row["iou"] for name, row in shown.items() if row["pixels"]}
        report |= {f"{source}/{name}": round(value, 2) for name, value in each.items()}
        report[f"{source}/IoU"] = round(float(np.mean(list(each.values()))), 2)
        if len(names) > 1 and all(np.isin(picture.index, [*known, UNLABELLED]).all() for picture in pictures):
            report[f"{source}/mIoU"] = round(among.result()["mIoU"], 2)
    return report
