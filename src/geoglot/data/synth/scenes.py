"""The door: a rendered scene of a place, a time and a sensor, with its exact truth, its captions and its questions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window as RioWindow

from geoglot.core.errors import InputError, ResourceError
from geoglot.data.sample import Turn
from geoglot.data.synth import captions as words
from geoglot.data.synth import clouds as skies
from geoglot.data.synth.edit import leveled
from geoglot.data.synth.instances import Instance
from geoglot.data.synth.landscape import landscape
from geoglot.data.synth.legend import CLASSES
from geoglot.data.synth.questions import Question, questions
from geoglot.data.synth.render import objects
from geoglot.data.synth.seasons import Season, season
from geoglot.data.synth.truth import Rendered
from geoglot.data.synth.views import Exposed, Shot, Units, bands_of, blocks, expose, shot
from geoglot.data.synth.world import World
from geoglot.geo.grid import Grid, Window
from geoglot.geo.raster import Raster
from geoglot.geo.write import TIME_TAG, atomic

HERE = (6.1, 52.3)
LEAST = 800.0  # metres of a place, however small the picture of it
WIDEST = 16_000.0  # metres of ground that one place may have: every house of it is drawn
SPARE = 1.1  # how much larger than the picture the place is
MOST = 2**30  # bytes of a picture in memory; larger ones are written by blocks
BANK = 4.0  # metres that a shore moves for each metre of water level
CLOUDED = (*CLASSES, "cloud")


@dataclass(frozen=True)
class View:
    """A picture and what is exactly true of it.

    raster: the picture; truth: what can be seen of it, with class "cloud" where clouds hide the ground (mask `cover`,
    `objects`, `instances()` with boxes, `truth_at()`); ground (H, W): land cover under any cloud; state: of what grows,
    numbers of `seasons.STATES`; cloud, shade (H, W) bool; season: None where no date was asked for.
    """

    raster: Raster
    truth: Rendered
    ground: NDArray[np.uint8]
    state: NDArray[np.uint8]
    cloud: NDArray[np.bool_]
    shade: NDArray[np.bool_]
    shot: Shot
    season: Season | None

    @cached_property
    def instances(self) -> tuple[Instance, ...]:
        """Every object of which anything lies in the frame, with upright and oriented box; see `legible`, `visible`, `found`."""
        return self.truth.instances()

    @cached_property
    def captions(self) -> list[str]:
        """Some true captions, at most six."""
        return self.describe()

    @cached_property
    def questions(self) -> list[Question]:
        """A dozen questions with their answers, families and kinds."""
        return self.ask()

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The questions as turns of a sample."""
        return tuple(q.turn for q in self.questions)

    def describe(self, window: Window | None = None, count: int = 6, seed: int = 0) -> list[str]:
        """True captions of a window, varied by the seed."""
        return words.captions(self.truth, self.about, window, count, self.shot.seed + seed)

    def ask(self, window: Window | None = None, count: int = 12, seed: int = 0) -> list[Question]:
        """Questions about a window, varied by the seed; none of what the sensor does not show."""
        return questions(self.truth, window, count, self.shot.seed + seed, self.shot.radar is not None)

    @property
    def about(self) -> words.About:
        """What is known of the picture beside its ground."""
        names = [b.common or b.name for b in self.shot.bands]
        state = None if self.season is None else self.state
        return words.About("radar" if self.shot.radar else "", tuple(names), state, self.season)


