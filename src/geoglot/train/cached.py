"""Gradient caching: the gradients of a loss over a large batch, with the memory of a small one.

Gao et al. 2021, "Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup" (arXiv 2101.06983): embed all parts
without a graph, take the loss's gradient with respect to the embeddings, then embed part by part again and send it back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from geoglot.train import batches
from geoglot.train.distribute import apart

Outputs = tuple[Tensor, ...]
Report = Mapping[str, float]


@dataclass(frozen=True)
class Split:
    """A loss in two parts: ``embed(module, batch)`` works row by row, ``compare(outputs, batch)`` needs all rows.

    ``embed`` calls the module once and gives tensors with one row a row of the batch, and scalars (a logit scale), which do
    not depend on the batch. Called as it is, it is an ordinary loss.
    """

    embed: Callable[[nn.Module, Any], Outputs]
    compare: Callable[[Outputs, Any], tuple[Tensor, Report]]

    def __call__(self, module: nn.Module, batch: Any) -> tuple[Tensor, Report]:
        """Give the loss of a batch at once, and what to log beside it."""
        return self.compare(self.embed(module, batch), batch)


def backward(
    split: Split,
    accelerator: Accelerator,
    module: nn.Module,
    batch: Any,
    size: int,
    share: float,
    seed: Callable[[int], None],
    sync: bool = True,
) -> tuple[Tensor, Report]:
    """Add ``share`` of the loss's gradients to the parameters, ``size`` rows at a time; gives the loss, and what to log.

    ``seed(k)`` sets the generators before part k, in both passes, so that dropout drops the same. With ``sync`` False the
    gradients stay with this process.
    """
    total = batches.count(batch)
    parts = [batches.rows(batch, slice(start, start + size)) for start in range(0, total, size)]
    found = []
    with torch.no_grad():
        for number, part in enumerate(parts):
            seed(number)
            found.append(split.embed(module, part))
    leaves = [_join(tensors).requires_grad_(tensors[0].is_floating_point()) for tensors in zip(*found, strict=True)]
    value, report = split.compare(tuple(leaves), batch)
    # not through the accelerator: the embeddings are in float32, a scaled loss is for the parameters' gradients
    value.backward()  # type: ignore[no-untyped-call]
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        seed(number)
        with nullcontext() if last and sync else apart(module):
            outputs = split.embed(module, part)
            start = number * size
            # a scalar does not depend on the part: its gradient goes back once, with the part that is synchronised
            terms = [
                (output.float() * (leaf.grad[start : start + size] if output.ndim else leaf.grad).float()).sum()
                for output, leaf in zip(outputs, leaves, strict=True)
                if leaf.grad is not None and (output.ndim or last)
            ]
            accelerator.backward(torch.stack(terms).sum() * share)
    return value.detach(), report


def _join(tensors: tuple[Tensor, ...]) -> Tensor:
    return (torch.cat(tensors) if tensors[0].ndim else tensors[0]).detach().clone()
