"""Draw an area of a raster anew from words; every other pixel stays exactly as it is.

The area is --mask with polygons (.geojson, .gpkg) or a raster on the same pixels (what is not 0), --box in degrees (in pixels
without georeference), or --gaps: where nothing was observed, which otherwise stays so. The output has the grid, type, bands and
nodata value of the raster, and says that it is synthetic in part.
"""

from __future__ import annotations

from typing import Annotated

import typer

from geoglot.cli import _generate as shared
from geoglot.cli._options import AsJson, Quiet
from geoglot.core.errors import InputError


def run(
    source: shared.Scene,
    words: shared.Words,
    out: shared.Out = None,
    mask: Annotated[str | None, typer.Option(metavar="FILE", help="The area: polygons, or a raster on the same pixels.")] = None,
    box: Annotated[str | None, typer.Option(metavar="W,S,E,N", help="The area as a box.")] = None,
    gaps: Annotated[bool, typer.Option("--gaps", help="Draw where nothing was observed.")] = False,
    seed: shared.Seed = 0,
    avoid: shared.Avoid = "",
    label: shared.Label = None,
    cloud: shared.Cloud = None,
    date: shared.Date = None,
    sensor: shared.Sensor = None,
    steps: shared.Steps = None,
    guidance: shared.Guidance = None,
    sampler: shared.Sampler = None,
    model: shared.Model = shared.MODEL,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Draw an area of a raster anew."""
    from geoglot.tasks.generate import inpaint

    if mask is not None and box is not None:
        raise InputError("Name the area in one way: --mask or --box.")
    targets = shared.outputs(out)
    made = inpaint(
        model,
        source,
        words,
        area=mask if mask is not None else shared.box(box, "--box"),
        gaps=gaps,
        out=targets,
        **shared.settings(seed, avoid, label, cloud, date, sensor, steps, guidance, sampler, quiet),
    )
    shared.tell([made], targets, as_json)