@dataclass(frozen=True)
class Planned:
    """A picture before it is taken: place, grid and shot. Any part of it can be made on its own, with the same pixels."""

    world: World
    grid: Grid
    shot: Shot

    def view(self, part: Window | None = None) -> View:
        """Take the picture, or a part of it (row, column, height, width). `ResourceError` for more than memory should hold."""
        shape = self.grid.shape if part is None else part[2:]
        size = (len(self.shot.bands) * self.shot.dtype.itemsize + 5) * shape[0] * shape[1]
        if size > MOST:
            raise ResourceError(f"A picture of {shape[0]} x {shape[1]} pixels takes {size / 2**30:.1f} GiB: write it to a file.")
        e = expose(self.world, self.grid, self.shot, part)
        grid = self.grid if part is None else self.grid.window(*part)
        raster = Raster(e.data, np.ones(shape, bool), grid, self.shot.bands, self._time)
        seen = np.where(e.cloud, np.uint8(len(CLASSES)), e.cover)
        things, zones = (objects(listed, self.world, grid, True) for listed in self.world.packed)
        truth = Rendered(raster, seen, things, zones, self.world.kind, grid.gsd, e.plant, CLOUDED)
        return View(raster, truth, e.cover, e.state, e.cloud, e.shade, self.shot, self.shot.season)

    @property
    def _time(self) -> datetime | None:
        return None if self.shot.season is None else self.shot.season.time

    def write(self, path: str | Path, truth: str | Path | None = None) -> Path:
        """Write the picture block by block as a tiled GeoTIFF with overviews, and its truth as a second file.

        The truth has five bands: cover, plant, state, cloud, shade. Memory does not grow with the size.
        """
        with (
            atomic(path) as part,
            self._file(part, [(b.name, b.scale, b.offset) for b in self.shot.bands], self.shot.dtype) as file,
        ):
            if truth is None:
                for window, e in self._rows():
                    file.write(e.data, window=window)
            else:
                names = [(name, 1.0, 0.0) for name in ("cover", "plant", "state", "cloud", "shade")]
                with atomic(truth) as other, self._file(other, names, np.dtype(np.uint8)) as mask:
                    for window, e in self._rows():
                        file.write(e.data, window=window)
                        mask.write(np.stack([e.cover, e.plant, e.state, e.cloud, e.shade]).astype(np.uint8), window=window)
            levels = [2**k for k in range(1, 8) if min(self.grid.shape) >> k >= 128]
            if levels:
                file.build_overviews(levels, rasterio.enums.Resampling.average)
        return Path(path)

    def _rows(self) -> Iterator[tuple[RioWindow, Exposed]]:
        for top, left, h, w in blocks(self.grid.shape, (0, 0, *self.grid.shape)):
            yield RioWindow(left, top, w, h), expose(self.world, self.grid, self.shot, (top, left, h, w))

    def _file(self, path: Path, bands: list[tuple[str, float, float]], dtype: np.dtype[Any]) -> Any:
        h, w = self.grid.shape
        profile = {"tiled": True, "blockxsize": 512, "blockysize": 512} if min(h, w) >= 512 else {}
        file = rasterio.open(
            path, "w", driver="GTiff", height=h, width=w, count=len(bands), dtype=dtype.name, crs=self.grid.crs,
            transform=self.grid.transform, compress="deflate", bigtiff="if_safer", **profile,
        )  # fmt: skip
        for k, (name, _, _) in enumerate(bands, 1):
            file.set_band_description(k, name)
        file.scales, file.offsets = tuple(b[1] for b in bands), tuple(b[2] for b in bands)
        file.update_tags(**self.tags)
        return file

    @property
    def tags(self) -> Mapping[str, str]:
        """What the file says of itself: sensor, time, and that nobody observed it."""
        tags = {"SENSOR": self.shot.sensor.id, "TIFFTAG_SOFTWARE": "geoglot"}
        tags["TIFFTAG_IMAGEDESCRIPTION"] = f"Rendered by geoglot, not observed: {self.world.kind}, seed {self.world.seed}"
        if self._time is not None:
            tags[TIME_TAG] = self._time.isoformat()
        return tags


def compose(
    seed: int = 0, kind: str | None = None, *, gsd: float = 1.0, size: int | tuple[int, int] = 512,
    at: tuple[float, float] = HERE, date: datetime | None = None, sensor: str | None = None,
    bands: tuple[str, ...] | None = None, clouds: float = 0.0, haze: float = 0.0, cloud_kind: str | None = None,
    snow: float | None = None, units: Units = "decibels", looks: float | None = None, world: World | None = None,
) -> Planned:  # fmt: skip
    """Plan a picture: a place of a kind about a longitude and latitude, on a date, by a sensor or in bands.

    `gsd` in metres; `size` in pixels (a side, or height and width); `clouds` the share of the picture that they hide;
    `snow` overrides the season's; `units` and `looks` are for radar; `world` a place made before. Without a date the
    place is as it was drawn, under a sun that the seed settles. `InputError` for what cannot be rendered.
    """
    height, width = (size, size) if isinstance(size, int) else size
    if not gsd > 0 or min(height, width) < 1:
        raise InputError(
            f"A picture needs a positive sampling distance and at least one pixel, got {gsd} m and {height} x {width}."
        )
    found, chosen = bands_of(sensor, bands)
    wide = gsd * max(height, width)
    if world is None and wide > WIDEST:
        raise InputError(
            f"A place is at most {WIDEST / 1000:.0f} km across, not {wide / 1000:.0f}: ask for fewer pixels or a finer sampling "
            "distance, or render several places."
        )
    place = world or landscape(seed, kind, max(LEAST, SPARE * wide), at)
    grid = place.grid(gsd, (height, width))
    when = None if date is None else season(date, at, place.seed, snow)
    if when is not None:
        place = leveled(place, BANK * when.level)
    plan = shot(found, chosen, seed, when, None, units, looks)
    return Planned(place, grid, clouded(plan, grid, clouds, haze, cloud_kind))


def clouded(plan: Shot, grid: Grid, clouds: float, haze: float = 0.0, kind: str | None = None) -> Shot:
    """The shot under clouds that hide a share of the grid, and haze; radar sees through both."""
    if plan.radar is not None or (clouds == 0 and haze == 0):
        return plan
    return replace(plan, sky=skies.sky(grid.bounds, clouds, plan.style.sun, plan.seed, kind, haze))


def scene(seed: int = 0, kind: str | None = None, **how: Any) -> View:
    """A rendered scene with its truth; the arguments are those of `compose`."""
    return compose(seed, kind, **how).view()
