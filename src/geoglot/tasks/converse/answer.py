"""What is answered: text, boxes in pixels and on the map, confidence, the evidence, and whether it was refused."""

from __future__ import annotations

import html
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglot.core.errors import InputError
from geoglot.geo import vectors
from geoglot.geo.grid import Grid, Window
from geoglot.geo.raster import Raster
from geoglot.geo.sensors import Band
from geoglot.geo.write import write_geotiff, write_text
from geoglot.tasks.detect.boxes import COLUMNS, SceneBoxes

TABLES = (".geojson", ".gpkg", ".parquet", ".csv")
FINEST = 2048  # cells a side of a map of evidence


@dataclass(frozen=True)
class Heat:
    """How much each part of a window of the scene counted: (h, w) in [0, 1]."""

    window: Window
    values: NDArray[np.float32]


@dataclass(frozen=True)
class Answer:
    """An answer about a scene (the first one, of several dates).

    `boxes` are in pixels of the scene, with labels `names`; `confidence` is in [0, 1], None where the model has none that
    means something; `heat` are the parts that were looked at; `assumptions` say what was guessed or left out; `reasons` are
    those that are given for the answer.
    """

    question: str
    text: str
    kind: str
    model: str
    scene: str
    shape: tuple[int, int]
    grid: Grid | None
    boxes: SceneBoxes
    names: tuple[str, ...]
    confidence: float | None = None
    refused: bool = False
    heat: tuple[Heat, ...] = ()
    views: int = 1
    assumptions: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.text

    def rows(self) -> list[dict[str, Any]]:
        """The boxes as rows of a table: scene, label, score, then more, and geometry in longitude and latitude."""
        return list(self.boxes.rows(self.names))

    def plain(self) -> dict[str, Any]:
        """All of it but the heat, as plain values."""
        return {
            "question": self.question, "answer": self.text, "kind": self.kind, "confidence": self.confidence,
            "refused": self.refused, "model": self.model, "scene": self.scene, "views": self.views,
            "assumptions": list(self.assumptions), "reasons": list(self.reasons),
            "boxes": [row | {"geometry": vectors.geometry(row["geometry"])} for row in self.rows()],
        }  # fmt: skip

    def evidence(self) -> Raster | None:
        """The heat of all parts as one raster (1, H, W) in [0, 1] on a coarser grid of the scene; None where there is none."""
        if not self.heat:
            return None
        step = max(
            max(self.shape) / FINEST,
            min(min(h.window[2] / h.values.shape[0], h.window[3] / h.values.shape[1]) for h in self.heat),
        )
        shape = max(1, round(self.shape[0] / step)), max(1, round(self.shape[1] / step))
        down, across = shape[0] / self.shape[0], shape[1] / self.shape[1]
        made, seen = np.zeros(shape, np.float32), np.zeros(shape, np.bool_)
        for part in self.heat:
            top, left, height, width = part.window
            first, last = round(top * down), max(round((top + height) * down), round(top * down) + 1)
            begin, end = round(left * across), max(round((left + width) * across), round(left * across) + 1)
            place = np.s_[first : min(last, shape[0]), begin : min(end, shape[1])]
            found = _nearest(part.values, (last - first, end - begin))[: made[place].shape[0], : made[place].shape[1]]
            made[place] = np.maximum(made[place], found)
            seen[place] = True
        grid = None if self.grid is None else self.grid.scaled(*shape)
        return Raster(made[None], seen, grid, (Band("evidence"),))

    def write(self, path: str | Path) -> Path:
        """Write boxes (.geojson, .gpkg, .parquet, .csv), the map of evidence (.tif), or all in words (.json).

        Raises `InputError` for another name, and for a map where the model gives none.
        """
        target = Path(path)
        kind = check_output(target)
        if kind == "table":
            return vectors.write_features(target, self.rows(), COLUMNS)
        if kind == "json":
            write_text(target, json.dumps(vectors.plain(self.plain()), ensure_ascii=False, indent=2) + "\n")
            return target
        found = self.evidence()
        if found is None:
            raise InputError(
                f"{self.model} does not say which parts of a picture its answer is from: write boxes or .json instead."
            )
        tags = {"QUESTION": self.question, "ANSWER": self.text, "MODEL": self.model}
        return write_geotiff(target, found, nodata=-1.0, tags=tags)

    def _repr_html_(self) -> str:
        sure = "" if self.confidence is None else f" ({self.confidence:.0%})"
        lines = [f"<p><b>{html.escape(self.question)}</b><br>{html.escape(self.text)}{sure}</p>"]
        if len(self.boxes):
            listed = ", ".join(
                f"{self.names[k]} {score:.2f}" for k, score in zip(self.boxes.label, self.boxes.score, strict=True)
            )
            lines.append(f"<p>{html.escape(listed)}</p>")
        return "".join(lines)


def _nearest(values: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Values (h, w) on another number of cells, each the nearest."""
    rows, cols = ((np.arange(to) * of // to) for to, of in zip(shape, values.shape, strict=True))
    return values[np.ix_(rows, cols)]


def check_output(path: Path) -> str:
    """What a name's suffix asks for: table, map or json. Raises `InputError` for another."""
    suffix = path.suffix.lower()
    if suffix in TABLES:
        return "table"
    if suffix in (".tif", ".tiff"):
        return "map"
    if suffix == ".json":
        return "json"
    raise InputError(f"{path.name}: the name says the format, one of {', '.join((*TABLES, '.tif', '.json'))}.")
