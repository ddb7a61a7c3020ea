"""Training: our loop beside a plain one, the price of gradient caching, and what compiling brings, as markdown tables.

The embedded model's towers learn on random pictures, from the second stage up, in bfloat16. The plain loop is what one
writes by hand with torch alone: autocast, AdamW, clipping, a schedule and a running average of the weights.

    python benchmarks/train.py [--batch 32] [--side 96] [--steps 12] [--rounds 5] [--parts loop,cache,compile]
"""

from __future__ import annotations

import argparse
import json
import math
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


def ours(batch: int, side: int, steps: int, **update: Any) -> dict[str, float]:
    """Steps a second of our loop, from its own log; the first step is in it, start and checkpoint are not."""
    from geoglot.train.loop import TrainConfig, fit

    model, source, loss, groups = parts(batch, side)
    config = TrainConfig(steps=steps, warmup=2, log_every=steps, save_every=steps, **update)
    with tempfile.TemporaryDirectory() as folder:
        fit(model, source, loss, groups, config, Path(folder))
        row = json.loads((Path(folder) / "metrics.jsonl").read_text().splitlines()[-1])
    return row


def plain(batch: int, side: int, steps: int) -> float:
    """Steps a second of a plain loop."""
    import torch.nn.functional as F

    model, source, _, groups = parts(batch, side)
    optimiser = torch.optim.AdamW([{"params": list(g.parameters), "lr": g.lr, "base": g.lr} for g in groups], weight_decay=0.05)
    trained = [p for p in model.parameters() if p.requires_grad]
    average = [p.detach().clone() for p in trained]
    start = time.perf_counter()
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = group["base"] * 0.5 * (1 + math.cos(math.pi * step / steps))
        model.train()
        images, sentences, numbers = source(step)
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
        float(loss.detach())
    return steps / (time.perf_counter() - start)


def peak() -> float:
    """The largest memory of this process so far, in MB."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


def alone(batch: int, side: int, steps: int, **update: Any) -> dict[str, float]:
    """One run in a process of its own: steps a second, the memory that it added at most, the loss of its last step."""
    ours(2, 64, 1)  # so that libraries are loaded
    before = peak()
    row = ours(batch, side, steps, **update)
    return {"rate": row["steps_per_s"], "memory": peak() - before, "loss": row["loss"]}


def elsewhere(arguments: list[Any], update: dict[str, Any]) -> dict[str, float]:
    told = [sys.executable, __file__, "--one", json.dumps(arguments), json.dumps(update)]
    done = subprocess.run(told, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def loop(args: argparse.Namespace) -> None:
    """Our loop and the plain one in turn."""
    runs = {
        "ours": lambda: ours(args.batch, args.side, args.steps)["steps_per_s"],
        "plain": lambda: plain(args.batch, args.side, args.steps),
    }
    for run in runs.values():
        run()
    found = paired(runs, args.rounds)
    low, middle, high = ratio(found, "ours", "plain")
    print("| loop | pictures/s, best | ratio of rounds: least, median, greatest |\n|---|---|---|")
    for name, values in found.items():
        told = f"{low:.2f}, {middle:.2f}, {high:.2f}" if name == "ours" else "1"
        print(f"| {name} | {max(values) * args.batch:.1f} | {told} |", flush=True)


def cache(args: argparse.Namespace) -> None:
    """One large batch at once, and in parts of several sizes; the float32 losses show that it is the same step."""
    large = 8 * args.batch
    print("\n| rows at a time | seconds a step | memory, MB | loss of step 2 |\n|---|---|---|---|")
    for size in (0, large // 4, large // 8, large // 16):
        row = elsewhere([large, args.side, 2], {"cache": size, "precision": "no"})
        print(f"| {size or f'{large}, all'} | {1 / row['rate']:.1f} | {row['memory']:.0f} | {row['loss']:.5f} |", flush=True)


def compiled(args: argparse.Namespace) -> None:
    """Runs of two lengths, so that the time of compiling is told apart from the time of a step."""
    print("\n| compile | precision | seconds before the second step | pictures/s after it |\n|---|---|---|---|")
    for precision in ("no", "bf16"):
        for on in (False, True):
            start = elsewhere([args.batch, args.side, 2], {"compile": on, "precision": precision})
            whole = elsewhere([args.batch, args.side, 2 + args.steps], {"compile": on, "precision": precision})
            first, total = 2 / start["rate"], (2 + args.steps) / whole["rate"]
            print(f"| {on} | {precision} | {first:.1f} | {args.batch * args.steps / max(total - first, 1e-9):.1f} |", flush=True)


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
