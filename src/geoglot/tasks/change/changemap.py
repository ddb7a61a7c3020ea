"""What `change` gives: for every pixel of the first scene whether it changed, how much and how, with ways to write it down."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
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
from geoglot.geo.write import Layer, atomic, write_layers
from geoglot.tasks.change import pictures, polygons
from geoglot.tasks.change.kinds import KINDS
from geoglot.tasks.segment.classmap import told_area
from geoglot.text.columns import aligned

Bytes = NDArray[np.uint8]
NODATA = 255
STEPS = 254  # of a score, which is 1 at 254
RASTERS, POLYGONS = (".tif", ".tiff"), (".gpkg", ".geojson", ".json", ".parquet")
PICTURES, MOVING = (".png",), (".gif", ".webp")
UNCHANGED = "unchanged"
COLOURS = {"brighter": (230, 159, 0), "darker": (90, 70, 140), "vegetation loss": (213, 94, 0), "vegetation gain": (0, 130, 80)}
COLOURS |= {"water gain": (0, 114, 178), "water loss": (240, 228, 66), "other": (213, 43, 30)}
LAYERS = (
    Layer("change", {0: UNCHANGED, 1: "changed"}, {0: (0, 0, 0, 0), 1: (213, 43, 30, 255)}),
    Layer("score", scale=1 / STEPS),
    Layer(
        "kind",
        {0: UNCHANGED, **dict(enumerate(KINDS, 1))},
        {0: (0, 0, 0, 0), **{k: (*COLOURS[name], 255) for k, name in enumerate(KINDS, 1)}},
    ),
)
_REQUEST, _REPORT, _TABLE = "GEOGLOT_REQUEST", "GEOGLOT_CHANGE", "GEOGLOT_ROWS"


@dataclass(frozen=True)
class ChangeRow:
    """What a kind of change covers: pixels, their share of what was observed, square metres, mean score."""

    label: str
    pixels: int
    share: float
    area: float | None
    score: float | None


@dataclass(frozen=True)
class Dates:
    """Of which scenes a map is: names and times of both, and where the first lies."""

    before: str
    after: str
    shape: tuple[int, int]
    grid: Grid | None
    times: tuple[datetime | None, datetime | None]

    @classmethod
    def of(cls, before: Scene, after: Scene) -> Dates:
        """What is known of two scenes."""
        return cls(before.id, after.id, before.shape, before.grid, (before.time, after.time))

    @property
    def told(self) -> tuple[str | None, str | None]:
        """Both times as text."""
        one, other = (None if time is None else time.date().isoformat() for time in self.times)
        return one, other


@dataclass
class ChangeMap:
    """Change between two scenes. `path` is a GeoTIFF on the first one's grid: whether, how much, and which kind.

    Band 1 is 0 unchanged, 1 changed, 255 not observed; band 2 the score, 127 where change begins and 254 for 1; band 3 the kind,
    1 and on in `KINDS`. `report` tells the method, the threshold, how far the second scene lay off, and what was assumed.
    `held` keeps a temporary folder alive.
    """

    of: Dates
    kinds: tuple[ChangeRow, ...]
    path: Path
    report: dict[str, Any]
    words: Any = None  # gives the labels before and after of a polygon in pixels
    scenes: tuple[Scene, Scene] | None = field(default=None, repr=False)
    held: Any = field(default=None, repr=False)

    @property
    def grid(self) -> Grid | None:
        """Where the pixels lie; None without georeference."""
        return self.of.grid

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.of.shape

    @property
    def changed(self) -> float:
        """The share of what was observed that changed."""
        return 1.0 - next((row.share for row in self.kinds if row.label == UNCHANGED), 1.0)

    def read(self, window: Window | None = None, band: int = 1) -> Bytes:
        """Values (H, W) of a band, of all pixels or of a window (row, column, height, width)."""
        return files.band(self.path, band, window)

    def raster(self) -> Raster:
        """All three bands in memory."""
        with rasterio.open(self.path) as file:
            data = file.read()
        return Raster(data, data[0] != NODATA, self.grid, tuple(Band(layer.name) for layer in LAYERS), self.of.times[1])

    def rows(self) -> list[dict[str, Any]]:
        """The table of kinds: scene, label, score, pixels, share, area in square metres, and both dates."""
        first, last = self.of.told
        keys = ("label", "score", "pixels", "share", "area")
        return [
            {"scene": self.of.before} | {key: getattr(row, key) for key in keys} | {"before": first, "after": last}
            for row in self.kinds
        ]

    def polygons(self, least: float = 0.0) -> Iterator[dict[str, Any]]:
        """Polygons of change; see `polygons.outlines`. Those of less than `least` square metres (pixels) are left out."""
        yield from polygons.outlines(self.path, self.of.before, self.grid, {1: self.of.told}, least, self.words)

    def write(self, path: str | Path, least: float = 0.0) -> Path:
        """Write the raster (.tif), polygons (.gpkg, .geojson, .parquet), a picture (.png) or a moving one (.gif, .webp).

        Polygons of less than `least` square metres (pixels, without georeference) are left out.
        """
        target = Path(path)
        what = check_output(target)
        if what == "polygons":
            return vectors.write_features(target, list(self.polygons(least)))
        if what in ("picture", "moving"):
            if self.scenes is None:
                raise InputError(f"The scenes of this map are not at hand: make it anew with {target} among the outputs.")
            with atomic(target) as part:
                pictures.save(part, self, moving=what == "moving")
            return target
        with rasterio.open(self.path) as file:

            def rows(top: int, bottom: int) -> Bytes:
                found: Bytes = file.read(window=RioWindow(0, top, self.shape[1], bottom - top))
                return found

            return write_raster(target, rows, self, file.tags().get(_REQUEST, ""))

    def table(self) -> str:
        """A short table to read: a line a kind of change."""
        lines = [("change", "pixels", "share", "area", "mean score")]
        for row in self.kinds:
            score = "" if row.score is None else f"{row.score:.2f}"
            lines.append((row.label, f"{row.pixels:,}", f"{row.share:.1%}", told_area(row.area), score))
        return aligned(lines, words=1)

    def _repr_html_(self) -> str:
        names = " and ".join(html.escape(Path(name).name) for name in (self.of.before, self.of.after))
        body = "".join(
            f"<tr><td>{html.escape(row.label)}</td><td>{row.share:.1%}</td><td>{told_area(row.area)}</td></tr>"
            for row in self.kinds
        )
        picture = "" if self.scenes is None else f'<img src="{data_url(pictures.png(self, 256))}" alt="change of {names}">'
        method = html.escape(str(self.report.get("method", "")))
        return f"<figure>{picture}<figcaption>{names}, {method}</figcaption><table>{body}</table></figure>"


def check_output(path: str | Path) -> str:
    """What a name's suffix asks for: raster, polygons, picture or moving. Raises `InputError` naming the formats there are."""
    suffix = Path(path).suffix.lower()
    for what, known in (("raster", RASTERS), ("polygons", POLYGONS), ("picture", PICTURES), ("moving", MOVING)):
        if suffix in known:
            return what
    formats = ", ".join((RASTERS[0], *POLYGONS, *PICTURES, *MOVING))
    raise InputError(f"{path}: the name after -o says the format; use one of {formats}.")


