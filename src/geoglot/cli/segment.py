"""Give every pixel of rasters a class, by words or by polygons of examples.

Classes are words with commas between them; a bar joins words for one class ("water|lake,buildings,trees|forest"); a text file
(.txt) holds one class a line. With --train the classes are those of polygons with a property "label", and a small head is fitted
to them. The map goes to -o: .tif for a cloud-optimised GeoTIFF (0 nothing of these, 1 and on the labels in their order, 255
nothing observed), .gpkg, .geojson or .parquet for polygons with area and score; -o may be given twice. Several scenes go into a
folder. What each class covers is on standard output. A run that was interrupted goes on when it is started again.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from geoglot.cli._options import Activation, AsJson, Bands, Gsd, Quiet, Rasters, Sensor, Time, Workers
from geoglot.core.errors import InputError

if TYPE_CHECKING:
    from geoglot.tasks.segment import ClassMaps


def run(
    sources: Rasters,
    labels: Annotated[str | None, typer.Option(metavar="A,B|C,...", help="The classes in words, or a .txt file of them.")] = None,
    train: Annotated[Path | None, typer.Option(metavar="FILE", help="Polygons to fit a head to (.gpkg, .geojson).")] = None,
    head: Annotated[Path | None, typer.Option(metavar="FILE", help="Use a head that --save wrote.")] = None,
    out: Annotated[
        list[Path] | None,
        typer.Option("-o", "--out", metavar="FILE", help="Write .tif, .gpkg, .geojson or .parquet; or a folder for many scenes."),
    ] = None,
    suffix: Annotated[
        str | None, typer.Option("--format", metavar="NAME", help="For a folder: tif, gpkg, geojson, parquet.")
    ] = None,
    decoder: Annotated[
        str | None, typer.Option(metavar="FILE|NAME", help="Draw masks by a decoder: a file, or a model's own by its name.")
    ] = None,
    example: Annotated[
        list[str] | None, typer.Option(metavar="LABEL=FILE", help="With --decoder: a picture of a label; may be repeated.")
    ] = None,
    background: Annotated[
        str | None, typer.Option(metavar="A|B|...", help="Words for what is none of the labels; where they fit best is 0.")
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(metavar="0..1", help="Pixels of a lower score are 0; with --decoder 0.5 without one.")
    ] = None,
    none: Annotated[bool, typer.Option("--none", help="0 too where the model's calibration says that no label fits.")] = False,
    template: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="A sentence with {} for the class; may be repeated.")
    ] = None,
    key: Annotated[str, typer.Option("--property", metavar="NAME", help="With --train: what holds the label.")] = "label",
    folds: Annotated[int | None, typer.Option(help="With --train: folds of the cross-validation, 5 where they fit.")] = None,
    save: Annotated[Path | None, typer.Option(metavar="FILE", help="With --train: write the head (.safetensors).")] = None,
    min_area: Annotated[
        float, typer.Option(metavar="M2", help="Leave out smaller polygons (in pixels without georeference).")
    ] = 0.0,
    model: Annotated[str, typer.Option(help="The model that looks at the pixels: a name, a hub id or a path.")] = "nano",
    activation: Activation = None,
    dense: Annotated[
        str, typer.Option(metavar="NAME", help="Cells of a transformer: segearth, maskclip or tokens.")
    ] = "segearth",
    bias: Annotated[float | None, typer.Option(metavar="0..1", help="Share of a window's cosines taken from its cells'.")] = None,
    upsample: Annotated[
        int | None, typer.Option(metavar="1|2|4|8|16", help="Decide the map so many times finer than the model's cells.")
    ] = None,
    upsampler: Annotated[Path | None, typer.Option(metavar="FILE", help="With --upsample: what `geoglot train` wrote.")] = None,
    calibration: Annotated[Path | None, typer.Option(metavar="FILE", help="A calibration of the model, for --none.")] = None,
    tile: Annotated[int | None, typer.Option(metavar="PIXELS", help="Side of a window, in pixels of --gsd metres.")] = None,
    gsd: Gsd = None,
    overlap: Annotated[float | None, typer.Option(metavar="0..0.9", help="Part that neighbouring windows share.")] = None,
    sensor: Sensor = None,
    bands: Bands = None,
    time: Time = None,
    batch: Annotated[int, typer.Option(help="Pictures of the model's size at a time through it.")] = 32,
    workers: Workers = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Segment scenes."""
    if train is None and (key != "label" or folds is not None):
        raise InputError("--property and --folds say how to use the polygons of --train.")
    from geoglot import models
    from geoglot.cli._io import emit, emit_json, note, words
    from geoglot.tasks import segment as task

    options: dict[str, Any] = {
        "train": None if train is None else task.Train(train, key, folds or task.FOLDS),
        "head": head,
        "save": save,
        "decoder": decoder,
        "examples": _examples(example or []),
        "background": background,
        "threshold": threshold,
        "none": none,
        "templates": template or (),
        "calibration": calibration,
        "variant": dense,
        "bias": bias,
        "upsample": upsample,
        "upsampler": upsampler,
        "tile": tile,
        "gsd": gsd,
        "overlap": overlap,
        "sensor": sensor,
        "bands": words(bands),
        "time": time,
        "least": min_area,
        "batch": batch,
        "workers": workers,
        "progress": not quiet,
    }
    made = _made(lambda: models.load(model, activation=activation), sources, labels, out or [], suffix, options)
    for source, reason in made.skipped:
        note(f"skipped {source}: {reason}")
    if made.maps[0].figures is not None:
        note(task.told(made.maps[0].figures))
    if save is not None:
        note(f"head in {save}")
    for path in out or []:
        note(f"{len(made)} maps in {path}" if path.is_dir() else f"map in {path}")
    if as_json:
        emit_json(_whole(made))
    else:
        emit(made.table() if len(made) > 1 else made.maps[0].table())


def _examples(given: list[str]) -> dict[str, list[str]]:
    """The pictures of each label. Raises InputError for what is no LABEL=FILE, or no file."""
    found: dict[str, list[str]] = {}
    for one in given:
        label, equals, file = one.partition("=")
        if not equals or not Path(file).is_file():
            raise InputError(f"--example takes LABEL=FILE with a picture that is there, got {one!r}.")
        found.setdefault(label, []).append(file)
    return found


def _made(model: Any, sources: list[str], labels: str | None, out: list[Path], suffix: str | None, options: Any) -> ClassMaps:
    """One scene into files, or all of them into a folder."""
    from geoglot.tasks import segment as task

    folder = len(out) == 1 and (out[0].is_dir() or not out[0].suffix)
    if not folder:
        if suffix is not None:
            raise InputError("--format is for a folder of maps: give -o a folder, or leave it out.")
        return task.ClassMaps((task.segment(model, sources, labels, out=out, **options),))
    return task.segment_all(model, sources, labels, out=out[0], suffix=suffix or "tif", **options)


def _whole(made: ClassMaps) -> dict[str, Any]:
    return {
        "model": made.maps[0].model,
        "classes": list(made.maps[0].names),
        "rows": [row for one in made for row in one.rows()],
        "train": made.maps[0].figures,
        "skipped": [list(pair) for pair in made.skipped],
    }
