"""Pairs of dates whose change is known exactly: rendered places, and real pictures into which a part of another is pasted.

No labelled set of change is read: methods are measured by those. A rendered pair has lasting change beside crops, leaves, snow,
water levels, traffic, clouds and another sun, which are no change. A real picture stands for both dates of its place, taken
anew: other colours, sharpness and light, a little off, are no change either.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter
from scipy.ndimage import uniform_filter

from geoglot.core.config import Config
from geoglot.core.errors import InputError
from geoglot.core.parts import find
from geoglot.core.progress import track
from geoglot.data.build.windows import wholes
from geoglot.data.sample import Split
from geoglot.data.synth import KINDS
from geoglot.data.synth.series import Pair, series

FIRST_SEED, HELD_SEED = 1_260_000, 1_270_000  # of places to learn from and to choose by, far from those of other trainings
GSDS = (0.5, 0.5, 1.0, 1.0, 2.0, 2.0, 5.0, 10.0)  # metres; those at 10 m are averaged to 30 m too
SIDE, MEAN = 512, 3
PLACES = ((6.1, 52.3), (-58.0, -12.0), (33.0, 2.0), (115.0, 36.0), (-98.0, 39.0))
REAL = {"aid": 1000, "ucm": 450, "vhr10": 140}  # pictures of each source that are kept in memory
SMALL = 2.0  # metres a pixel
FAINT = 0.06  # of the range of pixels: what is pasted and differs by less cannot be seen

Bytes = NDArray[np.uint8]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Twin:
    """Pictures (H, W, 3) uint8 of two dates, where they changed for good and where that is known (H, W); metres a pixel."""

    id: str
    before: Bytes
    after: Bytes
    changed: Bools
    judged: Bools
    gsd: float


class TwinViewConfig(Config):
    """Side of a view in pixels, range of enlargement, the same of pairs of more than 2 m a pixel, where what changes is small;
    how far dates lie apart in pixels; share of real views without change, and of views with an edge without data."""

    size: int = 192
    zoom: tuple[float, float] = (0.7, 2.0)
    small: tuple[float, float] = (1.0, 3.0)
    apart: float = 1.5
    same: float = 0.25
    edge: float = 0.1


@dataclass(frozen=True)
class View:
    """Both dates (S, S, 3) uint8, the change and where it is known (S, S), and what was observed (S, S)."""

    before: Bytes
    after: Bytes
    changed: Bools
    judged: Bools
    valid: Bools


def rendered(places: int, folder: Path, first: int = FIRST_SEED) -> list[Twin]:
    """Render (once; later calls read the folder) three dates of so many made-up places, and give all pairs of them."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    with track(places, "render", "place") as progress:
        for number in range(places):
            file = folder / f"pairs-{first}-{number}-{SIDE}.npz"
            if not file.exists():
                _render(first + number, number, file)
            with np.load(file, allow_pickle=False) as kept:
                held = {name: kept[name] for name in kept.files}
            views, gsd = held["views"], float(held["gsd"])
            for k, (i, j) in enumerate(itertools.combinations(range(len(views)), 2)):
                one = Twin(f"rendered/{first + number}/{i}{j}", views[i], views[j], held["changed"][k], held["judged"][k], gsd)
                found.append(one)
                if gsd >= 10:
                    found.append(averaged(one, MEAN))
            progress.advance()
    return found


def _render(seed: int, number: int, file: Path) -> None:
    rng = np.random.default_rng(seed)
    gsd = GSDS[number % len(GSDS)]
    kind = list(KINDS)[int(rng.integers(len(KINDS)))]
    side = SIDE if gsd < 5 else SIDE - 128
    days = np.sort(rng.choice(np.arange(9 * 365), 3, replace=False))
    clouds = [float(rng.uniform(0.02, 0.25)) if rng.random() < 0.3 else 0.0 for _ in days]
    at = PLACES[int(rng.integers(len(PLACES)))]
    hour = round(10.5 - at[0] / 15) % 24  # in the morning, there
    dates = [datetime.fromtimestamp(1.4e9 + 86400 * int(day), UTC).replace(hour=hour) for day in days]
    made = None
    for count in range(int(rng.integers(3, 8)), -1, -1):  # fewer changes where there is no room
        try:
            made = series(seed, kind, dates=dates, changes=count, clouds=clouds, gsd=gsd, size=side, at=at)
            break
        except InputError:
            if not count:
                raise
    assert made is not None
    pairs = [made.pair(i, j) for i, j in itertools.combinations(range(len(dates)), 2)]
    part = file.with_suffix(".part.npz")
    np.savez_compressed(
        part,
        views=np.stack([np.moveaxis(view.raster.data, 0, -1) for view in made.views]),
        changed=np.stack([pair.visible for pair in pairs]),
        judged=np.stack([_judged(pair) for pair in pairs]),
        gsd=gsd,
    )
    part.rename(file)


