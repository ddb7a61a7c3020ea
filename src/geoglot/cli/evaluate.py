"""Measure models by protocols: figure, interval, baselines, overlap with training data.

A protocol fixes data, split, prompts, preprocessing and metric; its hash is told with the figure. Without one, the protocols
are listed. Several models (--models a,b,c) or protocols (a,b) make a table, in which models are compared in pairs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from geoglot.cli._options import Activation
from geoglot.core.errors import InputError

# What an option is for: kinds of protocols, and what these are of.
_BOXES, _PIXELS = {"detection": "boxes"}, {"segmentation": "pixels"}
_KINDS = {"route": _BOXES, "head": _BOXES | _PIXELS, "decoder": _PIXELS}


def run(
    model: Annotated[str | None, typer.Argument(help="A name, a hub id, a weights file or a folder.", show_default=False)] = None,
    protocol: Annotated[
        str | None, typer.Argument(help="A protocol, a TOML file, or several with commas.", show_default=False)
    ] = None,
    data: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Where the data sets are; else $GEOGLOT_DATA.")] = None,
    split: Annotated[str | None, typer.Option(metavar="NAME", help="val or test instead of the protocol's split.")] = None,
    limit: Annotated[int | None, typer.Option(metavar="N", help="Only so many items; changes the protocol's hash.")] = None,
    several: Annotated[
        str | None, typer.Option("--models", metavar="A,B,C", help="Compare models; the only argument is then the protocol.")
    ] = None,
    gallery: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page of mistakes to look at (.html).")] = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", metavar="FILE", help="Write .json (all of it), .csv or .md.")] = None,
    route: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Boxes: auto, head, masks or dense, as --route of `geoglot detect` says it."),
    ] = None,
    head: Annotated[Path | None, typer.Option(metavar="FILE", help="Boxes and pixels: a head of the model.")] = None,
    decoder: Annotated[
        str | None, typer.Option(metavar="FILE|NAME", help="Pixels: a decoder, as --decoder of `geoglot segment` says it.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda ...")] = "auto",
    dtype: Annotated[str, typer.Option(help="auto, float32, bfloat16 or float16.")] = "auto",
    activation: Activation = None,
    cache: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Where features are kept; else $GEOGLOT_CACHE.")] = None,
    no_overlap: Annotated[bool, typer.Option("--no-overlap", help="Do not compare with the model's training data.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The whole report as JSON.")] = False,
) -> None:
    """Measure models by protocols."""
    from geoglot.cli._io import emit, note, words
    from geoglot.evals import protocol as protocols

    if several is not None:
        if protocol is not None:
            raise InputError("With --models the only argument is the protocol: geoglot evaluate --models a,b PROTOCOL.")
        model, protocol = None, model
    models_ = words(several) or ([model] if model else [])
    if protocol is None:
        emit("\n".join(_line(name) for name in protocols.known()))
        note("Measure with: geoglot evaluate MODEL PROTOCOL --data FOLDER")
        return
    if out is not None and out.suffix.lower() not in (".json", ".csv", ".md"):
        raise InputError(f"{out}: a report is a .json, a .csv or a .md file.")
    if gallery is not None and gallery.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"{gallery}: a gallery is an .html file.")
    if split not in (None, "train", "val", "test"):
        raise InputError(f"--split takes val or test (or train), got {split!r}.")
    if limit is not None and limit < 1:
        raise InputError(f"--limit takes a number of items of at least 1, got {limit}.")
    rules = [protocols.load(name, split, limit) for name in words(protocol) or []]
    how = {name: str(value) for name, value in (("route", route), ("head", head), ("decoder", decoder)) if value is not None}
    for name in how:
        kinds = _KINDS[name]
        if (other := next((rule.name for rule in rules if rule.kind not in kinds), None)) is not None:
            raise InputError(f"--{name} is for protocols of {' and '.join(kinds.values())}, and {other} is none.")
    root = _root(data)
    from geoglot import models
    from geoglot.evals import gallery as pages
    from geoglot.evals import report, runner
    from geoglot.models import record

    reports = []
    for name in models_:
        ready = models.opened(name, device, dtype, activation)
        known = record.of(name)
        if known is None:
            note(f"{name} has no training record: what it was taught is not known.")
        for one in rules:
            reports.append(runner.evaluate(ready, one, root, known, cache, not no_overlap, how))
            if not as_json and len(models_) * len(rules) > 1:
                note(report.text(reports[-1]))
    if gallery is not None:
        note(f"{pages.write(reports, gallery)}: mistakes to look at")
    if out is not None:
        made = {".json": report.as_json, ".csv": report.as_csv, ".md": report.table}[out.suffix.lower()](reports)
        out.write_text(made, encoding="utf-8")
        note(f"{out}: {len(reports)} reports")
    emit(report.as_json(reports) if as_json else report.table(reports) if len(reports) > 1 else report.text(reports[0]))


def _line(name: str) -> str:
    from geoglot.evals import protocol as protocols

    made = protocols.load(name)
    return f"{name}: {made.title} ({made.metric}, {made.split}, hash {made.hash})"


def _root(data: Path | None) -> Path:
    """The folder of the data sets. Raises InputError where none is named and NotFoundError where it is none."""
    import os

    from geoglot.core.errors import NotFoundError

    given = data or (Path(os.environ["GEOGLOT_DATA"]) if os.environ.get("GEOGLOT_DATA") else None)
    if given is None:
        raise InputError("Say where the data sets are: --data FOLDER, or the environment variable GEOGLOT_DATA.")
    if not given.is_dir():
        raise NotFoundError(f"There is no folder {given}: --data takes the folder that holds the data sets.")
    return given
