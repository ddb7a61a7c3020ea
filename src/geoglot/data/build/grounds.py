"""Clear pictures to put weather over, split by place: scenes by sensor and composite, aerial photographs, rendered places."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from geoglot.core.config import Config
from geoglot.core.errors import DataError
from geoglot.core.parts import find
from geoglot.data.build import weather
from geoglot.data.build.weather import Weather
from geoglot.data.sample import Split
from geoglot.data.synth import KINDS, scene
from geoglot.geo import display
from geoglot.geo.display import PERCENTILES, RGB, View
from geoglot.geo.scene import Scene
from geoglot.geo.sensors import Band

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
FIRST_SEED = 820_000  # far from the seeds of other trainings, demonstrations and tests
RENDERED, AERIAL = "rendered", ("aid_rsicd", "ucm")
TRUE, INFRARED, SHORT = ("red", "green", "blue"), ("nir", "red", "green"), ("swir16", "nir", "red")
SHARES = {"sentinel-2": 0.25, "landsat": 0.1, "panchromatic": 0.05, "aid_rsicd": 0.3, "ucm": 0.15, "rendered": 0.15}
BRIGHTER = (1.2, 2.4)  # times, of grounds that are made as light as sand or snow
SNOW = (0.0, 0.0, 0.7, 1.0)


@dataclass(frozen=True)
class Place:
    """Files of one place: where, by which split, the names of bands where files do not say them, the composites shown."""

    files: str
    split: Split
    sensor: str
    bands: tuple[str, ...] | None = None
    composites: tuple[tuple[str, ...], ...] = (TRUE,)


_S2 = "scenes/sentinel2/patch_{}.tif"
_ALL = (TRUE, INFRARED, SHORT)
# Split by place. Of the ten Sentinel-2 places two are left out, because real clouds (or snow all over) hide them.
PLACES = (
    *(Place(_S2.format(n), "train", "sentinel-2", composites=_ALL) for n in ("252161", "322265", "526850")),
    Place(_S2.format("275979"), "val", "sentinel-2", composites=_ALL),
    *(Place(_S2.format(n), "test", "sentinel-2", composites=_ALL) for n in ("286743", "502692", "566084", "57755")),
    Place("change/oscd/bercy/*.tif", "train", "sentinel-2", composites=(TRUE, INFRARED)),
    Place("change/oscd/pisa/before.tif", "val", "sentinel-2", composites=(TRUE, INFRARED)),
    Place("change/landsat_taizhou/200?TM", "train", "landsat", composites=_ALL),
    Place("scenes/landsat/*.tif", "test", "landsat", ("swir16", "nir", "red", "green"), (INFRARED, SHORT)),
    Place("scenes/naip/*.tif", "test", "naip", composites=(TRUE, INFRARED)),
    Place("scenes/spacenet/sample_geotiff.tif", "train", "panchromatic", composites=(("pan",),)),
    Place("scenes/spacenet/pan1.tif", "test", "panchromatic", composites=(("pan",),)),
)


@dataclass(frozen=True)
class Ground:
    """A clear picture before it is shown: light (1 or 3, H, W) of `bands` (see `weather.put`).

    `limits` are the light that is shown as black and white, without them percentiles of what is seen. `label` is the scene
    class where there is one.
    """

    id: str
    source: str
    light: Floats
    bands: tuple[Band, ...]
    camera: bool
    limits: tuple[float, float] | None = (0.0, 1.0)
    gamma: float = 1.0
    label: str = ""

    def under(self, how: Weather) -> tuple[Bytes, Bytes]:
        """The picture (H, W, 3) as it is shown under some weather, and the classes of its pixels (H, W)."""
        seen, index = weather.put(self.light, self.bands, how, self.camera)
        low, high = np.percentile(seen, PERCENTILES) if self.limits is None else self.limits
        count = len(self.bands)
        shown = View(tuple(range(count)), (float(low),) * count, (max(float(high), float(low) + 1e-6),) * count, self.gamma)
        picture = display.render(seen, np.ones(index.shape, bool), shown)
        return np.rint(255 * np.moveaxis(picture, 0, -1)).astype(np.uint8), index

    def window(self, row: int, col: int, height: int, width: int) -> Ground:
        """A part of the picture, in its own pixels."""
        light = self.light[:, row : row + height, col : col + width]
        return replace(self, id=f"{self.id}@{row},{col}", light=np.ascontiguousarray(light))

    def cut(self, side: float, size: int, rng: np.random.Generator) -> Ground:
        """A square of `side` pixels from anywhere, turned and mirrored, resampled to `size`."""
        _, height, width = self.light.shape
        side = min(side, height, width)
        left, top = rng.uniform(0, width - side), rng.uniform(0, height - side)
        frame = (left, top, left + side, top + side)
        turns, mirror = int(rng.integers(4)), rng.random() < 0.5
        parts = [np.rot90(_resized(band, size, frame), turns) for band in self.light]
        made = np.stack([part[:, ::-1] if mirror else part for part in parts])
        return replace(self, light=np.ascontiguousarray(made))


def _resized(band: Floats, size: int, frame: tuple[float, float, float, float]) -> Floats:
    return np.asarray(Image.fromarray(band).resize((size, size), Image.Resampling.BILINEAR, frame), np.float32)


class ViewConfig(Config):
    """A view of ``size`` pixels shows ``zoom`` times as many of its ground, under weather of which ``clear`` is the share without
    a cloud; a share ``bright`` of the grounds is as light as sand, salt or snow."""

    size: int = 192
    zoom: tuple[float, float] = (0.6, 1.6)
    clear: float = 0.25
    bright: float = 0.12


def view(
    found: Sequence[Ground], chance: NDArray[np.float64], config: ViewConfig, rng: np.random.Generator
) -> tuple[Ground, Bytes, Bytes]:
    """A part of some ground under some weather: what it is of, the picture (S, S, 3) and the classes of its pixels (S, S)."""
    ground = found[int(rng.choice(len(chance), p=chance))]
    low, high = (math.log(value) for value in config.zoom)
    part = ground.cut(config.size * math.exp(rng.uniform(low, high)), config.size, rng)
    if rng.random() < config.bright:
        part = replace(part, light=part.light * np.float32(rng.uniform(*BRIGHTER)))
    return part, *part.under(weather.drawn(rng, config.clear))


def chances(found: Sequence[Ground], shares: Mapping[str, float] = SHARES) -> NDArray[np.float64]:
    """Give the chance of each ground in a draw: by source, alike within it."""
    count = Counter(ground.source for ground in found)
    every = np.array([shares.get(ground.source, 0.0) / count[ground.source] for ground in found])
    made: NDArray[np.float64] = every / every.sum()
    return made


def load(root: Path, split: Split, aerial: int, rendered: int) -> list[Ground]:
    """Every ground of a split: real scenes, at most `aerial` photographs of each set, and `rendered` pictures of made-up places.

    Raises `DataError` where the folder holds no real scene of the split.
    """
    found = [ground for place in PLACES if place.split == split for ground in _of_place(root, place)]
    if not found:
        raise DataError(f"{root} holds none of the scenes that clouds are put over: give the folder with scenes/ and change/.")
    return [*found, *photographs(root, split, aerial), *made_up(split, rendered)]


def _of_place(root: Path, place: Place) -> Iterator[Ground]:
    for file in sorted(root.glob(place.files)):
        with Scene.open(file, bands=place.bands) as opened:
            for names in place.composites:
                yield of_scene(opened, names, f"{file.relative_to(root)}:{'+'.join(names)}", place.sensor)


def of_scene(opened: Scene, names: Sequence[str], id: str, source: str) -> Ground:
    """Some bands of a clear scene as light: reflectance where the sensor's is known, else shares of the range that is shown."""
    how = display.view(opened)
    low, high = how.low[0], how.high[0]
    raster = opened.read(bands=names)
    fixed = opened.sensor.stretch is not None and opened.sensor.stretch[1] <= 1 and opened.dtype != "uint8"
    black, white = opened.sensor.stretch if fixed and opened.sensor.stretch is not None else (0.0, 1.0)
    light: Floats = ((raster.data - low) / (high - low) * (white - black) + black).astype(np.float32)
    known = fixed or opened.dtype == "uint8"
    gamma = opened.sensor.gamma if opened.dtype != "uint8" else 1.0
    return Ground(id, source, light, raster.bands, not fixed, (black, white) if known else None, gamma)


