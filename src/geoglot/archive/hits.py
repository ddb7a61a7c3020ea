"""What a search gives: places in order, with their grids, and ways to write them down or look at them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from shapely.geometry.base import BaseGeometry

from geoglot.geo import vectors
from geoglot.geo.grid import Grid, Window


@dataclass(frozen=True)
class Hit:
    """A place that answers a query.

    `window` is (row, column, height, width) in pixels of the scene, `grid` its place on the Earth (None without
    georeference), `geometry` its outline in longitude and latitude, `id` the name of its row for `like=`.
    """

    rank: int
    score: float
    scene: str
    time: datetime | None
    gsd: float | None
    grid: Grid | None
    window: Window
    geometry: BaseGeometry | None
    id: str
    href: str
    sensor: str
    bands: tuple[str, ...]
    valid: float
    cloud: float | None
    record: dict[str, Any] | None = field(default=None, repr=False, compare=False)  # of the scene, to open it again

    def row(self) -> dict[str, Any]:
        """The hit as a row of a table."""
        row: dict[str, Any] = {
            "rank": self.rank,
            "score": self.score,
            "scene": self.scene,
            "time": self.time,
            "gsd": self.gsd,
            "sensor": self.sensor,
            "id": self.id,
            "href": self.href,
            "row": self.window[0],
            "col": self.window[1],
            "height": self.window[2],
            "width": self.window[3],
            "valid": self.valid,
        }
        if self.cloud is not None:
            row["cloud"] = self.cloud
        return {**row, "geometry": self.geometry}


class Hits(list[Hit]):
    """Hits in order of rank."""

    def __init__(self, hits: Iterable[Hit] = (), query: str = "") -> None:
        super().__init__(hits)
        self.query = query

    def rows(self) -> list[dict[str, Any]]:
        """The hits as rows: rank, score, scene, time, gsd, then more, then geometry."""
        return [hit.row() for hit in self]

    def to_geojson(self, path: str | Path | None = None) -> str | Path:
        """The hits as GeoJSON text, or written to a file."""
        return vectors.to_geojson(self.rows()) if path is None else vectors.write_features(path, self.rows())

    def write(self, path: str | Path) -> Path:
        """Write GeoJSON, GeoParquet or CSV, as the name's suffix says."""
        return vectors.write_features(path, self.rows())

    def contact_sheet(self, path: str | Path, size: int = 192, columns: int = 5) -> Path:
        """Write pictures of the hits with rank, score, scene and date: `.png`, or `.html` (one file that stands alone)."""
        from geoglot.archive.sheet import write_sheet

        return write_sheet(self, Path(path), size, columns)

    def _repr_html_(self) -> str:
        from geoglot.archive.sheet import to_html

        return to_html(self, 160)
