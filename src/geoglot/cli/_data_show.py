"""`geoglot data list` and `geoglot data show`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from geoglot.cli._data import DATA, Named, Root
from geoglot.cli._options import AsJson

if TYPE_CHECKING:
    from geoglot.data.sample import Sample


def list_(root: Root = DATA, as_json: AsJson = False) -> None:
    """List the sources: name, what its labels are for, splits, and whether the data is below --root."""
    from geoglot.cli._io import emit, emit_json
    from geoglot.core.errors import NotFoundError
    from geoglot.core.parts import find, names

    rows: list[dict[str, Any]] = []
    for name in names("data.sources"):
        source = find("data.sources", name)
        try:
            next(iter(source.rows(root, source.CARD.splits[0])), None)
            there = True
        except NotFoundError:
            there = False
        card = source.CARD
        rows.append({"name": name, "title": card.title, "task": card.task, "splits": card.splits, "there": there})
    if as_json:
        emit_json(rows)
        return
    for row in rows:
        mark = "+" if row["there"] else "-"
        emit(f"{mark} {row['name']:<16} {row['task']}; {', '.join(row['splits'])}; {row['title']}")
    emit(f"+ is below {root}, - is not")


def show(
    name: Named,
    split: Annotated[str | None, typer.Option(help="Which split; the first one by default.", show_default=False)] = None,
    count: Annotated[int, typer.Option("-n", help="How many samples, spread over the split.")] = 3,
    root: Root = DATA,
    as_json: AsJson = False,
) -> None:
    """Show some samples of a source."""
    from geoglot.cli._data import rows_of
    from geoglot.cli._io import emit, emit_json, note
    from geoglot.data.records import record

    card, own, rows = rows_of(name, split, root)
    chosen = rows[:: max(1, len(rows) // max(count, 1))][:count]
    note(f"{card.title}, {own}: {len(rows):,} samples")
    if as_json:
        emit_json([record(row, root) for row in chosen])
        return
    for row in chosen:
        emit("\n".join(_lines(row)))


def _lines(row: Sample) -> list[str]:
    from geoglot.core.errors import NotFoundError

    found = [row.id]
    for picture in row.pictures:
        try:
            size = "{} x {} px".format(*picture.size)
        except NotFoundError:
            size = "missing"
        found.append(f"  picture   {picture.path.name}, {size}" + (f", {picture.time:%Y-%m-%d}" if picture.time else ""))
    facts = {"class": row.label, "holds": ", ".join(row.labels), "gsd": row.gsd and f"{row.gsd:g} m"}
    facts["place"] = row.lonlat and "lon {:.5f}, lat {:.5f}".format(*row.lonlat)
    facts["cover"] = ", ".join(f"{name} {share:.0%}" for name, share in row.cover.items())
    found += [f"  {name:<9} {value}" for name, value in facts.items() if value]
    found += [f"  caption   {text}" for text in row.captions]
    found += [f"  object    {thing.name} at {', '.join(f'{value:.3f}' for value in thing.box)}" for thing in row.things[:10]]
    found += [f"  ...       {len(row.things) - 10} more objects"] if len(row.things) > 10 else []
    found += [f"  question  {turn.question} {turn.answer}" for turn in row.turns]
    found += [f"  mask      {what}: {', '.join(mask.names)}" for what, mask in row.masks.items()]
    return found