def photographs(root: Path, split: Split, count: int) -> Iterator[Ground]:
    """Aerial photographs of the sets in `AERIAL`, spread over the classes, at most `count` of each."""
    for name in AERIAL if count else ():
        samples = list(find("data.sources", name).rows(root, split))
        rng = np.random.default_rng([len(samples), 53])
        for i in sorted(rng.permutation(len(samples))[:count]):
            pixels = samples[i].pictures[0].read()
            light = np.moveaxis(pixels, -1, 0).astype(np.float32) / np.float32(255)
            yield Ground(samples[i].id, name, light, RGB, True, label=samples[i].label or "")


def made_up(split: Split, count: int, size: int = 320) -> Iterator[Ground]:
    """Pictures of made-up places, some of them in snow."""
    for number in range(count):
        seed = FIRST_SEED + {"train": 0, "val": 1, "test": 2}[split] * 10_000 + number
        rng = np.random.default_rng(seed)
        kind, gsd = list(KINDS)[number % len(KINDS)], float(rng.choice((1.0, 2.0, 5.0, 10.0)))
        bands = INFRARED if rng.random() < 0.2 else TRUE
        snow = float(rng.choice(SNOW))
        when = datetime(2021, 1 if snow else int(rng.integers(4, 10)), 15, tzinfo=UTC)
        view = scene(seed, kind, gsd=gsd, size=size, bands=bands, date=when, snow=snow)
        light = view.raster.data.astype(np.float32) / np.float32(255)
        yield Ground(f"{RENDERED}/{seed}", RENDERED, light, view.raster.bands, True, label="snow" if snow else kind)
