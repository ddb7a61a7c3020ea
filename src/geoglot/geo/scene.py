"""A scene: a raster somewhere, opened lazily, read by window, by grid, or as it is shown to a model."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio._err import CPLE_BaseError
from rasterio.enums import ColorInterp
from rasterio.errors import RasterioError
from rasterio.warp import calculate_default_transform
from rasterio.windows import Window as RioWindow
from shapely.geometry.base import BaseGeometry

from geoglot.core.errors import InputError, RasterError
from geoglot.geo import display as showing
from geoglot.geo import identify, masks, radar, reading
from geoglot.geo.cover import Cover
from geoglot.geo.files import Handles, fingerprint, guard, is_remote, open_dataset
from geoglot.geo.footprint import check_earth
from geoglot.geo.grid import Grid, Window
from geoglot.geo.raster import Raster
from geoglot.geo.sensors import Band, Sensor, rescaled
from geoglot.geo.sensors import sensor as sensor_named
from geoglot.geo.synthetic import Mark, mark_of

# GDAL itself allows more; a header that claims more than this is damaged or not meant for a laptop.
MAX_PIXELS = 2**42
_LEAST = 1e-5  # metres a pixel: what is finer is damaged


@dataclass(frozen=True)
class Layer:
    """Where one band is: a file and the band's number in it, from 1."""

    href: str
    index: int


