"""Answer a question about rasters of any size, in words.

How many, is there, where, how long, wide or large, how two things lie to each other, which type and why, what changed: the
answer is on standard output; with -o its boxes and the map of what it was drawn from. A large scene is asked part by part, those
that matter first, and what two parts both see is counted once. --box and --point say what a question is about: "What is this?".
--with names other dates of the same place. With --conversation FILE the question follows those in that file. A folder or a glob
gives a table, a line for each scene.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from geoglot.cli import _converse as shared
from geoglot.cli._options import AsJson, Bands, Gsd, Quiet, Sensor, Time


def run(
    source: shared.Scenes,
    question: Annotated[str, typer.Argument(help="What you want to know.", show_default=False)],
    others: shared.Dates = None,
    out: shared.Out = None,
    conversation: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Go on with the conversation in this file, or begin it.")
    ] = None,
    box: shared.Box = None,
    point: shared.Point = None,
    lonlat: shared.LonLat = False,
    region: shared.Region = None,
    model: shared.Model = shared.MODEL,
    tile: shared.Tile = None,
    gsd: Gsd = None,
    most: shared.Most = 32,
    min_score: shared.Least = 0.3,
    sensor: Sensor = None,
    bands: Bands = None,
    time: Time = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Answer a question about scenes."""
    from geoglot.tasks.converse import ask

    how = shared.settings(region, sensor, bands, time, quiet, tile=tile, gsd=gsd, most=most, least=min_score)
    how |= shared.marked(box, point, lonlat) | {"conversation": conversation}
    made = shared.answered(ask, model, source, others, (question,), out, how)
    shared.tell(made, out, as_json)
