"""Training: our loop beside a plain one, the price of gradient caching, and what compiling brings, as markdown tables.

Seconds are of the processor (user and system, all threads), so that other work on the machine changes them little; figures by
the clock say so. The embedded model's towers learn on random pictures, from the second stage up, in bfloat16 where nothing else
is said. The plain loop is what one writes by hand with torch alone: autocast, AdamW, clipping, a schedule and a running average
of the weights.

    python benchmarks/train.py [--batch 32] [--side 96] [--steps 12] [--rounds 5] [--parts loop,cache,compile]
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from common import machine, paired, ratio

Batch = tuple[Any, Tensor, Tensor]


def parts(batch: int, side: int, seed: int = 0) -> tuple[Any, Callable[[int], Batch], Any, list[Any]]:
    """The model, its batches, its loss and its groups, as the recipe of nano makes them."""
    from geoglot.models.files import native
    from geoglot.models.nano import restore
    from geoglot.nn.batch import ImageBatch
    from geoglot.nn.cells import channels_last
    from geoglot.train.loop import Split
    from geoglot.zoo import nano

    model = restore(native("nano"))[0].requires_grad_(True)
    model.head.dropout.p = 0.0  # whose draws would be other ones in parts, so that losses could not be compared
    channels_last(model)
    recipe = nano.Recipe()
    groups = nano.groups(model, recipe)
    made = []
    for number in range(4):
        rng = torch.Generator().manual_seed(seed + number)
        pixels = torch.rand(batch, 3, side, side, generator=rng)
        made.append((ImageBatch.of(pixels), torch.randn(batch, 384, generator=rng), torch.arange(batch)))
    loss = Split(nano.embed, lambda outputs, rows: nano.compare(recipe, outputs, rows))
    return model, lambda index: made[index % 4], loss, groups


class Clock:
    """Hands out batches and notes the processor's time: what passes between two calls is one step."""

    def __init__(self, source: Callable[[int], Batch]) -> None:
        self.source, self.seen = source, []

    def __call__(self, index: int) -> Batch:
        self.seen.append(time.process_time())
        return self.source(index)

    def step(self) -> float:
        """The median of the steps after the first."""
        return statistics.median(b - a for a, b in zip(self.seen[1:], self.seen[2:], strict=False))


def ours(batch: int, side: int, steps: int, **update: Any) -> dict[str, float]:
    """Steps a second of our loop, from its own log, without start and checkpoint; seconds a step; the last loss."""
    from geoglot.train.loop import TrainConfig, fit

    model, source, loss, groups = parts(batch, side)
    clock = Clock(source)
    config = TrainConfig(steps=steps, warmup=2, log_every=steps, save_every=steps, **update)
    with tempfile.TemporaryDirectory() as folder:
        fit(model, clock, loss, groups, config, Path(folder))
        row = json.loads((Path(folder) / "metrics.jsonl").read_text().splitlines()[-1])
    return {"rate": row["steps_per_s"], "step": clock.step() if steps > 2 else 0.0, "loss": row["loss"]}


def plain(batch: int, side: int, steps: int) -> dict[str, float]:
    """The same figures of a plain loop."""
    import torch.nn.functional as F

    model, source, _, groups = parts(batch, side)
    optimiser = torch.optim.AdamW([{"params": list(g.parameters), "lr": g.lr, "base": g.lr} for g in groups], weight_decay=0.05)
    trained = [p for p in model.parameters() if p.requires_grad]
    average = [p.detach().clone() for p in trained]
    clock, start = Clock(source), time.perf_counter()
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = group["base"] * 0.5 * (1 + math.cos(math.pi * step / steps))
        model.train()
        images, sentences, numbers = clock(step)
        with torch.autocast("cpu", torch.bfloat16):
            image, text, scale = model(images, sentences)
        logits = image.float() @ text.float().T * scale
        loss = (F.cross_entropy(logits, numbers) + F.cross_entropy(logits.T, numbers)) / 2
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        optimiser.zero_grad()
        with torch.no_grad():
            for held, value in zip(average, trained, strict=True):
                held.lerp_(value, 0.002)
        last = float(loss.detach())
    return {"rate": steps / (time.perf_counter() - start), "step": clock.step(), "loss": last}


