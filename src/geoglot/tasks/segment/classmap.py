"""What `segment` gives: a class for every pixel of a scene, with its grid, areas, and ways to write it down."""

from __future__ import annotations

import html
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from PIL import Image
from rasterio.errors import RasterioError
from rasterio.windows import Window as RioWindow

from geoglot.core.errors import InputError
from geoglot.geo import files, vectors
from geoglot.geo.areas import tally
from geoglot.geo.grid import Grid, Window
from geoglot.geo.raster import Raster
from geoglot.geo.render import data_url
from geoglot.geo.scene import Scene
from geoglot.geo.sensors import Band
from geoglot.geo.write import write_classes
from geoglot.tasks.segment import polygons
from geoglot.tasks.segment.blend import NODATA, SCORE_STEPS
from geoglot.text.colours import colours
from geoglot.text.columns import aligned
from geoglot.text.templates import NONE

Bytes = NDArray[np.uint8]
Rows = Callable[[int, int], Bytes]  # first row and the one after the last to values (r, W)
RASTERS = (".tif", ".tiff")
POLYGONS = (".gpkg", ".geojson", ".json", ".parquet")
_REQUEST, _TABLE = "GEOGLOT_REQUEST", "GEOGLOT_CLASSES"  # tags of a file
_STRIP = 1024  # rows that are read at once
_SHOWN = 384  # pixels of the picture in a notebook


@dataclass(frozen=True)
class ClassRow:
    """What a class covers: `value` in the raster, pixels, their share of what was observed, square metres, mean score."""

    value: int
    label: str
    pixels: int
    share: float
    area: float | None
    score: float | None


@dataclass(frozen=True)
class Place:
    """Of which scene a map is."""

    scene: str
    shape: tuple[int, int]
    grid: Grid | None
    time: datetime | None
    gsd: float | None
    sensor: str

    @classmethod
    def of(cls, scene: Scene) -> Place:
        """What is known of a scene."""
        return cls(scene.id, scene.shape, scene.grid, scene.time, scene.gsd, scene.sensor.id)


@dataclass
class ClassMap:
    """Classes of the pixels of one scene: 0 nothing of these, 1 and on the `names` in their order, 255 nothing observed.

    `path` is a GeoTIFF of them, `scores` one of the score of every pixel where that was kept (0 to 255 for 0 to 1). `figures`
    is what was measured of a fitted head. `held` keeps a temporary folder alive. `rest` is what 0 is called.
    """

    of: Place
    names: tuple[str, ...]
    model: str
    classes: tuple[ClassRow, ...]
    path: Path
    scores: Path | None = None
    figures: dict[str, Any] | None = None
    held: Any = field(default=None, repr=False)
    rest: str = NONE

    @property
    def grid(self) -> Grid | None:
        """Where the pixels lie; None without georeference."""
        return self.of.grid

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.of.shape

    @property
    def colours(self) -> dict[str, str]:
        """The colour of each label."""
        made = colours([*self.names, NONE])
        return {name: made[name] for name in self.names} | {self.rest: made[NONE]}

    def read(self, window: Window | None = None) -> Bytes:
        """Classes (H, W) of all pixels or of a window (row, column, height, width)."""
        return files.band(self.path, window=window)

    def raster(self) -> Raster:
        """The whole map in memory."""
        data = self.read()
        return Raster(data[None], data != NODATA, self.grid, (Band("class"),), self.of.time)

    def rows(self) -> list[dict[str, Any]]:
        """The table of classes: scene, label, score, pixels, share, area in square metres."""
        keys = ("label", "score", "pixels", "share", "area", "value")
        return [{"scene": self.of.scene} | {key: getattr(row, key) for key in keys} for row in self.classes]

    def polygons(self, least: float = 0.0) -> Iterator[dict[str, Any]]:
        """Polygons of the classes; see `polygons.outlines`. Those of less than `least` square metres (pixels) are left out."""
        # `yield from`, so that the map, and with it a temporary folder, lives until the last polygon
        yield from polygons.outlines(self.path, self.scores, self.of.scene, self.grid, self.names, least)

    def write(self, path: str | Path, least: float = 0.0) -> Path:
        """Write the raster (.tif) or polygons (.gpkg, .geojson, .parquet), as the name's suffix says.

        Polygons of less than `least` square metres (pixels, without georeference) are left out.
        """
        target = Path(path)
        if check_output(target) == "polygons":
            return write_polygons(target, self, least)
        with rasterio.open(self.path) as file:

            def rows(top: int, bottom: int) -> Bytes:
                found: Bytes = file.read(1, window=RioWindow(0, top, self.shape[1], bottom - top))
                return found

            return write_raster(target, rows, self, file.tags().get(_REQUEST, ""))

    def table(self) -> str:
        """A short table to read: a line a class."""
        lines = [("label", "pixels", "share", "area", "mean score")]
        for row in self.classes:
            score = "" if row.score is None else f"{row.score:.2f}"
            lines.append((row.label, f"{row.pixels:,}", f"{row.share:.1%}", told_area(row.area), score))
        return aligned(lines, words=1)

    def _repr_html_(self) -> str:
        ratio = max(1.0, max(self.shape) / _SHOWN)
        small = max(1, round(self.shape[0] / ratio)), max(1, round(self.shape[1] / ratio))
        with rasterio.open(self.path) as file:
            data = file.read(1, out_shape=small, resampling=rasterio.enums.Resampling.nearest)
        table = np.full((256, 3), 255, np.uint8)
        for value, colour in palette(self.names).items():
            table[value] = colour[:3]
        table[NODATA] = 255
        known = self.colours
        body = "".join(
            f'<tr><td style="background:{known[row.label]}">&nbsp;&nbsp;</td><td>{html.escape(row.label)}</td>'
            f"<td>{row.share:.1%}</td><td>{told_area(row.area)}</td></tr>"
            for row in self.classes
        )
        name = html.escape(Path(self.of.scene).name)
        buffer = io.BytesIO()
        Image.fromarray(table[data]).save(buffer, "PNG")
        picture = data_url(buffer.getvalue())
        return (
            f'<figure><img src="{picture}" alt="classes of {name}"><figcaption>{name} by {html.escape(self.model)}</figcaption>'
            f"<table>{body}</table></figure>"
        )


