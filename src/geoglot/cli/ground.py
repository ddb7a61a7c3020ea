"""Find what a phrase speaks of ("the largest ship", "all bridges") in rasters of any size, as boxes.

What was found is on standard output; -o writes the boxes with their places. A phrase that nothing fits is told so.
"""

from __future__ import annotations

from typing import Annotated

import typer

from geoglot.cli import _converse as shared
from geoglot.cli._options import AsJson, Bands, Gsd, Quiet, Sensor, Time


def run(
    source: shared.Scenes,
    phrase: Annotated[str, typer.Argument(help="What to find, in words.", show_default=False)],
    out: shared.Out = None,
    oriented: Annotated[bool, typer.Option("--oriented", help="Turned boxes, where the model gives them.")] = False,
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
    """Find what a phrase speaks of."""
    from geoglot.tasks.converse import ground

    how = shared.settings(
        region, sensor, bands, time, quiet, tile=tile, gsd=gsd, most=most, least=min_score, upright=not oriented
    )
    shared.tell(shared.answered(ground, model, source, None, (phrase,), out, how), out, as_json)
