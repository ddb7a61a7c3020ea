"""Tell what rasters or an archive are: sensor, bands, time, resolution, place, and what was assumed.

Rasters are files, folders, globs in quotes and addresses. What is unknown is said to be unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from geoglot.cli._options import Bands, Sensor

if TYPE_CHECKING:
    from geoglot.archive import Archive
    from geoglot.core.errors import GeoglotError
    from geoglot.geo.scene import Scene


def run(
    sources: Annotated[list[str], typer.Argument(help="Rasters, folders, globs, addresses, or one archive.", show_default=False)],
    sensor: Sensor = None,
    bands: Bands = None,
    time: Annotated[str | None, typer.Option(metavar="TIME", help="When the scenes were taken.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Everything as JSON.")] = False,
) -> None:
    """Tell what rasters or an archive are."""
    from geoglot.cli._io import emit, emit_json, note, words

    if len(sources) == 1 and (archive := _archive(sources[0])) is not None:
        told = archive.info() | {"scenes": archive.scenes()}
        emit_json(told) if as_json else emit(_archive_text(archive))
        return
    from geoglot.core.errors import GeoglotError
    from geoglot.geo.scene import Scene
    from geoglot.geo.sources import expand

    found: list[dict[str, Any]] = []
    failed: list[GeoglotError] = []
    for source in expand(sources):
        try:
            with Scene.open(source, sensor, words(bands), time) as scene:
                found.append(_facts(scene))
        except GeoglotError as error:
            note(f"error: {error}")
            failed.append(error)
            continue
        if not as_json:
            emit(_scene_text(found[-1]))
    if as_json:
        emit_json(found)
    if failed:
        raise typer.Exit(failed[-1].exit_code)


def _archive(source: str) -> Archive | None:
    """The archive, if the source is one."""
    from pathlib import Path

    from geoglot.geo.files import is_remote

    # the tables of an archive are folders with this ending; looking is cheaper than loading the database
    folder = Path(source).expanduser()
    stored = is_remote(source) and not source.startswith(("http", "/vsi")) and not Path(source).suffix
    if not stored and not (folder.is_dir() and any(folder.glob("*.lance"))):
        return None
    from geoglot.archive import Archive

    return Archive.open(source)


def _facts(scene: Scene) -> dict[str, Any]:
    import numpy as np

    crs = None if scene.grid is None else scene.grid.crs.to_string()
    lonlat = None if scene.grid is None else scene.grid.lonlat()
    return {
        "scene": scene.id,
        "sensor": scene.sensor.id,
        "bands": [{"name": band.name, "common": band.common, "wavelength": band.wavelength} for band in scene.bands],
        "time": scene.time,
        "height": scene.shape[0],
        "width": scene.shape[1],
        "dtype": str(np.dtype(scene.dtype)),
        "gsd": scene.gsd,
        "crs": crs,
        "lonlat": lonlat,
        "assumptions": list(scene.assumptions),
        "synthetic": None if scene.synthetic is None else scene.synthetic.record(),
        "geometry": scene.footprint,
    }


def _scene_text(facts: Mapping[str, Any]) -> str:
    place = "no georeference"
    if facts["lonlat"] is not None:
        lon, lat = facts["lonlat"]
        crs = facts["crs"] if len(facts["crs"]) <= 40 else facts["crs"][:40] + "..."
        place = f"{facts['gsd']:.3g} m a pixel, centre at {lon:.5f}, {lat:.5f} ({crs})"
    lines = [
        facts["scene"],
        f"  sensor  {facts['sensor']}",
        f"  bands   {', '.join(_band(band) for band in facts['bands'])}",
        f"  time    {_time(facts['time'])}",
        f"  pixels  {facts['width']:,} across, {facts['height']:,} down, {facts['dtype']}",
        f"  place   {place}",
    ]
    if facts["synthetic"] is not None:
        lines += [f"  made    {line}" for line in _made(facts["synthetic"])]
    return "\n".join(lines + [f"  assumed {text}" for text in facts["assumptions"]])


def _made(record: Mapping[str, Any]) -> list[str]:
    """What a file says of how a model drew it."""
    from geoglot.geo.synthetic import Mark

    asked = ", ".join(f"{key} {value}" for key, value in record["settings"].items() if not isinstance(value, list | dict))
    return [Mark(**record).told, *([asked] if asked else [])]


def _band(band: Mapping[str, Any]) -> str:
    more = [band["common"]] if band["common"] not in (None, band["name"]) else []
    more += [f"{band['wavelength']:g} um"] if band["wavelength"] is not None else []
    return f"{band['name']} ({', '.join(more)})" if more else str(band["name"])


def _time(when: datetime | None) -> str:
    return "unknown" if when is None else when.isoformat().replace("+00:00", "Z")


def _archive_text(archive: Archive) -> str:
    facts = archive.info()
    cut = f"{facts['tile']} pixels" if facts["tile"] else "by default"
    cut += f" at {facts['gsd']:g} m" if facts["gsd"] else ""
    lines = [
        f"{facts['path']}",
        f"  model   {facts['model']} (hash {facts['hash'][:12]})",
        f"  holds   {facts['tiles']:,} tiles of {facts['scenes']:,} scenes; sensors: {', '.join(facts['sensors']) or 'none'}",
        f"  cut     {cut}, overlap {facts['overlap']:g}",
        f"  times   {_time(facts['first'])} to {_time(facts['last'])}",
    ]
    for row in archive.scenes():
        gsd = "no georeference" if row["gsd"] is None else f"{row['gsd']:.3g} m"
        lines.append(f"  scene   {row['scene']}: {row['tiles']:,} tiles, {row['sensor']}, {gsd}, {_time(row['time'])}")
    return "\n".join(lines)
