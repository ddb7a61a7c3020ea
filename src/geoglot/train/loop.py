"""The one training loop: any module, any loss, one process or many, resumable at every saved step to the same numbers.

Devices, mixed precision and data-parallel processes are `accelerate`'s. Every generator is set from the number of the batch,
so that nothing but the step has to be remembered for the order of the data and for dropout to be the same after a resume.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import Tensor, nn

from geoglot.core.config import Config
from geoglot.core.errors import ConfigError, DivergedError
from geoglot.core.progress import Progress, track
from geoglot.train import batches, cached, checkpoint, distribute
from geoglot.train.batches import Batch, Batches
from geoglot.train.cached import Split
from geoglot.train.config import TrainConfig
from geoglot.train.folder import RunFolder
from geoglot.train.optimise import Average, Group, clip, optimiser_of, put
from geoglot.train.schedules import rate

__all__ = ["Batch", "Group", "Loss", "Split", "TrainConfig", "fit"]

DRAW_EVERY = 60.0  # seconds between pictures of the curves while a run goes on

Loss = Callable[[nn.Module, Batch], tuple[Tensor, Mapping[str, float]]]
Validate = Callable[[nn.Module], Mapping[str, float]]


def fit(
    model: nn.Module,
    batch: Batches,
    loss: Loss,
    groups: Sequence[Group],
    config: TrainConfig,
    folder: Path,
    recipe: Config | None = None,
    validate: Validate | None = None,
) -> None:
    """Train in place; at the end the model carries the averaged weights.

    ``batch(i)`` gives the i-th batch, always the same one, so that a resumed run continues exactly; it may also tell
    the ``names`` of its rows and make one process's ``part`` (see `train.batches`). ``loss(module, batch)`` calls the module
    itself, not its parts, and gives the loss and figures to log. ``validate(model)`` runs in the main process.

    ``folder`` receives the resolved ``recipe`` (``config.toml``), ``metrics.jsonl``, ``curves.png``, ``run.json`` and
    ``last.pt``; where ``last.pt`` exists, the run continues from it. Raises ConfigError when the folder holds a run of
    another recipe, DivergedError when the loss is not finite, ResourceError when the disk is full.
    """
    if config.cache and not isinstance(loss, Split):
        raise ConfigError("train.cache cuts batches into parts, but this loss does not come in two parts: set train.cache=0")
    run = RunFolder(folder)
    accelerator = distribute.accelerator_of(config)
    distribute.agree(lambda: run.claim(recipe or config, TrainConfig.FREE), accelerator)
    trainer = Trainer(accelerator, model, batch, loss, groups, config, run, validate)
    start = trainer.resume()
    device = str(accelerator.device)
    distribute.agree(lambda: run.begin(start, accelerator.num_processes, device, config.precision), accelerator)
    show = (
        track(config.steps - start, "train", "steps") if accelerator.is_main_process and start < config.steps else nullcontext()
    )
    with show as progress:
        trainer.train(start, progress)
    trainer.finish()


class Trainer:
    """What a run holds while it runs.

    ``model`` is the caller's and carries the average where it is looked at; ``worker`` is what learns: the same module, or
    with FSDP its sharded copy; ``wrapped`` is how the loss calls it.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        model: nn.Module,
        batch: Batches,
        loss: Loss,
        groups: Sequence[Group],
        config: TrainConfig,
        run: RunFolder,
        validate: Validate | None,
    ) -> None:
        self.model, self.batch, self.loss, self.config, self.run, self.validate = model, batch, loss, config, run, validate
        self.accelerator = accelerator
        self.rank, self.world = self.accelerator.process_index, self.accelerator.num_processes
        self.sharded = config.parallel == "fsdp"
        if config.norms == "sync":
            nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]
        if self.sharded:
            self.worker = self.wrapped = distribute.shard(model, self.accelerator)
            names = {id(p): name for name, p in model.named_parameters()}
            own = dict(self.worker.named_parameters())
            groups = [Group([own[names[id(p)]] for p in group.parameters], group.lr) for group in groups]
        else:
            self.worker, self.wrapped = model, self.accelerator.prepare(model)
        self.forward: Any = torch.compile(self.wrapped) if config.compile else self.wrapped
        self.optimiser = self.accelerator.prepare(optimiser_of(groups, config, fused=not self.sharded))
        self.average = Average(self.worker, config.ema)
        self.best: float | None = None
        self.bad = 0
        self.drawn = time.monotonic()

    def train(self, start: int, progress: Progress | None) -> None:
        """Run the steps from ``start``, with what is logged, measured and saved after them."""
        config, clock, seen = self.config, time.monotonic(), start
        parts = config.accumulate

        def make(index: int) -> Batch:
            return batches.share(self.batch, index, self.rank, self.world)

        stream = batches.ahead(make, start * parts, config.steps * parts, config.prefetch)
        for step in range(start, config.steps):
            report = self._step(step, stream)
            if self.bad == 0:
                self.average.update(self.worker, step)
            done = step + 1
            ends = done == config.steps
            if done % config.log_every == 0 or ends:
                now = time.monotonic()
                self._log({"step": done, **report, "steps_per_s": round((done - seen) / (now - clock), 3)})
                clock, seen = now, done
            measured = None
            if self.validate is not None and (done % config.validate_every == 0 or ends):
                measured = self._measure(done)
                clock, seen = time.monotonic(), done
            if done % config.save_every == 0 or ends:
                self._save(done)
            if measured is not None and config.best is not None and config.best not in measured:
                raise ConfigError(f"train.best={config.best!r} is no figure of the validation: it gives {', '.join(measured)}")
            if progress is not None:
                progress.advance(note=f"loss {report['loss']}")

    def _step(self, step: int, stream: Iterator[Batch]) -> dict[str, float | None]:
        """One optimiser step, left out if its loss or gradient is not finite; gives what to log."""
        config, parts = self.config, self.config.accumulate
        for group in self.optimiser.param_groups:
            group["lr"] = group["base"] * rate(step, config)
        self.worker.train()
        if config.norms == "frozen":
            _freeze_norms(self.worker)
        report: dict[str, float] = {}
        suspect: tuple[int, Batch] | None = None
        for part in range(parts):
            index = step * parts + part
            self._seed(index, 0)
            batch = batches.to(next(stream), self.accelerator.device)
            value, extra = self._backward(batch, index, part == parts - 1)
            if suspect is None and (part == parts - 1 or not value.isfinite()):
                suspect = index, batch
            for name, number in {"loss": float(value), **extra}.items():
                report[name] = report.get(name, 0.0) + number / parts
        report = distribute.mean(report, self.accelerator)
        report["norm"] = clip(self.accelerator, self.worker, config.clip, self.sharded)
        # a scaler finds gradients that overflow, leaves the step out and scales less
        finite = math.isfinite(report["loss"]) and (math.isfinite(report["norm"]) or self.accelerator.scaler is not None)
        if finite:
            self.bad = 0
            self.optimiser.step()
        else:
            assert suspect is not None  # the last batch, if no other
            self._pass_over(step, report, *suspect)
        self.optimiser.zero_grad()
        return {name: round(number, 5) if math.isfinite(number) else None for name, number in report.items()}

    def _backward(self, batch: Batch, index: int, sync: bool) -> tuple[Tensor, Mapping[str, float]]:
        """Add the gradients of one batch; only the last of a step is sent to the other processes."""
        share = 1 / self.config.accumulate
        if self.config.cache:
            assert isinstance(self.loss, Split)  # as fit made sure

            def seed(part: int) -> None:
                self._seed(index, part)

            return cached.backward(self.loss, self.accelerator, self.forward, batch, self.config.cache, share, seed, sync)
        with nullcontext() if sync else distribute.apart(self.wrapped):
            value, extra = self.loss(self.forward, batch)
            self.accelerator.backward(value * share)
        return value.detach(), extra

    def _seed(self, index: int, part: int) -> None:
        """Set all generators of this process for a part of a batch."""
        number = self.config.seed * 1_000_003 + index + self.rank * 15_485_863 + part * 32_452_843
        set_seed(number % 2**31)

    def _pass_over(self, step: int, report: Mapping[str, float], index: int, batch: Batch) -> None:
        """Leave a step out, or stop. Raises DivergedError."""
        self.bad += 1
        rows = distribute.told(batches.told(self.batch, index, batch, self.rank), self.accelerator)
        if self.bad <= self.config.skip:
            self._log({"step": step + 1, "skipped": self.bad})
            if self.accelerator.scaler is not None:
                self.accelerator.scaler.update()
            return
        what = "loss" if not math.isfinite(report["loss"]) else "gradient"
        number = report["loss"] if what == "loss" else report["norm"]
        first = step * self.config.accumulate
        which = f"batch {first}" if self.config.accumulate == 1 else f"batches {first} to {first + self.config.accumulate - 1}"
        kept = f"{self.run.last} holds the weights before" if self.run.last.exists() else "no checkpoint was written yet"
        raise DivergedError(
            f"The {what} is {number} at step {step + 1} ({which}{rows}); the step was not taken, "
            f"and {kept}. Look at the data of that batch; lower the learning rates, use more warm-up or a "
            'smaller train.clip, or train.precision="no"; or pass over single bad steps with --set train.skip=3 (the run then '
            "goes on in the same folder)."
        )

    def _measure(self, step: int) -> Mapping[str, float] | None:
        """Validate with the average, in the main process, and keep the best."""
        with self._averaged():
            if self.accelerator.is_main_process and self.validate is not None:
                figures = dict(self.validate(self.model))
                self._log({"step": step, **figures})
                if time.monotonic() - self.drawn > DRAW_EVERY:
                    self.run.draw()
                    self.drawn = time.monotonic()
                value = figures.get(self.config.best or "")
                if value is not None and (self.best is None or value > self.best):
                    self.best = value
                    weights = {name: distribute.whole(tensor) for name, tensor in _learned(self.model).items()}
                    checkpoint.save(self.run.best, {"step": step, "figures": figures, "model": weights})
            else:
                figures = None
        self.accelerator.wait_for_everyone()
        return figures

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        """Let the caller's model carry the average inside the block."""
        if self.sharded:
            put(self.model, distribute.whole(self.average.shadow))
            held = dict(self.model.named_buffers())
            for name, buffer in self.worker.named_buffers():
                held[name].copy_(buffer)
            yield
        else:
            with self.average.applied(self.model):
                yield

    def _log(self, row: Mapping[str, Any]) -> None:
        if self.accelerator.is_main_process:
            self.run.log(row)

    def _save(self, step: int) -> None:
        """Write the checkpoint: the main process, from what all put together."""
        scaler = self.accelerator.scaler
        content = {
            "step": step,
            "best": self.best,
            "bad": self.bad,
            "model": distribute.whole(_learned(self.worker)),
            "average": distribute.whole(self.average.shadow),
            "optimiser": distribute.whole(self.optimiser.state_dict()),
            "scaler": None if scaler is None else scaler.state_dict(),
        }
        distribute.agree(lambda: checkpoint.save(self.run.last, content), self.accelerator)

    def resume(self) -> int:
        """Go to where the last checkpoint was, and give its step; 0 without one."""
        if not self.run.last.exists():
            return 0
        found = checkpoint.load(self.run.last)
        own = _learned(self.worker)
        with torch.no_grad():
            for name, value in found["model"].items():
                own[name].copy_(distribute.like(value, own[name]))
        shadow = self.average.shadow
        self.average.shadow = {name: distribute.like(value, shadow[name]) for name, value in found["average"].items()}
        parameters = [p for group in self.optimiser.param_groups for p in group["params"]]
        for number, state in found["optimiser"]["state"].items():
            for name, value in state.items():
                if isinstance(value, Tensor) and value.shape == parameters[number].shape and value.ndim:
                    state[name] = distribute.like(value, parameters[number])
        self.optimiser.load_state_dict(found["optimiser"])
        if self.accelerator.scaler is not None and found["scaler"] is not None:
            self.accelerator.scaler.load_state_dict(found["scaler"])
        self.best, self.bad = found["best"], found["bad"]
        return int(found["step"])

    def finish(self) -> None:
        """Give the caller's model the average, and take off what was wrapped around it."""
        with self._averaged():
            final = {name: value.detach().clone() for name, value in self.model.named_parameters() if name in self.average.shadow}
        put(self.model, final)
        if not self.sharded:
            self.accelerator.unwrap_model(self.wrapped, keep_fp32_wrapper=False)
        if self.accelerator.is_main_process:
            self.run.draw()
        self.accelerator.wait_for_everyone()


def _learned(model: nn.Module) -> dict[str, Tensor]:
    """Parameters that are trained, and the buffers that a state dict holds (statistics of norms)."""
    kept = model.state_dict(keep_vars=True)
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    buffers = {name for name, _ in model.named_buffers()}
    return {name: value.detach() for name, value in kept.items() if name in trained or name in buffers}


def _freeze_norms(model: nn.Module) -> None:
    for part in model.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.eval()
