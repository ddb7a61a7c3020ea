"""List the models that come with geoglot, or tell all about one.

With a name, the model's card: what it was trained on, its licence, and its figures on held-out data.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer


def run(
    name: Annotated[str | None, typer.Argument(help="A model of the list.", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The specifications as JSON.")] = False,
) -> None:
    """List models or show a card."""
    from geoglot.cli._io import emit, emit_json, size
    from geoglot.models import files, weights

    found = [files.native(one) for one in ([name] if name else files.embedded())]
    specs = [weights.header(file)[0] for file in found]
    if as_json:
        emit_json([asdict(spec) | {"bytes": file.stat().st_size} for spec, file in zip(specs, found, strict=True)])
        return
    for spec, file in zip(specs, found, strict=True):
        low, high = spec.gsd
        emit(
            f"{spec.name}: sees {', '.join(spec.bands)} at {spec.size} pixels a side, {low:g} to {high:g} m a pixel; "
            f"vectors of {spec.dim} numbers; {size(file.stat().st_size)}; weights {spec.licence}; hash {spec.hash[:12]}"
        )
        card = file.with_suffix(".md")
        if name and card.exists():
            emit("\n" + card.read_text(encoding="utf-8"))
