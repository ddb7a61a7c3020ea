"""Find objects in rasters of any size by words or by a few boxed examples, as upright or turned boxes.

A word may have synonyms, with bars: "ship|boat". The answer is a table on standard output with the number of boxes of each
label and, where the model is calibrated, the number of objects that are expected with its 90 % interval: each box, also those
too weak to be given, is right with a chance that was measured by score, and missed objects are made up for by the share that
was missed then. -o writes every box.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from geoglot.cli._options import Activation, AsJson, Bands, Gsd, Quiet, Sensor, Time, Workers
from geoglot.core.errors import InputError

if TYPE_CHECKING:
    from geoglot.tasks.detect import Detections
    from geoglot.tasks.detect.asked import Prompt, Route


def run(
    source: Annotated[str, typer.Argument(help="A raster, a folder, a glob in quotes, an address.", show_default=False)],
    labels: Annotated[list[str] | None, typer.Argument(help="What to look for, in words; a|b are synonyms.")] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help="Write .geojson, .gpkg, .parquet (GeoParquet) or .csv.")
    ] = None,
    min_score: Annotated[
        float | None, typer.Option(metavar="0..1", help="Least score of a box; the model's own if not given.")
    ] = None,
    upright: Annotated[bool, typer.Option("--upright", help="Upright boxes in place of turned ones.")] = False,
    examples: Annotated[Path | None, typer.Option(metavar="GEOJSON", help="One to five boxes of each class as examples.")] = None,
    prompt: Annotated[str, typer.Option(metavar="text|examples|both", help="With --examples: what is looked for.")] = "both",
    key: Annotated[str, typer.Option("--property", metavar="NAME", help="With --examples: what holds the label.")] = "label",
    route: Annotated[
        str,
        typer.Option(
            metavar="auto|head|masks|dense|grounding|points|crops",
            help="A trained head, masks of a decoder, what cells resemble, or Grounding DINO and SAM in one of three ways.",
        ),
    ] = "auto",
    head: Annotated[Path | None, typer.Option(metavar="FILE", help="Another head of the model (.safetensors).")] = None,
    sam: Annotated[str | None, typer.Option(metavar="MODEL", help="A SAM of transformers: a hub id or a folder.")] = None,
    grounding: Annotated[
        str | None, typer.Option(metavar="MODEL", help="A Grounding DINO of transformers: a hub id or a folder.")
    ] = None,
    template: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="A sentence with {} for the class; may be repeated.")
    ] = None,
    model: Annotated[str, typer.Option(help="The model that looks: a name, a hub id or a path.")] = "nano",
    activation: Activation = None,
    tile: Annotated[int, typer.Option(metavar="PIXELS", help="Side of a tile in pixels (of --gsd metres).")] = 512,
    gsd: Gsd = None,
    overlap: Annotated[float, typer.Option(metavar="0..0.5", help="Part that neighbouring tiles share.")] = 0.25,
    sensor: Sensor = None,
    bands: Bands = None,
    time: Time = None,
    batch: Annotated[int, typer.Option(help="Tiles at a time through the model.")] = 8,
    workers: Workers = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Find objects and count them."""
    if examples is None and (prompt != "both" or key != "label"):
        raise InputError("--prompt and --property say how to use the boxes of --examples.")
    from geoglot import models
    from geoglot.cli._io import emit, emit_json, note, words
    from geoglot.geo.vectors import check_name
    from geoglot.geo.write import check_apart
    from geoglot.tasks import detect as task

    if out is not None:
        check_name(out)
        check_apart([out], [file for file in (source, examples, head) if file is not None])
    made = task.detect(
        lambda: models.load(model, activation=activation),
        source,
        labels or None,
        examples=None if examples is None else task.Shown(examples, key, cast("Prompt", prompt)),
        route=cast("Route", route),
        head=head,
        sam=sam,
        grounding=grounding,
        templates=template or (),
        min_score=min_score,
        upright=upright,
        tile=tile,
        gsd=gsd,
        overlap=overlap,
        sensor=sensor,
        bands=words(bands),
        time=time,
        batch=batch,
        workers=workers,
        progress=not quiet,
    )
    for name, reason in made.skipped:
        note(f"skipped {name}: {reason}")
    if out is not None:
        made.write(out)
        note(f"{len(made):,} boxes in {out}")
    if as_json:
        emit_json(_whole(made))
    else:
        emit(made.table())


def _whole(made: Detections) -> dict[str, Any]:
    return {
        "model": made.model,
        "route": made.route,
        "labels": list(made.names),
        "upright": made.upright,
        "min_score": made.least,
        "counts": {name: vars(one) for name, one in made.counts().items()},
        "skipped": [list(pair) for pair in made.skipped],
        "rows": made.rows(),
    }
