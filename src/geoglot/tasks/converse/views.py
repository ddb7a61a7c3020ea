"""What of a scene is shown to a model: all of it where it is small, else parts of it, those that matter first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglot.archive.tiling import Options, Tiling, tiling
from geoglot.core.errors import InputError
from geoglot.geo.boxes import Box
from geoglot.geo.footprint import transformer
from geoglot.geo.grid import Window
from geoglot.geo.raster import Raster
from geoglot.geo.scene import Scene
from geoglot.geo.sensors import UNKNOWN

Doubles = NDArray[np.float64]
SIDE = 448  # seen pixels a side of a part, for a model that does not say what suits it
OVERLAP = 0.25  # of neighbouring parts, so that what one cuts the other sees whole
WHOLE = 1.5  # times the side up to which a scene is shown as a whole


@dataclass(frozen=True)
class View:
    """A part of a scene: its window in the scene's pixels, and the picture as it is shown (3, h, w)."""

    window: Window
    picture: Raster


@dataclass(frozen=True)
class Cut:
    """How a scene is cut: a region of it, and its parts of `side` seen pixels."""

    scene: Scene
    region: Window
    ratio: float  # pixels of the scene for one seen pixel, along a side
    side: int
    overlap: float

    @property
    def whole(self) -> bool:
        """Whether it is shown at once."""
        return max(self.region[2:]) <= self.side * WHOLE * self.ratio

    @property
    def tiling(self) -> Tiling:
        """The parts of the region."""
        side = round(self.side * self.ratio)
        return Tiling(self.region[2:], max(side, 1), self.side, self.overlap)

    def windows(self) -> list[Window]:
        """The parts' windows in the scene's pixels, row by row."""
        if self.whole:
            return [self.region]
        top, left = self.region[:2]
        return [(row + top, col + left, height, width) for row, col, height, width in self.tiling]

    def view(self, window: Window) -> View:
        """Show a part; one that is larger than a part as an overview, coarser."""
        most = max(window[2:]) / (self.side * WHOLE)
        ratio = max(self.ratio, most)
        height, width = (max(1, round(side / ratio)) for side in window[2:])
        return View(window, shown(self.scene, self.scene.display(window=window, shape=(height, width))))


def shown(scene: Scene, picture: Raster) -> Raster:
    """A picture with its sensor and the bands that are shown, for the model to be told."""
    from geoglot.models.picture import Shown  # torch, which a model has loaded by now

    bands = picture.bands if scene.palette else scene.shown * (3 // len(scene.shown))
    return Shown.of(replace(picture, bands=bands), "" if scene.sensor.id == UNKNOWN.id else scene.sensor.title)


def cut(scene: Scene, region: Box | Sequence[float] | None, gsd: float | None, tile: int | None, model: Any) -> Cut:
    """Decide how a scene is cut for a model. Raises `InputError` for a region outside, or a resolution of a scene without one."""
    side = tile or getattr(model, "view", None) or SIDE
    window = (0, 0, *scene.shape) if region is None else window_of(scene, region)
    made = tiling(scene.shape, scene.gsd, side, Options(None, gsd)) if gsd is not None else None
    ratio = 1.0 if made is None else made.side / side
    return Cut(scene, window, ratio, side, OVERLAP)


def window_of(scene: Scene, region: Box | Sequence[float]) -> Window:
    """The window of a region in the scene's pixels, cut off at its edges. Raises `InputError` for one that lies outside."""
    if isinstance(region, Box):
        left, top, right, bottom = region.to_pixels(scene.shape).bounds()
    else:
        west, south, east, north = map(float, region)
        steps = np.linspace(0, 1, 9)
        lon = np.concatenate([west + (east - west) * steps] * 2 + [np.full(9, west), np.full(9, east)])
        lat = np.concatenate([np.full(9, south), np.full(9, north), *[south + (north - south) * steps] * 2])
        cols, rows = pixels(scene, lon, lat)
        left, right, top, bottom = cols.min(), cols.max(), rows.min(), rows.max()
    height, width = scene.shape
    first, last = max(int(np.floor(top)), 0), min(int(np.ceil(bottom)), height)
    begin, end = max(int(np.floor(left)), 0), min(int(np.ceil(right)), width)
    if last <= first or end <= begin:
        raise InputError(f"The region lies outside {scene.id}: look at its place with `geoglot info`.")
    return first, begin, last - first, end - begin


def pixels(scene: Scene, lon: Doubles, lat: Doubles) -> tuple[Doubles, Doubles]:
    """Columns and rows of places in degrees. Raises `InputError` for a scene without georeference."""
    if scene.grid is None:
        raise InputError(f"{scene.id} has no georeference: give the place in its pixels.")
    x, y = transformer(scene.grid.crs.to_wkt()).transform(lon, lat, direction="INVERSE")
    cols, rows = ~scene.grid.transform * (np.asarray(x), np.asarray(y))
    return cols, rows


def dates(scenes: Sequence[Scene], region: Box | Sequence[float] | None, side: int) -> list[View]:
    """Several dates of a place as whole pictures, the later ones on the grid of the first where both have one.

    Raises `InputError` for scenes that do not overlap.
    """
    window = (0, 0, *scenes[0].shape) if region is None else window_of(scenes[0], region)
    first = Cut(scenes[0], window, 1.0, side, 0.0).view(window)
    made = [first]
    for scene in scenes[1:]:
        if first.picture.grid is not None and scene.grid is not None:
            picture = scene.display(grid=first.picture.grid)
            if not picture.valid.any():
                raise InputError(f"{scenes[0].id} and {scene.id} do not overlap: name dates of one place.")
        else:
            picture = scene.display(shape=first.picture.shape)
        made.append(View(first.window, shown(scene, picture)))
    return made


def ordered(cut: Cut, words: str, guide: Any, most: int) -> list[Window]:
    """Windows of the parts that matter, at most so many: by the likeness of their pictures to the words, the likest first.

    `guide` is an image-text model (`core.protocols.Dual`); without one the parts come row by row.
    """
    windows = cut.windows()
    if len(windows) <= most or guide is None or not words:
        return windows[:most]
    import torch

    from geoglot.nn.batch import ImageBatch

    text = guide.text([f"a satellite photo of {words}"])[0].float()
    scores = []
    size = guide.spec.size
    for window in windows:
        picture = cut.scene.display(window=window, shape=(size, size))
        pixels = torch.from_numpy(np.ascontiguousarray(picture.data, dtype=np.float32))[None]
        batch = ImageBatch.of(pixels, torch.from_numpy(np.ascontiguousarray(picture.valid))[None])
        scores.append(float(guide.image(batch)[0].float().cpu() @ text.cpu()) if picture.valid.any() else -1.0)
    best = np.argsort(-np.array(scores), kind="stable")[:most]
    return [windows[k] for k in best]
