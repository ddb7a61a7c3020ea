"""Pictures with a class for every pixel in memory, from masks, outlines and rendered places, and random views of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from geoglot.core.config import Config
from geoglot.core.parts import find
from geoglot.core.progress import track
from geoglot.data.build.pixels import drawn
from geoglot.data.build.windows import wholes
from geoglot.data.sample import UNLABELLED, Sample, Split
from geoglot.data.synth import CLASSES, KINDS, landscape, render

RENDERED = "rendered"
FIRST_SEED = 780_000  # far from the seeds of other trainings, demonstrations and tests
EXTENT = 1400.0
GSDS = (0.3, 0.5, 1.0, 2.0)
HELD = {"dubai": "tile5"}  # groups for choosing, of sources without a validation part
# What masks and objects of sources are called here; of sources that are not named, the first phrase of each class.
NAMES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "dubai": {name: (name,) for name in ("bare land", "water", "buildings", "vegetation", "roads")},
    "epfl_roads": {"roads": ("roads",)},
    "spacenet": {"buildings": ("building",)},
    RENDERED: {
        "bare land": ("bare", "sand"),
        "water": ("water", "pool"),
        "buildings": ("building",),
        "vegetation": ("grass", "crops", "forest", "orchard"),
        "roads": ("road",),
        "grass": ("grass",),
        "farmland": ("crops",),
        "trees": ("forest", "orchard"),
        "orchard": ("orchard",),
        "storage tank": ("tank",),
        "ship": ("ship",),
        "airplane": ("airplane",),
        "pavement": ("paved",),
        "runway": ("runway",),
        "sand": ("sand",),
        "pier": ("pier",),
        "vehicle": ("vehicle",),
        "railway": ("rail",),
        "solar panels": ("solar",),
        "swimming pool": ("pool",),
    },
}


@dataclass(frozen=True)
class Masked:
    """A picture (H, W, 3) uint8 with a number for each pixel (H, W), 255 where nothing is labelled.

    ``classes`` say which numbers each class is made of: a class may hold another (vegetation, trees). What has none of a
    class's numbers is known not to be of it. ``group`` as of `Sample`.
    """

    id: str
    source: str
    pixels: NDArray[np.uint8]
    index: NDArray[np.uint8]
    classes: Mapping[str, frozenset[int]]
    group: str | None = None

    def present(self, least: int = 1) -> tuple[str, ...]:
        """Classes of at least so many pixels."""
        return tuple(name for name, numbers in self.classes.items() if sum(self._counts[k] for k in numbers) >= least)

    @cached_property
    def _counts(self) -> NDArray[np.int64]:
        return np.bincount(self.index.reshape(-1), minlength=256)


def masked(sample: Sample, names: Mapping[str, tuple[str, ...]]) -> Masked:
    """Read the picture of a sample and its mask, or draw its objects; ``names`` are the words of the source for each class."""
    pixels = sample.pictures[0].read()
    mask = sample.masks.get("cover")
    if mask is None:
        listed = tuple(word for words in names.values() for word in words)
        index = drawn(sample, pixels.shape[:2], {word: k for k, word in enumerate(listed)}, len(listed))
    else:
        listed, index = mask.names, mask.read()
        if "unlabelled" in listed:
            index = np.where(index == listed.index("unlabelled"), np.uint8(UNLABELLED), index)
    classes = {name: frozenset(listed.index(word) for word in words if word in listed) for name, words in names.items()}
    return Masked(sample.id, sample.source, pixels, index, classes, sample.group)


def load(root: Path, source: str, split: Split) -> list[Masked]:
    """Read every whole picture of a split of a source; of one without a validation a group of its training part is that."""
    module, group = find("data.sources", source), HELD.get(source)
    names = NAMES.get(source) or {words[0]: (words[0],) for words in module.CARD.classes.values()}
    listed = wholes(module.rows(root, "train" if group and split == "val" else split))
    return [masked(one, names) for one in listed if group is None or split == "test" or (one.group == group) == (split == "val")]


def without(picture: Masked, classes: Iterable[str]) -> Masked:
    """A picture of which nobody knows that there are some classes; their pixels are still known to be of no other."""
    gone = frozenset(classes)
    return replace(picture, classes={name: numbers for name, numbers in picture.classes.items() if name not in gone})


def rendered(places: int, windows: int, size: int, folder: Path) -> list[Masked]:
    """Render (once; later calls read the folder) windows of made-up places, at 0.3 to 2 m a pixel."""
    folder.mkdir(parents=True, exist_ok=True)
    classes = {name: frozenset(CLASSES.index(word) for word in words) for name, words in NAMES[RENDERED].items()}
    found = []
    with track(places, "render", "place") as progress:
        for number in range(places):
            file = folder / f"masks-{number}-{windows}-{size}.npz"
            if not file.exists():
                _render(number, windows, size, file)
            with np.load(file, allow_pickle=False) as kept:
                for i, (pixels, index) in enumerate(zip(kept["pixels"], kept["index"], strict=True)):
                    found.append(Masked(f"{RENDERED}/{file.stem}/{i}", RENDERED, pixels, index, classes))
            progress.advance()
    return found


def _render(number: int, windows: int, size: int, file: Path) -> None:
    seed = FIRST_SEED + number
    rng = np.random.default_rng(seed)
    world = landscape(seed, list(KINDS)[number % len(KINDS)], EXTENT)
    pixels, index = [], []
    for _ in range(windows):
        gsd = float(rng.choice(GSDS))
        reach = max(0.0, world.extent / 2 - gsd * size / 2) * (0.5 if rng.random() < 0.5 else 1.0)
        east, north = rng.uniform(-reach, reach, 2)
        picture = render(world, world.grid(gsd, size, float(east), float(north)), seed=int(rng.integers(1 << 31)))
        pixels.append(np.moveaxis(picture.raster.data, 0, -1))
        index.append(picture.cover)
    part = file.with_suffix(".part.npz")
    np.savez_compressed(part, pixels=np.stack(pixels), index=np.stack(index))
    part.rename(file)


class MaskViewConfig(Config):
    """Side of a view in pixels, range of enlargement, share of views about a place of the class that they are drawn for."""

    size: int = 224
    zoom: tuple[float, float] = (0.7, 1.6)
    about: float = 0.7


def view(
    picture: Masked, config: MaskViewConfig, rng: np.random.Generator, about: str | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A random view: pixels (S, S, 3) and numbers (S, S), mirrored and turned by right angles.

    It holds a place of the class ``about`` where there is one.
    """
    height, width = picture.index.shape
    low, high = (math.log(value) for value in config.zoom)
    side = min(config.size / math.exp(rng.uniform(low, high)), height, width)
    top, left = rng.uniform(0, height - side), rng.uniform(0, width - side)
    if about is not None:
        rows, cols = np.nonzero(np.isin(picture.index, list(picture.classes[about])))
        if len(rows):
            one = int(rng.integers(len(rows)))
            shift = rng.uniform(0.1, 0.9, 2) * side
            top = float(np.clip(rows[one] - shift[0], 0, height - side))
            left = float(np.clip(cols[one] - shift[1], 0, width - side))
    frame, whole = (left, top, left + side, top + side), (config.size, config.size)
    pixels = np.asarray(Image.fromarray(picture.pixels).resize(whole, Image.Resampling.BILINEAR, frame))
    index = np.asarray(Image.fromarray(picture.index).resize(whole, Image.Resampling.NEAREST, frame))
    turns, mirror = int(rng.integers(4)), rng.random() < 0.5
    pixels, index = np.rot90(pixels, turns), np.rot90(index, turns)
    return (pixels[:, ::-1], index[:, ::-1]) if mirror else (pixels, index)
