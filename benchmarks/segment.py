"""`geoglot segment` with the embedded model: beside a per-window loop, formats of numbers, memory and time by size, seams.

- speed: `segment` over a plain loop, one window of the model's own size at a time, half of which neighbours share, the scores of
  each upsampled to pixels and summed up (what published code does), in the same format of numbers: at least 2 times; in the best
  format over float32: at least 3 times; and the same loop with the windows of `segment`, for information.
- size: seconds and peak memory of rasters of growing side, each in a process of its own: under 1.5 GiB at 20,000 x 20,000.
- seams: classes of a real scene by windows of 512 against 768 pixels, of the scene as it is and cut out with another origin.

Usage: python benchmarks/segment.py [speed|size|seams ...] [--side 2000] [--sides 2500 5000 10000 20000] [--scene FILE]
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import rasterio
import torch
from rasterio.windows import Window

from common import machine, make_raster, paired, ratio, whole
from geoglot import models
from geoglot.nn.batch import ImageBatch
from geoglot.tasks.classify import prompts
from geoglot.tasks.segment import segment
from geoglot.text.templates import read_labels

LABELS = "farmland|crops,lake|water|pond,forest|trees,town|houses|buildings"
LIMIT = 1.5  # GiB
SHIFT = 37, 53


def loop(model: models.Ready, path: Path, window: int, step: int) -> int:
    """What a user writes: a window at a time through the model, its scores upsampled and added up; gives pixels."""
    known = prompts.encode(model, read_labels(LABELS))
    text = torch.from_numpy(known.vectors).to(model.device)
    with rasterio.open(path) as file, torch.inference_mode():
        total = np.zeros((len(text), file.height, file.width), np.float32)
        count = np.zeros((file.height, file.width), np.float32)
        for row in sorted({min(at, file.height - window) for at in range(0, file.height, step)}):
            for col in sorted({min(at, file.width - window) for at in range(0, file.width, step)}):
                data = file.read(window=Window(col, row, window, window)).astype(np.float32) / 255
                cells = model.dense(ImageBatch.of(torch.from_numpy(data[None]).to(model.device)))
                scores = (cells @ text.T).movedim(-1, 1)
                large = torch.nn.functional.interpolate(scores, (window, window), mode="bilinear", align_corners=False)
                total[:, row : row + window, col : col + window] += large[0].float().cpu().numpy()
                count[row : row + window, col : col + window] += 1
        classes = (total / count).argmax(axis=0).astype(np.uint8) + 1
        with rasterio.open(path.with_suffix(".loop.tif"), "w", **file.profile | {"count": 1, "photometric": None}) as out:
            out.write(classes, 1)
    return classes.size


def rate(work: Callable[[], int], clock: Callable[[], float]) -> float:
    """Pixels a second of some work, by the clock on the wall or by that of this process, which other work does not slow."""
    start = clock()
    count = work()
    return count / (clock() - start)


def run(model: models.Ready, path: Path) -> int:
    out = path.with_suffix(".map.tif")
    out.unlink(missing_ok=True)
    made = segment(model, path, LABELS, out=out, progress=False)
    return made.shape[0] * made.shape[1]


def speed(work: Path, side: int, rounds: int, clock: Callable[[], float]) -> None:
    path = make_raster(work / f"speed_{side}.tif", side, overviews=False)
    found: dict[str, list[float]] = {}
    held = {name: models.load("nano", dtype=name) for name in ("float32", "bfloat16")}
    runs = {}
    for name, model in held.items():
        own = model.cells.window
        runs[f"segment {name}"] = partial(rate, partial(run, model, path), clock)
        runs[f"loop {model.spec.size}/{model.spec.size // 2} {name}"] = partial(
            rate, partial(loop, model, path, model.spec.size, model.spec.size // 2), clock
        )
        runs[f"loop {own}/{own - 2 * model.cells.margin} {name}"] = partial(
            rate, partial(loop, model, path, own, own - 2 * model.cells.margin), clock
        )
    found = paired(runs, rounds)
    unit = "second of CPU" if clock is time.process_time else "second"
    print(f"## speed, {side} x {side} pixels, megapixels a {unit} (median of {rounds} rounds)\n")
    for name, values in found.items():
        print(f"- {name}: {statistics.median(values) / 1e6:.3f}")
    size = held["float32"].spec.size
    for name in held:
        low, middle, high = ratio(found, f"segment {name}", f"loop {size}/{size // 2} {name}")
        print(f"- segment over the loop, {name}: {middle:.2f} ({low:.2f} to {high:.2f}), wanted 2")
        own = held[name].cells
        low, middle, high = ratio(found, f"segment {name}", f"loop {own.window}/{own.window - 2 * own.margin} {name}")
        print(f"- segment over a loop with its own windows, {name}: {middle:.2f} ({low:.2f} to {high:.2f})")
    low, middle, high = ratio(found, "segment bfloat16", "segment float32")
    print(f"- segment bfloat16 over float32: {middle:.2f} ({low:.2f} to {high:.2f}), wanted 3\n")


def sizes(work: Path, sides: list[int]) -> None:
    print("## time and memory by size\n")
    for side in sides:
        path = make_raster(work / f"size_{side}.tif", side, gsd=1.0, overviews=False)
        out = work / f"size_{side}.map.tif"
        out.unlink(missing_ok=True)
        seconds, peak = whole(["segment", str(path), "--labels", LABELS, "-o", str(out), "-q"])
        verdict = "within" if peak < LIMIT else "OVER"
        print(
            f"- {side} x {side}: {seconds:.0f} s, {side**2 / 1e6 / seconds:.2f} megapixels/s, "
            f"peak {peak:.2f} GiB, {verdict} {LIMIT}",
            flush=True,
        )
    print()


def seams(work: Path, scene: Path) -> None:
    model = models.load("nano")
    cut = work / "shifted" / scene.name  # of the same name, by which its sensor is known
    cut.parent.mkdir(exist_ok=True)
    row, col = SHIFT
    with rasterio.open(scene) as file:
        part = Window(col, row, file.width - col, file.height - row)
        profile = file.profile | {"height": part.height, "width": part.width, "transform": file.window_transform(part)}
        with rasterio.open(cut, "w", **profile) as out:
            out.write(file.read(window=part))
            out.descriptions, out.colorinterp = file.descriptions, file.colorinterp
    one, two = (segment(model, scene, LABELS, tile=tile, progress=False).read() for tile in (512, 768))
    three = segment(model, cut, LABELS, tile=768, progress=False).read()
    print(f"## seams, {scene.name}, {one.shape[0]} x {one.shape[1]} pixels, per cent of pixels with the same class\n")
    print(f"- windows of 512 and of 768: {100 * (one == two).mean():.2f}, wanted 99")
    same = one[row:, col:] == three
    margin = 64
    print(
        f"- windows of 512, and of 768 on the scene cut at row {row} and column {col}: {100 * same[margin:, margin:].mean():.2f}"
    )
    print(f"  ({100 * same.mean():.2f} with the {margin} pixels at the cut, which lack what lay beyond it)\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=["speed", "size", "seams", []], help="what to measure; all by default")
    parser.add_argument("--side", type=int, default=2000)
    parser.add_argument("--sides", type=int, nargs="+", default=[2500, 5000, 10000, 20000])
    parser.add_argument("--cpu", action="store_true", help="measure speed by CPU time, for a machine that does other work")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scene", type=Path, help="a real scene for the seams")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "geoglot-bench")
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    wanted = given.parts or ["speed", "size", "seams"]
    print(f"{machine()}, torch {torch.__version__}, {torch.get_num_threads()} threads\n")
    if "speed" in wanted:
        speed(given.work, given.side, given.rounds, time.process_time if given.cpu else time.perf_counter)
    if "size" in wanted:
        sizes(given.work, given.sides)
    if "seams" in wanted and given.scene is not None:
        seams(given.work, given.scene)
    print(f"peak memory of this process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")


if __name__ == "__main__":
    main()
