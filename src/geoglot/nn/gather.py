"""Tensors of all processes side by side, with gradients, so that a loss over many processes is that over one large batch.

With one process, or without torch.distributed, everything passes through unchanged.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def world() -> tuple[int, int]:
    """Give the number of this process and how many there are."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


class _Gather(torch.autograd.Function):
    """Rows of all processes in their order; backward sums what every process wants of the own rows."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.rank, size = world()
        ctx.rows = len(x)
        parts = [torch.empty_like(x, memory_format=torch.contiguous_format) for _ in range(size)]
        dist.all_gather(parts, x.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        total = grads[0].contiguous().clone()
        dist.all_reduce(total)
        return total[ctx.rank * ctx.rows : (ctx.rank + 1) * ctx.rows]


def gather(x: Tensor) -> Tensor:
    """Give the rows (B, ...) of all processes as (world * B, ...), in the order of the processes.

    Every process must hold as many rows. The gradient of a row is the sum over the processes; where gradients of
    parameters are then averaged over the processes (as data-parallel training does), each process may compute the whole
    loss, or the mean over its own rows: both give the gradient of one large batch.
    """
    if world()[1] == 1:
        return x
    found: Tensor = _Gather.apply(x)  # type: ignore[no-untyped-call]
    return found


def mean_of_all(total: Tensor, count: Tensor) -> Tensor:
    """Give this process's part of the mean of all processes' terms: their sum is ``total``, their number ``count``.

    Averaged over the processes, the parts give (sum of all totals) / (sum of all counts), and so do their gradients: the
    mean over one large batch also where processes hold unequally many terms (tokens, masked patches). With no term at all
    it is zero.
    """
    count = count.detach().to(total.dtype)
    size = world()[1]
    if size > 1:
        count = count.clone()
        dist.all_reduce(count)
    return total * size / count.clamp(min=1)
