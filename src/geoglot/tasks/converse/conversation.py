"""A conversation about scenes that is kept in a file, so that a later question can follow an earlier one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from geoglot.core.errors import InputError, NotFoundError
from geoglot.core.protocols import Said
from geoglot.geo.write import write_text

FORMAT = "geoglot conversation 1"


@dataclass(frozen=True)
class Conversation:
    """Turns about scenes, the user's and the model's in turn; the scenes are those of the first question."""

    scenes: tuple[str, ...]
    model: str
    turns: tuple[Said, ...] = ()

    @classmethod
    def read(cls, path: str | Path) -> Conversation:
        """Read a file. Raises `NotFoundError`, and `InputError` that names the turn for one that is no conversation."""
        source = Path(path)
        try:
            held = json.loads(source.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise NotFoundError(f"There is no conversation {source}.") from None
        except (OSError, ValueError) as error:
            raise InputError(f"{source} is no conversation ({error}): begin a new one in another file.") from None
        if not isinstance(held, dict) or held.get("format") != FORMAT:
            raise InputError(f"{source} is no conversation of geoglot: begin a new one in another file.")
        turns = held.get("turns")
        if not isinstance(turns, list):
            raise InputError(f"{source} holds no list of turns: begin a new one in another file.")
        made = [_turn(source, number, turn) for number, turn in enumerate(turns)]
        if len(made) % 2:
            raise InputError(f"{source}: turn {len(made)} has no answer: take it out, or begin a new conversation.")
        scenes = held.get("scenes")
        if not isinstance(scenes, list) or not all(isinstance(one, str) for one in scenes):
            raise InputError(f"{source} does not say which scenes it is about: begin a new one in another file.")
        return cls(tuple(scenes), str(held.get("model", "")), tuple(made))

    def write(self, path: str | Path) -> None:
        """Write the file in one step: a conversation is never left half written."""
        turns = [{"role": said.role, "text": said.text} for said in self.turns]
        held = {"format": FORMAT, "scenes": list(self.scenes), "model": self.model, "turns": turns}
        write_text(path, json.dumps(held, ensure_ascii=False, indent=1) + "\n")

    def check(self, scenes: Sequence[str], model: str) -> None:
        """Raise `InputError` for a question about other scenes, or for another model."""
        if tuple(scenes) != self.scenes:
            raise InputError(f"This conversation is about {', '.join(self.scenes)}: begin a new one for other scenes.")
        if model != self.model:
            raise InputError(f"This conversation was begun with {self.model}, not with {model}: begin a new one.")

    def extended(self, question: str, answer: str) -> Conversation:
        """The conversation with another question and its answer."""
        return replace(self, turns=(*self.turns, Said("user", question), Said("assistant", answer)))


def _turn(source: Path, number: int, turn: Any) -> Said:
    role = ("user", "assistant")[number % 2]
    if (
        not isinstance(turn, dict)
        or turn.get("role") != role
        or not isinstance(turn.get("text"), str)
        or not turn["text"].strip()
    ):
        said = "question" if role == "user" else "answer"
        raise InputError(f"{source}: turn {number + 1} is missing or no {said}: put it right, or begin a new conversation.")
    return Said("user" if role == "user" else "assistant", turn["text"])