def peak() -> float:
    """The largest memory of this process so far, in MB."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


def alone(batch: int, side: int, steps: int, **update: Any) -> dict[str, float]:
    """The figures of one run in a process of its own, with the memory that it added at most."""
    ours(2, 64, 1)  # so that libraries are loaded
    before = peak()
    row = ours(batch, side, steps, **update)
    return row | {"memory": peak() - before}


def elsewhere(arguments: list[Any], update: dict[str, Any]) -> dict[str, float]:
    told = [sys.executable, __file__, "--one", json.dumps(arguments), json.dumps(update)]
    done = subprocess.run(told, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def loop(args: argparse.Namespace) -> None:
    """Our loop and the plain one in turn."""
    runs = {
        "ours": lambda: ours(args.batch, args.side, args.steps),
        "plain": lambda: plain(args.batch, args.side, args.steps),
    }
    for run in runs.values():
        run()
    found = paired(runs, args.rounds)
    print("| loop | seconds a step | pictures/s by the clock, best |\n|---|---|---|")
    for name, rows in found.items():
        seconds, best = statistics.median(row["step"] for row in rows), max(row["rate"] for row in rows)
        print(f"| {name} | {seconds:.2f} | {best * args.batch:.1f} |", flush=True)
    for told, figure, (a, b) in (
        ("of the processor", "step", ("plain", "ours")),
        ("of the clock", "rate", ("ours", "plain")),
    ):
        low, middle, high = ratio({name: [row[figure] for row in rows] for name, rows in found.items()}, a, b)
        print(
            f"\nspeed of ours to plain, by the time {told}: {middle:.2f} ({low:.2f} to {high:.2f} in {args.rounds} rounds)",
            flush=True,
        )


def cache(args: argparse.Namespace) -> None:
    """One large batch at once, and in parts of several sizes; the losses show that it is the same step (in float32)."""
    large, first = 8 * args.batch, None
    print("\n| rows at a time | seconds a step | against all | memory, MB | loss of step 4 |\n|---|---|---|---|---|")
    for size in (0, large // 4, large // 8, large // 16):
        row = elsewhere([large, args.side, 4], {"cache": size, "precision": "no"})
        first = first or row["step"]
        name, memory = size or f"{large}, all", f"{row['memory']:.0f}"
        print(f"| {name} | {row['step']:.1f} | {row['step'] / first:.2f} | {memory} | {row['loss']:.4f} |", flush=True)


def compiled(args: argparse.Namespace) -> None:
    """With and without compiling; its price is what the first two steps take more by the clock."""
    print("\n| compile | precision | seconds a step | first two steps, by the clock |\n|---|---|---|---|")
    for precision in ("no", "bf16"):
        for on in (False, True):
            start = elsewhere([args.batch, args.side, 2], {"compile": on, "precision": precision})
            whole = elsewhere([args.batch, args.side, 2 + args.steps], {"compile": on, "precision": precision})
            print(f"| {on} | {precision} | {whole['step']:.2f} | {2 / start['rate']:.0f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--side", type=int, default=96)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--parts", default="loop,cache,compile")
    parser.add_argument("--one", nargs=2, metavar=("ARGUMENTS", "UPDATE"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(alone(*json.loads(args.one[0]), **json.loads(args.one[1]))))
        return
    print(f"{machine()}, torch {torch.__version__}, {torch.get_num_threads()} threads; batch {args.batch} at {args.side} px\n")
    for part in args.parts.split(","):
        {"loop": loop, "cache": cache, "compile": compiled}[part](args)


if __name__ == "__main__":
    main()
