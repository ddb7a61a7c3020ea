"""What `--upsample` does to maps by words, on labelled pictures that are no test: figures, and seconds of the processor.

- dubai: groups 1 to 5, mIoU of five classes; what is unlabelled does not count.
- roads: EPFL's pictures of train and val, the class roads against all else.
- buildings: SpaceNet's scene without its test strip, the class buildings against all else.

The words are the same everywhere. Usage: python benchmarks/upsample.py [dubai|roads|buildings ...] [--data ../shared/data]
[--upsampler FILE] [--times 1 2 4 8] [--every 1]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from common import machine
from geoglot import models
from geoglot.core.parts import find
from geoglot.data.build.pixels import drawn
from geoglot.data.build.windows import wholes
from geoglot.data.sample import UNLABELLED, Sample
from geoglot.metrics.segmentation import Segmentation
from geoglot.models.ready import Ready
from geoglot.tasks.segment import segment

WORDS = ("bare land", "water", "buildings", "vegetation", "roads")
GROUPS = {f"tile{k}" for k in range(1, 6)}


def dubai(root: Path) -> Iterator[tuple[Sample, np.ndarray]]:
    """Whole tiles and their classes (H, W) as numbers of the words."""
    for sample in wholes(row for row in find("data.sources", "dubai").rows(root, "train") if row.group in GROUPS):
        mask = sample.masks["cover"]
        table = np.full(256, UNLABELLED, np.uint8)
        for place, name in enumerate(mask.names):
            table[place] = WORDS.index(name) if name in WORDS else UNLABELLED
        yield sample, table[mask.read()]


def roads(root: Path) -> Iterator[tuple[Sample, np.ndarray]]:
    """Whole pictures, and where roads are."""
    for split in ("train", "val"):
        for sample in wholes(find("data.sources", "epfl_roads").rows(root, split)):
            yield sample, sample.masks["cover"].read()


def buildings(root: Path) -> Iterator[tuple[Sample, np.ndarray]]:
    """The whole scene, and where buildings are in its strips of train and val."""
    for split in ("train", "val"):
        sample = next(iter(find("data.sources", "spacenet").rows(root, split)))
        picture = sample.pictures[0]
        assert picture.window is not None
        row, col, height, width = picture.window
        truth = np.full((row + height, col + width), UNLABELLED, np.uint8)
        truth[row:, col:] = drawn(sample, (height, width), {"building": 1})
        yield sample, truth


SETS = {"dubai": (dubai, None), "roads": (roads, "roads"), "buildings": (buildings, "buildings")}


def measure(model: Ready, name: str, root: Path, times: int, every: int, file: Path | None) -> str:
    """Figures of one set as a line."""
    rows, one = SETS[name]
    found = Segmentation(len(WORDS) if one is None else 2)
    spent, pixels = 0.0, 0
    for number, (sample, truth) in enumerate(rows(root)):
        if number % every:
            continue
        start = time.process_time()
        more = {} if times == 1 else {"upsampler": file}
        given = segment(model, sample.pictures[0].path, WORDS, upsample=times, progress=False, **more).read()
        spent, pixels = spent + time.process_time() - start, pixels + given.size
        answer = given - 1 if one is None else (given == 1 + WORDS.index(one)).astype(np.uint8)
        found.add(answer[: truth.shape[0], : truth.shape[1]], truth)
    each = "  ".join(f"{WORDS[k] if one is None else ('else', one)[k]} {row['iou']:.1f}" for k, row in found.per_class().items())
    total = "" if one is not None else f"  mIoU {found.result()['mIoU']:.2f}"
    return f"{name} n {len(found.counts)}  x{times}{total}  {each}  {spent / pixels * 1e6:.2f} s a megapixel"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", default=list(SETS), metavar="|".join(SETS))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--upsampler", type=Path)
    parser.add_argument("--times", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--every", type=int, default=1)
    asked = parser.parse_args()
    print(machine())
    model = models.load("nano")
    for name in asked.what:
        for times in asked.times:
            print(measure(model, name, asked.data, times, asked.every, asked.upsampler), flush=True)


if __name__ == "__main__":
    main()
