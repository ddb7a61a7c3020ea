"""ChatML: the form of prompts of Qwen-VL and InternVL, as the folder's own template says it, else as their authors do."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from geoglot.core.protocols import Said
from geoglot.models.chats._published import Published
from geoglot.models.prompt import Layout, content


class ChatML(Published):
    """`<|im_start|>user ... <|im_end|>`; ``system`` is what is said where the conversation has no system's text."""

    system = ""
    between = ""

    @abstractmethod
    def mark(self, layout: Layout) -> str:
        """The text of a picture's places."""

    def written(self, turns: Sequence[Said], pictures: Sequence[Any], layouts: Sequence[Layout]) -> tuple[Sequence[int], int]:
        """Token ids up to where the assistant begins."""
        rest, said = list(layouts), []
        for turn in turns:
            own, rest = rest[: len(turn.pictures)], rest[len(turn.pictures) :]
            text = content(turn, pictures, [self.mark(layout) for layout in own], self.between)
            said.append({"role": turn.role, "content": text})
        return self.ids(self._framed(said), begins=False), self.hole

    def _framed(self, said: Sequence[dict[str, str]]) -> str:
        """The whole text, by the template of the folder where it takes plain texts."""
        if self.tokenizer.chat_template:
            text: str = self.tokenizer.apply_chat_template(list(said), tokenize=False, add_generation_prompt=True)
            if all(turn["content"] in text for turn in said):
                return text
        if self.system and said[0]["role"] != "system":
            said = [{"role": "system", "content": self.system}, *said]
        body = "".join(f"<|im_start|>{turn['role']}\n{turn['content']}<|im_end|>\n" for turn in said)
        return f"{body}<|im_start|>assistant\n"
