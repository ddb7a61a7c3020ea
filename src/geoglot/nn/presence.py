"""A head that says which of some kinds of things a picture shows, by a line on what the frozen tower sees of it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geoglot.core.config import Config

PULLS = (0.03, 0.01, 0.003, 0.001)  # weights of the penalty that are tried on pictures left out of the fit
LEFT_OUT = 5  # every so many pictures are left out


class PresenceConfig(Config):
    """How many numbers tell of a picture, and of how many kinds is spoken."""

    features: int
    kinds: int


class Presence(nn.Module):
    """Logits (B, kinds) of numbers (B, features)."""

    def __init__(self, config: PresenceConfig) -> None:
        super().__init__()
        self.config = config
        self.line = nn.Linear(config.features, config.kinds)
        self.register_buffer("mean", torch.zeros(config.features))
        self.register_buffer("std", torch.ones(config.features))
        self.mean: Tensor
        self.std: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """Logits; 0 is as likely as not, where as many pictures have a kind as lack it."""
        made: Tensor = self.line((x - self.mean) / self.std)
        return made


def fit(x: Tensor, has: Tensor, known: Tensor) -> Presence:
    """Logistic regression of kinds that pictures (N, features) have (N, kinds), where that is ``known`` (N, kinds).

    Either answer weighs the same in all. The penalty is that of the best loss on every fifth picture, then all are taken.
    """
    head = Presence(PresenceConfig(features=x.shape[1], kinds=has.shape[1]))
    head.mean.copy_(x.mean(0))
    head.std.copy_(x.std(0).clamp(min=1e-3))
    y, weight = has.float(), _weights(has, known)
    x = (x - head.mean) / head.std
    kept = torch.arange(len(x)) % LEFT_OUT > 0

    def missed(pull: float) -> float:
        _descend(head.line, x[kept], y[kept], weight[kept], pull)
        with torch.no_grad():
            return float(_loss(head.line(x[~kept]), y[~kept], weight[~kept]))

    _descend(head.line, x, y, weight, min(PULLS, key=missed))
    return head.eval().requires_grad_(False)


def _weights(has: Tensor, known: Tensor) -> Tensor:
    yes, no = (has & known).float(), (~has & known).float()
    made: Tensor = yes / yes.sum(0).clamp(min=1) + no / no.sum(0).clamp(min=1)
    return made


def _loss(logits: Tensor, y: Tensor, weight: Tensor) -> Tensor:
    return (F.binary_cross_entropy_with_logits(logits, y, reduction="none") * weight).sum() / weight.sum().clamp(min=1e-9)


def _descend(line: nn.Linear, x: Tensor, y: Tensor, weight: Tensor, pull: float) -> None:
    nn.init.zeros_(line.weight)
    nn.init.zeros_(line.bias)
    parameters = [p.requires_grad_(True) for p in line.parameters()]
    steps = torch.optim.LBFGS(parameters, max_iter=60, history_size=10, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        steps.zero_grad()
        loss = _loss(line(x), y, weight) + pull * line.weight.square().sum() / line.out_features
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    steps.step(closure)  # type: ignore[no-untyped-call]
