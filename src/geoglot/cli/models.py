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


def run(
    name: Annotated[str | None, typer.Argument(help="A model of the list.", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The specifications as JSON.")] = False,
) -> None:
    """List models or show a card."""
    from geoglot.cli._io import emit, emit_json
    from geoglot.models import catalogue, chats, files

    published = catalogue.ENTRIES if name is None else [entry for entry in [catalogue.entry(name)] if entry is not None]
    talking = chats.ENTRIES if name is None else [entry for entry in [chats.entry(name)] if entry is not None]
    if name is not None and not published and not talking and not files.is_native(name):
        raise catalogue.unknown(name, [*files.embedded(), *(entry.name for entry in chats.ENTRIES)])
    own = [] if (published or talking) and name else [files.native(one) for one in ([name] if name else files.embedded())]
    if as_json:
        emit_json([_own(file) for file in own] + [_published(entry) for entry in published] + [_chat(entry) for entry in talking])
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
    for one in talking:
        told = _chat(one)
        emit(
            f"{one.name}: converses, {one.parameters} parameters, sees {one.sees}; {_held(told['bytes'])}; licence {one.licence}"
        )
        if name:
            emit(f"  from        {one.repo}")
            emit(f"  licence     {one.evidence}")
            emit(f"  on disk     {told['path'] or 'no'}")


def _own(file: Path) -> dict[str, Any]:
    from geoglot.models import weights

    spec = weights.header(file)[0]
    return asdict(spec) | {"name": spec.name, "bytes": file.stat().st_size, "path": str(file)}


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


def _chat(entry: ChatEntry) -> dict[str, Any]:
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
    return (
        f"{row['name']}: sees {', '.join(row['bands'])} at {row['size']} pixels a side{scale}; "
        f"vectors of {row['dim']} numbers; {held}; licence {row['licence']}{digest}"
    )
