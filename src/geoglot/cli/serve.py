"""Serve an archive: a map page to search it on, and an HTTP API for other programs. Works without a network.

The page is at the address that is told at the start, the API's documentation at /docs beside it. Without --host only this
machine can reach it; before you open it to others, give out keys (--key).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from geoglot.cli._options import Archived
from geoglot.core.errors import InputError, ModelError


def run(
    archive: Archived,
    host: Annotated[str, typer.Option(help="The address to listen on; 0.0.0.0 is every one of this machine.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 finds a free one.")] = 8000,
    keys: Annotated[
        Path | None, typer.Option("--key", metavar="FILE", help="Keys, a line each: KEY NAME [REQUESTS A MINUTE].")
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PLACE", help="A folder or address (https://...) that rasters may be taken in from; may be repeated."
        ),
    ] = None,
    allow_private: Annotated[bool, typer.Option("--allow-private", help="Addresses may lead to private networks.")] = False,
    cors: Annotated[
        list[str] | None, typer.Option(metavar="ORIGIN", help="A site whose pages may use the API; may be repeated.")
    ] = None,
    host_name: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A name that it answers to, or *; may be repeated.")
    ] = None,
    state: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where jobs and uploads are kept; ARCHIVE.serve if not given.")
    ] = None,
    name: Annotated[str, typer.Option(help="What the page calls the archive.")] = "",
    model: Annotated[
        str | None, typer.Option(metavar="FILE", help="The archive's model, where it is none of `geoglot models`.")
    ] = None,
    chat: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL", help="The model that answers questions, as `geoglot ask` takes it; nano-chat if there, or none."
        ),
    ] = None,
    generator: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="The model that draws, as `geoglot generate` takes it; nano-gen if there, or none."),
    ] = None,
    basemap: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Map tiles to draw under the scenes: an address with {z}, {x}, {y}.")
    ] = None,
    attribution: Annotated[str, typer.Option(help="Whom the basemap is from.")] = "",
    max_upload: Annotated[int, typer.Option(min=1, metavar="MIB", help="Size of an upload.")] = 512,
    max_pixels: Annotated[int, typer.Option(min=1, metavar="MILLIONS", help="Pixels of an upload.")] = 1000,
    rate: Annotated[int, typer.Option(min=0, help="Requests a minute from one address without keys; 0 for any number.")] = 0,
    uploads: Annotated[bool, typer.Option("--uploads/--no-uploads", help="Whether rasters may be uploaded.")] = True,
    log: Annotated[str, typer.Option(metavar="LEVEL", help="debug, info, warning or error.")] = "info",
) -> None:
    """Serve an archive."""
    try:
        from geoglot.serve import web
        from geoglot.serve.settings import MIB, Basemap, Limits, Settings
    except ModuleNotFoundError as error:
        raise ModelError(f"Serving needs {error.name}: pip install 'geoglot[serve]'.") from None
    if log not in ("debug", "info", "warning", "error"):
        raise InputError(f"--log is debug, info, warning or error, got {log!r}.")
    settings = Settings(
        archive,
        state=state,
        name=name,
        model=model,
        chat=chat,
        generator=generator,
        keys=keys,
        allow=tuple(allow or ()),
        private=allow_private,
        cors=tuple(cors or ()),
        hosts=(*(host_name or ()), *(() if host in ("0.0.0.0", "::") else (f"[{host}]" if ":" in host else host,))),
        uploads=uploads,
        basemap=None if basemap is None else Basemap(basemap, attribution),
        limits=Limits(upload=max_upload * MIB, pixels=max_pixels * 10**6, rate=rate),
    )
    web.serve(settings, host, port, log)
