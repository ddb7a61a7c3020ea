"""Published conversation models that load by name: where they are, under which licence, and where that was read."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from geoglot.core.errors import NotFoundError


@dataclass(frozen=True)
class ChatEntry:
    """One published model: a repository of the hub, its family (a file of `models.chats`), and where its licence was read."""

    name: str
    repo: str
    family: str
    parameters: str
    licence: str
    evidence: str


ENTRIES: tuple[ChatEntry, ...] = ()
CATALOGUE = {entry.name: entry for entry in ENTRIES}


def entry(name: str) -> ChatEntry | None:
    """The entry of a name, in any case; None where there is none."""
    return CATALOGUE.get(name.lower())


def unknown(name: str) -> NotFoundError:
    """The error for a name that is neither known nor a folder, with the nearest names."""
    near = difflib.get_close_matches(name.lower(), list(CATALOGUE), n=3, cutoff=0.5)
    hint = f"Did you mean {', '.join(near)}?" if near else f"There are: {', '.join(CATALOGUE)}."
    return NotFoundError(
        f"There is no conversation model {name!r}: no such name or folder. {hint} A hub id has the form owner/name, a server "
        "openai:http://host/v1#model."
    )
