"""A scene: a raster somewhere, opened lazily, read by window, by grid, or as it is shown to a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from affine import Affine
from rasterio.warp import calculate_default_transform
from shapely.geometry.base import BaseGeometry

from geoglot.core.errors import InputError, RasterError
from geoglot.geo import display as showing
from geoglot.geo import identify, reading
from geoglot.geo.files import Handles, fingerprint, is_remote, open_dataset
from geoglot.geo.footprint import check_earth
from geoglot.geo.grid import Grid, Window
from geoglot.geo.raster import Raster
from geoglot.geo.sensors import Band, Sensor, rescaled

# GDAL itself allows more; a header that claims more than this is damaged or not meant for a laptop.
MAX_PIXELS = 2**42


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
    ) -> None:
        self.id = id
        self.layers = tuple(layers)
        self.sensor = sensor
        self.bands = tuple(bands)
        self.time = time
        self.assumptions: list[str] = []
        self._handles = Handles()
        self._updated = updated
        if len(self.layers) != len(self.bands):
            raise InputError(f"{id}: {len(self.layers)} layers, but {len(self.bands)} bands.")
        self._locate()

    @classmethod
    def open(
        cls, source: str | Path, sensor: str | None = None, bands: Sequence[str] | None = None, time: datetime | str | None = None
    ) -> Self:
        """Open a path or address; `sensor`, `bands` (in the file's order) and `time` override what the file says.

        Raises `NotFoundError`, `NetworkError`, `RasterError` (damaged, empty, unplaceable) or `NotEarthError`.
        """
        href = str(source) if is_remote(str(source)) else str(Path(source).expanduser().absolute())
        with open_dataset(href) as dataset:
            tags = dataset.tags()
            kind = identify.sensor_or(sensor, tags, href, dataset.descriptions)
            alpha = reading.alpha_band(dataset, kind)
            indexes = [i for i in dataset.indexes if i != alpha]
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
        return cls(href, [Layer(href, i) for i in indexes], kind, found, when)

    def _locate(self) -> None:
        first = self._handles.get(self.layers[0].href)
        shapes = {layer.href: self._handles.get(layer.href).shape for layer in self.layers}
        finest = max(shapes, key=lambda href: shapes[href][0] * shapes[href][1])
        main = first if shapes[finest] == first.shape else self._handles.get(finest)
        self._main = main.name if main is not first else self.layers[0].href
        if main.height * main.width > MAX_PIXELS:
            raise RasterError(f"{self.id} claims {main.height} x {main.width} pixels; its header is damaged.")
        self.shape: tuple[int, int] = main.shape
        self.dtype: str = main.dtypes[self.layers[0].index - 1]
        self.grid: Grid | None = None
        self.flipped = False
        self.warped = False
        gcps, gcp_crs = main.gcps
        if main.crs is not None and not main.transform.is_identity:
            check_earth(main.crs)
            transform = main.transform
            if transform.e > 0 and transform.b == 0 and transform.d == 0:
                # South-up: rows are turned round on reading, so that everything beyond this class has north up.
                transform = transform * Affine.translation(0, main.height) * Affine.scale(1, -1)
                self.flipped = True
            self.grid = self._grid(main.crs, transform, main.shape)
        elif gcps and gcp_crs is not None:
            check_earth(gcp_crs)
            try:
                transform, width, height = calculate_default_transform(gcp_crs, gcp_crs, main.width, main.height, gcps=gcps)
            except Exception as error:
                raise RasterError(f"{self.id}: its ground control points do not span an area ({error}).") from None
            self.shape = (height, width)
            self.warped = True
            self.grid = self._grid(gcp_crs, transform, self.shape)
        if main.dtypes[0].startswith("complex"):
            self.assumptions.append("complex values are read as amplitude in decibels")

    def _grid(self, crs: Any, transform: Affine, shape: tuple[int, int]) -> Grid:
        try:
            grid = Grid(crs, transform, shape)
        except InputError as error:
            raise RasterError(f"{self.id}: {error} The georeference is damaged.") from None
        lon, lat = grid.lonlat()
        if not (np.isfinite([lon, lat]).all() and -90 <= lat <= 90):
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
        """Changes when a file of the scene changes."""
        return fingerprint(tuple(dict.fromkeys(layer.href for layer in self.layers)), self._updated)

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
        return reading.read(self, chosen, grid, window, shape)

    def band_index(self, name: str) -> int:
        """Position of a band by name or common name; `InputError` lists the bands there are."""
        key = name.lower()
        for position, entry in enumerate(self.bands):
            if key in (entry.name.lower(), entry.common):
                return position
        raise InputError(f"{self.id} has no band {name!r}; it has {', '.join(entry.name for entry in self.bands)}.")

    def display(self, window: Window | None = None, grid: Grid | None = None, shape: tuple[int, int] | None = None) -> Raster:
        """The picture of the scene: float32 (3, H, W) in [0, 1], default composite, the sensor's fixed stretch."""
        return showing.show(self, self._view, grid, window, shape)

    @cached_property
    def _view(self) -> showing.View:
        return showing.view(self)

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
