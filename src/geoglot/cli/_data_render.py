"""`geoglot data render`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def render(
    kind: Annotated[str, typer.Argument(help="What kind of place: harbour, houses, woods and so on.", show_default=False)],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="A GeoTIFF (.tif).", show_default=False)],
    gsd: Annotated[float, typer.Option(help="Metres a pixel.")] = 1.0,
    size: Annotated[int, typer.Option(min=1, help="Pixels a side.")] = 512,
    at: Annotated[str, typer.Option(metavar="LON,LAT", help="Where on the Earth.")] = "6.1,52.3",
    date: Annotated[str | None, typer.Option(metavar="DATE", help="As 2020-06-30: sets the season.", show_default=False)] = None,
    sensor: Annotated[str | None, typer.Option(help="As sentinel-2, sentinel-1.", show_default=False)] = None,
    clouds: Annotated[float, typer.Option(min=0, max=1, help="Share of the picture under clouds.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Another seed is another place.")] = 0,
    truth: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the masks of what is true as a GeoTIFF.")] = None,
) -> None:
    """Render a made-up scene; standard output says in JSON what it truly shows: captions, questions, objects with boxes."""
    from dataclasses import asdict

    from geoglot.cli._io import emit_json, note, numbers
    from geoglot.core.errors import InputError
    from geoglot.core.parts import find
    from geoglot.geo.identify import parse_time

    for file in (out, truth):
        if file is not None and file.suffix.lower() not in (".tif", ".tiff"):
            raise InputError(f"{file}: a rendered scene is a .tif file.")
    lon, lat = numbers(at, 2, "--at", "LON,LAT in degrees")
    when = None if date is None else parse_time(date)
    scenes = find("data.synth", "scenes")
    plan = scenes.compose(seed, kind, gsd=gsd, size=size, at=(lon, lat), date=when, sensor=sensor, clouds=clouds)
    plan.write(out, truth)
    note(f"rendered, not observed: {out}")
    view = plan.view()
    found = [{"label": one.label, "pixels": one.upright.bounds()} for one in view.instances if one.legible]
    emit_json({"captions": view.captions, "questions": [asdict(turn) for turn in view.turns], "objects": found})
