"""The tables of an archive: what a row of tiles and a row of scenes hold, and how they are built in bulk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from geoglot.core.errors import ArchiveError
from geoglot.geo.footprint import bounds, footprints
from geoglot.geo.grid import Window
from geoglot.geo.scene import Scene
from geoglot.geo.sensors import Band

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

_TIME = pa.timestamp("us")  # UTC; without a zone, so that literals in filters need none
_PLACE = [pa.field(name, pa.float64()) for name in ("west", "south", "east", "north")]

# Without a vector: `vector` is a fixed-size list whose length is the model's.
TILE_FIELDS = (
    pa.field("id", pa.string()),
    pa.field("scene", pa.string()),
    pa.field("run", pa.int64()),
    pa.field("href", pa.string()),
    pa.field("fingerprint", pa.string()),
    *[pa.field(name, pa.int32()) for name in ("row", "col", "height", "width")],
    pa.field("footprint", pa.binary()),
    *_PLACE,
    pa.field("lon", pa.float64()),
    pa.field("lat", pa.float64()),
    pa.field("crs", pa.string()),
    pa.field("transform", pa.list_(pa.float64(), 6)),
    pa.field("time", _TIME),
    pa.field("gsd", pa.float64()),
    pa.field("sensor", pa.string()),
    pa.field("bands", pa.string()),
    pa.field("valid", pa.float32()),
    pa.field("cloud", pa.float32()),
)
SCENE_SCHEMA = pa.schema(
    [
        pa.field("scene", pa.string()),
        pa.field("run", pa.int64()),
        pa.field("status", pa.string()),
        pa.field("href", pa.string()),
        pa.field("fingerprint", pa.string()),
        pa.field("asked", pa.string()),
        pa.field("source", pa.string()),
        pa.field("tiles", pa.int64()),
        pa.field("empty", pa.int64()),
        pa.field("cloudy", pa.int64()),
        pa.field("height", pa.int64()),
        pa.field("width", pa.int64()),
        pa.field("footprint", pa.binary()),
        *_PLACE,
        pa.field("crs", pa.string()),
        pa.field("transform", pa.list_(pa.float64(), 6)),
        pa.field("time", _TIME),
        pa.field("gsd", pa.float64()),
        pa.field("sensor", pa.string()),
        pa.field("bands", pa.string()),
        pa.field("assumptions", pa.string()),
    ]
)


def tile_schema(dim: int) -> pa.Schema:
    """Columns of the table of tiles for vectors of length `dim`."""
    return pa.schema([*TILE_FIELDS, pa.field("vector", pa.list_(pa.float32(), dim))])


@dataclass(frozen=True)
class Asked:
    """What the user said about a scene; None is what the file says."""

    sensor: str | None = None
    bands: tuple[str, ...] | None = None
    time: str | None = None

    def text(self) -> str:
        """As it is recorded."""
        return json.dumps([self.sensor, self.bands, self.time])

    def filled(self, recorded: Asked) -> Asked:
        """What is said here, and for the rest what was said when the scene was recorded."""
        return Asked(self.sensor or recorded.sensor, self.bands or recorded.bands, self.time or recorded.time)

    @classmethod
    def parse(cls, text: str) -> Asked:
        """What `text` made."""
        sensor, bands, time = json.loads(text)
        return cls(sensor, None if bands is None else tuple(bands), time)


def text(value: str) -> str:
    """A string literal for a filter; quotes inside cannot end it."""
    return "'" + value.replace("'", "''") + "'"


def digest(*parts: object) -> bytes:
    """Sixteen bytes that stand for some values."""
    return hashlib.blake2b(json.dumps(parts, default=str).encode(), digest_size=16).digest()


def run_of(scene: str, fingerprint: str, asked: Asked) -> int:
    """The number of one state of one scene, under which its tiles are written."""
    return int.from_bytes(digest(scene, fingerprint, asked.text())[:8], "big", signed=True)


def tile_id(run: int, window: Window) -> str:
    """The name of a tile: the same for the same window of the same state of a scene."""
    return hashlib.blake2b(repr((run, *window)).encode(), digest_size=12).hexdigest()


def source_text(scene: Scene, opened: bool) -> str:
    """What it takes to open a scene again: empty where its identifier is its path or address, else its record."""
    return "" if opened else json.dumps(scene.record())


def reopen(row: Mapping[str, Any]) -> Scene:
    """The scene of a row of the table of scenes; raises what `Scene.open` raises."""
    if not row["source"]:
        asked = Asked.parse(row["asked"])
        return Scene.open(row["href"], asked.sensor, asked.bands, asked.time)
    try:
        return Scene.from_record(json.loads(row["source"]))
    except (ValueError, TypeError, KeyError) as error:
        raise ArchiveError(f"The record of {row['scene']} is damaged ({error}); index it again.") from None


@dataclass
class Tiles:
    """Tiles of one scene on their way into the table: windows, valid fractions, cloud shares and vectors."""

    windows: list[Window] = field(default_factory=list)
    valid: list[float] = field(default_factory=list)
    cloud: list[float | None] = field(default_factory=list)
    vectors: list[NDArray[np.float32]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.windows)


def tile_batch(scene: Scene, run: int, fingerprint: str, rows: Tiles, dim: int) -> pa.RecordBatch:
    """Rows of the table of tiles; geometry is worked out for all of them at once."""
    n = len(rows)
    place = _place(scene, rows.windows)
    vectors = np.ascontiguousarray(np.stack(rows.vectors), dtype=np.float32)
    row, col, height, width = (pa.array(np.array(part, dtype=np.int32)) for part in zip(*rows.windows, strict=True))
    columns = {
        "id": pa.array([tile_id(run, window) for window in rows.windows]),
        "scene": _same(scene.id, n, pa.string()),
        "run": _same(run, n, pa.int64()),
        "href": _same(scene.href, n, pa.string()),
        "fingerprint": _same(fingerprint, n, pa.string()),
        "row": row,
        "col": col,
        "height": height,
        "width": width,
        **place,
        "crs": _same(None if scene.grid is None else scene.grid.crs.to_string(), n, pa.string()),
        "time": _same(_utc(scene.time), n, _TIME),
        "gsd": _same(scene.gsd, n, pa.float64()),
        "sensor": _same(scene.sensor.id, n, pa.string()),
        "bands": _same(band_text(scene.bands), n, pa.string()),
        "valid": pa.array(rows.valid, pa.float32()),
        "cloud": pa.array(rows.cloud, pa.float32()),
        "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), dim),
    }
    schema = tile_schema(dim)
    return pa.RecordBatch.from_arrays([columns[name] for name in schema.names], schema=schema)


def band_text(bands: Sequence[Band]) -> str:
    """Names and common names of bands between commas, so that `LIKE '%,red,%'` finds one."""
    names = dict.fromkeys(name for band in bands for name in (band.name.lower(), band.common) if name)
    return "," + ",".join(name.replace(",", " ") for name in names) + ","


def _place(scene: Scene, windows: list[Window]) -> dict[str, pa.Array]:
    """Outline, bounds, centre and transform of windows; all null without georeference."""
    n = len(windows)
    doubles, six = pa.float64(), pa.list_(pa.float64(), 6)
    names = ("west", "south", "east", "north", "lon", "lat")
    if scene.grid is None:
        return {
            "footprint": pa.nulls(n, pa.binary()),
            **{name: pa.nulls(n, doubles) for name in names},
            "transform": pa.nulls(n, six),
        }
    shapes = footprints(scene.grid, windows)
    edges = _edges(shapes)
    lon, lat = _centres(edges)
    t = scene.grid.transform
    corner = np.array([(window[1], window[0]) for window in windows], dtype=np.float64)
    moved = np.empty((n, 6))
    moved[:] = tuple(t)[:6]
    moved[:, 2] += t.a * corner[:, 0] + t.b * corner[:, 1]
    moved[:, 5] += t.d * corner[:, 0] + t.e * corner[:, 1]
    gone = [shape.is_empty for shape in shapes]
    values = {
        name: pa.array(column, doubles, mask=np.array(gone)) for name, column in zip(names, (*edges.T, lon, lat), strict=True)
    }
    outline = pa.array(
        [None if empty else bytes(wkb) for wkb, empty in zip(shapely.to_wkb(shapes), gone, strict=True)], pa.binary()
    )
    return {
        "footprint": outline,
        **values,
        "transform": pa.FixedSizeListArray.from_arrays(pa.array(moved.reshape(-1)), 6),
    }


def _edges(shapes: list[BaseGeometry]) -> NDArray[np.float64]:
    edges = np.asarray(shapely.bounds(shapes), dtype=np.float64)
    for index, shape in enumerate(shapes):
        if shape.geom_type != "Polygon" and not shape.is_empty:
            edges[index] = bounds(shape)  # a part on either side of the antimeridian
    return edges


def _centres(edges: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    lon = (edges[:, 0] + edges[:, 2]) / 2
    return np.where(lon > 180, lon - 360, lon), (edges[:, 1] + edges[:, 3]) / 2


def scene_row(scene: Scene, run: int, fingerprint: str, asked: Asked, counts: dict[str, int], opened: bool) -> dict[str, Any]:
    """One row of the table of scenes; only a scene all of whose tiles are stored gets one."""
    outline = scene.footprint
    edges = (None,) * 4 if outline is None or outline.is_empty else bounds(outline)
    grid = scene.grid
    return {
        "scene": scene.id,
        "run": run,
        "status": "complete",
        "href": scene.href,
        "fingerprint": fingerprint,
        "asked": asked.text(),
        "source": source_text(scene, opened),
        **counts,
        "height": scene.shape[0],
        "width": scene.shape[1],
        "footprint": None if outline is None else shapely.to_wkb(outline),
        **dict(zip(("west", "south", "east", "north"), edges, strict=True)),
        "crs": None if grid is None else grid.crs.to_string(),
        "transform": None if grid is None else list(tuple(grid.transform)[:6]),
        "time": _utc(scene.time),
        "gsd": scene.gsd,
        "sensor": scene.sensor.id,
        "bands": band_text(scene.bands),
        "assumptions": "; ".join(dict.fromkeys(scene.assumptions)),
    }


def _utc(time: datetime | None) -> datetime | None:
    return time if time is None or time.tzinfo is None else time.astimezone(UTC).replace(tzinfo=None)


def _same(value: Any, n: int, kind: pa.DataType) -> pa.Array:
    return pa.nulls(n, kind) if value is None else pa.repeat(pa.scalar(value, kind), n)
