"""Questions that were often asked in training have answers that were often given: the picture chooses among these.

A small language model that says numbers and places word by word does worse than the commonest answer; weighed against how
common each is, its chances help.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

import torch

from geoglot.nn.saying import padded
from geoglot.nn.talk import Past, Talk
from geoglot.text.answers import kind_of, normal
from geoglot.text.pieces import Pieces

Table = Mapping[str, Mapping[str, int]]  # of a question, how often each answer was given
OFTEN = 8  # answers that a question needs to be known
KINDS = ("count", "place")
WEIGHT = 2.0  # of the logarithm of how common an answer is beside that of its chance; chosen on validation


def key(question: str) -> str:
    """A question without its mark and capitals."""
    return " ".join(question.lower().strip(" ?.!").split())


def learned(pairs: Iterable[tuple[str, str]]) -> dict[str, dict[str, int]]:
    """Count the answers, in the words that they are compared in, to questions for numbers and places that come often."""
    table: dict[str, Counter[str]] = defaultdict(Counter)
    for question, answer in pairs:
        told = normal(answer)
        if told and kind_of(question) in KINDS:
            table[key(question)][told] += 1
    return {question: dict(sorted(some.items())) for question, some in sorted(table.items()) if some.total() >= OFTEN}


@torch.inference_mode()
def chosen(
    talk: Talk, past: Past, pieces: Pieces, asked: Sequence[int], answers: Mapping[str, int], weight: float = WEIGHT
) -> tuple[str, float]:
    """The answer of those known to a question that is likeliest, and its share among them.

    ``past`` is the prefix of one conversation (1 row), ``asked`` its pieces up to where the answer begins.
    """
    told = list(answers)
    device = next(talk.parameters()).device
    said = [[*asked, *pieces.said(text)] for text in told]
    ids, real = padded(said, pieces.pad, device)
    rows = torch.zeros(len(said), dtype=torch.long, device=device)
    states, _ = talk.read(ids[:, :-1], real[:, :-1], past.rows(rows))
    chance = talk.logits(states).float().log_softmax(-1).gather(2, ids[:, 1:, None])[..., 0].cpu()
    total = sum(answers.values())
    score = torch.tensor(
        [
            float(chance[k, -(len(one) - len(asked)) :].sum()) + weight * math.log(answers[text] / total)
            for k, (one, text) in enumerate(zip(said, told, strict=True))
        ]
    )
    best = int(score.argmax())
    return told[best], float(score.softmax(0)[best])