@dataclass(frozen=True)
class ClassMaps:
    """Maps of several scenes; `skipped` are the sources that could not be read, with the reason."""

    maps: tuple[ClassMap, ...]
    skipped: tuple[tuple[str, str], ...] = ()

    def __len__(self) -> int:
        return len(self.maps)

    def __iter__(self) -> Iterator[ClassMap]:
        return iter(self.maps)

    def table(self) -> str:
        """The table of each map below its scene's name."""
        return "\n\n".join(f"{Path(one.of.scene).name}\n{one.table()}" for one in self.maps)

    def _repr_html_(self) -> str:
        return "".join(one._repr_html_() for one in self.maps)


def check_output(path: str | Path) -> str:
    """What a name's suffix asks for: "raster" or "polygons". Raises `InputError` naming the formats there are."""
    suffix = Path(path).suffix.lower()
    if suffix in RASTERS:
        return "raster"
    if suffix in POLYGONS:
        return "polygons"
    raise InputError(f"{path}: the name after -o says the format; use one of {', '.join((*RASTERS[:1], *POLYGONS))}.")


def palette(names: Sequence[str]) -> dict[int, tuple[int, int, int, int]]:
    """Red, green, blue and opacity of the values of a map."""
    known = colours([*names, NONE])
    made = {}
    for value, name in enumerate((NONE, *names)):
        text = known[name]
        made[value] = (int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16), 255)
    return made | {NODATA: (0, 0, 0, 0)}


def write_polygons(target: Path, of: ClassMap, least: float, request: str = "") -> Path:
    """Write polygons of at least so many square metres (pixels); with the digest of a request, `finished` finds it again."""
    columns = polygons.COLUMNS | ({"outline": str} if of.grid is None else {})
    return vectors.write_features(target, list(of.polygons(least)), columns, _tags(of, request))


def _tags(of: ClassMap, request: str) -> dict[str, str]:
    tags = {"GEOGLOT_MODEL": of.model}
    if request:
        tags |= {_REQUEST: request, _TABLE: json.dumps([asdict(row) for row in of.classes], ensure_ascii=False)}
    return tags


def write_raster(target: Path, rows: Rows, of: ClassMap, request: str = "") -> Path:
    """Write classes as a COG with colours and names; with the digest of a request, `finished` finds it again."""
    values = dict(enumerate((of.rest, *of.names)))
    return write_classes(target, rows, of.shape, of.grid, values, palette(of.names), NODATA, _tags(of, request))


def finished(outputs: Sequence[Path], request: str) -> tuple[ClassRow, ...] | None:
    """What a map covers that the same request has made in full; None where the outputs are anything else."""
    if not outputs or not all(path.exists() for path in outputs):
        return None
    try:
        found = []
        for path in outputs:
            if check_output(path) == "polygons":
                found.append(vectors.read_tags(path))
                continue
            with rasterio.open(path) as file:
                found.append(file.tags())
        if any(tags.get(_REQUEST) != request for tags in found):
            return None
        return tuple(ClassRow(**row) for row in json.loads(found[0][_TABLE]))
    except (RasterioError, KeyError, ValueError, TypeError):
        return None


def write_scores(target: Path, rows: Rows, shape: tuple[int, int]) -> None:
    """Write scores as a plain GeoTIFF, beside the map that they are of."""
    profile = {"driver": "GTiff", "count": 1, "height": shape[0], "width": shape[1], "dtype": "uint8", "compress": "deflate"}
    with rasterio.open(target, "w", **profile) as file:
        for top in range(0, shape[0], _STRIP):
            bottom = min(top + _STRIP, shape[0])
            file.write(rows(top, bottom), 1, window=RioWindow(0, top, shape[1], bottom - top))


def counted(
    read: Callable[[str, int, int], Bytes], shape: tuple[int, int], grid: Grid | None, names: Sequence[str], rest: str = NONE
) -> tuple[ClassRow, ...]:
    """What each class covers, the `rest` last; `read` gives rows of the planes "classes" and "scores"."""
    found = tally(lambda top, bottom: (read("classes", top, bottom), read("scores", top, bottom)), shape, grid)
    observed = max(int(found.pixels.sum() - found.pixels[NODATA]), 1)
    made = []
    for value in (*range(1, len(names) + 1), 0):
        count, mean = int(found.pixels[value]), found.mean(value)
        score = None if mean is None else mean / SCORE_STEPS
        made.append(ClassRow(value, (rest, *names)[value], count, count / observed, found.area(value), score))
    return tuple(made)


def told_area(area: float | None) -> str:
    """An area in words."""
    if area is None:
        return ""
    if area < 1e4:
        return f"{area:,.0f} m²"
    return f"{area / 1e4:,.2f} ha" if area < 1e6 else f"{area / 1e6:,.2f} km²"
