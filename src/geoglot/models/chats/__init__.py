"""Conversation models by family, one file each: opened by name, hub id, path or address of a server.

A family is a module with `open_folder(folder, name, entry, device, dtype)` and `KINDS`, the `model_type`s of transformers
that it reads. `endpoint` is for models behind a server.
"""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from geoglot.core import parts
from geoglot.core.errors import ModelError
from geoglot.core.protocols import Chat
from geoglot.models.chats import _catalogue
from geoglot.models.chats._catalogue import ENTRIES, ChatEntry, entry

__all__ = ["ENTRIES", "OWN", "ChatEntry", "entry", "families", "family_of", "is_chat", "load", "locate"]

OWN = "chat.json"  # of folders that `models.chat.save` wrote


def load(name: str | Path, device: str = "auto", dtype: str = "auto") -> Chat:
    """Open a conversation model: a name of the catalogue, a hub id, a folder, or `openai:http://host/v1#model`.

    Raises NotFoundError for an unknown name (with the nearest), NetworkError where it must be fetched and cannot be,
    ModelError for a folder that holds no conversation model, or one of a family that is not read, and InputError.
    """
    text = str(name)
    if text.startswith("openai:"):
        made: Chat = parts.find("models.chats", "endpoint").open_address(text)
        return made
    folder, entry = locate(text)
    if (folder / OWN).exists():
        from geoglot.models.chat import load as load_own

        return load_own(folder, device, dtype)
    from geoglot.models.chats._published import config_of

    family = family_of(config_of(folder).get("model_type"), folder)
    whole: Chat = parts.find("models.chats", family).open_folder(folder, text, entry, device, dtype)
    return whole


def is_chat(name: str | Path) -> bool:
    """Whether a name means a conversation model, as far as can be told without fetching weights."""
    text = str(name)
    if text.startswith("openai:") or _catalogue.entry(text) is not None:
        return True
    folder = Path(text).expanduser()
    if folder.is_dir():
        return (folder / OWN).exists() or _kind(folder / "config.json") in families()
    if text.count("/") != 1 or text.startswith((".", "/", "~")) or find_spec("huggingface_hub") is None:
        return False
    from geoglot.models import hub

    found = hub.config_file(text)
    return found is not None and _kind(found) in families()


def locate(name: str) -> tuple[Path, ChatEntry | None]:
    """The folder of a name, fetched where needed, and its entry in the catalogue where it has one."""
    entry = _catalogue.entry(name)
    path = Path(name).expanduser()
    if entry is None and path.is_dir():
        return path.resolve(), None
    if entry is None and (name.count("/") != 1 or name.startswith((".", "/", "~"))):
        if path.is_file():
            raise ModelError(f"{name} is a file: give the folder of the conversation model, with its config.json.")
        raise _catalogue.unknown(name)
    if any(find_spec(library) is None for library in ("transformers", "huggingface_hub")):
        raise ModelError(f"{name} needs transformers and huggingface-hub: pip install 'geoglot[hub]'.")
    from geoglot.models import hub

    if entry is not None and hub.folder_by_hand(entry.name).is_dir():
        return hub.folder_by_hand(entry.name), entry
    config = hub.config_file(entry.repo if entry else name)
    if config is not None:
        family_of(_kind(config), name)  # before gigabytes are fetched
    return hub.fetch_repo(entry.repo if entry else name, None), entry


def families() -> dict[str, str]:
    """The family of each `model_type` that is read."""
    return {kind: name for name in parts.names("models.chats") for kind in getattr(parts.find("models.chats", name), "KINDS", ())}


def family_of(kind: Any, where: object) -> str:
    """The family of a `model_type`. Raises ModelError, which says what is there instead."""
    known = families()
    if kind in known:
        return known[kind]
    if kind in ("clip", "siglip"):
        raise ModelError(f"{where} holds a {kind!r} model, which does not converse: load it with geoglot.load.")
    raise ModelError(f"{where} holds a {kind!r} model; conversation models of these kinds are read: {', '.join(sorted(known))}.")


def _kind(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8")).get("model_type")
    except (OSError, ValueError, AttributeError):
        return None