def _judged(pair: Pair) -> Bools:
    """Beneath a cloud nobody knows of lasting change; a cloud itself is none."""
    return np.asarray(~(pair.lasting & (pair.before.cloud | pair.after.cloud)))


def averaged(twin: Twin, times: int) -> Twin:
    """The pair at so many times coarser pixels; a pixel changed where more than half of it did."""
    height, width = (side // times * times for side in twin.changed.shape)

    def mean(values: NDArray[np.generic]) -> NDArray[np.float64]:
        cut = values[:height, :width].reshape(height // times, times, width // times, times, -1)
        found: NDArray[np.float64] = cut.mean(axis=(1, 3))
        return found

    before, after = (np.rint(mean(x)).astype(np.uint8) for x in (twin.before, twin.after))
    changed, judged = mean(twin.changed)[..., 0], mean(twin.judged)[..., 0] > 0.5
    # of a pixel that is changed in part it is not known what it should be called
    return Twin(
        f"{twin.id}/{times}", before, after, changed > 0.5, judged & ((changed < 0.2) | (changed > 0.5)), twin.gsd * times
    )


def real(root: Path, split: Split, seed: int = 0, kept: dict[str, int] | None = None) -> list[Bytes]:
    """Pictures (H, W, 3) of a split of single-date sources, drawn by the seed."""
    rng, found = np.random.default_rng(seed), list[Bytes]()
    for source, most in (kept or REAL).items():
        listed = list(wholes(find("data.sources", source).rows(root, split)))
        for at in sorted(rng.permutation(len(listed))[:most].tolist()):
            found.append(listed[at].pictures[0].read())
    return found


def view(twin: Twin, config: TwinViewConfig, rng: np.random.Generator, about: bool = True) -> View:
    """A random view of a pair, mirrored and turned, often about a place that changed, the dates in any order."""
    height, width = twin.changed.shape
    low, high = (math.log(value) for value in (config.small if twin.gsd > SMALL else config.zoom))
    side = min(config.size / math.exp(rng.uniform(low, high)), height - 2.0, width - 2.0)
    top, left = rng.uniform(0, height - side), rng.uniform(0, width - side)
    if about and rng.random() < 0.6:
        rows, cols = np.nonzero(twin.changed)
        if len(rows):
            one = int(rng.integers(len(rows)))
            top = float(np.clip(rows[one] - rng.uniform(0.1, 0.9) * side, 0, height - side))
            left = float(np.clip(cols[one] - rng.uniform(0.1, 0.9) * side, 0, width - side))
    frame = (left, top, left + side, top + side)
    before, after = twin.before, twin.after
    changed, judged = (
        _cut(x.astype(np.uint8), frame, config.size, Image.Resampling.NEAREST) > 0 for x in (twin.changed, twin.judged)
    )
    return _turned(
        _cut(before, frame, config.size), _cut(after, _off(frame, twin.changed.shape, config, rng), config.size),
        changed, judged, config, rng,
    )  # fmt: skip


def pasted(pictures: Sequence[Bytes], config: TwinViewConfig, rng: np.random.Generator) -> View:
    """A view of one picture at both dates, with parts of another in one of them."""
    base, donor = (pictures[int(rng.integers(len(pictures)))] for _ in range(2))
    frame = _frame(base, config, rng)
    before = _cut(base, frame, config.size)
    after = _cut(base, _off(frame, base.shape[:2], config, rng), config.size)
    changed, judged = np.zeros(before.shape[:2], np.bool_), np.ones(before.shape[:2], np.bool_)
    if rng.random() >= config.same:
        new = _cut(donor, _frame(donor, config, rng), config.size)
        region = _regions(config.size, rng)
        soft = np.asarray(region.filter(ImageFilter.GaussianBlur(0.7)), np.float32)[..., None] / 255
        inside = np.asarray(region) > 127
        gap = uniform_filter(np.abs(new.astype(np.float32) - after).mean(axis=-1), 7)
        seen = gap > 255 * FAINT
        after = np.rint(after * (1 - soft) + new * soft).astype(np.uint8)
        changed, judged = inside & seen, ~inside | seen
    return _turned(_lit(before, rng), _lit(after, rng), changed, judged, config, rng)


def _frame(picture: Bytes, config: TwinViewConfig, rng: np.random.Generator) -> tuple[float, float, float, float]:
    height, width = picture.shape[:2]
    low, high = (math.log(value) for value in config.zoom)
    side = min(config.size / math.exp(rng.uniform(low, high)), height - 2.0, width - 2.0)
    left, top = rng.uniform(1, width - side - 1), rng.uniform(1, height - side - 1)
    return left, top, left + side, top + side


def _off(
    frame: tuple[float, float, float, float], shape: tuple[int, ...], config: TwinViewConfig, rng: np.random.Generator
) -> tuple[float, float, float, float]:
    """The frame of the other date, up to so many pixels of the view away, within the picture."""
    step = config.apart * rng.random() * (frame[2] - frame[0]) / config.size
    x, y = rng.uniform(-step, step, 2)
    x = float(np.clip(x, -frame[0], shape[1] - frame[2]))
    y = float(np.clip(y, -frame[1], shape[0] - frame[3]))
    return frame[0] + x, frame[1] + y, frame[2] + x, frame[3] + y


def _cut(
    values: Bytes, frame: tuple[float, float, float, float], size: int, how: Image.Resampling = Image.Resampling.BILINEAR
) -> Bytes:
    return np.asarray(Image.fromarray(values).resize((size, size), how, frame))


def _regions(size: int, rng: np.random.Generator) -> Image.Image:
    """One to four outlines: turned rectangles, and rounder shapes."""
    made = Image.new("L", (size, size))
    for _ in range(int(rng.integers(1, 5))):
        x, y = rng.uniform(0, size, 2)
        long = math.exp(rng.uniform(math.log(8), math.log(0.5 * size)))
        if rng.random() < 0.6:
            wide, turn = long * rng.uniform(0.3, 1.0), rng.uniform(0, math.pi)
            corners = np.array([(-long, -wide), (long, -wide), (long, wide), (-long, wide)]) / 2
        else:
            count, turn = int(rng.integers(7, 15)), 0.0
            angle = np.linspace(0, 2 * math.pi, count, endpoint=False)
            corners = (long / 2 * rng.uniform(0.6, 1.2, count))[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
        c, s = math.cos(turn), math.sin(turn)
        ring = corners @ np.array([[c, s], [-s, c]]) + (x, y)
        ImageDraw.Draw(made).polygon([tuple(point) for point in ring.tolist()], fill=255)
    return made


def _lit(picture: Bytes, rng: np.random.Generator) -> Bytes:
    """The picture with broad light and shade over it, now and then."""
    if rng.random() < 0.7:
        return picture
    light = rng.uniform(0.75, 1.2, (4, 4)).astype(np.float32)
    field = np.asarray(Image.fromarray(light).resize(picture.shape[1::-1], Image.Resampling.BICUBIC))
    made: Bytes = np.clip(picture * field[..., None], 0, 255).astype(np.uint8)
    return made


def _turned(before: Bytes, after: Bytes, changed: Bools, judged: Bools, config: TwinViewConfig, rng: np.random.Generator) -> View:
    """The view mirrored, turned by right angles, with its dates in any order, and an edge without data now and then."""
    turns, mirror = int(rng.integers(4)), rng.random() < 0.5
    if rng.random() < 0.5:
        before, after = after, before
    valid = np.ones_like(judged)
    if rng.random() < config.edge:
        valid[: int(rng.uniform(0.1, 0.5) * len(valid))] = False

    def placed(x: NDArray[Any]) -> NDArray[Any]:
        turned = np.rot90(x, turns)
        return turned[:, ::-1] if mirror else turned

    return View(placed(before), placed(after), placed(changed), placed(judged), placed(valid))
