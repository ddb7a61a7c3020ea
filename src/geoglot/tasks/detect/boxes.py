"""What `detect` gives: boxes of scenes with label and score, counts with intervals, and ways to write them down."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglot.geo import vectors
from geoglot.geo.boxes import Box
from geoglot.geo.footprint import transformer
from geoglot.geo.grid import Grid
from geoglot.geo.scene import Scene
from geoglot.tasks.detect.counts import Calibration, Count, count
from geoglot.text.columns import aligned

Floats = NDArray[np.float64]
_SHOWN = 12  # scenes in a table of a notebook
_NUMBERS = ("width", "height", "angle", "left", "top", "right", "bottom", "x", "y", "long", "short", "turn")
COLUMNS: vectors.Columns = {
    **{"scene": str, "label": str, "score": float, "time": datetime, "gsd": float},
    **dict.fromkeys(_NUMBERS, float),
}


@dataclass(frozen=True)
class SceneBoxes:
    """Boxes of one scene in its pixels, the best first.

    ``boxes`` (N, 5) as `geoglot.geo.iou` has oriented ones (upright ones have an angle of 0 or -90), their class (N,) and score
    (N,). ``weak`` are class and score of what was found below the least score.
    """

    scene: str
    shape: tuple[int, int]
    grid: Grid | None
    time: datetime | None
    gsd: float | None
    boxes: Floats
    label: NDArray[np.int64]
    score: Floats
    weak: tuple[NDArray[np.int64], Floats]

    @classmethod
    def of(
        cls, scene: Scene, boxes: Floats, label: NDArray[np.int64], score: Floats, weak: tuple[NDArray[np.int64], Floats]
    ) -> SceneBoxes:
        """Boxes of an open scene."""
        return cls(scene.id, scene.shape, scene.grid, scene.time, scene.gsd, boxes, label, score, weak)

    def __len__(self) -> int:
        return len(self.boxes)

    def box(self, number: int) -> Box:
        """One box, in pixels of the scene."""
        return Box(*self.boxes[number].tolist())

    def rows(self, names: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Rows of a table, one a box: the same columns with and without georeference."""
        for number in range(len(self)):
            box = self.box(number)
            left, top, right, bottom = box.bounds()
            yield {
                "scene": self.scene,
                "label": names[self.label[number]],
                "score": float(self.score[number]),
                "time": self.time,
                "gsd": self.gsd,
                **self._measures(box),
                **{"left": left, "top": top, "right": right, "bottom": bottom},
                **{"x": box.x, "y": box.y, "long": box.width, "short": box.height, "turn": box.angle},
                "geometry": None if self.grid is None else box.to_map(self.grid),
            }

    def _measures(self, box: Box) -> dict[str, float | None]:
        """Length and breadth in metres, and the bearing of the long side in degrees clockwise from north, in [0, 180)."""
        if self.grid is None or self.gsd is None:
            return {"width": None, "height": None, "angle": None}
        cos, sin = math.cos(math.radians(box.angle)), math.sin(math.radians(box.angle))
        along = (
            box.x - cos * box.width / 2,
            box.y + sin * box.width / 2,
            box.x + cos * box.width / 2,
            box.y - sin * box.width / 2,
        )
        across = (
            box.x + sin * box.height / 2, box.y + cos * box.height / 2, box.x - sin * box.height / 2, box.y - cos * box.height / 2
        )  # fmt: skip
        width, bearing = _distance(self.grid, along)
        height, _ = _distance(self.grid, across)
        return {"width": width, "height": height, "angle": bearing}


def _distance(grid: Grid, line: tuple[float, float, float, float]) -> tuple[float | None, float | None]:
    """Metres on the ellipsoid from one pixel position to another, and the bearing, in [0, 180) degrees."""
    from pyproj import Geod

    (x0, y0), (x1, y1) = grid.transform * line[:2], grid.transform * line[2:]
    lon, lat = transformer(grid.crs.to_wkt()).transform([x0, x1], [y0, y1])
    if not np.isfinite([*lon, *lat]).all():
        return None, None
    bearing, _, metres = Geod(ellps="WGS84").inv(lon[0], lat[0], lon[1], lat[1])
    return float(metres), float(bearing % 180)


@dataclass(frozen=True)
class Detections:
    """Boxes of scenes; ``names`` are the labels in the order that they were given.

    ``skipped`` are the sources that could not be read, with the reason; ``calibration`` is what counts have their intervals
    from, None where the model or route has none.
    """

    scenes: tuple[SceneBoxes, ...]
    names: tuple[str, ...]
    model: str
    route: str
    upright: bool
    least: float
    calibration: Calibration | None = None
    skipped: tuple[tuple[str, str], ...] = ()

    def __len__(self) -> int:
        return sum(map(len, self.scenes))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for scene in self.scenes:
            yield from scene.rows(self.names)

    def rows(self) -> list[dict[str, Any]]:
        """All rows: scene, label, score, then more, then the box in pixels, then geometry."""
        return list(self)

    def counts(self, scene: SceneBoxes | None = None) -> dict[str, Count]:
        """How many there are of each label, in one scene or in all: see `geoglot.tasks.detect.counts`."""
        parts = self.scenes if scene is None else (scene,)
        found = {}
        for k, name in enumerate(self.names):
            strong = [part.score[part.label == k] for part in parts]
            weak = [part.weak[1][part.weak[0] == k] for part in parts]
            found[name] = count(sum(map(len, strong)), np.concatenate([*strong, *weak, np.zeros(0)]), self.calibration)
        return found

    def to_geojson(self, path: str | Path | None = None) -> str | Path:
        """The boxes as GeoJSON text, or written to a file."""
        return vectors.to_geojson(self) if path is None else vectors.write_features(path, self.rows(), COLUMNS)

    def write(self, path: str | Path) -> Path:
        """Write GeoJSON, GeoPackage, GeoParquet or CSV, as the name's suffix says."""
        return vectors.write_features(path, self.rows(), COLUMNS)

    def table(self) -> str:
        """A short table to read: a line for each label of each scene, and for all scenes where there are several."""
        lines = [("scene", "label", "boxes", "expected", "interval")]
        for scene in self.scenes:
            lines += self._lines(Path(scene.scene).name or scene.scene, scene)
        if len(self.scenes) > 1:
            lines += self._lines("all", None)
        return aligned(lines)

    def _lines(self, name: str, scene: SceneBoxes | None) -> list[tuple[str, str, str, str, str]]:
        return [(name, label, f"{one.boxes:,}", *told(one)) for label, one in self.counts(scene).items()]

    def _repr_html_(self) -> str:
        body = ["<tr><th>scene</th><th>boxes</th></tr>"]
        for scene in self.scenes[:_SHOWN]:
            listed = ", ".join(f"{label} {one.boxes:,}" for label, one in self.counts(scene).items())
            body.append(f"<tr><td>{html.escape(Path(scene.scene).name)}</td><td>{html.escape(listed)}</td></tr>")
        if len(self.scenes) > _SHOWN:
            body.append(f"<tr><td>and {len(self.scenes) - _SHOWN} more</td><td></td></tr>")
        return f"<p>{len(self):,} boxes by {html.escape(self.model)} ({self.route})</p><table>{''.join(body)}</table>"


def told(one: Count) -> tuple[str, str]:
    """Expected number and interval in words, dashes where nothing is known."""
    if one.expected is None:
        return "-", "-"
    return f"{one.expected:,.1f}", f"{one.low:,}-{one.high:,}"
