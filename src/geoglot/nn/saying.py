"""How a small language model answers: the likeliest word each time, or words drawn by their chances, for many rows at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from geoglot.nn.talk import Past, Talk


class Answered(NamedTuple):
    """Pieces of each row's answer without its end, and the mean log chance of its pieces, end included."""

    ids: list[list[int]]
    chance: list[float]


class Lean(NamedTuple):
    """What is added, for each row (B,), to the logit of a ``piece`` where it would follow one of the runs of two pieces in
    ``after``, in an answer that two zeros begin."""

    piece: int
    after: tuple[tuple[int, int], ...]
    more: Tensor

    def on(self, logits: Tensor, said: Tensor) -> Tensor:
        """Logits (B, W) after what was read last (B, 2)."""
        here = torch.stack([(said == torch.tensor(pair, device=said.device)).all(1) for pair in self.after]).any(0)
        logits[:, self.piece] += self.more.to(logits.device) * here
        return logits


def padded(rows: Sequence[Sequence[int]], pad: int, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
    """Numbers of pieces (B, T) with padding on the left, and which are real (B, T)."""
    longest = max(len(row) for row in rows)
    ids = torch.tensor([[pad] * (longest - len(row)) + list(row) for row in rows], device=device)
    real = torch.tensor([[False] * (longest - len(row)) + [True] * len(row) for row in rows], device=device)
    return ids, real


@torch.inference_mode()
def steps(
    talk: Talk, past: Past, ids: Tensor, real: Tensor, end: int, most: int, barred: Sequence[int] = (),
    heat: float = 0.0, top: float = 0.9, seed: int = 0, lean: Sequence[Lean] = (),
) -> Iterator[tuple[Tensor, Tensor]]:  # fmt: skip
    """Read questions (B, T) and give the next piece (B,) and its log chance (B,) until every row has ended.

    With ``heat`` 0 the likeliest piece; else drawn at that temperature from the fewest pieces whose chances sum to ``top``
    (nucleus sampling, Holtzman et al. 2020). A row that has ended gives ends of log chance 0. ``barred`` pieces are not said.
    """
    rng = torch.Generator(device=ids.device).manual_seed(seed)
    said = torch.zeros(len(ids), 2, dtype=ids.dtype, device=ids.device)
    done = torch.zeros(len(ids), dtype=torch.bool, device=ids.device)
    for _ in range(most):
        states, past = talk.read(ids, real, past)
        logits = talk.logits(states[:, -1]).float()
        logits[:, list(barred)] = -torch.inf
        for one in lean:
            logits = one.on(logits, said)
        chance = logits.log_softmax(-1)
        piece = chance.argmax(-1) if heat == 0 else _drawn(logits / heat, top, rng)
        piece = torch.where(done, end, piece)
        said = torch.stack([said[:, 1], piece], 1)
        gained = torch.where(done, 0.0, chance.gather(1, piece[:, None])[:, 0])
        yield piece, gained
        real = ~done[:, None]
        done = done | (piece == end)
        if bool(done.all()) or int(past.read.max()) + 1 >= talk.config.longest:
            return
        ids = piece[:, None]


def _drawn(logits: Tensor, top: float, rng: torch.Generator) -> Tensor:
    chance, order = logits.softmax(-1).sort(-1, descending=True)
    chance = chance.masked_fill(chance.cumsum(-1) - chance > top, 0.0)
    return order.gather(1, torch.multinomial(chance, 1, generator=rng))[:, 0]


def answer(talk: Talk, past: Past, ids: Tensor, real: Tensor, end: int, most: int = 48, **how: object) -> Answered:
    """Whole answers to questions (B, T); ``how`` as in `steps`."""
    rows: list[list[int]] = [[] for _ in range(len(ids))]
    total, count = [0.0] * len(ids), [0] * len(ids)
    ended = [False] * len(ids)
    for piece, gained in steps(talk, past, ids, real, end, most, **how):  # type: ignore[arg-type]
        for row, (one, more) in enumerate(zip(piece.tolist(), gained.tolist(), strict=True)):
            if ended[row]:
                continue
            total[row] += more
            count[row] += 1
            if one == end:
                ended[row] = True
            else:
                rows[row].append(one)
    return Answered(rows, [t / max(c, 1) for t, c in zip(total, count, strict=True)])
