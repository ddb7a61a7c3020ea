"""`nano-chat`: answers about one or two pictures by a small language model beside the frozen tower of `nano`.

It reads what `models.nano_eyes` sees, then the conversation. Where it would say a box it says a mark, and the pointer gives the
box; where it says a sentence, several are drawn and the one is taken that the others agree with most.
"""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from geoglot.core.errors import InputError
from geoglot.core.protocols import ModelSpec, Reply, Said, Speech
from geoglot.geo.boxes import Box
from geoglot.models import chat_parts, closed, weights
from geoglot.models.chat_parts import Parts
from geoglot.models.counting import counted
from geoglot.models.detector import Detector
from geoglot.models.dual import DualModel, open_native
from geoglot.models.files import native
from geoglot.models.leaning import leans, witness
from geoglot.models.nano_eyes import Circumstances, Eyes, Seen, sight
from geoglot.models.pointing import pointed
from geoglot.nn.saying import Answered, Lean, answer, padded, steps
from geoglot.nn.talk import DATES, Past
from geoglot.text import codec
from geoglot.text.consensus import agreed

TOWER = "nano"
KEPT = 16  # pictures and sets of pictures whose sight is kept between turns
DRAWS, HEAT, TOP = 16, 0.7, 0.95  # sentences that are drawn, chosen on validation
SENTENCE = 5  # pieces of an answer from which it is a sentence
MOST = 48  # pieces of an answer
NOT_FOUND = "I cannot find that in this picture."
REFUSALS = ("there is no ", "there are no ", "this picture is grey", "i cannot ")
BOXES = replace(codec.find("lhrs")[1], digits=3)  # how boxes are written
CELLS = 32  # a side of the map of what was pointed at
Floats = NDArray[np.float32]
EVERY = 0.35  # score from which an object is one of all


@dataclass(frozen=True)
class Asked:
    """A conversation made ready: pieces up to where the answer begins, its pictures by digest and as seen, their numbers."""

    ids: list[int]
    question: str
    keys: tuple[str, ...]
    seen: tuple[Seen, ...]
    of: tuple[int, ...]


