"""Pictures under simulated weather with exact masks, and the figures of what draws cloud and shadow on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from geoglot.data.build import grounds, weather
from geoglot.data.build.grounds import Ground
from geoglot.data.build.weather import CLEAR, CLOUD, PRESENT, SHADOW
from geoglot.data.build.windows import squares
from geoglot.data.sample import Split
from geoglot.metrics.segmentation import Segmentation
from geoglot.nn.batch import ImageBatch

SIDE = 256  # pixels of a picture
CELL = 16  # pixels that its sides are multiples of
DRAWS = {"sentinel-2": 6, "landsat": 2, "panchromatic": 6}  # skies over each window, one over those of other sources
# photographs of each set, and rendered places
COUNTS: Mapping[Split, tuple[int, int]] = {"val": (60, 23), "test": (150, 46)}
SEEDS: Mapping[Split, int] = {"val": 12, "test": 13}
ORDER = np.array([CLOUD, SHADOW, CLEAR], np.uint8)  # of the logits of `nn.cloud.KINDS`

Bytes = NDArray[np.uint8]
Answer = Callable[[ImageBatch], Tensor]  # pictures to logits (B, h, w, 3) in the order of `nn.cloud.KINDS`


@dataclass(frozen=True)
class Shown:
    """A picture (H, W, 3) under some weather, and the class of each pixel (H, W)."""

    id: str
    source: str
    label: str
    pixels: Bytes
    index: Bytes

    @property
    def share(self) -> float:
        """The share of cloud."""
        return float((self.index == CLOUD).mean())

    @property
    def cloudy(self) -> bool:
        """Whether it counts as cloudy."""
        return self.share >= PRESENT


def shown(root: Path, split: Split) -> list[Shown]:
    """The pictures of val or test: windows of its grounds under weather that the split's seed draws, always the same."""
    aerial, rendered = COUNTS[split]
    made = []
    for number, ground in enumerate(grounds.load(root, split, aerial, rendered)):
        for place, window in enumerate(windows(ground)):
            for draw in range(DRAWS.get(ground.source, 1)):
                how = weather.drawn(np.random.default_rng([SEEDS[split], number, place, draw]))
                pixels, index = window.under(how)
                made.append(Shown(f"{window.id}#{draw}", ground.source, ground.label, pixels, index))
    return made


def windows(ground: Ground) -> Iterator[Ground]:
    """Squares that cover a ground, of whole cells."""
    _, height, width = ground.light.shape
    side = min(SIDE, height, width) // CELL * CELL
    for window in squares(height, width, (side,)):
        yield ground.window(*window)


def tiles(pictures: Sequence[Shown], size: int, seed: int = 0) -> list[Shown]:
    """A square of `size` pixels out of each picture, as an index cuts them; all of a picture that is smaller."""
    found = []
    for number, one in enumerate(pictures):
        rng = np.random.default_rng([seed, number])
        height, width = one.index.shape
        side = min(size, height, width)
        row, col = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
        part = slice(row, row + side), slice(col, col + side)
        found.append(Shown(one.id, one.source, one.label, one.pixels[part], one.index[part]))
    return found


def batch_of(pictures: Sequence[Shown]) -> ImageBatch:
    """Pictures of one size as a batch."""
    return ImageBatch.of(torch.from_numpy(np.stack([one.pixels for one in pictures])).permute(0, 3, 1, 2).float() / 255)


def classes(answer: Answer, pictures: Sequence[Shown], rows: int = 8) -> list[Bytes]:
    """The class that is answered for each pixel (H, W) of each picture: logits between places are interpolated."""
    made: list[Bytes | None] = [None] * len(pictures)
    by_size: dict[tuple[int, ...], list[int]] = {}
    for number, one in enumerate(pictures):
        by_size.setdefault(one.index.shape, []).append(number)
    for shape, numbers in by_size.items():
        for start in range(0, len(numbers), rows):
            part = numbers[start : start + rows]
            logits = answer(batch_of([pictures[i] for i in part])).movedim(-1, 1).float().cpu()
            large = F.interpolate(logits, size=shape, mode="bilinear", align_corners=False)
            for i, found in zip(part, large.argmax(1).numpy(), strict=True):
                made[i] = ORDER[found]
    return [one for one in made if one is not None]


def counted(given: Sequence[Bytes], pictures: Sequence[Shown]) -> Segmentation:
    """The confusion of answers with the truth, a table a picture."""
    found = Segmentation(len(ORDER))
    for answer, one in zip(given, pictures, strict=True):
        found.add(answer, one.index)
    return found


def figures(table: Segmentation, weight: NDArray[np.float64] | None = None) -> dict[str, float]:
    """IoU of cloud, of shadow and of clear ground, and the share of clear pixels that are called cloud, in per cent."""
    each, confusion = table.per_class(weight), table.confusion(weight)
    clear = confusion[CLEAR].sum()
    told = {f"IoU {name}": each[k]["iou"] if k in each else float("nan") for k, name in enumerate(weather.CLASSES)}
    return told | {"false cloud": 100 * float(confusion[CLEAR, CLOUD] / clear) if clear else float("nan")}
