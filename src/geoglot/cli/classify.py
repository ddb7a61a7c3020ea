"""Label every tile of rasters, or every image, by classes in words or by a few marked examples.

Classes are words with commas between them; a bar joins words for one class ("farmland,harbour|port|marina,forest"); a text file
(.txt) holds one class a line. With --few-shot the classes are those of points and polygons in a GeoJSON file, and a small head
is fitted to them. The answer is a short table on standard output; -o writes every tile with a score for each class.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from geoglot.cli._options import Activation, AsJson, Bands, Gsd, Quiet, Rasters, Sensor, Time, Workers
from geoglot.core.errors import InputError

if TYPE_CHECKING:
    from geoglot.tasks.classify import Labels


def run(
    sources: Rasters,
    labels: Annotated[str | None, typer.Option(metavar="A,B|C,...", help="The classes in words, or a .txt file of them.")] = None,
    few_shot: Annotated[Path | None, typer.Option(metavar="GEOJSON", help="Marked examples to fit a head to.")] = None,
    head: Annotated[Path | None, typer.Option(metavar="FILE", help="Use a head that --save wrote.")] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help="Write .geojson, .parquet (GeoParquet) or .csv.")
    ] = None,
    per: Annotated[str, typer.Option(metavar="tile|image", help="One answer a tile, or one an image.")] = "tile",
    none: Annotated[
        bool | None,
        typer.Option("--none/--no-none", help="Let tiles fit none of the labels; on where the model is calibrated for it."),
    ] = None,
    transductive: Annotated[
        bool, typer.Option("--transductive", help="Let all tiles teach each other, without labels; best with many tiles.")
    ] = False,
    template: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="A sentence with {} for the class; may be repeated.")
    ] = None,
    method: Annotated[str, typer.Option(metavar="probe|adapter|auto", help="With --few-shot: the kind of head.")] = "auto",
    key: Annotated[str, typer.Option("--property", metavar="NAME", help="With --few-shot: what holds the label.")] = "label",
    folds: Annotated[int | None, typer.Option(help="With --few-shot: folds of the cross-validation, 5 where they fit.")] = None,
    save: Annotated[Path | None, typer.Option(metavar="FILE", help="With --few-shot: write the head (.safetensors).")] = None,
    model: Annotated[str, typer.Option(help="The model that looks at the tiles: a name, a hub id or a path.")] = "nano",
    activation: Activation = None,
    calibration: Annotated[Path | None, typer.Option(metavar="FILE", help="A calibration of the model, for --none.")] = None,
    tile: Annotated[int | None, typer.Option(metavar="PIXELS", help="Side of a tile in pixels (of --gsd metres).")] = None,
    gsd: Gsd = None,
    overlap: Annotated[float | None, typer.Option(metavar="0..0.9", help="Part that neighbouring tiles share.")] = None,
    sensor: Sensor = None,
    bands: Bands = None,
    time: Time = None,
    batch: Annotated[int, typer.Option(help="Tiles at a time through the model.")] = 32,
    workers: Workers = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Label tiles or images."""
    if few_shot is None and (method != "auto" or key != "label" or folds is not None):
        raise InputError("--method, --property and --folds say how to use the examples of --few-shot.")
    from geoglot import models
    from geoglot.cli._io import emit, emit_json, note, words
    from geoglot.geo.vectors import check_name
    from geoglot.geo.write import check_apart
    from geoglot.tasks import classify as task

    if out is not None:
        check_name(out)
        check_apart([out], [file for file in (few_shot, head) if file is not None])
    shots = None if few_shot is None else task.FewShot(few_shot, key, method, folds)
    made = task.classify(
        lambda: models.load(model, activation=activation),
        sources,
        labels,
        few_shot=shots,
        head=head,
        save=save,
        templates=template or (),
        per=_per(per),
        none=none,
        calibration=calibration,
        transductive=transductive,
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
    for source, reason in made.skipped:
        note(f"skipped {source}: {reason}")
    if made.figures is not None:
        note(task.told(made.figures))
    if save is not None:
        note(f"head in {save}")
    if out is not None:
        made.write(out)
        note(f"{len(made):,} {made.per}s in {out}")
    if as_json:
        emit_json(_whole(made))
    elif out is None:
        emit(made.table())


def _per(text: str) -> Any:
    if text not in ("tile", "image"):
        raise InputError(f"--per is tile or image, got {text!r}.")
    return text


def _whole(made: Labels) -> dict[str, Any]:
    return {
        "model": made.model,
        "classes": list(made.names),
        "per": made.per,
        "counts": made.counts(),
        "few_shot": made.figures,
        "skipped": [list(pair) for pair in made.skipped],
        "rows": made.rows(),
    }
