"""Draw scenes from words, on the ground where a place is given: any size, on any grid.

A place is a point (--at with --gsd and --size), a box (--bbox with --gsd), or the grid of another raster (--like); without one
the image has no georeference. Maps steer: --mask, --roads, --edges, --sketch, and --before for another date, all on the grid that
is drawn. The same seed gives the same pixels. Each output says that it is synthetic, by which model, from which words and seed.
With --count or --prompts many are drawn into a folder. A run that was interrupted goes on when it is started again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from geoglot.cli import _generate as shared
from geoglot.cli._options import AsJson, Quiet
from geoglot.core.errors import InputError, NotFoundError

Control = Annotated[str | None, typer.Option(metavar="FILE", help="A raster on the grid that is drawn, or in place of one.")]


def run(
    words: Annotated[str | None, typer.Argument(metavar="WORDS", help="What is drawn.", show_default=False)] = None,
    out: shared.Out = None,
    at: Annotated[str | None, typer.Option(metavar="LON,LAT", help="The middle of the scene, in degrees.")] = None,
    gsd: Annotated[float | None, typer.Option(metavar="METRES", help="Metres to a pixel.")] = None,
    size: Annotated[str | None, typer.Option(metavar="N|WxH", help="Pixels a side, or across and down: 256, 1024x512.")] = None,
    bbox: Annotated[str | None, typer.Option(metavar="W,S,E,N", help="The scene as a box, in degrees.")] = None,
    like: Annotated[str | None, typer.Option(metavar="FILE", help="A raster whose grid is taken.")] = None,
    crs: Annotated[str | None, typer.Option(metavar="EPSG:N", help="The reference system; the zone of UTM if not given.")] = None,
    seed: shared.Seed = 0,
    count: Annotated[int, typer.Option(metavar="N", help="So many scenes, of as many seeds; -o is a folder.")] = 1,
    prompts: Annotated[Path | None, typer.Option(metavar="FILE", help="A prompt on each line; -o is a folder.")] = None,
    avoid: shared.Avoid = "",
    label: shared.Label = None,
    cloud: shared.Cloud = None,
    date: shared.Date = None,
    sensor: shared.Sensor = None,
    mask: Control = None,
    roads: Control = None,
    edges: Control = None,
    sketch: Control = None,
    before: Control = None,
    weight: Annotated[
        list[str] | None, typer.Option(metavar="NAME=W", help="How much a control counts, as in mask=0.5; may be repeated.")
    ] = None,
    steps: shared.Steps = None,
    guidance: shared.Guidance = None,
    sampler: shared.Sampler = None,
    model: shared.Model = shared.MODEL,
    suffix: Annotated[str | None, typer.Option("--format", metavar="NAME", help="For a folder: tif, png, webp.")] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Draw scenes from words."""
    from geoglot.cli._io import numbers
    from geoglot.tasks.generate import generate, generate_all

    controls = {"mask": mask, "roads": roads, "edges": edges, "sketch": sketch, "before": before}
    how: dict[str, Any] = {
        "at": None if at is None else numbers(at, 2, "--at", "LON,LAT"),
        "gsd": gsd,
        "size": _size(size),
        "bbox": shared.box(bbox, "--bbox"),
        "like": like,
        "crs": crs,
        "weights": _weights(weight or []),
    }
    how |= controls | shared.settings(seed, avoid, label, cloud, date, sensor, steps, guidance, sampler, quiet)
    texts = _texts(words, prompts)
    targets = shared.outputs(out)
    if prompts is None and count == 1 and not targets[0].is_dir():
        if suffix is not None:
            raise InputError("--format is for a folder of scenes: give -o a folder, or leave it out.")
        made: Any = [generate(model, texts[0], out=targets, **how)]
    else:
        if len(targets) != 1 or targets[0].suffix:
            raise InputError("Many scenes go into a folder: give -o the name of one.")
        made = generate_all(model, texts, out=targets[0], suffix=suffix or "tif", count=count, **how)
    shared.tell(made, targets, as_json)


def _texts(words: str | None, prompts: Path | None) -> list[str]:
    if (words is None) == (prompts is None):
        raise InputError("What should be drawn? Say it in words, or name a file of prompts (--prompts).")
    if prompts is None:
        return [words or ""]
    if not prompts.is_file():
        raise NotFoundError(f"There is no file {prompts}.")
    try:
        found = [line.strip() for line in prompts.read_text(encoding="utf-8").splitlines() if line.strip()]
    except UnicodeDecodeError:
        raise InputError(f"{prompts} is no text: save it as UTF-8, a prompt on each line.") from None
    if not found:
        raise InputError(f"{prompts} holds no prompt: write one on each line.")
    return found


def _size(text: str | None) -> int | tuple[int, int] | None:
    """One side, or height and width of "1024x512", which is across and down."""
    if text is None:
        return None
    try:
        sides = [int(part) for part in text.lower().split("x")]
    except ValueError:
        sides = []
    if len(sides) not in (1, 2):
        raise InputError(f"--size takes pixels a side, or across and down, as in 256 or 1024x512; got {text!r}.")
    return sides[0] if len(sides) == 1 else (sides[1], sides[0])


def _weights(given: list[str]) -> dict[str, float]:
    made = {}
    for text in given:
        name, equals, value = text.partition("=")
        try:
            made[name.strip()] = float(value)
        except ValueError:
            equals = ""
        if not equals:
            raise InputError(f"--weight takes NAME=W, as in mask=0.5; got {text!r}.")
    return made
