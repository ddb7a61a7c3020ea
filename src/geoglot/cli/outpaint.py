"""Draw what lies beyond the edges of a raster, from words; its own pixels stay exactly as they are.

--by says how many pixels are added, on all sides or as left,top,right,bottom; --bbox up to where, in degrees. The grid grows by
whole pixels. The output has the type, bands and nodata value of the raster, and says that it is synthetic in part.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from geoglot.cli import _generate as shared
from geoglot.cli._options import AsJson, Quiet
from geoglot.core.errors import InputError


def run(
    source: shared.Scene,
    words: shared.Words,
    out: shared.Out = None,
    by: Annotated[str | None, typer.Option(metavar="N|L,T,R,B", help="Pixels to add.")] = None,
    bbox: Annotated[str | None, typer.Option(metavar="W,S,E,N", help="Up to this box, in degrees.")] = None,
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
    """Draw beyond the edges of a raster."""
    from geoglot.tasks.generate import outpaint

    targets = shared.outputs(out)
    made = outpaint(
        model,
        source,
        words,
        by=_sides(by),
        bbox=shared.box(bbox, "--bbox"),
        out=targets,
        **shared.settings(seed, avoid, label, cloud, date, sensor, steps, guidance, sampler, quiet),
    )
    shared.tell([made], targets, as_json)


def _sides(text: str | None) -> Any:
    if text is None:
        return None
    try:
        found = tuple(int(part) for part in text.split(","))
    except ValueError:
        found = ()
    if len(found) not in (1, 4):
        raise InputError(f"--by takes pixels, or left,top,right,bottom, as in 256 or 0,0,256,0; got {text!r}.")
    return found[0] if len(found) == 1 else found