def check_outputs(outputs: Sequence[Path]) -> None:
    """Raise `InputError` for an unknown format, a folder that is not there, or a name that stands twice."""
    for path in outputs:
        check_output(path)
        if not path.parent.is_dir():
            raise InputError(f"There is no folder {path.parent} for {path.name}: make it first.")
    if len({path.resolve() for path in outputs}) < len(outputs):
        raise InputError("An output is named twice.")


def write_raster(target: Path, rows: Callable[[int, int], Bytes], of: ChangeMap, request: str = "") -> Path:
    """Write the three bands as a COG; with the digest of a request, `finished` finds it again."""
    tags = {_REPORT: json.dumps(of.report, ensure_ascii=False, default=str)}
    tags |= {f"GEOGLOT_{key.upper()}": value for key, value in zip(("before", "after"), of.of.told, strict=True) if value}
    if request:
        tags |= {_REQUEST: request, _TABLE: json.dumps([asdict(row) for row in of.kinds], ensure_ascii=False)}
    return write_layers(target, rows, of.shape, of.grid, LAYERS, NODATA, tags)


def finished(outputs: Sequence[Path], request: str) -> tuple[Path, tuple[ChangeRow, ...], dict[str, Any]] | None:
    """The map that the same request has made in full; None where an output is missing or is anything else."""
    rasters = [path for path in outputs if check_output(path) == "raster"]
    if not rasters or any(not path.exists() for path in outputs) or len(rasters) < len(outputs):
        return None
    try:
        found = []
        for path in rasters:
            with rasterio.open(path) as file:
                found.append(file.tags())
        if any(tags.get(_REQUEST) != request for tags in found):
            return None
        return rasters[0], tuple(ChangeRow(**row) for row in json.loads(found[0][_TABLE])), json.loads(found[0][_REPORT])
    except (RasterioError, KeyError, ValueError, TypeError):
        return None


def counted(rows: Callable[[int, int], Bytes], shape: tuple[int, int], grid: Grid | None) -> tuple[ChangeRow, ...]:
    """What each kind of change covers, what did not change last; `rows` gives all bands (3, r, W)."""

    def kinds(top: int, bottom: int) -> tuple[Bytes, Bytes]:
        _, points, kind = rows(top, bottom)
        return kind, points  # the kind too is NODATA where nothing was observed

    found = tally(kinds, shape, grid)
    observed = max(int(found.pixels.sum() - found.pixels[NODATA]), 1)
    made = []
    for value in (*range(1, len(KINDS) + 1), 0):
        some, mean = int(found.pixels[value]), found.mean(value)
        if some or not value:
            score = None if mean is None else mean / STEPS
            made.append(ChangeRow(LAYERS[2].values[value], some, some / observed, found.area(value), score))
    return tuple(made)
