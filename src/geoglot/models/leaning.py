"""What `nano-chat` is pushed towards in answers about what is there: to say that it is not, yes, or where it is.

The language model's own chances are one witness; the head of `nn.presence`, which knows some kinds of things, is another. How
much each counts is measured on validation, so that both kinds of errors are as rare.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from geoglot.models.nano_eyes import Seen
from geoglot.nn.presence import Presence
from geoglot.nn.saying import Lean
from geoglot.text.answers import kind_of
from geoglot.text.pieces import Pieces
from geoglot.text.sentences import plural

WHERE = re.compile(r"\[refer\]|\b(?:locate|location|find|box|boxes|show me|show all|point|mark|detect)\b")  # asks for a box

EVERY = re.compile(r"\b(?:all|every|each)\b|\bdetect the\b")  # asks for all boxes of a kind


def summary(seen: Seen) -> NDArray[np.float32]:
    """The numbers (F,) of a picture that the head reads: vector, mean and greatest of the cells, objects, concepts."""
    cells = seen.cells.astype(np.float32)
    return np.concatenate([seen.whole, cells.mean(0), cells.max(0), seen.counts, seen.concepts]).astype(np.float32)


def named(text: str, kinds: Sequence[str]) -> int | None:
    """Which of the kinds a text names, in the singular or plural; the longest name of several, None of none."""
    plain = text.lower()
    found = [
        (len(name), -k)
        for k, name in enumerate(kinds)
        if re.search(rf"\b(?:{re.escape(name)}|{re.escape(plural(name))})\b", plain)
    ]
    return -max(found)[1] if found else None


def witness(presence: Presence | None, kinds: Sequence[str], questions: Sequence[str], seen: Sequence[Seen]) -> Tensor:
    """The logit (B,) that the picture shows what the question names; 0 where no kind is named that the head knows."""
    made = torch.zeros(len(questions))
    if presence is None:
        return made
    for row, (question, one) in enumerate(zip(questions, seen, strict=True)):
        kind = named(question, kinds)
        if kind is not None:
            with torch.inference_mode():
                made[row] = presence(torch.from_numpy(summary(one))[None].to(presence.mean.device))[0, kind].cpu()
    return made


def leans(calibration: Mapping[str, Any], pieces: Pieces, questions: Sequence[str], shows: Tensor) -> tuple[Lean, ...]:
    """What is added, for each question, to "no" after "there is", and to the marks of a place and of all, and to "yes", at the
    beginning."""
    after = tuple((pieces.one("there"), pieces.one(verb)) for verb in ("is", "are"))
    begin = ((0, 0),)
    closed = torch.tensor([float(kind_of(question) == "presence") for question in questions])
    where_is = torch.tensor([float(WHERE.search(question.lower()) is not None) for question in questions])
    every = torch.tensor([float(EVERY.search(question.lower()) is not None) for question in questions])
    made = []
    for name, piece, where, sign, of in (
        ("refuse", pieces.one("no"), after, -1.0, torch.ones_like(shows)),
        ("locate", pieces.locate, begin, 1.0, where_is * (1 - every)),
        ("locate", pieces.all, begin, 1.0, where_is * every),
        ("yes", pieces.one("yes"), begin, 1.0, closed * (shows != 0)),
    ):
        told = calibration.get(name)
        if told is None:
            continue
        made.append(Lean(piece, where, (told["bias"] + sign * told.get("seen", 0.0) * shows) * of))
    return tuple(made)
