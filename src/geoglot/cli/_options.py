"""Options that several verbs have, each said once."""

from __future__ import annotations

from typing import Annotated

import typer

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]
AsJson = Annotated[bool, typer.Option("--json", help="The whole result as JSON.")]
Sensor = Annotated[str | None, typer.Option(metavar="NAME", help="The sensor, where files do not say it.")]
Bands = Annotated[str | None, typer.Option(metavar="B,B,...", help="Names of the bands, in the files' order.")]
Gsd = Annotated[float | None, typer.Option(metavar="METRES", help="Look at every scene at this many metres a pixel.")]
Workers = Annotated[int | None, typer.Option(help="Readers at a time; chosen for the machine if not given.")]
Activation = Annotated[str | None, typer.Option(metavar="NAME", help="gelu or quick_gelu, where weights do not tell.")]
Archived = Annotated[str, typer.Argument(help="An archive made by `geoglot index`.", show_default=False)]
Rasters = Annotated[list[str], typer.Argument(help="Rasters, folders, globs, addresses.", show_default=False)]
Time = Annotated[str | None, typer.Option(metavar="TIME", help="When the scenes were taken, where files do not say it.")]
