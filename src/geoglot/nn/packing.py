"""Several short rows in one long one, so that little of a batch is padding: who shares a row, and who may see whom."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from geoglot.core.errors import InputError


def shared(lengths: Sequence[int], limit: int) -> list[list[int]]:
    """Put rows of given lengths together, none longer than ``limit``: the longest first, each where it still fits.

    Raises InputError for a length that does not fit alone.
    """
    long = [k for k, length in enumerate(lengths) if length > limit]
    if long:
        raise InputError(
            f"row {long[0]} has {lengths[long[0]]:,} tokens, and a packed row holds {limit:,}: cut it, or allow more"
        )
    packs: list[list[int]] = []
    room: list[int] = []
    for k in sorted(range(len(lengths)), key=lambda k: -lengths[k]):
        place = next((p for p, left in enumerate(room) if left >= lengths[k]), None)
        if place is None:
            packs.append([])
            room.append(limit)
            place = len(packs) - 1
        packs[place].append(k)
        room[place] -= lengths[k]
    return [sorted(pack) for pack in packs]


def positions(of: Tensor) -> Tensor:
    """Places (B, T) of tokens within their own row, where ``of`` (B, T) numbers the rows from 1 and padding is 0."""
    start = torch.ones_like(of, dtype=torch.bool)
    start[:, 1:] = of[:, 1:] != of[:, :-1]
    place = torch.arange(of.shape[1], device=of.device).expand_as(of)
    return place - torch.where(start, place, 0).cummax(dim=1).values


def sight(of: Tensor, dtype: torch.dtype) -> Tensor:
    """What each token sees, as numbers (B, 1, T, T) to add to attention: itself and what came before it in its own row."""
    same = of[:, :, None] == of[:, None, :]
    before = torch.ones(of.shape[1], of.shape[1], dtype=torch.bool, device=of.device).tril()
    seen = same & before
    return torch.zeros(seen.shape, dtype=dtype, device=of.device).masked_fill(~seen, torch.finfo(dtype).min)[:, None]