class NanoChat:
    """A conversational model over pictures; see `core.protocols.Chat`. It says where things are, and gives no reasons."""

    grounds, reasons, by_boxes = True, False, True
    asks: ClassVar[dict[str, str]] = {"places": "Locate {what}.", "every": "Locate all {what}."}

    def __init__(self, model: DualModel, parts: Parts, spec: ModelSpec) -> None:
        self.spec, self.parts, self.device = spec, parts, model.device
        self.talk, self.pointer, self.pieces = parts.talk.to(model.device), parts.pointer.to(model.device), parts.pieces
        self.eyes = Eyes(model, Detector(model, parts.head, parts.found), parts.card.concepts, parts.talk.config.side)
        self.presence = None if parts.presence is None else parts.presence.to(model.device)
        self._seen: OrderedDict[str, Seen] = OrderedDict()
        self._past: OrderedDict[tuple[str, ...], Past] = OrderedDict()

    def reply(self, turns: Sequence[Said], pictures: Sequence[Any]) -> Reply:
        """The answer to the last turn, which is the user's. Raises InputError for what is no conversation, and for one that is
        longer than the model can hold; nothing is lost then."""
        return self.replies([(turns, pictures)])[0]

    def replies(self, conversations: Sequence[tuple[Sequence[Said], Sequence[Any]]]) -> list[Reply]:
        """The answers to several conversations, which are the same as one by one. Raises as `reply` does."""
        asked = [self._asked(turns, pictures) for turns, pictures in conversations]
        ids, real = padded([one.ids for one in asked], self.pieces.pad, self.device)
        with torch.inference_mode():
            past = self.talk.prefix(sight([one.seen for one in asked], self.device)) if len(asked) > 1 else self._kept(asked[0])
        said = answer(self.talk, past, ids, real, self.pieces.end, MOST, barred=self._barred, lean=self._lean(asked))
        return [
            self._reply(one, Answered([said.ids[k]], [said.chance[k]]), past.rows(torch.tensor([k], device=self.device)))
            for k, one in enumerate(asked)
        ]

    def stream(self, turns: Sequence[Said], pictures: Sequence[Any]) -> Speech:
        """The text of the answer word by word, the likeliest each time; a box comes whole. Raises as `reply` does.

        The reply that it returns is that of `reply`: a sentence is chosen there, and may be another than the one that streamed.
        """
        return self._aloud(self._asked(turns, pictures))

    def _aloud(self, one: Asked) -> Speech:
        ids, real = padded([one.ids], self.pieces.pad, self.device)
        past = self._kept(one)
        found: list[int] = []
        told, chances, lean = "", list[float](), self._lean([one])
        for piece, chance in steps(self.talk, past, ids, real, self.pieces.end, MOST, barred=self._barred, lean=lean):
            chances.append(float(chance))
            if int(piece) == self.pieces.end:
                break
            found.append(int(piece))
            text = self.pieces.words(found)
            if not self._points(found) and text.startswith(told):  # a piece may change how the one before is written
                yield text[len(told) :]
                told = text
        made = self._reply(one, Answered([found], [sum(chances) / len(chances)]), past)
        if self._points(found):
            yield made.text
        return made

    def _points(self, ids: Sequence[int]) -> bool:
        return self.pieces.locate in ids or self.pieces.all in ids

    @property
    def _barred(self) -> tuple[int, ...]:
        return self.pieces.pad, self.pieces.unknown, self.pieces.ask, self.pieces.say

    def _lean(self, asked: Sequence[Asked]) -> tuple[Lean, ...]:
        card, questions = self.parts.card, [one.question for one in asked]
        shows = witness(self.presence, card.kinds, questions, [one.seen[-1] for one in asked])
        return leans(card.calibration, self.pieces, questions, shows)

    def _asked(self, turns: Sequence[Said], pictures: Sequence[Any]) -> Asked:
        spoken = [turn for turn in turns if turn.role != "system"]
        if not spoken or spoken[-1].role != "user" or not spoken[-1].text.strip():
            raise InputError("A conversation ends with a question of the user: add a turn with a text.")
        if any(a.role == b.role for a, b in pairwise(spoken)):
            raise InputError("User and assistant take turns in a conversation: a turn is missing between two of one role.")
        shown = tuple(dict.fromkeys(number for turn in spoken for number in turn.pictures)) or tuple(range(len(pictures)))
        if not shown:
            raise InputError("nano-chat answers about pictures: show it one, or two dates of a place.")
        if not all(0 <= number < len(pictures) for number in shown):
            raise InputError(f"A turn names a picture that is not there: {len(pictures)} came, counted from 0.")
        if len(shown) > DATES:
            raise InputError(f"nano-chat compares at most {DATES} pictures, got {len(shown)}: ask about two dates at a time.")
        ids: list[int] = []
        for turn in spoken:
            said = self.pieces.ids(turn.text)
            ids += [self.pieces.ask, *said] if turn.role == "user" else [self.pieces.say, *said, self.pieces.end]
        if len(ids) + MOST > self.talk.config.longest:
            raise InputError(
                f"The conversation has {len(ids)} word pieces and nano-chat holds {self.talk.config.longest - MOST} beside its "
                "answer: ask more shortly, or begin a new conversation."
            )
        keys, seen = zip(*(self._look(pictures[k]) for k in shown), strict=True)
        return Asked([*ids, self.pieces.say], spoken[-1].text, keys, seen, shown)

    def _look(self, picture: Any) -> tuple[str, Seen]:
        """A digest of a `Raster`, and what is seen of it, kept from the turn before. Raises InputError."""
        data = np.asarray(picture.data, np.float32)
        if data.ndim != 3 or data.shape[0] != 3 or min(data.shape[1:]) < 8:
            raise InputError(
                f"nano-chat looks at pictures of red, green and blue, not {data.shape}: render it for display first."
            )
        gsd = None if picture.grid is None else picture.grid.gsd
        known = Circumstances(gsd if gsd and math.isfinite(gsd) else None, picture.time)
        key = hashlib.sha256(data.tobytes() + picture.valid.tobytes() + repr((data.shape, known)).encode()).hexdigest()
        if key not in self._seen:
            x, valid = torch.from_numpy(data)[None], torch.from_numpy(np.ascontiguousarray(picture.valid))[None]
            self._seen[key] = self.eyes.look(x.clamp(0, 1), [known], valid)[0]
        return key, _used(self._seen, key)

    def _kept(self, one: Asked) -> Past:
        """The prefix of a conversation's pictures, kept from the turn before."""
        if one.keys not in self._past:
            with torch.inference_mode():
                self._past[one.keys] = self.talk.prefix(sight([one.seen], self.device))
        past: Past = _used(self._past, one.keys)
        return past

    def _reply(self, one: Asked, said: Answered, past: Past) -> Reply:
        ids, chance = said.ids[0], math.exp(said.chance[0])
        number = self._counted(one)
        if number is not None:
            return number
        if self.pieces.locate in ids and closed.key(one.question) not in self.parts.card.answers:
            return self._located(one)
        if self.pieces.all in ids:
            return self._every(one)
        text = self.pieces.words(ids)
        known = self.parts.card.answers.get(closed.key(one.question))
        if known:
            text, share = closed.chosen(self.talk, past, self.pieces, one.ids, known)
            ids, chance = self.pieces.ids(text), share
        refused = text.lower().startswith(REFUSALS)
        if len(ids) > SENTENCE and not refused:
            text = self._agreed(one, text, said.chance[0], past)
            ids = self.pieces.ids(text)
        heat = self._evidence(one, ids)
        return Reply(_written(text), confidence=self._confidence("words", chance), refused=refused, heat=heat)

    def _evidence(self, one: Asked, ids: Sequence[int]) -> Floats:
        """How much each cell (S, S) of the last picture spoke for an answer, the strongest 1: gradient times input.

        The first-order share of a cell in the logarithm of the answer's chance, as against the ordinary cell, which is zero
        (Shrikumar et al. 2016, arXiv 1605.01713); what speaks against it counts as nothing.
        """
        with torch.inference_mode(False), torch.enable_grad():  # whoever asks may compute without gradients
            seen = sight([one.seen], self.device)
            cells = seen.cells.requires_grad_()
            said = torch.tensor([[*one.ids, *ids, self.pieces.end]], device=self.device)[:, : self.talk.config.longest]
            past = self.talk.prefix(seen._replace(cells=cells))
            states, _ = self.talk.read(said[:, :-1], torch.ones_like(said[:, :-1], dtype=torch.bool), past)
            chance = self.talk.logits(states[:, len(one.ids) - 1 :]).float().log_softmax(-1)
            told = chance.gather(2, said[:, len(one.ids) :, None]).sum()
            (slope,) = torch.autograd.grad(told, cells)
        share = (slope * cells).detach()[0, len(one.seen) - 1].sum(-1).clamp(min=0)
        side = self.talk.config.side
        made: Floats = (share / share.max().clamp(min=1e-12)).reshape(side, side).cpu().numpy()
        return made

    def _agreed(self, one: Asked, first: str, chance: float, past: Past) -> str:
        """Of several drawn sentences one that is likely and that the others agree with."""
        ids, real = padded([one.ids] * DRAWS, self.pieces.pad, self.device)
        rows = torch.zeros(DRAWS, dtype=torch.long, device=self.device)
        drawn = answer(
            self.talk, past.rows(rows), ids, real, self.pieces.end, MOST,
            barred=(*self._barred, self.pieces.locate, self.pieces.all), heat=HEAT, top=TOP,
        )  # fmt: skip
        return agreed([first, *(self.pieces.words(some) for some in drawn.ids)], [chance, *drawn.chance])

    def _pointed(self, one: Asked) -> tuple[Tensor, Tensor]:
        """Chances (K + 1,) of the objects of the last picture, the last of none, and their boxes (K, 4)."""
        return pointed(self.pointer, self.talk, self.pieces, one.seen[-1], one.question)

    def _located(self, one: Asked) -> Reply:
        chance, boxes = self._pointed(one)
        best = int(chance.argmax())
        heat = painted(boxes.numpy(), chance[:-1].numpy())
        if best == len(boxes) or not len(one.seen[-1].boxes):
            return Reply(NOT_FOUND, confidence=self._confidence("box", float(chance[-1])), refused=True, heat=heat)
        box = _box(boxes[best].tolist())
        sure = self._confidence("box", float(chance[best]))
        return Reply(codec.write([box], BOXES), (box,), (one.question,), (one.of[-1],), sure, heat=heat)

    def _every(self, one: Asked) -> Reply:
        """All objects of the class that the question names, or comes nearest to."""
        seen = one.seen[-1]
        label = self._class(one.question)
        score = seen.scores[:, self.eyes.classes.index(label)] if len(seen.boxes) else np.zeros(0, np.float32)
        rows = [int(k) for k in np.argsort(-score) if score[k] >= EVERY]
        heat = painted(seen.boxes, score)
        if not rows:
            return Reply(NOT_FOUND, refused=True, heat=heat)
        boxes = tuple(_box(seen.boxes[k].tolist()) for k in rows)
        sure = float(score[rows].mean())
        return Reply(codec.write(boxes, BOXES), boxes, (label,) * len(rows), (one.of[-1],) * len(rows), sure, heat=heat)

    def _counted(self, one: Asked) -> Reply | None:
        """The number of objects that were found, where that is asked, of a kind that the head was taught."""
        seen, kinds = one.seen[-1], self.parts.card.kinds
        found = counted(seen, self.eyes.classes, one.question, float(witness(self.presence, kinds, [one.question], [seen])))
        if found is None or len(one.seen) > 1:
            return None
        rows = list(found.rows)
        boxes = tuple(_box(seen.boxes[k].tolist()) for k in rows)
        heat = painted(seen.boxes, seen.scores[:, found.kind] if len(seen.boxes) else np.zeros(0, np.float32))
        labels = (self.eyes.classes[found.kind],) * len(rows)
        sure = self._confidence("count", found.chance)
        return Reply(str(len(rows)), boxes, labels, (one.of[-1],) * len(rows), sure, heat=heat)

    def _class(self, question: str) -> str:
        plain = question.lower()
        named = [name for name in self.eyes.classes if name in plain]
        if named:
            return max(named, key=len)
        near = self.eyes.detector.directions(self.eyes.model.text([plain]).cpu().numpy())
        return self.eyes.classes[int((near @ self.eyes.directions.cpu().numpy().T).argmax())]

    def _confidence(self, kind: str, chance: float) -> float:
        """How often an answer of such a chance was right on validation (Platt scaling); the chance itself where not measured."""
        told = self.parts.card.calibration.get(kind)
        chance = min(max(chance, 1e-6), 1 - 1e-6)
        if told is None:
            return chance
        return 1 / (1 + math.exp(-(told["slope"] * math.log(chance / (1 - chance)) + told["bias"])))


