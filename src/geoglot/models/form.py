"""Conversations as text for any language model: by the template of its tokenizer, or plainly, and which of it is answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from geoglot.core.errors import ModelError

HOLE = -1  # the id that stands for the cells of pictures
MARK = "\ufffc"  # the character that stands for a picture until then
Span = tuple[str, bool]


def spans(tokenizer: Any, said: Sequence[dict[str, str]]) -> list[Span]:
    """The text of a conversation in parts, each with whether it is an answer (with what ends it).

    Where the last turn is the user's, the last part ends where the answer begins. Raises ModelError for a template that tells
    earlier turns otherwise than when they were new.
    """
    if not tokenizer.chat_template:
        return _plain(tokenizer, said)

    def told(turns: Sequence[dict[str, str]], asks: bool) -> str:
        text: str = tokenizer.apply_chat_template(list(turns), tokenize=False, add_generation_prompt=asks)
        return text

    made: list[Span] = []
    done = ""
    for k, turn in enumerate(said):
        if turn["role"] == "assistant":
            asked, whole = told(said[:k], True), told(said[: k + 1], False)
            if not (asked.startswith(done) and whole.startswith(asked)):
                raise ModelError("the tokenizer's chat template tells earlier turns otherwise than new ones: give it a plain one")
            made += [(asked[len(done) :], False), (whole[len(asked) :], True)]
            done = whole
    if said[-1]["role"] == "user":
        asked = told(said, True)
        if not asked.startswith(done):
            raise ModelError("the tokenizer's chat template tells earlier turns otherwise than new ones: give it a plain one")
        made.append((asked[len(done) :], False))
    return made


def encode(tokenizer: Any, parts: Sequence[Span], counts: Sequence[int]) -> tuple[list[int], list[bool]]:
    """Token ids of the parts and which of them are answers; the k-th mark of a picture becomes ``counts[k]`` times `HOLE`."""
    begin = tokenizer.bos_token_id if not tokenizer.chat_template else None
    ids: list[int] = [] if begin is None else [begin]
    answers, left = [False] * len(ids), iter(counts)
    for text, told in parts:
        for k, piece in enumerate(text.split(MARK)):
            new = [HOLE] * next(left) if k else []
            if piece:
                new += tokenizer(piece, add_special_tokens=False)["input_ids"]
            ids += new
            answers += [told] * len(new)
    return ids, answers


def _plain(tokenizer: Any, said: Sequence[dict[str, str]]) -> list[Span]:
    end = tokenizer.eos_token or "\n"
    made: list[Span] = []
    for turn in said:
        if turn["role"] == "assistant":
            made += [(f" {turn['content']}{end}", True), ("\n", False)]
        else:
            text = f"User: {turn['content']}\nAssistant:" if turn["role"] == "user" else f"{turn['content']}\n"
            made.append((text, False))
    return made
