"""What verbs share: words for classes, the scenes that are meant, and how results are written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from geoglot.core.errors import InputError
from geoglot.geo import vectors
from geoglot.geo.grid import Grid
from geoglot.serve import classmap
from geoglot.serve.jobs import Context
from geoglot.serve.library import Entry
from geoglot.serve.service import Service

TEXT = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]*$"  # what a style, which is XML, may hold
Label = Annotated[str, Field(min_length=1, max_length=200, pattern=TEXT)]
COG = "image/tiff; application=geotiff; profile=cloud-optimized"
TABLES = (("geojson", "application/geo+json"), ("parquet", "application/vnd.apache.parquet"))
GEOPACKAGE = ("gpkg", "application/geopackage+sqlite3")
POLYGONS = 20_000  # of one job; more are left to the raster

Skipped = list[tuple[str, str]]  # names of scenes, and why


def by_labels(title: str, labels: Sequence[str]) -> str:
    """A job in words, by the first phrase of each label."""
    return f"{title}: {', '.join(label.split('|')[0] for label in labels)}"[:200]


def chosen(service: Service, scenes: str | Sequence[str] | None) -> list[Entry]:
    """The scene or scenes that are meant, all of them by default; raises `Missing` for one that is not there."""
    if scenes is None:
        return list(service.library.entries().values())
    return [service.library.entry(id) for id in dict.fromkeys([scenes] if isinstance(scenes, str) else scenes)]


def nothing(skipped: Skipped) -> InputError:
    """The error of a job that could look at no scene."""
    return InputError(f"No scene could be looked at. {'; '.join(f'{name}: {why}' for name, why in skipped[:3])}")


def first(rows: Iterable[Mapping[str, Any]]) -> tuple[list[Mapping[str, Any]], str]:
    """As many rows as a job may have polygons, and what to tell where there may be more."""
    kept = list(islice(rows, POLYGONS))
    return kept, f"; polygons: the first {POLYGONS:,}, the rest is in the raster" if len(kept) == POLYGONS else ""


def write_tables(
    context: Context, stem: str, rows: Sequence[Mapping[str, Any]], formats: Sequence[tuple[str, str]] = TABLES
) -> None:
    """Write rows with geometry, once for each format (ending, media type)."""
    for suffix, media in formats:
        context.check()
        classmap.write_rows(context.result(f"{stem}.{suffix}", media), rows)


def write_json(context: Context, name: str, value: Any) -> None:
    """Write a value that no other format holds."""
    context.result(name, "application/json").write_text(json.dumps(vectors.plain(value)), encoding="utf-8")


def take_map(context: Context, name: str, made: Path, grid: Grid | None, **shown: Any) -> None:
    """Take a raster among the results; with a grid it can be shown as a layer, in the way that `jobs.Result` says."""
    context.check()
    shutil.copyfile(made, context.result(name, COG, **shown))
    if grid is not None:
        context.job.results[-1].bounds = classmap.bounds_of(grid)
