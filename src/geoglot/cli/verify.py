"""Run a small fixed check of a model: cosines of fixed pictures and texts, compared with a record where there is one.

A record is the output of the same command with --json: made on another machine, or kept beside an embedded model's weights.
With --pictures the fixed pictures are written as PNG, so that another program (open_clip, say) can be given them too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from geoglot.cli._options import Activation


def run(
    model: Annotated[str, typer.Argument(help="A name, a hub id, a weights file or a folder.", show_default=False)],
    activation: Activation = None,
    against: Annotated[Path | None, typer.Option(metavar="FILE", help="A record to compare with.")] = None,
    pictures: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Write the fixed pictures there.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The figures as JSON: a record for --against.")] = False,
) -> None:
    """Run a small fixed check of a model."""
    from geoglot import models
    from geoglot.cli._io import emit, emit_json, note
    from geoglot.models import check, files

    recorded = check.record_of(against) if against is not None else None
    if recorded is None and files.is_native(model):
        beside = files.native(model).with_suffix(".check.json")
        recorded = check.record_of(beside) if beside.exists() else None
    ready = models.load(model, device="cpu", dtype="float32", activation=activation)
    found = check.figures(ready)
    if pictures is not None:
        check.write_pictures(pictures, ready.spec.size)
        note(f"wrote {len(check.PICTURES)} pictures to {pictures}")
    emit_json(found) if as_json else emit(_text(found))
    if recorded is not None:
        note(f"agrees with the record: largest difference {check.compare(found, recorded):.5f}, allowed {check.TOLERANCE}")
    else:
        note("no record to compare with: run this on another machine with --json and give the file with --against")


def _text(found: dict[str, Any]) -> str:
    from geoglot.models.check import TABLES

    lines = [
        f"{found['model']}: hash {found['hash']}, {found['dim']} numbers, {found['size']} px, {found['activation']}",
        f"  mean {', '.join(f'{v:.6g}' for v in found['mean'])}; std {', '.join(f'{v:.6g}' for v in found['std'])}; "
        f"cells {found['cells'][0]} x {found['cells'][1]}",
        *(f"  picture {number + 1}: {name}" for number, name in enumerate(found["pictures"])),
        *(f"  text {number + 1}: {text}" for number, text in enumerate(found["texts"])),
    ]
    for name in TABLES:
        lines.append(f"  {name.replace('_', ' x ')}")
        lines += ["    " + "  ".join(f"{value:8.5f}" for value in row) for row in found[name]]
    return "\n".join(lines)
