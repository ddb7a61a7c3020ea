"""Mask cloud and cloud shadow in scenes of any size.

The mask goes to -o: .tif for a cloud-optimised GeoTIFF (0 clear, 1 cloud, 2 shadow, 255 nothing observed), .gpkg, .geojson or
.parquet for polygons; -o may be given twice. Several scenes go into a folder. How much of each scene is cloud is on standard
output. A run that was interrupted goes on when it is started again.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from geoglot.cli._options import AsJson, Bands, Gsd, Quiet, Rasters, Sensor, Time, Workers
from geoglot.core.errors import InputError
from geoglot.text.columns import aligned

if TYPE_CHECKING:
    from geoglot.tasks.segment import ClassMaps


def run(
    sources: Rasters,
    out: Annotated[
        list[Path] | None,
        typer.Option("-o", "--out", metavar="FILE", help="Write .tif, .gpkg, .geojson or .parquet; or a folder for many scenes."),
    ] = None,
    suffix: Annotated[
        str | None, typer.Option("--format", metavar="NAME", help="For a folder: tif, gpkg, geojson, parquet.")
    ] = None,
    min_area: Annotated[
        float, typer.Option(metavar="M2", help="Leave out smaller polygons (in pixels without georeference).")
    ] = 0.0,
    head: Annotated[Path | None, typer.Option(metavar="FILE", help="Another head, that the recipe cloud wrote.")] = None,
    model: Annotated[str, typer.Option(help="The model that looks at the pixels: a name or a path.")] = "nano",
    gsd: Gsd = None,
    sensor: Sensor = None,
    bands: Bands = None,
    time: Time = None,
    batch: Annotated[int, typer.Option(help="Pictures of the model's size at a time through it.")] = 32,
    workers: Workers = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Mask cloud in scenes."""
    from geoglot import models
    from geoglot.cli._io import emit, emit_json, note, words

    options: dict[str, Any] = {
        "head": head,
        "gsd": gsd,
        "sensor": sensor,
        "bands": words(bands),
        "time": time,
        "least": min_area,
        "batch": batch,
        "workers": workers,
        "progress": not quiet,
    }
    made = _made(lambda: models.load(model), sources, out or [], suffix, options)
    for source, reason in made.skipped:
        note(f"skipped {source}: {reason}")
    for path in out or []:
        note(f"{len(made)} masks in {path}" if path.is_dir() else f"mask in {path}")
    rows = [{"scene": one.of.scene} | {row.label: row.share for row in one.classes} for one in made]
    if as_json:
        found = [row for one in made for row in one.rows()]
        emit_json({"model": made.maps[0].model, "cover": rows, "rows": found, "skipped": [list(pair) for pair in made.skipped]})
    else:
        emit(_table(rows))


def _made(model: Any, sources: list[str], out: list[Path], suffix: str | None, options: Any) -> ClassMaps:
    """One scene into files, or all of them into a folder; many scenes need no output to be counted."""
    from geoglot.tasks import cloud as task
    from geoglot.tasks.segment import ClassMaps

    if len(out) == 1 and (out[0].is_dir() or not out[0].suffix):
        return task.cloud_all(model, sources, out=out[0], suffix=suffix or "tif", **options)
    if suffix is not None:
        raise InputError("--format is for a folder of masks: give -o a folder, or leave it out.")
    return ClassMaps((task.cloud(model, sources, out=out, **options),))


def _table(rows: list[dict[str, Any]]) -> str:
    lines: list[tuple[str, ...]] = [("scene", "cloud", "shadow", "clear")]
    lines += [(Path(row["scene"]).name, *(f"{row[name]:.1%}" for name in lines[0][1:])) for row in rows]
    return aligned(lines, words=1)
