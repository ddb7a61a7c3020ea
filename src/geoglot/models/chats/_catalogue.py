"""Published conversation models that load by name: where they are, under which licence, and where that was read."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from geoglot.core.errors import NotFoundError


@dataclass(frozen=True)
class ChatEntry:
    """One published model: a repository of the hub, its family (a file of `models.chats`), its size, what it sees, and where
    its licence was read; none was verified at its origin from here."""

    name: str
    repo: str
    family: str
    parameters: str
    sees: str
    licence: str
    evidence: str


SQUARE = "336 px, padded to a square"
ANY = "any shape, resized to whole groups of 28 px"
ANY_32 = "any shape, resized to whole groups of 32 px"
TILES = "up to 12 tiles of 448 px and the whole"
APACHE = "Apache-2.0"
RECALLED = "recalled, not read"
SECOND_HAND = "read at second hand, on pages that describe the model"
GEOCHAT = (
    "the code of github.com/mbzuai-oryx/GeoChat says Apache-2.0; for the weights none was found. They come from Vicuna, so "
    "from Llama"
)

ENTRIES = (
    ChatEntry(
        "geochat-7b", "MBZUAI/geochat-7B", "llava", "7 B", "504 px, padded to a square",
        "not stated for the weights; code Apache-2.0; Llama's licence holds for what they come from", GEOCHAT,
    ),
    ChatEntry(
        "llava-1.5-7b", "llava-hf/llava-1.5-7b-hf", "llava", "7 B", SQUARE, "Llama 2 Community License", RECALLED,
    ),
    ChatEntry("qwen2-vl-2b", "Qwen/Qwen2-VL-2B-Instruct", "qwen_vl", "2 B", ANY, APACHE, RECALLED),
    ChatEntry(
        "qwen2.5-vl-3b", "Qwen/Qwen2.5-VL-3B-Instruct", "qwen_vl", "3 B", ANY,
        "Qwen Research License: no commercial use", SECOND_HAND,
    ),
    ChatEntry("qwen2.5-vl-7b", "Qwen/Qwen2.5-VL-7B-Instruct", "qwen_vl", "7 B", ANY, APACHE, RECALLED),
    ChatEntry("qwen3-vl-2b", "Qwen/Qwen3-VL-2B-Instruct", "qwen_vl", "2 B", ANY_32, APACHE, RECALLED),
    ChatEntry("qwen3-vl-4b", "Qwen/Qwen3-VL-4B-Instruct", "qwen_vl", "4 B", ANY_32, APACHE, RECALLED),
    ChatEntry("internvl3-1b", "OpenGVLab/InternVL3-1B-hf", "internvl", "1 B", TILES, APACHE, SECOND_HAND),
    ChatEntry("internvl3-8b", "OpenGVLab/InternVL3-8B-hf", "internvl", "8 B", TILES, APACHE, RECALLED),
)  # fmt: skip
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
