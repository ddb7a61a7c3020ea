"""Load time, memory and images a second of published architectures by size and number format, as a markdown table.

The weights are random and of the published shapes, written once to a temporary folder as an open_clip state dict in float16
(how the checkpoints come). Each row runs in a process of its own: the memory is that process's peak while it loads and runs.

    python benchmarks/models.py [--sizes rn50,vit-b-32,vit-l-14] [--batch 8] [--seconds 5]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from common import machine

SIZES = {
    "rn50": (None, 1024, 512),
    "vit-b-32": ((768, 32, 12, 49), 512, 512),
    "vit-l-14": ((1024, 14, 24, 256), 768, 768),
}
FORMATS = ("float32", "bfloat16")


def blocks(start: str, width: int, layers: int) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for number in range(layers):
        at = f"{start}transformer.resblocks.{number}."
        found |= {f"{at}attn.in_proj_weight": (3 * width, width), f"{at}attn.in_proj_bias": (3 * width,)}
        for name, out, into in (
            ("attn.out_proj", width, width),
            ("mlp.c_fc", 4 * width, width),
            ("mlp.c_proj", width, 4 * width),
        ):
            found |= {f"{at}{name}.weight": (out, into), f"{at}{name}.bias": (out,)}
        found |= {f"{at}{norm}.{part}": (width,) for norm in ("ln_1", "ln_2") for part in ("weight", "bias")}
    return found


def write(path: Path, size: str) -> None:
    """A state dict of a published architecture with random weights."""
    from geoglot.encoders.clip_resnet import ClipResNet, ClipResNetConfig

    vision, dim, width = SIZES[size]
    shapes: dict[str, tuple[int, ...]] = blocks("", width, 12)
    shapes |= {"token_embedding.weight": (49408, width), "positional_embedding": (77, width), "text_projection": (width, dim)}
    shapes |= {"ln_final.weight": (width,), "ln_final.bias": (width,), "logit_scale": ()}
    state = {}
    if vision is None:
        state = {f"visual.{name}": value for name, value in ClipResNet(ClipResNetConfig()).state_dict().items()}
    else:
        w, patch, layers, cells = vision
        shapes |= blocks("visual.", w, layers)
        shapes |= {"visual.class_embedding": (w,), "visual.positional_embedding": (cells + 1, w), "visual.proj": (w, dim)}
        shapes |= {"visual.conv1.weight": (w, 3, patch, patch)}
        shapes |= {f"visual.{norm}.{part}": (w,) for norm in ("ln_pre", "ln_post") for part in ("weight", "bias")}
    state |= {name: torch.randn(shape) * 0.02 for name, shape in shapes.items()}
    torch.save({name: value.half() if value.is_floating_point() else value for name, value in state.items()}, path)


def peak() -> float:
    """The largest memory of this process so far, in MB; getrusage would count what its parent had before it."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


def measure(path: Path, dtype: str, batch: int, seconds: float) -> dict[str, float]:
    """Load a file and run batches for some seconds; the libraries are imported before the clock starts."""
    import transformers.models.clip.modeling_clip

    from geoglot import models
    from geoglot.nn.batch import ImageBatch

    assert transformers
    before = peak()
    start = time.perf_counter()
    model = models.load(path, dtype=dtype, activation="quick_gelu")
    load = time.perf_counter() - start
    images = ImageBatch.of(torch.rand(batch, 3, model.spec.size, model.spec.size))
    model.image(images)
    done, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        model.image(images)
        done += batch
    rate = done / (time.perf_counter() - start)
    return {"load": load, "memory": peak() - before, "rate": rate, "threads": torch.get_num_threads()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default=",".join(SIZES))
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--one", nargs=2, metavar=("FILE", "FORMAT"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measure(Path(args.one[0]), args.one[1], args.batch, args.seconds)))
        return
    print(f"{machine()}, torch {torch.__version__}; batch {args.batch}; random weights\n")
    print("| model | file, MB | format | load, s | memory, MB | images/s |\n|---|---|---|---|---|---|")
    for size in args.sizes.split(","):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{size}.pt"
            write(path, size)
            for dtype in FORMATS:
                options = ["--batch", str(args.batch), "--seconds", str(args.seconds), "--one", str(path), dtype]
                told = subprocess.run([sys.executable, __file__, *options], check=True, capture_output=True, text=True).stdout
                row = json.loads(told.splitlines()[-1])
                mb = path.stat().st_size / 1e6
                print(
                    f"| {size} | {mb:.0f} | {dtype} | {row['load']:.1f} | {row['memory']:.0f} | {row['rate']:.1f} |", flush=True
                )


if __name__ == "__main__":
    main()
