"""What a series gives: for every pixel whether and when it changed for good, with ways to write it down."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from PIL import Image
from rasterio.enums import Resampling
from rasterio.windows import Window as RioWindow

from geoglot.geo import files, vectors
from geoglot.geo.grid import Grid, Window
from geoglot.geo.write import Layer, atomic, write_layers
from geoglot.tasks.change import changemap, pictures, polygons
from geoglot.tasks.change.changemap import NODATA, check_output
from geoglot.tasks.change.series.breaks import COURSES
from geoglot.tasks.segment.classmap import palette, told_area
from geoglot.text.columns import aligned
from geoglot.text.templates import NONE

Bytes = NDArray[np.uint8]
CLEAR = (0, 0, 0, 0)
COLOURS = ((0, 114, 178), (86, 180, 233), (240, 228, 66), (230, 159, 0), (213, 43, 30))  # the earliest first
EDGE = (255, 255, 0)  # around the first class in pictures of dates
SHOWN = 5  # dates side by side at most
BANDS = ("change", "score", "kind", "when", "seasonal", "course")


@dataclass
class SeriesMap:
    """Lasting change over dates of a place. `path` is a GeoTIFF on the first date's grid, six bands of bytes and more.

    change: 0 no lasting change, 1 lasting change, 255 not observed at two dates; score: 127 where change begins, 254 for 1;
    kind: of what, as of two dates; when: the number of the date that shows it first, counted from 0; seasonal: 1 where the
    ground changes with the season; course: as in `breaks.COURSES`. Where there are classes, a band for each date follows: 0
    none of them, 1 and on.
    `report` holds the tables, what was measured, and what was assumed.
    """

    path: Path
    dates: tuple[str, ...]
    names: tuple[str, ...]  # of the scenes
    grid: Grid | None
    shape: tuple[int, int]
    report: dict[str, Any]
    scenes: tuple[Any, ...] | None = field(default=None, repr=False)
    held: Any = field(default=None, repr=False)

    @property
    def changed(self) -> float:
        """The share of what was observed that changed for good."""
        return float(sum(row["share"] for row in self.report["periods"]))

    def read(self, window: Window | None = None, band: int = 1) -> Bytes:
        """Values (H, W) of a band, of all pixels or of a window (row, column, height, width)."""
        return files.band(self.path, band, window)

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes of each date; none where the bands tell none."""
        return tuple((self.report["classes by"] or {}).get("names", ()))

    @property
    def spans(self) -> dict[int, tuple[str | None, str | None]]:
        """Between which dates a value of the band `when` lies."""
        return {k: (self.dates[k - 1], self.dates[k]) for k in range(1, len(self.dates))}

    def polygons(self, least: float = 0.0) -> Iterator[dict[str, Any]]:
        """Polygons of lasting change of one period each; see `change.polygons.outlines`."""
        yield from polygons.outlines(self.path, self.names[0], self.grid, self.spans, least, band=BANDS.index("when") + 1)

    def write(self, path: str | Path, least: float = 0.0) -> Path:
        """Write polygons (.gpkg, .geojson, .parquet), a picture (.png) or a moving one (.gif, .webp); a raster is copied."""
        target = Path(path)
        what = check_output(target)
        if what == "polygons":
            return vectors.write_features(target, list(self.polygons(least)))
        if what == "raster":
            with rasterio.open(self.path) as file:
                return write_raster(
                    target, lambda a, b: file.read(window=RioWindow(0, a, self.shape[1], b - a)), self
                )  # fmt: skip
        panels = self.panels()
        with atomic(target) as part:
            if what == "moving":
                pictures.blink(part, panels)
            else:
                every = np.unique(np.linspace(0, len(panels) - 2, min(SHOWN, len(panels) - 1)).round().astype(int))
                pictures.beside([*(panels[k] for k in every), panels[-1]]).save(part, "PNG")
        return target

    def panels(self, size: int = pictures.SIZE) -> list[tuple[Bytes, str]]:
        """Every date as it is shown, and the last with lasting change in the colour of its date."""
        assert self.scenes is not None
        height, width = self.shape
        ratio = max(1.0, max(height, width) / size)
        shape = max(1, round(height / ratio)), max(1, round(width / ratio))
        made = [pictures.shown(pictures.onto(scene, self.grid, shape)) for scene in self.scenes]
        with rasterio.open(self.path) as file:
            how = Resampling.nearest if ratio < 2 else Resampling.mode
            when = file.read(BANDS.index("when") + 1, out_shape=shape, resampling=how)
            covers = range(len(BANDS) + 1, file.count + 1)
            classes = [file.read(k, out_shape=shape, resampling=how) for k in covers]
        marked = 0.5 * made[-1].mean(axis=2, keepdims=True).repeat(3, axis=2)
        table = np.array([colour(k, len(self.dates)) for k in range(len(self.dates))], np.float32)
        hit = (when > 0) & (when < len(self.dates))
        marked[hit] = table[when[hit]]
        told = list(self.dates)
        for k, part in enumerate(classes):
            inside = part == 1
            made[k] = np.where((inside & ~_inner(inside))[..., None], np.array(EDGE, np.uint8), made[k])
            row = next(row for row in self.report["classes"] if (row["date"], row["label"]) == (self.dates[k], self.labels[0]))
            told[k] += f"  {row['label']} {told_area(row['area']) or row['pixels']}".replace("²", "2")
        return [
            *zip(made, told, strict=True),
            (_keyed(marked.astype(np.uint8), self.dates), f"changed for good: {self.changed:.1%}"),
        ]

    def table(self) -> str:
        """Tables to read: courses, lasting change by period, and classes by date."""
        parts = [
            _table(("course", "pixels", "share", "area"), [(row["label"], *_cells(row)) for row in self.report["courses"]]),
            _table(
                ("first seen", "after", "kind", "pixels", "share", "area"),
                [(row["after"], row["before"], row["label"], *_cells(row)) for row in self.report["periods"]],
            ),
        ]
        if self.report["classes"]:
            rows = [(row["date"], row["label"], *_cells(row)) for row in self.report["classes"]]
            parts.append(_table(("date", "class", "pixels", "share", "area"), rows))
        if self.report["consistency"] is not None:
            parts.append(f"temporal consistency {self.report['consistency']:.1%}")
        return "\n\n".join(parts)


