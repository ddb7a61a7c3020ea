"""Describe rasters in words: a sentence, or with --long all that can be seen; with --with, what changed since an earlier date.
--box and --point describe a part.

The text is on standard output. A folder or a glob gives a table, a line for each scene.
"""

from __future__ import annotations

from typing import Annotated

import typer

from geoglot.cli import _converse as shared
from geoglot.cli._options import AsJson, Bands, Gsd, Quiet, Sensor, Time


def run(
    source: shared.Scenes,
    others: shared.Dates = None,
    out: shared.Out = None,
    long: Annotated[bool, typer.Option("--long", help="At length, in place of one sentence.")] = False,
    box: shared.Box = None,
    point: shared.Point = None,
    lonlat: shared.LonLat = False,
    region: shared.Region = None,
    model: shared.Model = shared.MODEL,
    gsd: Gsd = None,
    sensor: Sensor = None,
    bands: Bands = None,
    time: Time = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Describe scenes in words."""
    from geoglot.tasks.converse import caption

    how = shared.settings(region, sensor, bands, time, quiet, gsd=gsd, long=long) | shared.marked(box, point, lonlat)
    shared.tell(shared.answered(caption, model, source, others, (), out, how), out, as_json)