def _used(kept: OrderedDict[Any, Any], key: Any) -> Any:
    """The entry of a key, which becomes the last to be forgotten; the oldest are, beyond so many."""
    kept.move_to_end(key)
    while len(kept) > KEPT:
        kept.popitem(last=False)
    return kept[key]


def _box(edges: Sequence[float]) -> Box:
    left, top, right, bottom = edges
    return Box.upright(left, top, right, bottom, "unit")


def painted(boxes: Floats, values: Floats) -> Floats:
    """A map (32, 32) in [0, 1]: in each cell the highest of the values (K,) of the boxes (K, 4) in the unit square over it."""
    made = np.zeros((CELLS, CELLS), np.float32)
    for (left, top, right, bottom), value in zip(boxes * CELLS, values, strict=False):
        rows, cols = (slice(min(int(a), CELLS - 1), max(math.ceil(b), int(a) + 1)) for a, b in ((top, bottom), (left, right)))
        made[rows, cols] = np.maximum(made[rows, cols], min(max(float(value), 0.0), 1.0))
    return made


def _written(text: str) -> str:
    """A sentence begins with a capital letter; a single word or number stays as it is."""
    return text[:1].upper() + text[1:] if text.endswith(".") else text


def open_chat(name: str | Path, device: str = "auto", dtype: str = "auto", tower: DualModel | None = None) -> NanoChat:
    """Load `nano-chat`, or a file of its recipe, with the tower that it belongs to.

    Raises NotFoundError, and ModelError where the tower here is another than the one it was made for.
    """
    path = native(name)
    spec, _ = weights.header(path)
    return NanoChat(tower or open_native(TOWER, device, dtype), chat_parts.restore(path), spec)
