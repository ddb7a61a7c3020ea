"""Take rasters into an archive that can be searched.

Sources are files, folders, globs in quotes and addresses of rasters. Running the same command again goes on where an
interrupted run stopped, adds what is new and replaces what has changed; broken rasters are told and passed over.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from geoglot.cli._options import Activation, Bands, Gsd, Quiet, Sensor, Time, Workers
from geoglot.core.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from geoglot.archive import Plan, Report


def run(
    sources: Annotated[list[str] | None, typer.Argument(help="Rasters, folders, globs, addresses.", show_default=False)] = None,
    out: Annotated[str, typer.Option("-o", "--out", metavar="ARCHIVE", help="The archive, made if it is not there.")] = "archive",
    stac: Annotated[
        list[str] | None, typer.Option(metavar="URL", help="Scenes of a STAC item, catalogue or search service.")
    ] = None,
    collection: Annotated[list[str] | None, typer.Option(metavar="ID", help="With --stac: only these collections.")] = None,
    bbox: Annotated[str | None, typer.Option(metavar="W,S,E,N", help="With --stac: items that meet a box in degrees.")] = None,
    between: Annotated[str | None, typer.Option(metavar="A/B", help="With --stac: items of a span of time.")] = None,
    model: Annotated[str, typer.Option(help="The model that looks at the tiles: a name, a hub id or a path.")] = "nano",
    activation: Activation = None,
    tile: Annotated[int | None, typer.Option(metavar="PIXELS", help="Side of a tile in pixels (of --gsd metres).")] = None,
    gsd: Gsd = None,
    overlap: Annotated[float | None, typer.Option(metavar="0..0.9", help="Part that neighbouring tiles share.")] = None,
    sensor: Sensor = None,
    bands: Bands = None,
    time: Time = None,
    max_cloud: Annotated[
        float | None, typer.Option(metavar="0..1", help="Leave out tiles of which more is cloud; keep the share of others.")
    ] = None,
    cloud_by: Annotated[
        str | None, typer.Option(metavar="NAME", help="With --max-cloud: vector (the default), mask or words (any model).")
    ] = None,
    cloud_head: Annotated[
        Path | None, typer.Option(metavar="FILE", help="With --max-cloud: another head, that the recipe cloud wrote.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count tiles, bytes and minutes; write nothing.")] = False,
    re_embed: Annotated[bool, typer.Option("--re-embed", help="Move the archive to another model or another tile size.")] = False,
    batch: Annotated[int, typer.Option(help="Tiles at a time through the model.")] = 32,
    workers: Workers = None,
    quiet: Quiet = False,
    as_json: Annotated[bool, typer.Option("--json", help="The whole report as JSON.")] = False,
) -> None:
    """Take rasters into an archive."""
    if not sources and not stac and not re_embed:
        raise InputError("Say what to take in: rasters, folders, globs, addresses, or --stac URL.")
    if not stac and (bbox is not None or between is not None or collection):
        raise InputError("--bbox, --between and --collection choose among the items of --stac; a raster is taken in whole.")
    if max_cloud is None and (cloud_by is not None or cloud_head is not None):
        raise InputError("--cloud-by and --cloud-head say how --max-cloud is told: give a share, 1 to leave out nothing.")
    if max_cloud is not None and not 0 <= max_cloud <= 1:
        raise InputError(f"--max-cloud is a share from 0 to 1, got {max_cloud}.")
    if cloud_head is not None and not cloud_head.is_file():
        raise NotFoundError(f"There is no cloud head {cloud_head}: train one with geoglot recipe cloud, or leave it out.")
    from geoglot import archive, models
    from geoglot.cli._io import emit, emit_json, note, numbers, words

    loaded = models.load(model, activation=activation)
    same: dict[str, Any] = {
        "stac": stac or (),
        "collections": collection or (),
        "bbox": None if bbox is None else numbers(bbox, 4, "--bbox", "W,S,E,N in degrees"),
        "between": between,
        "model": loaded,
        "out": out,
        "tile": tile,
        "gsd": gsd,
        "overlap": overlap,
        "sensor": sensor,
        "bands": words(bands),
        "time": time,
        "batch": batch,
        "re_embed": re_embed,
    }
    sky = {} if max_cloud is None else {"cloud": _scorer(loaded, cloud_by, cloud_head), "max_cloud": max_cloud}
    try:
        made: Plan | Report = (
            archive.plan(sources or (), **same)
            if dry_run
            else archive.index(sources or (), workers=workers, progress=not quiet, **sky, **same)
        )
    except KeyboardInterrupt:
        note("Interrupted. What was done is kept: run the same command again to go on.")
        raise
    for source, reason in made.skipped:
        note(f"skipped {source}: {reason}")
    if as_json:
        emit_json(asdict(made))
    else:
        emit(_told(made, out))


def _scorer(model: Any, by: str | None, head: Path | None) -> Any:
    from geoglot.tasks.cloud import scorer

    return scorer(model, by or "vector", head)


def _told(made: Plan | Report, out: str) -> str:
    from geoglot.archive import Plan
    from geoglot.cli._io import size
    from geoglot.core.progress import duration

    skipped = f"; {len(made.skipped)} skipped" if made.skipped else ""
    if isinstance(made, Plan):
        kept = f"; {made.unchanged} scenes are there already" if made.unchanged else ""
        cost = f"about {size(made.bytes)} and {duration(made.seconds)} of encoding"
        return f"would take in {made.scenes} scenes, {made.tiles:,} tiles, {cost}{kept}{skipped}"
    told = f"{out}: {len(made.added)} scenes added, {len(made.replaced)} replaced, {made.unchanged} unchanged{skipped}"
    empty = f", {made.empty:,} empty left out" if made.empty else ""
    cloudy = f", {made.cloudy:,} cloudy left out" if made.cloudy else ""
    return f"{told}; {made.tiles:,} tiles{empty}{cloudy} in {duration(made.seconds)}"
