"""Prompts that are learned: vectors beside the words for two classes, fitted on frozen image vectors.

After CoOp (Zhou et al. 2022, "Learning to prompt for vision-language models", arXiv 2109.01134), where the context is a few word
vectors that all classes share. What is learned ends as two texts, and so as one direction: an image's vector is all that is
needed to use it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from geoglot.nn.heads import LinearHead

Floats = NDArray[np.float32]
Encode = Callable[[Tensor], Tensor]  # from the context to unit vectors (2, D): of what is meant, and of all else


def learn(
    encode: Encode, start: Tensor, x: Floats, share: Floats, steps: int = 200, lr: float = 0.01, batch: int = 256, seed: int = 0
) -> LinearHead:
    """Fit context, scale and bias: the sigmoid of the head is the ``share`` (N,) that unit vectors ``x`` (N, D) stand for."""
    torch.manual_seed(seed)
    context = start.detach().clone().requires_grad_(True)
    scale, bias = torch.tensor(math.log(20.0), requires_grad=True), torch.zeros((), requires_grad=True)
    groups: list[dict[str, Any]] = [{"params": [context]}, {"params": [scale, bias]}]
    solver = torch.optim.AdamW(groups, lr=lr, weight_decay=0.0)
    images, target = torch.from_numpy(x), torch.from_numpy(share.astype(np.float32))

    def direction() -> Tensor:
        meant, other = encode(context)
        found: Tensor = scale.exp() * (meant - other)
        return found

    with torch.enable_grad():
        for step in range(steps):
            for group, top in zip(solver.param_groups, (lr, 3 * lr), strict=True):
                group["lr"] = top * 0.5 * (1 + math.cos(math.pi * step / steps))
            rows = torch.randint(len(images), (batch,))
            value = F.binary_cross_entropy_with_logits(images[rows] @ direction() + bias, target[rows])
            solver.zero_grad()
            value.backward()  # type: ignore[no-untyped-call]
            solver.step()
    with torch.no_grad():
        return LinearHead(direction()[None].numpy(), bias[None].numpy())


def beside(texts: Tensor) -> tuple[Encode, Tensor]:
    """A context in the joint space, for any model: one vector added to each of two texts (2, D)."""

    def encode(context: Tensor) -> Tensor:
        return F.normalize(texts + context, dim=-1)

    return encode, torch.zeros_like(texts)


def before(words: Tensor, mask: Tensor, tower: Callable[[Tensor, Tensor], Tensor], count: int) -> tuple[Encode, Tensor]:
    """A context of ``count`` word vectors that both classes share, before word vectors (2, T, D) with a mask (2, T).

    ``tower`` gives unit vectors (2, D) of word vectors; the first of each text (its mark of the beginning) stays first.
    """

    def encode(context: Tensor) -> Tensor:
        shared = context.expand(len(words), -1, -1)
        whole = torch.cat([words[:, :1], shared, words[:, 1:]], 1)
        seen = torch.cat([mask[:, :1], torch.ones(len(words), count, dtype=torch.bool), mask[:, 1:]], 1)
        return tower(whole, seen)

    spread = float(words[mask].std())
    start = torch.randn(count, words.shape[-1], generator=torch.Generator().manual_seed(0)) * spread
    return encode, start
