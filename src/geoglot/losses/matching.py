"""Image-text matching: does this text belong to this picture? With wrong pairs that look right.

Li et al. 2021, "Align before Fuse" (arXiv 2107.07651), kept in BLIP (arXiv 2201.12086): for each picture one wrong text and for
each text one wrong picture, drawn in proportion to their contrastive similarity.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from geoglot.core.errors import InputError
from geoglot.nn.gather import mean_of_all


def hard_negatives(logits: Tensor, same: Tensor, rng: Generator | None = None) -> tuple[Tensor, Tensor]:
    """Draw a wrong text (B,) for each picture and a wrong picture (B,) for each text, by number.

    ``logits`` (B, B) are contrastive similarities times their scale, pictures in rows; ``same`` (B,) marks equal texts, which
    are never wrong for each other. Raises InputError for a batch in which a row has no wrong partner.
    """
    right = same[:, None] == same[None, :]
    if bool(right.all(1).any()):
        raise InputError("image-text matching needs two different texts in a batch: use larger batches or more varied texts")
    with torch.no_grad():
        found = []
        for scores in (logits, logits.T):
            chance = scores.float().masked_fill(right, -torch.inf).softmax(1)
            found.append(torch.multinomial(chance, 1, generator=rng)[:, 0])
    return found[0], found[1]


def matching(fuse: Callable[[Tensor, Tensor], Tensor], logits: Tensor, same: Tensor, rng: Generator | None = None) -> Tensor:
    """Give the mean cross-entropy over right pairs, pictures with wrong texts, and texts with wrong pictures (3 B pairs).

    ``fuse(pictures, texts)`` takes numbers of pictures (N,) and of texts (N,) in the batch and gives logits (N, 2), the
    second for "belongs together" (`nn.fusion.Fusion`). For ``logits`` and ``same`` see `hard_negatives`.
    """
    wrong_text, wrong_picture = hard_negatives(logits, same, rng)
    rows = torch.arange(len(same), device=same.device)
    told = fuse(torch.cat([rows, rows, wrong_picture]), torch.cat([rows, wrong_text, rows]))
    truth = torch.cat([torch.ones_like(rows), torch.zeros_like(rows), torch.zeros_like(rows)])
    total = F.cross_entropy(told.float(), truth, reduction="sum")
    return mean_of_all(total, torch.tensor(len(truth), device=total.device))
