"""How every conversation model of ours answers: one token after the other, and nothing computed twice.

What a model saw of a picture is kept, and so are the keys and values of the last conversation: of a prompt that begins as that
one did, only what is new is run. Rows of a batch are padded at the left, so that an answer is the same alone and in company.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

import torch
from torch import Tensor

from geoglot.core.errors import InputError
from geoglot.core.protocols import ModelSpec, Reply, Said, Speech
from geoglot.geo.raster import Raster
from geoglot.models.answering import Spoken, boxes, tidy
from geoglot.models.prompt import Layout, Look, Prompt, checked

KEPT = 16  # pictures whose looks are kept


@dataclass
class State:
    """Rows under way: keys and values, what is padding (None: nothing), and the next place of each row (P, B, 1)."""

    cache: Any
    mask: Tensor | None
    place: Tensor


class Speaking(ABC):
    """A conversation model on one device, greedy.

    `context` is the most tokens of a prompt with its answer, `answer` the most of an answer; `ends` are tokens at which an
    answer ends; `marks` what no text of a turn may hold; `codec` names the syntax of boxes in answers (`text.codec`), and
    `means` what the model means otherwise than it says; `silent` are tokens that are left out of an answer's text.
    """

    def __init__(self, spec: ModelSpec, tokenizer: Any, device: torch.device, dtype: torch.dtype, context: int) -> None:
        self.spec, self.tokenizer, self.device, self.dtype = spec, tokenizer, device, dtype
        self.context, self.answer = context, 512
        self.ends: frozenset[int] = frozenset()
        self.marks: tuple[str, ...] = ()
        self.silent: frozenset[int] = frozenset()
        self.codec, self.means = "", dict[str, Any]()
        self._looks: OrderedDict[str, Look] = OrderedDict()
        self._lock = Lock()
        self._held: tuple[list[int | str], Any] | None = None

    @abstractmethod
    def layout(self, picture: Raster) -> Layout:
        """How a picture will stand in the prompt, known from its size alone."""

    @abstractmethod
    def written(self, turns: Sequence[Said], pictures: Sequence[Any], layouts: Sequence[Layout]) -> tuple[Sequence[int], int]:
        """Token ids of a conversation up to where the answer begins, and the id that stands for cells of pictures."""

    @abstractmethod
    def look(self, pictures: Sequence[Raster], layouts: Sequence[Layout], words: Sequence[str]) -> list[Look]:
        """What the language model gets of pictures that it has not seen yet."""

    @abstractmethod
    def key(self, picture: Raster, layout: Layout, words: str) -> str:
        """What tells apart two pictures that look different to the model."""

    @abstractmethod
    def embed(self, ids: Tensor) -> Tensor:
        """Vectors (B, T, D) of token ids (B, T)."""

    @abstractmethod
    def run(self, x: Tensor, state: State, positions: Tensor, holes: Tensor, deep: Sequence[Tensor]) -> Tensor:
        """Logits (B, V) after vectors (B, T, D) at positions (P, B, T), of which ``holes`` (B, T) are cells of pictures."""

    def positions(self, prompt: Prompt) -> Tensor:
        """Places (P, T) of the tokens."""
        return prompt.positions()

    @abstractmethod
    def fresh(self) -> Any:
        """Empty keys and values."""

    def reply(self, turns: Sequence[Said], pictures: Sequence[Any]) -> Reply:
        """The answer to the last turn, which is the user's. Raises InputError, before any work."""
        prompt = self.prompt(turns, pictures)
        spoken = Spoken()
        for token, chance in self._speak(prompt):
            spoken.add(token, chance)
        return self._reply(spoken, prompt)

    def stream(self, turns: Sequence[Said], pictures: Sequence[Any]) -> Speech:
        """The text of the answer in parts, as they come; joined they are the text of the reply that it returns."""
        return self._aloud(self.prompt(turns, pictures))

    def replies(self, conversations: Sequence[tuple[Sequence[Said], Sequence[Any]]]) -> list[Reply]:
        """The answers to several conversations together, in their order. Raises InputError, before any work."""
        prompts = [self.prompt(turns, pictures) for turns, pictures in conversations]
        if not prompts:
            return []
        spoken = [Spoken() for _ in prompts]
        state, logits = self._begin(prompts, self.fresh(), 0)
        limit = min(self.answer, *(self.context - len(prompt.ids) for prompt in prompts))
        for step in range(limit):
            ids, chances = _best(logits)
            for one, token, chance in zip(spoken, ids.tolist(), chances.tolist(), strict=True):
                one.add(token, chance, self.ends)
            if all(one.ended for one in spoken) or step + 1 == limit:
                break
            logits = self._go_on(state, ids)
        return [self._reply(one, prompt) for one, prompt in zip(spoken, prompts, strict=True)]

    def prompt(self, turns: Sequence[Said], pictures: Sequence[Any]) -> Prompt:
        """The checked prompt of a conversation. Raises InputError, also where it does not fit into the context."""
        found = checked(turns, pictures, self.marks)
        layouts = [self.layout(picture) for _, picture, _ in found]
        ids, hole = self.written(turns, pictures, layouts)
        cells = sum(layout.count for layout in layouts)
        if sum(token == hole for token in ids) != cells:
            raise InputError(
                "the tokenizer does not know the mark of a picture as one token: add the files of the model's origin"
            )
        if len(ids) + 1 > self.context:
            raise InputError(
                f"the conversation has {len(ids):,} tokens ({cells:,} of them of {len(found)} pictures), and {self.spec.name} "
                f"reads {self.context:,} with its answer: leave out earlier turns, or give fewer or smaller pictures"
            )
        rasters, words = [picture for _, picture, _ in found], [text for *_, text in found]
        keys = [self.key(*three) for three in zip(rasters, layouts, words, strict=True)]
        numbers = tuple(number for number, *_ in found)
        return Prompt(tuple(ids), hole, tuple(rasters), tuple(layouts), tuple(keys), tuple(words), numbers)

    def forget(self) -> None:
        """Let go of what was kept of pictures and of the last conversation."""
        self._looks.clear()
        self._held = None

    def _aloud(self, prompt: Prompt) -> Speech:
        spoken = Spoken()

        def tokens() -> Iterator[int]:
            for token, chance in self._speak(prompt):
                spoken.add(token, chance)
                yield token

        yield from tidy(self._decoded, tokens())
        return self._reply(spoken, prompt)

    def _speak(self, prompt: Prompt) -> Iterator[tuple[int, float]]:
        """Tokens of the answer with their probabilities; keys and values are put aside for the next turn."""
        marks, known = prompt.marks(), 0
        held, self._held = self._held, None  # whoever asks meanwhile begins anew
        cache = self.fresh()
        if held is not None:
            known = _common(held[0], marks[:-1])
            if known:
                cache = held[1]
                cache.crop(known - len(held[0])) if known < len(held[0]) else None
        try:
            state, logits = self._begin([prompt], cache, known)
            for step in range(min(self.answer, self.context - len(prompt.ids))):
                ids, chances = _best(logits)
                token = int(ids[0])
                if token in self.ends:
                    break
                yield token, float(chances[0])
                if step + 1 < min(self.answer, self.context - len(prompt.ids)):
                    logits = self._go_on(state, ids)
                    marks.append(token)
        finally:
            if cache.get_seq_length() == len(marks):
                self._held = (marks, cache)

    @torch.inference_mode()
    def _begin(self, prompts: Sequence[Prompt], cache: Any, known: int) -> tuple[State, Tensor]:
        """Run prompts, of which the first ``known`` tokens are in the keys and values already (one prompt only then)."""
        longest = max(len(prompt.ids) for prompt in prompts) - known
        ids = torch.zeros(len(prompts), longest, dtype=torch.long)
        holes, real = torch.zeros_like(ids, dtype=torch.bool), torch.zeros_like(ids, dtype=torch.bool)
        rows = [self.positions(prompt) for prompt in prompts]
        places = torch.zeros(len(rows[0]), len(prompts), longest, dtype=torch.long)
        for k, (prompt, row) in enumerate(zip(prompts, rows, strict=True)):
            new = torch.tensor(prompt.ids[known:])
            part = slice(longest - len(new), None)
            holes[k, part], real[k, part] = new == prompt.hole, True
            ids[k, part] = torch.where(new == prompt.hole, 0, new)
            places[:, k, part] = row[:, known:]
        x = self.embed(ids.to(self.device))
        looks = [part for prompt in prompts for part in self._seen(prompt, known)]
        deep: list[Tensor] = []
        if looks:
            tokens = torch.cat([part.tokens for part in looks]).to(x)
            x = x.masked_scatter(holes.to(self.device)[..., None], tokens)
            deep = [torch.cat(level) for level in zip(*(part.deep for part in looks), strict=True)]
        ahead = torch.stack([row.max() + 1 for row in rows])
        padded = not bool(real.all())
        state = State(cache, real.to(self.device) if padded else None, ahead[None, :, None].expand(len(places), -1, 1))
        return state, self.run(x, state, places.to(self.device), holes.to(self.device), deep)

    @torch.inference_mode()
    def _go_on(self, state: State, ids: Tensor) -> Tensor:
        """Logits (B, V) after one more token (B,) of each row."""
        if state.mask is not None:
            state.mask = torch.cat([state.mask, state.mask.new_ones(len(ids), 1)], dim=1)
        place, state.place = state.place.to(self.device), state.place + 1
        none = torch.zeros(len(ids), 1, dtype=torch.bool, device=self.device)
        return self.run(self.embed(ids[:, None]), state, place, none, [])

    def _seen(self, prompt: Prompt, known: int) -> list[Look]:
        """The looks of a prompt's pictures beyond its first ``known`` tokens, each looked at once while it is kept."""
        passed = sum(token == prompt.hole for token in prompt.ids[:known])
        wanted, start = [], 0
        for k, layout in enumerate(prompt.layouts):
            if start + layout.count > passed:
                wanted.append((k, max(passed - start, 0)))
            start += layout.count
        with self._lock:
            found = {prompt.keys[k]: self._looks[prompt.keys[k]] for k, _ in wanted if prompt.keys[k] in self._looks}
        new = list(dict.fromkeys(prompt.keys[k] for k, _ in wanted if prompt.keys[k] not in found))
        of = [prompt.keys.index(key) for key in new]
        if of:
            made = self.look([prompt.pictures[k] for k in of], [prompt.layouts[k] for k in of], [prompt.words[k] for k in of])
            found.update(zip(new, made, strict=True))
        with self._lock:
            for key, look in found.items():
                self._looks[key] = look
                self._looks.move_to_end(key)
            while len(self._looks) > KEPT:
                self._looks.popitem(last=False)
        return [
            Look(found[prompt.keys[k]].tokens[first:], tuple(level[first:] for level in found[prompt.keys[k]].deep))
            for k, first in wanted
        ]

    def _decoded(self, ids: Sequence[int]) -> str:
        text: str = self.tokenizer.decode([token for token in ids if token not in self.silent])
        return text

    def _reply(self, spoken: Spoken, prompt: Prompt) -> Reply:
        text = self._decoded(spoken.ids).strip()
        shape = prompt.pictures[-1].shape if prompt.pictures else None
        found, labels = boxes(text, self.codec, self.means, shape)
        return Reply(text, found, labels, prompt.numbers[-1:] * len(found), confidence=spoken.confidence)


def _best(logits: Tensor) -> tuple[Tensor, Tensor]:
    """The likeliest token (B,) of logits (B, V), and its probability."""
    chances = logits.float().softmax(-1)
    most = chances.max(-1)
    return most.indices, most.values


def _common(one: Sequence[int | str], other: Sequence[int | str]) -> int:
    """How many values two sequences have in common at their beginnings."""
    return next((k for k, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
