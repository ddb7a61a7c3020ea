"""List the models that can be used, or tell all about one.

With the name of an embedded model, its card: what it was trained on, its licence, and its figures on held-out data. With the
name of a published one: where its weights come from, under which licence, and what was read about them.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pathlib import Path

    from geoglot.models.catalogue import Entry
    from geoglot.models.chats import ChatEntry
    from geoglot.models.generators import GeneratorEntry


def run(
    name: Annotated[str | None, typer.Argument(help="A model of the list.", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The specifications as JSON.")] = False,
) -> None:
    """List models or show a card."""
    from geoglot.cli._io import emit, emit_json
    from geoglot.models import catalogue, chats, files, generators

    published = catalogue.ENTRIES if name is None else [entry for entry in [catalogue.entry(name)] if entry is not None]
    talking = chats.ENTRIES if name is None else [entry for entry in [chats.entry(name)] if entry is not None]
    drawing = generators.ENTRIES if name is None else [entry for entry in [generators.entry(name)] if entry is not None]
    others = [*published, *drawing, *talking]
    if name is not None and not others and not files.is_native(name):
        raise catalogue.unknown(name, [*files.embedded(), *(one.name for one in (*chats.ENTRIES, *generators.ENTRIES))])
    own = [] if others and name else [files.native(one) for one in ([name] if name else files.embedded())]
    if as_json:
        rows = [_own(file) for file in own] + [_published(entry) for entry in published]
        emit_json(rows + [_by_hand(entry) for entry in (*drawing, *talking)])
        return
    for file in own:
        emit(_line(_own(file)))
        card = file.with_suffix(".md")
        if name and card.exists():
            emit("\n" + card.read_text(encoding="utf-8"))
    for entry in published:
        row = _published(entry)
        emit(_line(row))
        if name:
            emit(f"  from        {row['origin']}")
            emit(f"  activation  {entry.activation}: {entry.evidence}")
            emit(f"  on disk     {row['path'] or 'no'}")
    for one in (*drawing, *talking):
        told = _by_hand(one)
        emit(f"{one.name}: {_does(one)}; {_held(told['bytes'])}; licence {one.licence}")
        if name:
            emit(f"  from        {one.repo or told['address']}")
            emit(f"  licence     {one.evidence}")
            emit(f"  on disk     {told['path'] or 'no'}")


def _own(file: Path) -> dict[str, Any]:
    from geoglot.models import weights

    spec, config = weights.header(file)
    draws = {"draws": True} if "generator" in config else {}
    return asdict(spec) | {"name": spec.name, "bytes": file.stat().st_size, "path": str(file)} | draws


def _published(entry: Entry) -> dict[str, Any]:
    from geoglot.models import hub

    path = hub.on_disk(entry)
    held = [] if path is None else [path] if path.is_file() else [file for file in path.iterdir() if file.is_file()]
    return asdict(entry) | {
        "bands": ("red", "green", "blue"),
        "origin": entry.origin,
        "path": None if path is None else str(path),
        "bytes": sum(file.stat().st_size for file in held) or None,
    }


def _does(entry: ChatEntry | GeneratorEntry) -> str:
    from geoglot.models.chats import ChatEntry

    if isinstance(entry, ChatEntry):
        return f"converses, {entry.parameters} parameters, sees {entry.sees}"
    return f"draws red, green, blue in windows of {entry.native} pixels, family {entry.family}"


def _by_hand(entry: ChatEntry | GeneratorEntry) -> dict[str, Any]:
    """What is known of a model of several files, and what of it lies where it is put by hand."""
    from geoglot.models import hub

    path = hub.folder_by_hand(entry.name)
    held = [file for file in path.iterdir() if file.is_file()] if path.is_dir() else []
    size = sum(file.stat().st_size for file in held) or None
    return asdict(entry) | {"path": str(path) if held else None, "bytes": size}


def _held(size: int | None) -> str:
    from geoglot.cli import _io

    return f"{_io.size(size)} on disk" if size else "not on disk"


def _line(row: dict[str, Any]) -> str:
    from geoglot.models.catalogue import ANY_GSD

    low, high = row["gsd"]
    scale = "" if (low, high) == ANY_GSD else f", {low:g} to {high:g} m a pixel"
    held = _held(row["bytes"])
    digest = f"; hash {row['hash'][:12]}" if "hash" in row else ""
    if row.get("draws"):
        what = f"draws {', '.join(row['bands'])} in windows of {row['size']} pixels{scale}"
        return f"{row['name']}: {what}; {held}; licence {row['licence']}{digest}"
    return (
        f"{row['name']}: sees {', '.join(row['bands'])} at {row['size']} pixels a side{scale}; "
        f"vectors of {row['dim']} numbers; {held}; licence {row['licence']}{digest}"
    )