class Scene:
    """A raster with a place, bands, a sensor and a time, of which no pixel is read before it is asked for.

    `grid` is None without georeference; `assumptions` lists in words what was guessed about the file.
    """

    def __init__(
        self,
        id: str,
        layers: Sequence[Layer],
        sensor: Sensor,
        bands: Sequence[Band],
        time: datetime | None = None,
        updated: str = "",
        main: str | None = None,
    ) -> None:
        """`main` is the file whose pixels the others are brought to, the one with most pixels if it is not given."""
        self.id = id
        self.layers = tuple(layers)
        self.sensor = sensor
        self.bands = tuple(bands)
        self.time = time
        self.assumptions: list[str] = []
        self._handles = Handles()
        self._updated = updated
        self._lock = threading.RLock()
        self._checked: set[str] = set()
        self._masking: dict[str, masks.Masking] = {}
        self._hiding: Cover | None = None
        if len(self.layers) != len(self.bands):
            raise InputError(f"{id}: {len(self.layers)} layers, but {len(self.bands)} bands.")
        with guard(self.href):
            self._locate(main)

    @classmethod
    def open(
        cls, source: str | Path, sensor: str | None = None, bands: Sequence[str] | None = None, time: datetime | str | None = None
    ) -> Self:
        """Open a path or address; `sensor`, `bands` (in the file's order) and `time` override what the file says.

        Raises `NotFoundError`, `NetworkError`, `RasterError` (damaged, empty, unplaceable) or `NotEarthError`.
        """
        href = str(source) if is_remote(str(source)) else str(Path(source).expanduser().absolute())
        with open_dataset(href) as dataset, guard(href):
            tags = dataset.tags()
            kind = identify.sensor_or(sensor, tags, href, dataset.descriptions)
            how = masks.masking(dataset, kind)
            indexes = [i for i in dataset.indexes if i != how.alpha]
            if not indexes:
                raise RasterError(f"{href} has a transparency band only.")
            texts = [dataset.descriptions[i - 1] for i in indexes]
            colours = [dataset.colorinterp[i - 1].name for i in indexes]
            found = identify.find_bands(kind, texts, colours, bands)
            found = tuple(
                rescaled(entry, dataset.scales[i - 1], dataset.offsets[i - 1])
                if (dataset.scales[i - 1], dataset.offsets[i - 1]) != (1.0, 0.0)
                else entry
                for entry, i in zip(found, indexes, strict=True)
            )
            when = identify.parse_time(time) if isinstance(time, str) else time or identify.find_time(tags, href)
        scene = cls(href, [Layer(href, i) for i in indexes], kind, found, when)
        scene._masking[href] = how
        return scene

    def _locate(self, main: str | None) -> None:
        if main is None:
            shapes = {layer.href: self._handles.get(layer.href).shape for layer in self.layers}
            main = max(shapes, key=lambda href: shapes[href][0] * shapes[href][1])
        self._main = main
        dataset = self._handles.get(main)
        if dataset.height * dataset.width > MAX_PIXELS:
            raise RasterError(f"{self.id} claims {dataset.height} x {dataset.width} pixels; its header is damaged.")
        self.file_shape: tuple[int, int] = dataset.shape
        self.shape: tuple[int, int] = dataset.shape
        own = next((layer for layer in self.layers if layer.href == main), self.layers[0])
        self.dtype: str = dataset.dtypes[own.index - 1]
        self.palette = len(self.layers) == 1 and dataset.colorinterp[own.index - 1] == ColorInterp.palette
        self.grid: Grid | None = None
        self.flipped = False
        self.warped = False
        gcps, gcp_crs = dataset.gcps
        if dataset.crs is not None and not dataset.transform.is_identity:
            check_earth(dataset.crs)
            transform = dataset.transform
            if transform.determinant > 0:
                # South-up, or mirrored: rows are turned round on reading, so that beyond this class nothing is mirrored.
                transform = transform * Affine.translation(0, dataset.height) * Affine.scale(1, -1)
                self.flipped = True
            self.grid = self._grid(dataset.crs, transform, dataset.shape)
        elif gcps and gcp_crs is not None:
            check_earth(gcp_crs)
            self._locate_by_points(gcps, gcp_crs)
        elif not dataset.transform.is_identity:
            self.assume("it has a transform but no coordinate reference system: read without georeference")
        # whether the file itself says how its values become physical ones
        self.declared = dataset.scales[own.index - 1] != 1.0 or dataset.offsets[own.index - 1] != 0.0
        if self.dtype.startswith("complex"):
            self.assume("complex values are read as amplitude in decibels")

    def _locate_by_points(self, gcps: Any, crs: Any) -> None:
        height, width = self.file_shape
        try:
            transform, width, height = calculate_default_transform(crs, crs, width, height, gcps=gcps)
        except (RasterioError, CPLE_BaseError, ValueError) as error:
            raise RasterError(f"{self.id}: its ground control points do not span an area ({error}).") from None
        self.shape = (height, width)
        self.warped = True
        self.grid = self._grid(crs, transform, self.shape)

    def _grid(self, crs: Any, transform: Affine, shape: tuple[int, int]) -> Grid:
        try:
            grid = Grid(crs, transform, shape)
            outline = grid.footprint(2)
        except InputError as error:
            raise RasterError(f"{self.id}: {error} The georeference is damaged.") from None
        y = grid.bounds[1], grid.bounds[3]
        if (
            grid.gsd < _LEAST
            or (crs.is_geographic and (y[0] > 90 or y[1] < -90))
            or (outline.is_empty and grid.footprint().is_empty)
        ):
            raise RasterError(
                f"{self.id}: its georeference ({crs.to_string()[:60]}) lies outside the Earth; check CRS and transform."
            )
        return grid

    @property
    def href(self) -> str:
        """Path or address of the file (of the first band, where each band has its own)."""
        return self.layers[0].href

    @cached_property
    def footprint(self) -> BaseGeometry | None:
        """Outline in longitude and latitude, None without georeference."""
        return None if self.grid is None else self.grid.footprint()

    @cached_property
    def gsd(self) -> float | None:
        """Ground sampling distance in metres at the centre, None without georeference."""
        return None if self.grid is None else self.grid.gsd

    @cached_property
    def fingerprint(self) -> str:
        """Changes when a file of the scene changes, or the catalogue's item that it comes from."""
        hrefs = dict.fromkeys(layer.href for layer in self.layers)
        # a catalogue says itself when an item changes: its remote files need not be asked one by one
        return fingerprint(tuple(href for href in hrefs if not (self._updated and is_remote(href))), self._updated)

    def record(self) -> dict[str, Any]:
        """Plain values (as JSON has them) from which `Scene.from_record` opens the scene again."""
        return {
            "id": self.id,
            "layers": [[layer.href, layer.index] for layer in self.layers],
            "bands": [[b.name, b.common, b.wavelength, b.scale, b.offset] for b in self.bands],
            "sensor": self.sensor.id,
            "time": None if self.time is None else self.time.isoformat(),
            "updated": self._updated,
            "main": self._main,
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Open the scene of a `record`; raises what `open` raises, and `KeyError`, `TypeError` or `ValueError` if it is none."""
        return cls(
            record["id"],
            [Layer(*layer) for layer in record["layers"]],
            sensor_named(record["sensor"]),
            [Band(*band) for band in record["bands"]],
            None if record["time"] is None else datetime.fromisoformat(record["time"]),
            record["updated"],
            record["main"],
        )

    def read(
        self,
        grid: Grid | None = None,
        bands: Sequence[str] | None = None,
        window: Window | None = None,
        shape: tuple[int, int] | None = None,
    ) -> Raster:
        """Read all or part, in the file's values (complex and radar bands as decibels).

        `grid` warps to any grid (what lies outside is invalid); `window` is (row, column, height, width) in the
        scene's own pixels; `shape` resamples (average down, bilinear up). `bands` are names or common names.
        """
        chosen = list(range(len(self.bands))) if bands is None else [self.band_index(name) for name in bands]
        with guard(self.href):
            return self._uncovered(reading.read(self, chosen, grid, window, shape), grid, window, shape)

    def band_index(self, name: str) -> int:
        """Position of a band by name or common name; `InputError` lists the bands there are."""
        key = name.lower()
        for position, entry in enumerate(self.bands):
            if key in (entry.name.lower(), entry.common):
                return position
        raise InputError(f"{self.id} has no band {name!r}; it has {', '.join(entry.name for entry in self.bands)}.")

    def display(self, window: Window | None = None, grid: Grid | None = None, shape: tuple[int, int] | None = None) -> Raster:
        """The picture of the scene: float32 (3, H, W) in [0, 1], default composite, the sensor's fixed stretch."""
        with guard(self.href):
            return self._uncovered(showing.show(self, self._view, grid, window, shape), grid, window, shape)

    @property
    def shown(self) -> tuple[Band, ...]:
        """The bands that `display` shows, one or three."""
        return tuple(self.bands[i] for i in self._view.chosen)

    @contextmanager
    def hidden(self, mask: Scene, values: Sequence[int], grow: int = 0) -> Iterator[None]:
        """For a while count pixels that a mask has these values for (of clouds, say) as not observed, and `grow` pixels around.

        Raises what `check_mask` raises.
        """
        self.check_mask(mask)
        self._hiding = Cover(mask, tuple(values), grow)
        try:
            yield
        finally:
            self._hiding = None

    def check_mask(self, mask: Scene) -> None:
        """Raise `InputError` for a mask that has not one band of this scene's own pixels."""
        a, b = self.grid, mask.grid
        same = a == b
        if a is not None and b is not None and a.crs == b.crs:  # a file may have rounded a corner
            step = ~b.transform * a.transform
            drift = abs(step.a - 1) + abs(step.e - 1) + abs(step.b) + abs(step.d)
            same = drift * max(self.shape) + abs(step.c) + abs(step.f) < 0.02
        if mask.shape != self.shape or not same or len(mask.bands) != 1:
            raise InputError(f"{mask.id} is no mask of {self.id}: it must have one band on the same pixels.")

    def _uncovered(self, found: Raster, grid: Grid | None, window: Window | None, shape: tuple[int, int] | None) -> Raster:
        """What was read, without the pixels that are hidden."""
        if self._hiding is None:
            return found
        return replace(found, valid=found.valid & ~self._hiding.over(grid, window, shape))

    def observed(self, window: Window) -> NDArray[np.bool_]:
        """Which pixels (H, W) of a window were observed in the bands that `display` shows; no pixel is read where all were."""
        hrefs = {self.layers[i].href for i in self._view.chosen}
        plain = np.issubdtype(np.dtype(self.dtype), np.integer) and not (self.sensor.radar or self.warped or self.palette)
        if plain and self._hiding is None and all(self.masking(href).kind == "none" for href in hrefs):
            return np.ones(window[2:], dtype=np.bool_)
        return self.display(window=window).valid

    @cached_property
    def _view(self) -> showing.View:
        with self._lock:
            return showing.view(self)

    @cached_property
    def synthetic(self) -> Mark | None:
        """How a model drew the pixels, or some of them; None where the file does not say so."""
        with guard(self.href):
            return mark_of(self.dataset(self.href))

    @property
    def view(self) -> showing.View:
        """Which bands `display` shows, and which values as black and white."""
        with guard(self.href):
            return self._view

    @cached_property
    def radar_units(self) -> radar.Units:
        """What the values of a radar scene are, decided once for the whole scene."""
        with self._lock, guard(self.href):
            return radar.units(self)

    def masking(self, href: str) -> masks.Masking:
        """How one of the scene's files marks missing pixels, decided once."""
        if href not in self._masking:
            with self._lock:
                self._masking[href] = masks.masking(self.dataset(href), self.sensor)
        return self._masking[href]

    def part(self, href: str, window: Window) -> RioWindow:
        """A window of the main file in the pixels of another of the scene's files, which may be coarser over the same ground.

        Raises `RasterError` where the two do not lie on the same ground.
        """
        row, col, height, width = window
        if href == self._main:
            return RioWindow(col, row, width, height)
        dataset, main = self.dataset(href), self.dataset()
        if href not in self._checked:
            steps = [max(abs(d.transform.a), abs(d.transform.b)) for d in (dataset, main)]
            apart = max(abs(a - b) for a, b in zip(dataset.bounds, main.bounds, strict=True))
            if dataset.crs != main.crs or apart > 1.5 * max(steps):
                raise RasterError(f"{href} does not lie on the same ground as {self._main}: a scene's bands must.")
            self._checked.add(href)
        v, h = dataset.height / main.height, dataset.width / main.width
        return RioWindow(col * h, row * v, width * h, height * v)

    def assume(self, text: str) -> None:
        """Note in words what is guessed about the file."""
        if text not in self.assumptions:
            self.assumptions.append(text)

    def dataset(self, href: str | None = None) -> Any:
        """The calling thread's rasterio dataset of one of the scene's files (the finest by default)."""
        return self._handles.get(href or self._main)

    def close(self) -> None:
        """Close the files; the scene may be read again, which opens them anew."""
        self._handles.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        place = "no georeference" if self.grid is None else f"{self.gsd:.3g} m"
        return f"Scene({self.id!r}, {self.sensor.id}, {len(self.bands)} bands, {self.shape[0]} x {self.shape[1]}, {place})"
