"""What generate, inpaint and outpaint share: their options, and how what was drawn is told."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from geoglot.core.errors import InputError

if TYPE_CHECKING:
    from geoglot.tasks.generate import Generated

MODEL = "nano-gen"
Out = Annotated[
    list[Path] | None,
    typer.Option("-o", "--out", metavar="FILE", help="Write .tif (with a STAC item beside it), .png or .webp; may be repeated."),
]
Seed = Annotated[int, typer.Option(metavar="N", help="The same seed gives the same pixels.")]
Steps = Annotated[int | None, typer.Option(metavar="N", help="Steps of the sampler; the model's own if not given.")]
Guidance = Annotated[float | None, typer.Option(metavar="G", help="How closely the words are followed; 1 is without guidance.")]
Sampler = Annotated[str | None, typer.Option(metavar="NAME", help="A sampler that the model knows.")]
Avoid = Annotated[str, typer.Option(metavar="WORDS", help="What should not be there.")]
Label = Annotated[str | None, typer.Option(metavar="NAME", help="A class that the model knows.")]
Cloud = Annotated[float | None, typer.Option(metavar="0..1", help="The share of cloud.")]
Date = Annotated[str | None, typer.Option(metavar="DATE", help="The date that is drawn.")]
Sensor = Annotated[str | None, typer.Option(metavar="NAME", help="The sensor through which it is seen.")]
Model = Annotated[str, typer.Option(help="The generator: a name, a hub id or a path.")]
Scene = Annotated[str, typer.Argument(help="The raster that is drawn in.", show_default=False)]
Words = Annotated[str, typer.Argument(metavar="WORDS", help="What is drawn.", show_default=False)]


def outputs(out: list[Path] | None) -> list[Path]:
    """The outputs, of which there must be one."""
    if not out:
        raise InputError("Where to? Name a file after -o: scene.tif, scene.png or scene.webp.")
    return out


def settings(
    seed: int,
    avoid: str,
    label: str | None,
    cloud: float | None,
    date: str | None,
    sensor: str | None,
    steps: int | None,
    guidance: float | None,
    sampler: str | None,
    quiet: bool,
) -> dict[str, Any]:
    """Options as `tasks.generate` takes them."""
    asked = {"seed": seed, "avoid": avoid, "label": label, "cloud": cloud, "time": date, "sensor": sensor}
    return asked | {"steps": steps, "guidance": guidance, "sampler": sampler, "progress": not quiet}


def box(text: str | None, option: str) -> tuple[float, float, float, float] | None:
    """West, south, east, north."""
    from geoglot.cli._io import numbers

    if text is None:
        return None
    west, south, east, north = numbers(text, 4, option, "W,S,E,N")
    return west, south, east, north


def tell(made: Sequence[Generated], out: Sequence[Path], as_json: bool) -> None:
    """A line for each scene on standard output, where it went on standard error."""
    from geoglot.cli._io import emit, emit_json, note
    from geoglot.text.columns import aligned

    for path in out:
        note(f"{len(made)} scenes in {path}" if path.is_dir() else f"written: {path}")
    if as_json:
        emit_json([one.row() for one in made])
        return
    lines = [("scene", "pixels", "gsd", "model", "seed")]
    for one, path in zip(made, out if len(made) == 1 and not out[0].is_dir() else [one.path for one in made], strict=False):
        gsd = "none" if one.grid is None else f"{one.grid.gsd:.3g} m"
        lines.append((path.name, f"{one.shape[1]} x {one.shape[0]}", gsd, one.mark.name, str(one.mark.seed)))
    emit(aligned(lines, words=1))