def colour(k: int, count: int) -> tuple[int, int, int]:
    """The colour of the k-th date of so many, k from 1."""
    at = (k - 1) / max(count - 2, 1) * (len(COLOURS) - 1) if k else 0.0
    low = min(int(at), len(COLOURS) - 2)
    one, two = COLOURS[low], COLOURS[low + 1]
    red, green, blue = (round(a + (at - low) * (b - a)) for a, b in zip(one, two, strict=True))
    return red, green, blue


def layers(dates: Sequence[str], labels: Sequence[str]) -> tuple[Layer, ...]:
    """The bands of a map, with names and colours of their values."""
    change, score, kind = changemap.LAYERS
    when = {0: "no lasting change"} | {k: f"between {dates[k - 1]} and {dates[k]}" for k in range(1, len(dates))}
    tints = {0: CLEAR} | {k: (*colour(k, len(dates)), 255) for k in range(1, len(dates))}
    course = {0: CLEAR} | {k: (*colour(k, len(COURSES)), 255) for k in range(1, len(COURSES))}
    names = {0: NONE} | dict(enumerate(labels, 1))
    return (
        Layer(change.name, {0: "no lasting change", 1: "lasting change"}, change.colours),
        score,
        kind,
        Layer("when", when, tints),
        Layer("seasonal", {0: "not seasonal", 1: "seasonal"}, {0: CLEAR, 1: (0, 130, 80, 255)}),
        Layer("course", dict(enumerate(COURSES)), course),
        *(Layer(f"classes {date}", names, palette(labels)) for date in dates if labels),
    )


def write_raster(target: Path, rows: Callable[[int, int], Bytes], of: SeriesMap) -> Path:
    """Write the bands as a COG."""
    tags = {"GEOGLOT_SERIES": json.dumps(of.report, ensure_ascii=False, default=str), "GEOGLOT_DATES": ",".join(of.dates)}
    return write_layers(target, rows, of.shape, of.grid, layers(of.dates, of.labels), NODATA, tags)


def _inner(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What lies within (h, w) with all four neighbours."""
    wide = np.pad(inside, 1, mode="edge")
    return inside & wide[:-2, 1:-1] & wide[2:, 1:-1] & wide[1:-1, :-2] & wide[1:-1, 2:]


def _cells(row: dict[str, Any]) -> tuple[str, str, str]:
    return f"{row['pixels']:,}", f"{row['share']:.1%}", told_area(row["area"])


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return aligned([head, *rows], words=len(head) - 3)


def _keyed(picture: Bytes, dates: Sequence[str]) -> Bytes:
    """A picture with the colours of the dates in its lower left corner."""
    from PIL import ImageDraw

    image = Image.fromarray(picture)
    pen = ImageDraw.Draw(image)
    for k in range(1, len(dates)):
        top = picture.shape[0] - 14 * (len(dates) - k) - 2
        pen.rectangle((2, top, 96, top + 12), fill="white")
        pen.rectangle((4, top + 2, 14, top + 10), fill=colour(k, len(dates)))
        pen.text((18, top), f"by {dates[k]}", fill="black")
    return np.asarray(image)
