"""Batches of `nano_chat` by number: some pictures with several questions each, and expressions that mean one of many objects."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from geoglot.core.config import Config
from geoglot.models.eyes import Seen, objects, sight
from geoglot.nn.pointer import Objects
from geoglot.nn.talk import Sight
from geoglot.text.pieces import LOCATE, Pieces
from geoglot.zoo._talk_corpus import Told
from geoglot.zoo._talk_words import LOCATING, Ask, Edges

SWAPS = (
    {"left": "right", "leftmost": "rightmost", "west": "east", "westernmost": "easternmost", "left of": "right of"},
    {
        "top": "bottom", "topmost": "bottommost", "upper": "lower", "above": "below", "north": "south",
        "northernmost": "southernmost",
    },
)  # fmt: skip
MET = 0.4  # overlap from which an object that was found is the one that is meant: its box is then moved
SWAPPED = tuple({**pairs, **{b: a for a, b in pairs.items()}} for pairs in SWAPS)


class Mix(Config):
    """How often: pictures of each source, and a question of each task beside others of the same picture (1 if not listed)."""

    sources: Mapping[str, float] = {"ucm": 0.3, "aid_rsicd": 0.34, "rendered": 0.22, "vhr10": 0.06, "grey": 0.02, "dates": 0.06}
    tasks: Mapping[str, float] = {
        "caption": 4.0, "class": 1.2, "presence": 1.6, "premise": 0.9, "refusal": 0.9, "locate": 0.8, "every": 0.25, "human": 3.0,
        "count": 1.2, "count none": 0.3, "area": 0.4, "share": 0.4, "comparison": 0.4, "setting": 0.3, "cover": 0.4,
        "sensor": 1.5,
    }  # fmt: skip


@dataclass(frozen=True)
class Row:
    """What is asked of a picture, or of two dates, and where among all pictures it was seen."""

    told: Told
    seen: tuple[int, ...]
    asks: Mapping[str, tuple[Ask, ...]]


class Batch(NamedTuple):
    """Texts ``ids`` (R, T) about the pictures in rows ``of`` of ``sight``; at ``asked`` (R, T) the next piece is a ``target``
    (A,); and questions (Q, T) with the objects of their pictures, any of which may be ``meant`` (Q, K + 1), the last place for
    none; the ``nearest`` (Q,) of them lies about where what is meant has its ``box`` (Q, 4), -1 where none does."""

    sight: Sight
    of: Tensor
    ids: Tensor
    real: Tensor
    asked: Tensor
    shift: Tensor
    target: Tensor
    objects: Objects
    question: Tensor
    heard: Tensor
    meant: Tensor
    nearest: Tensor
    box: Tensor


def rows_of(told: Sequence[Told], places: Mapping[str, int], human: bool = True) -> list[Row]:
    """Questions by task; ``places`` are those of pictures among all that were seen, by name."""
    made = []
    for one in told:
        by_task: dict[str, list[Ask]] = defaultdict(list)
        for ask in (*one.asks, *(one.human if human else ())):
            by_task[ask.task].append(ask)
        made.append(Row(one, tuple(places[s.name] for s in one.shown), {task: tuple(asks) for task, asks in by_task.items()}))
    return made


class Stream:
    """Batches by number; the same number gives the same batch."""

    def __init__(
        self, rows: Sequence[Row], seen: Sequence[Seen], pieces: Pieces, mix: Mix, pictures: int, each: int, pointed: int,
        seed: int, longest: int,
    ) -> None:  # fmt: skip
        self.seen, self.pieces, self.mix, self.seed = seen, pieces, mix, seed
        self.pictures, self.each, self.pointed, self.longest = pictures, each, pointed, longest
        self.by_source: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            if row.asks:
                self.by_source[row.told.source].append(row)
        some = {name: share for name, share in mix.sources.items() if self.by_source.get(name)}
        self.names = list(some)
        self.share = np.array([some[name] for name in self.names]) / sum(some.values())
        self.located = [
            (row, [a for a in row.asks.get("locate", ()) if a.box is not None], list(row.asks.get("refusal", ())))
            for row in rows
            if len(row.seen) == 1 and row.told.source in ("rendered", "vhr10")
        ]
        self.located = [one for one in self.located if one[1] and len(seen[one[0].seen[0]].boxes)]
        self.cache: dict[str, list[int]] = {}

    def batch(self, index: int) -> Batch:
        """Give the batch of a number."""
        rng = np.random.default_rng([self.seed, index])
        names = rng.choice(len(self.names), self.pictures, p=self.share)
        rows = [self._one(self.by_source[self.names[k]], rng) for k in names]
        turns = 2 if rng.random() < 0.25 else 1
        texts, of = [], []
        for number, row in enumerate(rows):
            for _ in range(max(1, self.each // turns)):
                text = [part for _ in range(turns) for part in self._turn(self._drawn(row, rng), rng)]
                if len(text) <= self.longest:
                    texts.append(text)
                    of.append(number)
        looked = sight([[self.seen[k] for k in row.seen] for row in rows])
        hidden = torch.from_numpy(rng.random(len(rows)) < 0.5)
        looked.known[hidden, :, :2] = 0.0
        ids, real, asked, shift, target = self._texts(texts, rng)
        found, question, heard, meant, nearest, box = self._pointing(rng)
        return Batch(
            looked, torch.tensor(of), ids, real, asked, shift, target, found, question, heard, meant, nearest, box
        )  # fmt: skip

    @staticmethod
    def _one(rows: Sequence[Row], rng: np.random.Generator) -> Row:
        return rows[int(rng.integers(len(rows)))]

    def _drawn(self, row: Row, rng: np.random.Generator) -> Ask:
        tasks = list(row.asks)
        weight = np.array([self.mix.tasks.get(task, 1.0) for task in tasks])
        asks = row.asks[tasks[int(rng.choice(len(tasks), p=weight / weight.sum()))]]
        return asks[int(rng.integers(len(asks)))]

    def _turn(self, ask: Ask, rng: np.random.Generator) -> list[tuple[int, bool]]:
        """Pieces of a question and its answer, with which of them are to be said."""
        asked = self._ids(ask.questions[int(rng.integers(len(ask.questions)))])
        said = self.pieces.said(ask.answers[int(rng.integers(len(ask.answers)))])
        return [(i, False) for i in (self.pieces.ask, *asked, self.pieces.say)] + [(i, True) for i in said]

    def _ids(self, text: str) -> list[int]:
        if text not in self.cache:
            self.cache[text] = self.pieces.ids(text)
        return self.cache[text]

    def _texts(self, texts: Sequence[Sequence[tuple[int, bool]]], rng: np.random.Generator) -> tuple[Tensor, ...]:
        wide = max(map(len, texts))
        ids = np.full((len(texts), wide), self.pieces.pad)
        said = np.zeros((len(texts), wide), bool)
        real = np.zeros((len(texts), wide), bool)
        for row, text in enumerate(texts):
            ids[row, : len(text)], said[row, : len(text)] = zip(*text, strict=True)
            real[row, : len(text)] = True
        asked = np.zeros_like(said)
        asked[:, :-1] = said[:, 1:]
        target = ids[:, 1:][said[:, 1:]]
        shift = rng.integers(0, max(1, self.longest - wide), len(texts)) * (rng.random(len(texts)) < 0.5)
        return tuple(torch.from_numpy(part) for part in (ids, real, asked, shift, target))

    def _pointing(self, rng: np.random.Generator) -> tuple[Objects, Tensor, Tensor, Tensor, Tensor, Tensor]:
        shown, texts, targets = [], [], []
        for _ in range(self.pointed):
            row, located, absent = self.located[int(rng.integers(len(self.located)))]
            nobody = bool(absent) and rng.random() < 0.12
            ask = absent[int(rng.integers(len(absent)))] if nobody else _by_label(located, rng)
            text = ask.questions[int(rng.integers(len(ask.questions)))]
            if nobody and ask.label and rng.random() < 0.5:
                text = LOCATING[int(rng.integers(len(LOCATING)))].format(it=f"the {ask.label}")
            seen, text, box = mirrored(self.seen[row.seen[0]], text, ask.box, rng)
            shown.append(seen)
            texts.append(self._ids(text)[:24])
            targets.append(None if nobody else box)
        found = objects(shown)
        meant = np.zeros((len(shown), found.boxes.shape[1] + 1), bool)
        nearest, boxes = np.full(len(shown), -1), np.zeros((len(shown), 4), np.float32)
        for k, (seen, box) in enumerate(zip(shown, targets, strict=True)):
            if box is None:
                meant[k, -1] = True
            else:
                shared = overlap(seen.boxes, box)
                meant[k, : len(seen.boxes)] = shared >= MET
                nearest[k], boxes[k] = shared.argmax() if shared.max() >= MET else -1, box
        wide = max(map(len, texts))
        ids = torch.tensor([text + [self.pieces.pad] * (wide - len(text)) for text in texts])
        which, near, where = (torch.from_numpy(part) for part in (meant, nearest, boxes))
        return found, ids, ids != self.pieces.pad, which, near, where


def _by_label(asks: Sequence[Ask], rng: np.random.Generator) -> Ask:
    labels = sorted({ask.label for ask in asks})
    label = labels[int(rng.integers(len(labels)))]
    some = [ask for ask in asks if ask.label == label]
    return some[int(rng.integers(len(some)))]


def mirrored(seen: Seen, text: str, box: Edges | None, rng: np.random.Generator) -> tuple[Seen, str, Edges | None]:
    """Objects of a picture mirrored by chance in either direction, with the words that say it."""
    boxes = seen.boxes.copy()
    for axis in (0, 1):
        if rng.random() < 0.5:
            continue
        boxes[:, [axis, axis + 2]] = 1 - boxes[:, [axis + 2, axis]]
        if box is not None:
            edges = list(box)
            edges[axis], edges[axis + 2] = 1 - edges[axis + 2], 1 - edges[axis]
            box = (edges[0], edges[1], edges[2], edges[3])
        swap = SWAPPED[axis]
        text = re.sub(r"[a-z]+", lambda found, swap=swap: swap.get(found[0], found[0]), text)  # type: ignore[misc]
    return Seen(**{**vars(seen), "boxes": boxes}), text, box


def overlap(boxes: np.ndarray, box: Edges) -> np.ndarray:
    """Intersection over union (K,) of boxes (K, 4) with one."""
    low, high = np.maximum(boxes[:, :2], box[:2]), np.minimum(boxes[:, 2:], box[2:])
    shared = np.clip(high - low, 0, None).prod(1)
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    found: np.ndarray = shared / np.maximum(area + (box[2] - box[0]) * (box[3] - box[1]) - shared, 1e-9)
    return found


__all__ = ["LOCATE", "Batch", "Mix", "Row", "Stream", "mirrored", "overlap", "rows_of"]
