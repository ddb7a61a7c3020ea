"""What caption, ask and ground share: their options, and how answers are told."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from geoglot.tasks.converse import Answer
    from geoglot.tasks.converse.many import Answers

Scenes = Annotated[str, typer.Argument(help="A raster, or a folder or glob of them, each asked by itself.", show_default=False)]
Out = Annotated[
    list[Path] | None,
    typer.Option(
        "-o",
        "--out",
        metavar="FILE",
        help="Write boxes (.geojson, .gpkg, .parquet, .csv), the map of evidence (.tif) or all (.json).",
    ),
]
Dates = Annotated[
    list[str] | None,
    typer.Option("--with", metavar="FILE", help="Another date of the same place, looked at together; may be repeated."),
]
Region = Annotated[str | None, typer.Option(metavar="W,S,E,N", help="Only this part of the scene, in degrees.")]
Box = Annotated[
    list[str] | None,
    typer.Option("--box", metavar="L,T,R,B", help="The question is about this box, in pixels; may be repeated."),
]
Point = Annotated[
    list[str] | None, typer.Option("--point", metavar="X,Y", help="The question is about this point; may be repeated.")
]
LonLat = Annotated[bool, typer.Option("--lonlat", help="--box is W,S,E,N and --point LON,LAT, in degrees.")]
Model = Annotated[str, typer.Option(help="The model that answers: a name, a hub id, a path, or an address of a server.")]
Tile = Annotated[int | None, typer.Option(metavar="PIXELS", help="Side of a part of a large scene, in pixels of --gsd metres.")]
Most = Annotated[int, typer.Option(metavar="N", help="Parts of a large scene that are asked, those that matter first.")]
Least = Annotated[float, typer.Option("--min-score", metavar="0..1", help="Score from which on a box counts.")]
MODEL = "nano-chat"


def settings(
    region: str | None, sensor: str | None, bands: str | None, time: str | None, quiet: bool, **more: Any
) -> dict[str, Any]:
    """Options as `tasks.converse` takes them."""
    from geoglot.cli._io import numbers, words

    place = None if region is None else numbers(region, 4, "--region", "W,S,E,N")
    return {"region": place, "sensor": sensor, "bands": words(bands), "time": time, "progress": not quiet} | more


def marked(box: list[str] | None, point: list[str] | None, lonlat: bool) -> dict[str, Any]:
    """What a question points at, as `tasks.converse` takes it."""
    from geoglot.cli._io import numbers

    form = "W,S,E,N" if lonlat else "L,T,R,B"
    boxes = [numbers(one, 4, "--box", form) for one in box or ()]
    points = [numbers(one, 2, "--point", "LON,LAT" if lonlat else "X,Y") for one in point or ()]
    return {"box": boxes or None, "point": points or None, "lonlat": lonlat}


def answered(
    verb: Callable[..., Answer],
    model: str,
    source: str,
    others: list[str] | None,
    words: tuple[str, ...],
    out: list[Path] | None,
    how: dict[str, Any],
) -> Answer | Answers:
    """One answer for one scene or for dates of a place, many for a folder or a glob."""
    from geoglot import models
    from geoglot.core.errors import InputError
    from geoglot.geo.sources import expand
    from geoglot.tasks.converse.many import each

    found = list(expand([source]))
    load = partial(models.opened, model)
    if others:
        if len(found) != 1:
            raise InputError(f"--with names other dates of one scene, and {source} are {len(found)}: name one.")
        return verb(load, [found[0], *others], *words, out=out or [], **how)
    if len(found) == 1 and not Path(source).is_dir():
        return verb(load, found[0], *words, out=out or [], **how)
    if how.pop("conversation", None) is not None:
        raise InputError("A conversation is about one scene: leave out --conversation, or name one scene.")
    return each(verb, load, found, *words, out=out or [], **how)


def tell(made: Answer | Answers, out: list[Path] | None, as_json: bool) -> None:
    """The answer on standard output, what was assumed on standard error."""
    from geoglot.cli._io import emit, emit_json, note
    from geoglot.tasks.converse import Answer

    if isinstance(made, Answer):
        for text in made.assumptions:
            note(f"assumed: {text}")
    else:
        for name, reason in made.skipped:
            note(f"skipped {name}: {reason}")
    for path in out or []:
        note(f"written: {path}")
    if as_json:
        emit_json(made.plain() if isinstance(made, Answer) else [one.plain() for one in made])
    else:
        emit(made.text if isinstance(made, Answer) else made.table())
