"""The file of `nano-chat`: language model, pointer, the heads that find objects and tell what is there, word pieces, card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from geoglot.core.errors import ModelError
from geoglot.core.protocols import ModelSpec
from geoglot.models import weights
from geoglot.models.detector import HeadCard
from geoglot.nn.detection import DetectionConfig, DetectionHead
from geoglot.nn.pointer import Pointer, PointerConfig
from geoglot.nn.presence import Presence, PresenceConfig
from geoglot.nn.talk import Talk, TalkConfig
from geoglot.text.pieces import Pieces

VERSION = "1"


@dataclass(frozen=True)
class ChatCard:
    """What the file says beside its weights: the hash of the tower's model, the concepts whose likeness is told, the kinds
    of things whose presence is, how chances of answers become confidence, the figures of validation, and how
    often answers were given to questions that come often."""

    model: str
    concepts: tuple[str, ...]
    kinds: tuple[str, ...] = ()
    calibration: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)
    answers: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Parts:
    """All that is written to the file beside the tower's own."""

    talk: Talk
    pointer: Pointer
    head: DetectionHead
    found: HeadCard
    pieces: Pieces
    card: ChatCard
    presence: Presence | None = None


def save(parts: Parts, path: Path, spec: ModelSpec) -> str:
    """Write the parts for the model of ``spec``, with the pieces beside them (``.tokenizer.json``); gives the hash."""
    held: dict[str, Talk | Pointer | DetectionHead | Presence] = {
        "talk": parts.talk,
        "pointer": parts.pointer,
        "find": parts.head,
    }
    if parts.presence is not None:
        held["presence"] = parts.presence
    tensors = {
        f"{name}.{key}": value.detach().float().cpu().numpy()
        for name, part in held.items()
        for key, value in part.state_dict().items()
    }
    config = {name: part.config.model_dump(mode="json") for name, part in held.items()}
    told = {"chat": asdict(parts.card), "found": asdict(parts.found)}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".tokenizer.json").write_text(parts.pieces.text, encoding="utf-8")
    return weights.write(path, tensors, replace(spec, id="nano-chat", version=VERSION, hash=""), config | told)


def restore(path: Path) -> Parts:
    """Read what `save` wrote, in float32. Raises as `weights.header` does, and ModelError for another kind of file."""
    _, config = weights.header(path)
    if "chat" not in config:
        raise ModelError(f"{path} holds no nano-chat: give the file that `geoglot train` wrote with the recipe nano_chat.")
    talk, pointer, head = (
        Talk(TalkConfig.build(config["talk"])),
        Pointer(PointerConfig.build(config["pointer"])),
        DetectionHead(DetectionConfig.build(config["find"])),
    )
    held: dict[str, torch.nn.Module] = {"talk": talk, "pointer": pointer, "find": head}
    presence = Presence(PresenceConfig.build(config["presence"])) if "presence" in config else None
    if presence is not None:
        held["presence"] = presence
    for name, part in held.items():
        state = {key: torch.from_numpy(np.array(value)) for key, value in weights.read(path, f"{name}.").items()}
        part.load_state_dict(state)
        part.eval().requires_grad_(False)
    chat, found = config["chat"], config["found"]
    card = ChatCard(**chat | {"concepts": tuple(chat["concepts"]), "kinds": tuple(chat.get("kinds", ()))})
    pieces = Pieces(path.with_suffix(".tokenizer.json").read_text(encoding="utf-8"))
    return Parts(talk, pointer, head, HeadCard(**found | {"classes": tuple(found["classes"])}), pieces, card, presence)
