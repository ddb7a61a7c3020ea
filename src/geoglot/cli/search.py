"""Find places in an archive, in words, by an image, or by examples.

The answer is GeoJSON on standard output, best first; `-o` writes a file in the format of its name, `--sheet` a page of
pictures to look at.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from geoglot.cli._options import Archived, AsJson
from geoglot.core.errors import InputError


def run(
    archive: Archived,
    text: Annotated[str | None, typer.Argument(help="What to look for, in words.", show_default=False)] = None,
    k: Annotated[int, typer.Option("-k", help="How many places.")] = 20,
    image: Annotated[Path | None, typer.Option(metavar="RASTER", help="Look for places like this picture.")] = None,
    weight: Annotated[float, typer.Option(metavar="0..1", help="Share of the words when there is an image too.")] = 0.5,
    like: Annotated[list[str] | None, typer.Option(metavar="ID", help="Look for places like this hit; may be repeated.")] = None,
    bbox: Annotated[str | None, typer.Option(metavar="W,S,E,N", help="Only tiles that meet a box in degrees.")] = None,
    within: Annotated[Path | None, typer.Option(metavar="GEOJSON", help="Only tiles that meet an area.")] = None,
    time: Annotated[
        str | None, typer.Option(metavar="TIME", help="A date, month, year or interval A/B; .. is an open end.")
    ] = None,
    sensor: Annotated[str | None, typer.Option(metavar="NAME", help="Only scenes of this sensor.")] = None,
    max_cloud: Annotated[
        float | None, typer.Option(metavar="0..1", help="Only tiles of which at most this share is cloud.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="FILE", help="The archive's model, where it is none of `geoglot models`.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help="Write .geojson, .parquet (GeoParquet) or .csv.")
    ] = None,
    sheet: Annotated[Path | None, typer.Option(metavar="FILE", help="Write pictures of the hits: .png or .html.")] = None,
    as_json: AsJson = False,
) -> None:
    """Find places in an archive."""
    from geoglot.cli._io import emit, emit_json, note, numbers
    from geoglot.geo.vectors import check_name

    if out is not None:
        check_name(out)
    if sheet is not None and sheet.suffix.lower() not in (".png", ".html"):
        raise InputError(f"{sheet}: a contact sheet is a .png or a .html file.")
    if max_cloud is not None and not 0 <= max_cloud <= 1:
        raise InputError(f"--max-cloud is a share from 0 to 1, got {max_cloud}.")
    where = {name: value for name, value in (("sensor", sensor), ("cloud_max", max_cloud)) if value is not None}
    box = None if bbox is None else numbers(bbox, 4, "--bbox", "W,S,E,N in degrees")
    from geoglot import models
    from geoglot.archive import Archive

    opened = Archive.open(archive)
    # a published file may not tell its activation, but the archive does
    known = None if model is None else replace(opened.model, id=model)
    hits = opened.search(
        text,
        k=k,
        image=image,
        weight=weight,
        like=like or (),
        bbox=box,
        within=within,
        time=time,
        where=where or None,
        text_encoder=None if known is None or text is None else models.text_encoder(known),
        model=None if known is None or image is None else models.load(known),
    )
    if not hits:
        note("No place in the archive passes the filters." if len(opened) else "The archive is empty.")
    if out is not None:
        hits.write(out)
        note(f"{len(hits)} hits in {out}")
    if sheet is not None:
        hits.contact_sheet(sheet)
        note(f"pictures in {sheet}")
    if as_json:
        emit_json({"query": hits.query, "archive": opened.path, "model": opened.model.name, "hits": hits.rows()})
    elif out is None:
        emit(str(hits.to_geojson()))
