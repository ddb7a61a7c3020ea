"""The one training loop: any module, any loss, resumable at every saved step, the same numbers after a resume.

Devices, mixed precision and gradient accumulation are `accelerate`'s; on a CPU its autocast to bfloat16 costs no speed
beside fp32 master weights (measured in the log).
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from geoglot.core.config import Config, dump_toml
from geoglot.core.errors import ConfigError


class TrainConfig(Config):
    """How long, how fast and how often; a step is one optimiser step of ``accumulate`` batches."""

    steps: int = 2000
    warmup: int = 100
    accumulate: int = 1
    weight_decay: float = 0.05
    clip: float = 1.0
    ema: float = 0.998
    seed: int = 0
    precision: Literal["no", "bf16"] = "bf16"
    log_every: int = 20
    save_every: int = 100
    validate_every: int = 500


@dataclass(frozen=True)
class Group:
    """Parameters that share a learning rate."""

    parameters: Sequence[nn.Parameter]
    lr: float


Batch = Any
Loss = Callable[[nn.Module, Batch], tuple[Tensor, Mapping[str, float]]]


def rate(step: int, config: TrainConfig) -> float:
    """Give the factor on the learning rates: linear warm-up, then a cosine to zero."""
    if step < config.warmup:
        return (step + 1) / config.warmup
    share = (step - config.warmup) / max(1, config.steps - config.warmup)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, share)))


class Average:
    """An exponential moving average of the parameters that are trained."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.shadow = {n: p.detach().clone() for n, p in model.named_parameters() if p.requires_grad}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Move towards the model, faster in the first steps."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, value in model.named_parameters():
            if name in self.shadow:
                self.shadow[name].lerp_(value.detach(), 1 - decay)

    @contextmanager
    def applied(self, model: nn.Module) -> Iterator[None]:
        """Let the model carry the average inside the block."""
        held = {n: p.detach().clone() for n, p in model.named_parameters() if n in self.shadow}
        self._put(model, self.shadow)
        try:
            yield
        finally:
            self._put(model, held)

    @staticmethod
    @torch.no_grad()
    def _put(model: nn.Module, values: Mapping[str, Tensor]) -> None:
        for name, parameter in model.named_parameters():
            if name in values:
                parameter.copy_(values[name])


def fit(
    model: nn.Module,
    batch: Callable[[int], Batch],
    loss: Loss,
    groups: Sequence[Group],
    config: TrainConfig,
    folder: Path,
    recipe: Config | None = None,
    validate: Callable[[nn.Module], Mapping[str, float]] | None = None,
) -> None:
    """Train in place; at the end the model carries the averaged weights.

    ``batch(i)`` gives the i-th batch, always the same one, so that a resumed run continues exactly. ``folder`` receives
    the resolved ``recipe`` (``config.toml``), ``metrics.jsonl`` and ``last.pt``; where ``last.pt`` exists, the run
    continues from it. Raises ConfigError when the folder holds a run of another recipe.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _claim(folder, recipe or config)
    accelerator = Accelerator(mixed_precision=config.precision, gradient_accumulation_steps=config.accumulate)
    optimiser = torch.optim.AdamW(
        [{"params": list(g.parameters), "lr": g.lr, "base": g.lr} for g in groups], weight_decay=config.weight_decay
    )
    average = Average(model, config.ema)
    start = _resume(folder / "last.pt", model, optimiser, average)
    wrapped, prepared = accelerator.prepare(model, optimiser)
    clock, seen = time.monotonic(), start
    with (folder / "metrics.jsonl").open("a", encoding="utf-8") as log:

        def write(row: Mapping[str, Any]) -> None:
            log.write(json.dumps(row) + "\n")
            log.flush()

        for step in range(start, config.steps):
            for group in optimiser.param_groups:
                group["lr"] = group["base"] * rate(step, config)
            report = _step(step, accelerator, wrapped, prepared, batch, loss, config)
            average.update(model, step)
            done = step + 1
            if done % config.log_every == 0 or done == config.steps:
                now = time.monotonic()
                write({"step": done, **report, "steps_per_s": round((done - seen) / (now - clock), 3)})
                clock, seen = now, done
            if validate is not None and (done % config.validate_every == 0 or done == config.steps):
                with average.applied(model):
                    write({"step": done, **validate(model)})
                clock, seen = time.monotonic(), done
            if done % config.save_every == 0 or done == config.steps:
                _save(folder / "last.pt", done, model, optimiser, average)
    Average._put(model, average.shadow)


def _step(
    step: int,
    accelerator: Accelerator,
    model: nn.Module,
    optimiser: Any,
    batch: Callable[[int], Batch],
    loss: Loss,
    config: TrainConfig,
) -> dict[str, float]:
    model.train()
    report: dict[str, float] = {}
    for part in range(config.accumulate):
        index = step * config.accumulate + part
        torch.manual_seed(config.seed * 1_000_003 + index)
        with accelerator.accumulate(model):
            value, extra = loss(model, batch(index))
            accelerator.backward(value)
            if accelerator.sync_gradients:
                norm = accelerator.clip_grad_norm_(model.parameters(), config.clip)
                report["norm"] = round(float(norm), 4)
            optimiser.step()
            optimiser.zero_grad()
        for name, number in {"loss": float(value.detach()), **extra}.items():
            report[name] = report.get(name, 0.0) + number / config.accumulate
    return {name: round(number, 5) for name, number in report.items()}


def _claim(folder: Path, recipe: Config) -> None:
    file, text = folder / "config.toml", dump_toml(recipe)
    if file.exists() and file.read_text(encoding="utf-8") != text:
        raise ConfigError(f"{folder} holds a run of another configuration: choose another folder, or empty this one")
    file.write_text(text, encoding="utf-8")


def _save(file: Path, step: int, model: nn.Module, optimiser: torch.optim.Optimizer, average: Average) -> None:
    weights = {n: p.detach() for n, p in model.named_parameters() if n in average.shadow}
    part = file.with_suffix(".part")
    torch.save({"step": step, "model": weights, "average": average.shadow, "optimiser": optimiser.state_dict()}, part)
    part.replace(file)


def _resume(file: Path, model: nn.Module, optimiser: torch.optim.Optimizer, average: Average) -> int:
    if not file.exists():
        return 0
    found = torch.load(file, weights_only=True, map_location="cpu")
    Average._put(model, found["model"])
    optimiser.load_state_dict(found["optimiser"])
    average.shadow = found["average"]
    return int(found["step"])
