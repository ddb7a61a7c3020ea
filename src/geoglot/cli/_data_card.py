"""`geoglot data stats` and `geoglot data card`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from geoglot.cli._data import DATA, Named, Root
from geoglot.cli._options import AsJson


def stats(name: Named, root: Root = DATA, as_json: AsJson = False) -> None:
    """Count samples, classes, captions, boxes and masks of every split."""
    from geoglot.cli._io import emit, emit_json
    from geoglot.data.build import card

    known, facts = card.facts_of(name, root)
    if as_json:
        emit_json(card.plain(known, facts))
        return
    for split, found in facts.items():
        emit(f"{split}: {found.samples:,} samples, {found.pictures:,} pictures")
        for what, number in (("captions", found.captions), ("questions", found.turns), ("boxes", sum(found.things.values()))):
            if number:
                emit(f"  {what}: {number:,}" + (f", {found.different_captions:,} different" if what == "captions" else ""))
        for table in (found.labels, found.objects, found.things, found.masks):
            for label, number in sorted(table.items()):
                emit(f"  {label}: {number:,}")


def card(
    names: Annotated[
        list[str], typer.Argument(help="Sources of `geoglot data list`, or `all` that are there.", show_default=False)
    ],
    root: Root = DATA,
    overlap: Annotated[
        list[str] | None, typer.Option(metavar="SET", help="Count look-alikes with another set, as ucm:test; may be repeated.")
    ] = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", metavar="FILE", help="Write there.")] = None,
) -> None:
    """Write data cards as Markdown: licence, origin, splits, classes with counts, sizes, quirks, overlap found."""
    from geoglot.cli._io import emit, note
    from geoglot.core import parts
    from geoglot.core.errors import NotFoundError
    from geoglot.data.build import card as cards
    from geoglot.data.build import overlap as overlaps
    from geoglot.geo.write import write_text

    others = [overlaps.prints(text, root) for text in overlap or ()]
    pages = []
    for name in parts.names("data.sources") if names == ["all"] else names:
        try:
            known, facts = cards.facts_of(name, root)
        except NotFoundError as error:
            if names != ["all"]:
                raise
            note(f"left out: {error}")
            continue
        own = overlaps.prints(name, root) if others else None
        pages.append(cards.markdown(known, facts, [(o.name, len(overlaps.pairs(own, o))) for o in others if own is not None]))
    if out is None:
        emit("\n".join(pages))
    else:
        write_text(out, "\n".join(pages))
        note(f"{len(pages)} cards in {out}")
