"""What `classify` gives: labels of tiles or images with a score for each class, and ways to write them down."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglot.geo import vectors
from geoglot.geo.footprint import footprints
from geoglot.geo.grid import Grid, Window
from geoglot.geo.scene import Scene
from geoglot.text.columns import aligned

Floats = NDArray[np.float32]
_SHOWN = 12  # scenes in a table of a notebook


@dataclass(frozen=True)
class SceneLabels:
    """The labels of one scene: `windows` (N, 4) as row, column, height, width in its pixels, valid parts (N,), scores (N, C)."""

    scene: str
    shape: tuple[int, int]
    grid: Grid | None
    time: datetime | None
    gsd: float | None
    sensor: str
    windows: NDArray[np.int32]
    valid: Floats
    scores: Floats

    @classmethod
    def of(cls, scene: Scene, windows: Sequence[Window], valid: Floats, scores: Floats) -> SceneLabels:
        """Labels of a scene's windows, put in order of row and column."""
        places = np.array(windows, dtype=np.int32).reshape(-1, 4)
        known = (scene.id, scene.shape, scene.grid, scene.time, scene.gsd, scene.sensor.id)
        return cls.ordered(*known, places, valid, scores)

    @classmethod
    def ordered(
        cls,
        scene: str,
        shape: tuple[int, int],
        grid: Grid | None,
        time: datetime | None,
        gsd: float | None,
        sensor: str,
        windows: NDArray[np.int32],
        valid: Floats,
        scores: Floats,
    ) -> SceneLabels:
        """The same from plain values, windows as (N, 4)."""
        order = np.lexsort((windows[:, 1], windows[:, 0]))
        return cls(scene, shape, grid, time, gsd, sensor, windows[order], valid[order], scores[order])

    def __len__(self) -> int:
        return len(self.windows)

    @property
    def best(self) -> NDArray[np.int64]:
        """The position (N,) of the highest score."""
        result: NDArray[np.int64] = self.scores.argmax(axis=1)
        return result

    def rows(self, names: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Rows of a table, one a tile."""
        windows: list[Window] = [(int(a), int(b), int(c), int(d)) for a, b, c, d in self.windows]
        outlines = [None] * len(windows) if self.grid is None else footprints(self.grid, windows)
        columns = [f"score_{name}" for name in names]
        for i, (window, best) in enumerate(zip(windows, self.best, strict=True)):
            yield {
                "scene": self.scene,
                "label": names[best],
                "score": float(self.scores[i, best]),
                "time": self.time,
                "gsd": self.gsd,
                "sensor": self.sensor,
                **dict(zip(("row", "col", "height", "width"), window, strict=True)),
                "valid": float(self.valid[i]),
                **dict(zip(columns, self.scores[i].tolist(), strict=True)),
                "geometry": outlines[i],
            }


@dataclass(frozen=True)
class Labels:
    """Labels of scenes; `names` are the classes in the order of the scores, "none of these" last where it was asked for.

    `skipped` are the sources that could not be read, with the reason; `figures` what was measured of a fitted head.
    """

    scenes: tuple[SceneLabels, ...]
    names: tuple[str, ...]
    model: str
    per: str
    skipped: tuple[tuple[str, str], ...] = ()
    figures: dict[str, Any] | None = field(default=None)

    def __len__(self) -> int:
        return sum(map(len, self.scenes))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for scene in self.scenes:
            yield from scene.rows(self.names)

    def rows(self) -> list[dict[str, Any]]:
        """All rows: scene, label, score, then more, then a score for each class, then geometry."""
        return list(self)

    def counts(self, scene: SceneLabels | None = None) -> dict[str, int]:
        """How many tiles (or images) have each label, of one scene or of all, most frequent first."""
        parts = self.scenes if scene is None else (scene,)
        total = sum((np.bincount(part.best, minlength=len(self.names)) for part in parts), np.zeros(len(self.names), np.int64))
        order = np.argsort(-total, kind="stable")
        return {self.names[i]: int(total[i]) for i in order if total[i]}

    def to_geojson(self, path: str | Path | None = None) -> str | Path:
        """The labels as GeoJSON text, or written to a file."""
        return vectors.to_geojson(self) if path is None else vectors.write_features(path, self.rows())

    def write(self, path: str | Path) -> Path:
        """Write GeoJSON, GeoParquet or CSV, as the name's suffix says."""
        return vectors.write_features(path, self.rows())

    def table(self) -> str:
        """A short table to read: a line an image, or a line for each label of each scene."""
        lines: list[tuple[str, ...]] = []
        for scene in self.scenes:
            name = Path(scene.scene).name or scene.scene
            if self.per == "image":
                lines += [
                    (name, self.names[best], f"{row[best]:.2f}") for best, row in zip(scene.best, scene.scores, strict=True)
                ]
                continue
            for label, count in self.counts(scene).items():
                mean = float(scene.scores[scene.best == self.names.index(label), self.names.index(label)].mean())
                lines.append((name, label, f"{mean:.2f}", f"{count:,} tiles", f"{count / len(scene):.0%}"))
        head = ("scene", "label", "score") if self.per == "image" else ("scene", "label", "mean score", "tiles", "share")
        return aligned([head, *lines])

    def _repr_html_(self) -> str:
        def line(cells: Sequence[str], tag: str = "td") -> str:
            return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

        noun = "images" if self.per == "image" else "tiles"
        body = [line(("scene", noun, "labels"), "th")]
        for scene in self.scenes[:_SHOWN]:
            told = ", ".join(f"{label} {count:,}" for label, count in self.counts(scene).items())
            body.append(line((Path(scene.scene).name, f"{len(scene):,}", told)))
        if len(self.scenes) > _SHOWN:
            body.append(line((f"and {len(self.scenes) - _SHOWN} more", "", "")))
        return f"<p>{len(self):,} {noun} by {html.escape(self.model)}</p><table>{''.join(body)}</table>"
