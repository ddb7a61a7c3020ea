"""Classify the tiles of an archive by the vectors that it holds: no pixel is read, and no picture goes through the model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from affine import Affine
from rasterio.crs import CRS

from geoglot.archive import Archive
from geoglot.core.progress import Progress
from geoglot.core.protocols import TextEncoder
from geoglot.geo.grid import Grid
from geoglot.tasks.classify import prompts, scores
from geoglot.tasks.classify.labels import SceneLabels
from geoglot.text import templates as words


@dataclass(frozen=True)
class Rule:
    """Classes in words and what turns cosines with them into scores; made by `rule`."""

    names: tuple[str, ...]
    known: prompts.Prompts
    calibration: scores.Calibration
    none: bool


def rule(
    model: TextEncoder,
    labels: Iterable[str] | Mapping[str, Sequence[str]],
    templates: Sequence[str] = (),
    none: bool | None = None,
    calibration: str | Path | None = None,
) -> Rule:
    """Look up classes with the text tower of an archive's model; options and errors are those of `classify`."""
    classes = words.read_labels(labels)
    chosen = scores.calibration(model.spec, calibration)
    with_none = scores.check_none(none, chosen, model.spec)
    if not with_none:
        scores.check_count(tuple(classes))
    known = prompts.encode(model, classes, templates)
    return Rule((*known.names, words.NONE) if with_none else known.names, known, chosen, with_none)


def classify_stored(
    archive: Archive, by: Rule, scenes: Sequence[Mapping[str, Any]], progress: Progress, **filters: Any
) -> Iterator[SceneLabels]:
    """Labels of the tiles of some `Archive.scenes`, scene by scene, of those that pass `filters` (see `Archive.tiles`).

    Scenes without such a tile are left out. Memory holds the vectors of one scene.
    """
    where = dict(filters.pop("where", None) or {})
    for row in scenes:
        windows, valid, vectors = archive.embedded(**filters, where=where | {"scene": row["scene"]})
        if len(windows):
            made = by.calibration.scores(by.known.cosines(vectors), by.known.vectors, by.none)
            shape, grid = (int(row["height"]), int(row["width"])), None
            if row["crs"] is not None:
                grid = Grid(CRS.from_string(row["crs"]), Affine(*row["transform"]), shape)
            known = (row["scene"], shape, grid, row["time"], row["gsd"], row["sensor"])
            yield SceneLabels.ordered(*known, windows, valid, made)
        progress.advance(int(row["tiles"]))
