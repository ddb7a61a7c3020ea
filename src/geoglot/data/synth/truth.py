"""What a rendered scene holds: its raster, its land cover, its objects and areas of use, and counts over any window."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from shapely import get_coordinates
from shapely.geometry.base import BaseGeometry

from geoglot.core.errors import InputError
from geoglot.data.synth.instances import FOUND, Instance, found_share, instances
from geoglot.data.synth.legend import CLASSES
from geoglot.data.synth.objects import Labelled, Objects
from geoglot.geo.footprint import transformer
from geoglot.geo.grid import Window
from geoglot.geo.raster import Raster

USE_STEP = 4  # pixels a cell of the map of uses


@dataclass(frozen=True)
class Truth:
    """What a window holds: fraction of each land cover class, number of objects by label, fraction of each use.

    gsd in metres; `near`: labels of objects within 250 m of water in the window, and the window's side in metres.
    """

    cover: dict[str, float]
    count: dict[str, int]
    use: dict[str, float]
    near: frozenset[str]
    gsd: float
    side: float


@dataclass(frozen=True)
class Rendered:
    """A rendered scene: its raster, class numbers of each pixel (H, W) after `classes`, objects and areas of use.

    plant (H, W): what grows on each pixel, a number of the legend's PLANTS.
    """

    raster: Raster
    cover: NDArray[np.uint8]
    objects: Objects
    zones: Objects
    kind: str
    gsd: float
    plant: NDArray[np.uint8]
    classes: tuple[str, ...] = CLASSES

    @cached_property
    def _uses(self) -> dict[str, NDArray[np.bool_]]:
        h, w = self.cover.shape
        size = (-(-w // USE_STEP), -(-h // USE_STEP))
        maps: dict[str, Image.Image] = {}
        for zone in self.zones:
            image = maps.setdefault(zone.label, Image.new("L", size))
            ImageDraw.Draw(image).polygon((zone.polygon / USE_STEP - 0.5).ravel().tolist(), fill=1)
        clear = np.ones(size[::-1], bool)
        if "cloud" in self.classes:
            clear = self.cover[::USE_STEP, ::USE_STEP] != self.classes.index("cloud")
        return {label: (np.asarray(image) > 0) & clear for label, image in maps.items()}

    @cached_property
    def _seen(self) -> NDArray[np.bool_]:
        """Which objects are of three pixels at least and not under something else."""
        seen = self.objects.middles[:, 2] >= 3
        large = [self.objects[i] for i in np.flatnonzero(seen).tolist()]
        if large:
            shares = found_share([o.label for o in large], [o.polygon for o in large], self.cover, self.classes)
            seen[seen] = np.array(shares) >= FOUND
        return seen

    def truth_at(self, window: Window | None = None) -> Truth:
        """Count what lies in a window (row, column, height, width in pixels; all by default).

        An object counts where its middle is. Objects of less than three pixels, or under something else, are
        left out: nobody could see them.
        """
        row, col, height, width = self._checked(window)
        part = self.cover[row : row + height, col : col + width]
        share = np.bincount(part.ravel(), minlength=len(self.classes)) / part.size
        m = self.objects.middles
        held = (m[:, 0] >= col) & (m[:, 0] < col + width) & (m[:, 1] >= row) & (m[:, 1] < row + height) & self._seen
        inside = [self.objects[i] for i in np.flatnonzero(held).tolist()]
        s = USE_STEP
        cut = (slice(row // s, max(row // s + 1, (row + height) // s)), slice(col // s, max(col // s + 1, (col + width) // s)))
        use = {label: float(area[cut].mean()) for label, area in self._uses.items()}
        return Truth(
            {name: float(v) for name, v in zip(self.classes, share, strict=True) if v > 0},
            dict(Counter(o.label for o in inside)),
            {label: v for label, v in use.items() if v > 0},
            self._near_water(inside, part, row, col),
            self.gsd,
            max(height, width) * self.gsd,
        )

    def touching(self, window: Window | None = None) -> Counter[str]:
        """How many objects of each label have a box that reaches into a window, seen or not."""
        listed = self.objects
        return Counter(listed.names[i] for i in listed.kept[self._reaching(self._checked(window))].tolist())

    def _reaching(self, window: Window, span: float = 0.0) -> NDArray[np.int64]:
        row, col, height, width = window
        b = self.objects.boxes
        held = (b[:, 0] < col + width) & (b[:, 2] > col) & (b[:, 1] < row + height) & (b[:, 3] > row)
        return np.flatnonzero(held & (self.objects.middles[:, 2] >= span))

    def instances(self, window: Window | None = None, least: float = 0.0, span: float = 0.0) -> tuple[Instance, ...]:
        """The objects of a window of which more than the share `least` lies inside, cut at its frame, in its pixels.

        Those whose longer side is below `span` pixels are left out.
        """
        row, col, height, width = self._checked(window)
        part = self.cover[row : row + height, col : col + width]
        chosen = [self.objects[i] for i in self._reaching((row, col, height, width), span).tolist()]
        rings = [o.polygon - (col, row) for o in chosen]
        return instances([o.label for o in chosen], rings, part, self.classes, self.gsd, least)

    def _checked(self, window: Window | None) -> Window:
        h, w = self.cover.shape
        row, col, height, width = window or (0, 0, h, w)
        if row < 0 or col < 0 or height < 1 or width < 1 or row + height > h or col + width > w:
            raise InputError(f"The window {(row, col, height, width)} leaves the scene of {h} x {w} pixels.")
        return row, col, height, width

    def window_of(self, footprint: BaseGeometry) -> Window | None:
        """Return the smallest window around a footprint in longitude and latitude, cut at the frame; None if they are apart."""
        grid = self.raster.grid
        if grid is None or footprint.is_empty:
            return None
        lonlat = get_coordinates(footprint)
        x, y = transformer("EPSG:4326", grid.crs.to_wkt()).transform(lonlat[:, 0], lonlat[:, 1])
        col, row = ~grid.transform * (np.asarray(x), np.asarray(y))
        h, w = self.cover.shape
        top, left = max(0, round(float(row.min()))), max(0, round(float(col.min())))
        bottom, right = min(h, round(float(row.max()))), min(w, round(float(col.max())))
        return (top, left, bottom - top, right - left) if bottom > top and right > left else None

    def _near_water(self, objects: list[Labelled], part: NDArray[np.uint8], row: int, col: int) -> frozenset[str]:
        step = max(1, int(20 / self.gsd))
        wet = np.argwhere(part[::step, ::step] == self.classes.index("water")) * step
        if not len(wet):
            return frozenset()
        wet = wet[:: max(1, len(wet) // 400)]
        found = set()
        for label in {o.label for o in objects}:
            middles = np.array([(o.centre[1] - row, o.centre[0] - col) for o in objects if o.label == label][:200])
            gap = np.hypot(*(middles[:, None, :] - wet[None]).transpose(2, 0, 1)).min(axis=1)
            if np.median(gap) * self.gsd < 250:
                found.add(label)
        return frozenset(found)
