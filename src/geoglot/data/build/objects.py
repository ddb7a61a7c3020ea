"""Pictures with their objects in memory, and random views of them with boxes that follow exactly, to train detectors on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from PIL import Image

from geoglot.core.config import Config
from geoglot.core.parts import find
from geoglot.core.progress import track
from geoglot.data.build.windows import wholes
from geoglot.data.sample import Sample, Split
from geoglot.data.synth import KINDS, landscape, render
from geoglot.geo.boxes import from_polygon

RENDERED = "rendered"
FIRST_SEED = 740_000  # far from the seeds of other trainings, demonstrations and tests
GSDS = (0.3, 0.5, 0.8)
SHOWN = ("harbour", "airfield", "tankfarm", "suburb", "works", "city", "leisure", "station", "houses", "junction")

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Pictured:
    """A picture (H, W, 3) uint8 with the ring (M, 2) of every object in its pixels and its name.

    ``known`` are the classes of which every object is marked; an object with an empty name may be of any class and counts
    neither way. ``outlined``: rings are outlines of the objects, not only upright boxes, so that turned boxes follow from them.
    """

    id: str
    source: str
    pixels: NDArray[np.uint8]
    names: tuple[str, ...]
    rings: tuple[Floats, ...]
    known: frozenset[str]
    outlined: bool


def pictured(sample: Sample, known: Iterable[str]) -> Pictured:
    """Read the picture of a sample; only objects of ``known`` classes are taken along."""
    pixels = sample.pictures[0].read()
    height, width = pixels.shape[:2]
    size = np.array((width, height), dtype=np.float64)
    kept = [thing for thing in sample.things if thing.name in set(known)]
    rings = []
    for thing in kept:
        x0, y0, x1, y1 = thing.box
        corners = thing.outline if len(thing.outline) > 2 else ((x0, y0), (x1, y0), (x1, y1), (x0, y1))
        rings.append(np.array(corners) * size)
    outlined = bool(kept) and all(len(thing.outline) > 2 for thing in kept)
    names = tuple(thing.name for thing in kept)
    return Pictured(sample.id, sample.source, pixels, names, tuple(rings), frozenset(known), outlined)


def phrases_of(source: str) -> tuple[str, ...]:
    """What the objects of a source are called: the first phrase of each class."""
    return tuple(words[0] for words in find("data.sources", source).CARD.classes.values())


def load(root: Path, source: str, split: Split) -> list[Pictured]:
    """Read every whole picture of a split of a source."""
    known = phrases_of(source)
    return [pictured(sample, known) for sample in wholes(find("data.sources", source).rows(root, split))]


def without(picture: Pictured, classes: Iterable[str]) -> Pictured:
    """A picture whose objects of some classes count neither way, as if nobody had thought of such classes."""
    gone = frozenset(classes)
    names = tuple("" if name in gone else name for name in picture.names)
    return replace(picture, names=names, known=picture.known - gone)


def rendered(places: int, windows: int, size: int, folder: Path) -> list[Pictured]:
    """Render (once; later calls read the folder) windows of made-up places, about objects and at 0.3 to 0.8 m a pixel."""
    folder.mkdir(parents=True, exist_ok=True)
    with track(places, "render", "place") as progress:
        found: list[Pictured] = []
        for number in range(places):
            file = folder / f"objects-{number}-{windows}-{size}.npz"
            if not file.exists():
                _render(number, windows, size, file)
            found += _read(file)
            progress.advance()
    names = frozenset(name for picture in found for name in picture.names if name)
    return [Pictured(p.id, p.source, p.pixels, p.names, p.rings, names, True) for p in found]


def _render(number: int, windows: int, size: int, file: Path) -> None:
    seed = FIRST_SEED + number
    rng = np.random.default_rng(seed)
    kind = SHOWN[number % len(SHOWN)]
    assert kind in KINDS
    world = landscape(seed, kind, 1000.0)
    coarse = render(world, world.grid(1.0, 900)).instances()
    middles = [(i.centre[0] - 450, 450 - i.centre[1]) for i in coarse if i.legible and i.label != "vehicle"] or [(0.0, 0.0)]
    made = []
    for _ in range(windows):
        gsd = float(rng.choice(GSDS))
        east, north = np.array(middles[rng.integers(len(middles))]) + rng.uniform(-0.3, 0.3, 2) * gsd * size
        reach = max(0.0, world.extent / 2 - gsd * size / 2)
        east, north = float(np.clip(east, -reach, reach)), float(np.clip(north, -reach, reach))
        picture = render(world, world.grid(gsd, size, east, north), seed=int(rng.integers(1 << 31)))
        made.append((np.moveaxis(picture.raster.data, 0, -1), picture.instances()))
    names = [i.label if i.legible else "" for _, listed in made for i in listed]
    rings = [i.polygon for _, listed in made for i in listed]
    part = file.with_suffix(".part.npz")
    np.savez_compressed(
        part,
        pixels=np.stack([pixels for pixels, _ in made]),
        count=np.array([len(listed) for _, listed in made]),
        names=np.array(names, dtype=np.str_),
        corners=np.concatenate([*rings, np.zeros((0, 2))]),
        sides=np.array([len(ring) for ring in rings], dtype=np.int64),
    )
    part.rename(file)


def _read(file: Path) -> list[Pictured]:
    with np.load(file, allow_pickle=False) as kept:
        pixels, count, names = kept["pixels"], kept["count"], kept["names"]
        rings = np.split(kept["corners"], np.cumsum(kept["sides"])[:-1]) if len(names) else []
    ends = np.cumsum(count)
    return [
        Pictured(
            f"{RENDERED}/{file.stem}/{i}",
            RENDERED,
            pixels[i],
            tuple(str(name) for name in names[end - n : end]),
            tuple(rings[end - n : end]),
            frozenset(),
            True,
        )
        for i, (end, n) in enumerate(zip(ends.tolist(), count.tolist(), strict=True))
    ]


class ViewConfig(Config):
    """Side of a view in pixels, range of enlargement, and the share that is turned by any angle (where rings are outlines)."""

    size: int = 416
    zoom: tuple[float, float] = (0.8, 1.6)
    turn: float = 0.25
    least: float = 0.5  # of an object's box within the view, below which it counts neither way


@dataclass(frozen=True)
class Objects:
    """Objects of a view: names, upright boxes (N, 4), turned ones (N, 5) as `geoglot.geo.iou` has them, and which are known.

    ``whole`` (N,) says which are seen well enough to be asked for; ``outlined`` whether the turned boxes are true.
    """

    names: tuple[str, ...]
    upright: Floats
    turned: Floats
    whole: NDArray[np.bool_]
    outlined: bool


def boxes_of(names: Sequence[str], rings: Sequence[Floats], shape: tuple[int, int], least: float, outlined: bool) -> Objects:
    """The boxes of rings, cut at the frame of ``shape`` (height, width); what lies outside of it is left out."""
    if not rings:
        return Objects((), np.zeros((0, 4)), np.zeros((0, 5)), np.zeros(0, np.bool_), outlined)
    hulls = np.array([(*ring.min(0), *ring.max(0)) for ring in rings])
    cut = np.clip(hulls, 0, (shape[1], shape[0], shape[1], shape[0]))
    area, kept = ((b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1]) for b in (hulls, cut))
    rows = np.flatnonzero(kept > 0)
    share = kept[rows] / area[rows]
    turned = np.zeros((len(rows), 5))
    for at, row in enumerate(rows.tolist()):
        box = from_polygon(shapely.MultiPoint(rings[row]).convex_hull)
        turned[at] = box.x, box.y, box.width, box.height, box.angle
    kept_names = tuple(names[row] for row in rows.tolist())
    named = np.array([bool(name) for name in kept_names], dtype=np.bool_)
    return Objects(kept_names, cut[rows], turned, (share >= least) & named, outlined)


def view(picture: Pictured, config: ViewConfig, rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.bool_], Objects]:
    """A random view: pixels (S, S, 3), which of them are of the picture (S, S), and its objects."""
    height, width = picture.pixels.shape[:2]
    side = config.size
    low, high = (math.log(v) for v in config.zoom)
    zoom = math.exp(rng.uniform(low, high))
    angle = float(rng.integers(4)) * math.pi / 2
    if picture.outlined and rng.random() < config.turn:
        angle += float(rng.uniform(-math.pi / 4, math.pi / 4))
    mirror = -1.0 if rng.random() < 0.5 else 1.0
    # where the view is larger than the picture its middle stays in the middle, else it may be anywhere
    room = np.maximum(np.array((width, height)) - side / zoom, 0) / 2
    middle = np.array((width, height)) / 2 + rng.uniform(-1, 1, 2) * room
    cos, sin = math.cos(angle) / zoom, math.sin(angle) / zoom
    back = np.array(((cos * mirror, -sin * mirror), (sin, cos)))  # from the view to the picture
    shift = middle - back @ np.array((side / 2, side / 2))
    coefficients = (*back[0], shift[0], *back[1], shift[1])
    image = Image.fromarray(picture.pixels).transform(
        (side, side), Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR
    )
    x, y = np.meshgrid(np.arange(side) + 0.5, np.arange(side) + 0.5)
    u, v = back[0, 0] * x + back[0, 1] * y + shift[0], back[1, 0] * x + back[1, 1] * y + shift[1]
    seen = (u >= 0) & (u < width) & (v >= 0) & (v < height)
    forth = np.linalg.inv(back)
    rings = [(ring - shift) @ forth.T for ring in picture.rings]
    return np.asarray(image), seen, boxes_of(picture.names, rings, (side, side), config.least, picture.outlined)
