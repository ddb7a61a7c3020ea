"""Sheets of what `nano-gen` draws, in the order of the seeds: by caption, by pixel size, by mask, and a scene stage by stage.

Captions are the first of the first validation picture of every second class of UC Merced, masks those of the validation part of
Dubai: nothing is chosen by what comes out. Usage: python benchmarks/nano_gen.py [captions|sizes|masks|stages ...]
[--model nano-gen] [--data ../shared/data] [--to docs/images] [--guidance 3] [--steps 16]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from geoglot.core.parts import find
from geoglot.data.build import masks
from geoglot.geo.raster import Raster
from geoglot.geo.sensors import Band
from geoglot.models import generators
from geoglot.models.condition import Condition, Control, Drawing
from geoglot.models.generator import Generator
from geoglot.models.nano_gen import COVER, NATIVE

SEEDS = 8
SIZES = (0.3, 0.6, 1.2, 2.4, 4.8, 9.6)
WORDS = ("many houses are arranged in lines with roads between", "farmland with some trees", "a river runs through a forest")
COLOURS = np.array(
    [(180, 150, 110), (50, 90, 190), (200, 60, 60), (70, 150, 60), (250, 210, 80), (150, 150, 150), (0, 0, 0)], np.uint8
)
GAP = 2

Picture = NDArray[np.uint8]


def captions(root: Path, model: Generator, drawing: Drawing) -> tuple[list[list[Picture]], list[str]]:
    """A row a caption, a column a seed."""
    first: dict[str, str] = {}
    for sample in find("data.sources", "ucm").rows(root, "val"):
        first.setdefault(str(sample.label), sample.captions[0])
    chosen = [first[label] for label in sorted(first)][::2]
    return [[drawn(model, Condition(text), seed, drawing) for seed in range(SEEDS)] for text in chosen], chosen


def sizes(root: Path, model: Generator, drawing: Drawing) -> tuple[list[list[Picture]], list[str]]:
    """Two rows a sentence, for two seeds; a column a pixel size."""
    rows = [[drawn(model, Condition(text, gsd=gsd), seed, drawing) for gsd in SIZES] for text in WORDS for seed in range(2)]
    return rows, [text for text in WORDS for _ in range(2)]


def covered(root: Path, model: Generator, drawing: Drawing) -> tuple[list[list[Picture]], list[str]]:
    """A row a mask: the mask, the picture that it is of, and a column a seed."""
    rows = []
    for one in masks.load(root, "dubai", "val")[:6]:
        table = np.full(256, len(COVER) - 1, np.uint8)
        for k, name in enumerate(COVER):
            table[list(one.classes.get(name, ()))] = k
        side = min(one.index.shape)
        index = np.asarray(Image.fromarray(table[one.index][:side, :side]).resize((NATIVE, NATIVE), Image.Resampling.NEAREST))
        real = np.asarray(Image.fromarray(one.pixels[:side, :side]).resize((NATIVE, NATIVE), Image.Resampling.BOX))
        raster = Raster(index[None].copy(), np.ones(index.shape, bool), None, (Band("cover", None),))
        made = [drawn(model, Condition(controls=(Control("mask", raster),)), seed, drawing) for seed in range(SEEDS - 2)]
        rows.append([COLOURS[index], real, *made])
    return rows, ["mask, picture of it, drawn"] * len(rows)


def stages(root: Path, model: Generator, drawing: Drawing) -> tuple[list[list[Picture]], list[str]]:
    """One scene of 512 pixels a sentence."""
    return [[drawn(model, Condition(text, gsd=0.6), 0, drawing, 512) for text in WORDS]], [" | ".join(WORDS)]


def drawn(model: Generator, condition: Condition, seed: int, drawing: Drawing, side: int = NATIVE) -> Picture:
    """A picture (S, S, 3)."""
    return np.ascontiguousarray(np.moveaxis(model.sample(condition, (side, side), seed, drawing).data, 0, -1))


def sheet(rows: Sequence[Sequence[Picture]], times: int) -> Image.Image:
    """Pictures in rows, each pixel enlarged so many times, with a gap between."""
    height, width = rows[0][0].shape[:2]
    made = np.full(((height + GAP) * len(rows) - GAP, (width + GAP) * len(rows[0]) - GAP, 3), 255, np.uint8)
    for i, row in enumerate(rows):
        for j, one in enumerate(row):
            made[i * (height + GAP) :, j * (width + GAP) :][:height, :width] = one
    image = Image.fromarray(made)
    return image.resize((image.width * times, image.height * times), Image.Resampling.NEAREST)


def main() -> None:
    """Draw the sheets that are asked for."""
    makers = {"captions": captions, "sizes": sizes, "masks": covered, "stages": stages}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", nargs="*", default=list(makers), metavar="|".join(makers))
    parser.add_argument("--model", default="nano-gen")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--to", type=Path, default=Path("docs/images"))
    parser.add_argument("--guidance", type=float)
    parser.add_argument("--steps", type=int)
    asked = parser.parse_args()
    model = generators.load(asked.model)
    drawing = Drawing(asked.steps, asked.guidance)
    for name in asked.which:
        start = time.perf_counter()
        rows, said = makers[name](asked.data, model, drawing)
        took = time.perf_counter() - start
        file = asked.to / f"nano-gen-{name}.webp"
        sheet(rows, 1 if name == "stages" else 2).save(file, quality=85, method=6)
        count = sum(len(row) for row in rows)
        print(f"{file}: {count} pictures in {took:.1f} s, {file.stat().st_size / 1000:.0f} kB")
        for row, text in enumerate(said):
            print(f"  row {row + 1}: {text}")


if __name__ == "__main__":
    main()
