"""What a run of `nano_chat` is measured by on validation: captions, questions, honesty, grounding."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from geoglot.data.build.talks import FINE
from geoglot.metrics.cider import Cider
from geoglot.models.eyes import Seen, objects, sight
from geoglot.nn.pointer import Pointer, moved
from geoglot.nn.saying import answer, padded
from geoglot.nn.talk import Talk
from geoglot.text.answers import normal
from geoglot.text.pieces import Pieces
from geoglot.text.ptb import tokenize
from geoglot.zoo._talk_batches import Row, overlap
from geoglot.zoo._talk_words import Ask

FOLDS = 5
PART = 64
SOME = 400  # questions of a task that are measured


@dataclass(frozen=True)
class Held:
    """Pictures of validation with what is asked, and all that was seen of them."""

    rows: Sequence[Row]
    seen: Sequence[Seen]
    pieces: Pieces


def fold_of(name: str) -> int:
    """The fold of a picture, by its name alone."""
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % FOLDS


def replies(talk: Talk, held: Held, asks: Sequence[tuple[Row, str]]) -> list[list[int]]:
    """Pieces of greedy answers to questions about pictures."""
    made: list[list[int]] = []
    pieces = held.pieces
    for start in range(0, len(asks), PART):
        some = asks[start : start + PART]
        with torch.inference_mode():
            past = talk.prefix(sight([[held.seen[k] for k in row.seen] for row, _ in some]))
        ids, real = padded([[pieces.ask, *pieces.ids(q), pieces.say] for _, q in some], pieces.pad)
        made += answer(talk, past, ids, real, pieces.end, 40).ids
    return made


def measure(talk: Talk, pointer: Pointer, held: Held) -> dict[str, float]:
    """Figures of validation, shares in per cent."""
    talk.eval()
    pointer.eval()
    found = {}
    for source in ("ucm", "aid_rsicd"):
        rows = [row for row in held.rows if row.told.source == source]
        rows = rows[:: max(1, len(rows) // 250)]
        said = [held.pieces.words(ids) for ids in replies(talk, held, [(row, "Describe this image.") for row in rows])]
        found[f"{source} cider"] = cider(said, [row.asks["caption"][0].answers for row in rows])
    for source, task in (
        ("ucm", "human"), ("ucm", "class"), ("ucm", "presence"), ("ucm", "premise"), ("ucm", "refusal"), ("rendered", "presence"),
        ("rendered", "premise"), ("rendered", "refusal"), ("rendered", "count"), ("rendered", "scene"), ("rendered", "colour"),
        ("vhr10", "count"), ("dates", "changed"),
    ):  # fmt: skip
        found[f"{source} {task}"] = right(talk, held, source, task)
    for source, least in (("rendered", 3), ("rendered", 0), ("vhr10", 0)):
        found[f"{source} located{'' if least == 0 else ' of many'}"] = located(talk, pointer, held, source, least)
    return found


def cider(said: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """CIDEr-D of one caption a picture."""
    metric = Cider()
    metric.add([tokenize(text) for text in said], [[tokenize(text) for text in texts] for texts in references])
    return metric.result()["cider"]


def _spread(asks: list[tuple[Row, Ask]]) -> list[tuple[Row, Ask]]:
    return [asks[int(k)] for k in np.linspace(0, len(asks) - 1, min(SOME, len(asks)))]


def right(talk: Talk, held: Held, source: str, task: str) -> float:
    """Share of the questions of a task that are answered as they should be, in per cent; NaN without any."""
    asks = [(row, ask) for row in held.rows if row.told.source == source for ask in row.asks.get(task, ())]
    if not asks:
        return float("nan")
    asks = _spread(asks)
    said = replies(talk, held, [(row, ask.questions[k % len(ask.questions)]) for k, (row, ask) in enumerate(asks)])
    good = []
    for ids, (_, ask) in zip(said, asks, strict=True):
        wanted = [held.pieces.said(text)[:-1] for text in ask.answers]
        good.append(ids in wanted or normal(held.pieces.words(ids)) in {normal(text) for text in ask.answers} - {""})
    return 100 * float(np.mean(good))


def located(talk: Talk, pointer: Pointer, held: Held, source: str, least: int) -> float:
    """Share of expressions, of one among ``least`` others or more, whose box is met at an overlap of one half, in per cent."""
    asks = [
        (row, ask)
        for row in held.rows
        if row.told.source == source and (row.told.shown[0].known.gsd or 0.5) <= FINE[-1]
        for ask in row.asks.get("locate", ())
        if ask.box is not None and ask.rivals >= least
    ]
    good = []
    asks = _spread(asks)
    for start in range(0, len(asks), PART):
        some = asks[start : start + PART]
        shown = [held.seen[row.seen[0]] for row, _ in some]
        rows = [
            held.pieces.ids(ask.questions[k % len(ask.questions)])[: pointer.config.longest] for k, (_, ask) in enumerate(some)
        ]
        wide = max(map(len, rows))
        ids = torch.tensor([row + [held.pieces.pad] * (wide - len(row)) for row in rows])
        with torch.inference_mode():
            here = objects(shown)
            logits, by = pointer(here, talk.words(ids), ids != held.pieces.pad)
            best, boxes = logits[:, :-1].argmax(1).tolist(), moved(here.boxes, by).numpy()
        for row, (k, seen, (_, ask)) in enumerate(zip(best, shown, some, strict=True)):
            good.append(k < len(seen.boxes) and ask.box is not None and float(overlap(boxes[row, [k]], ask.box)[0]) >= 0.5)
    return 100 * float(np.mean(good)) if good else float("nan")
