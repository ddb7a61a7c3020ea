"""Parameters in groups with their learning rates, the optimiser over them, and the running average of the weights."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from accelerate import Accelerator
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from geoglot.train.config import TrainConfig

# names of numbered layers in our towers and in transformers'
LAYER = re.compile(r"(?:^|\.)(?:layers|stages|blocks|resblocks|layer)\.(\d+)\.|(?:^|\.)layer(\d+)\.")
FIRST = re.compile(r"(?:^|\.)(?:stem|embeddings|words|places|conv\d|bn\d|pre_layrnorm|patch_embed)(?:\.|$)")


@dataclass(frozen=True)
class Group:
    """Parameters that share a learning rate; vectors and scalars among them (norms, biases, scales) never decay."""

    parameters: Sequence[nn.Parameter]
    lr: float


def layerwise(module: nn.Module, lr: float, decay: float) -> list[Group]:
    """Give the trainable parameters by depth: the last layer and what follows learn at ``lr``, each earlier at ``decay`` of it.

    The depth is read from the names: `layers.3.`, `stages.0.`; embeddings and stems come before the first layer.
    """
    depths: dict[int, list[nn.Parameter]] = {}
    named = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
    numbers = [int(found[1] or found[2]) for name, _ in named if (found := LAYER.search(name))]
    top = max(numbers, default=0) + 1
    for name, parameter in named:
        found = LAYER.search(name)
        depth = int(found[1] or found[2]) + 1 if found else 0 if FIRST.search(name) else top
        depths.setdefault(depth, []).append(parameter)
    return [Group(depths[depth], lr * decay ** (top - depth)) for depth in sorted(depths)]


def optimiser_of(groups: Iterable[Group], config: TrainConfig, fused: bool = True) -> torch.optim.AdamW:
    """Make AdamW; each of its groups keeps its learning rate before the schedule as ``base``.

    ``fused`` takes one kernel for all parameters, which must then all be of one kind (not some of them sharded).
    """
    made = []
    for group in groups:
        for decays in (True, False):
            held = [p for p in group.parameters if (p.ndim >= 2) is decays]
            if held:
                weight_decay = config.weight_decay if decays else 0.0
                made.append({"params": held, "lr": group.lr, "base": group.lr, "weight_decay": weight_decay})
    return torch.optim.AdamW(made, betas=config.betas, fused=fused, foreach=False)


def clip(accelerator: Accelerator, model: nn.Module, limit: float, sharded: bool) -> float:
    """Scale the gradients so that their norm is at most ``limit``; gives the norm before, the same in all processes."""
    if not sharded:
        return float(accelerator.clip_grad_norm_(model.parameters(), limit))
    spread: list[DTensor] = []
    loose: list[Tensor] = []
    for parameter in model.parameters():
        if parameter.grad is not None:
            if isinstance(parameter.grad, DTensor):
                spread.append(parameter.grad)
            else:
                loose.append(parameter.grad)
    for grad in loose:  # scalars, which are not spread: FSDP leaves their gradients alone
        dist.all_reduce(grad)
        grad /= accelerator.num_processes
    square = torch.zeros((), device=accelerator.device)
    for grad in spread:
        square += grad.to_local().float().square().sum()
    dist.all_reduce(square)
    norm = float((square + sum(grad.float().square().sum() for grad in loose)).sqrt())
    if norm > limit:
        for grad in [*spread, *loose]:
            grad *= limit / (norm + 1e-6)
    return norm


class Average:
    """An exponential moving average of the parameters that are trained."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.shadow = {n: p.detach().clone() for n, p in model.named_parameters() if p.requires_grad}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Move towards the model, faster in the first steps."""
        decay = min(self.decay, (1 + step) / (10 + step))
        kinds: dict[type, list[tuple[Tensor, Tensor]]] = {}
        for name, value in model.named_parameters():
            if name in self.shadow:
                kinds.setdefault(type(value.data), []).append((self.shadow[name], value.detach()))
        for pairs in kinds.values():  # one call takes sharded tensors or plain ones
            torch._foreach_lerp_([a for a, _ in pairs], [b for _, b in pairs], 1 - decay)

    @contextmanager
    def applied(self, model: nn.Module) -> Iterator[None]:
        """Let the model carry the average inside the block."""
        held = {n: p.detach().clone() for n, p in model.named_parameters() if n in self.shadow}
        put(model, self.shadow)
        try:
            yield
        finally:
            put(model, held)


@torch.no_grad()
def put(model: nn.Module, values: Mapping[str, Tensor]) -> None:
    """Copy values into the parameters of those names."""
    for name, parameter in model.named_parameters():
        if name in values:
            parameter.copy_(values[name])
