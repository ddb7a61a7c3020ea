"""A large generated GeoTIFF: how long it takes, how much memory, whether it has seams, and that a killed run ends the same.

The scene is drawn by `geoglot generate` in a process of its own. Seams: the mean gradient across the borders of windows against
equally many other lines (`metrics.seams`), for the layout in which latents become pixels and for that of the last step.

Usage: python benchmarks/generation.py [--model nano-gen] [--side 2048] [--steps N] [--kill SECONDS] [--work FOLDER]
"""

from __future__ import annotations

import argparse
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import rasterio
from rasterio.windows import Window

from common import machine, whole
from geoglot.geo.synthetic import mark_of
from geoglot.metrics.seams import Seams
from geoglot.models import generators
from geoglot.models.generator import Generator
from geoglot.models.windows import Layout

MINUTES = 20  # the bar for 2048 x 2048
CHANCE = 0.01  # below, what is seen at borders is no accident
ROWS = 256


def borders(model: Generator, shape: tuple[int, int], step: int) -> tuple[list[int], list[int]]:
    """First rows and columns at which a window begins or has ended, in pixels, at a step; 0 is the decoder's layout too."""
    area = tuple(max(model.side, -(-length // model.cell)) for length in shape)
    layout = Layout((area[0], area[1]), model.side, model.overlap, step)
    rows, cols = (sorted({place + end for place in places for end in (0, model.side)}) for places in (layout.rows, layout.cols))
    return [row * model.cell for row in rows], [col * model.cell for col in cols]


def strips(path: Path) -> Iterator[np.ndarray]:
    """Rows of a raster from the top down."""
    with rasterio.open(path) as file:
        for top in range(0, file.height, ROWS):
            yield file.read(window=Window(0, top, file.width, min(ROWS, file.height - top)))


def seams(model: Generator, path: Path) -> bool:
    """Print a line for each layout; whether none of them shows."""
    with rasterio.open(path) as file:
        shape, mark = file.shape, mark_of(file)
    assert mark is not None
    last = int(mark.settings["steps"]) - 1
    print("| layout | axis | borders | gradient across borders / elsewhere | range of other lines (95 %) | chance |")
    print("|---|---|---|---|---|---|")
    clean = True
    for name, step in (("decoder and first step", 0), ("last step", last)):
        rows, cols = borders(model, shape, step)
        found = Seams(shape, rows, cols, model.cell)
        for strip in strips(path):
            found.add(strip)
        told = found.result()
        for axis, lines in (("rows", rows), ("cols", cols)):
            ratio, low, high, chance = (told[f"{axis}_{key}"] for key in ("ratio", "low", "high", "chance"))
            print(f"| {name} | {axis} | {len(lines) - 2} | {ratio:.3f} | {low:.3f} to {high:.3f} | {chance:.3f} |")
            clean = clean and not chance < CHANCE
    return clean


def killed(command: list[str], seconds: float) -> None:
    """Begin a run and kill it, as a machine that goes down would."""
    child = subprocess.Popen([sys.executable, "-m", "geoglot", *command], stdout=subprocess.DEVNULL)
    time.sleep(seconds)
    child.send_signal(signal.SIGKILL)
    child.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="nano-gen")
    parser.add_argument("--side", type=int, default=2048)
    parser.add_argument("--words", default="farmland with a river and a village")
    parser.add_argument("--gsd", type=float, default=1.0)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--kill", type=float, metavar="SECONDS", help="kill a second run after so long, and let it go on")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "geoglot-bench")
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    files = [given.work / f"generated-{name}.tif" for name in ("whole", "killed")]
    for path in files:
        path.unlink(missing_ok=True)
    command = ["generate", given.words, "--model", given.model, "--at", "6.1,52.3"]
    command += ["--gsd", str(given.gsd), "--size", str(given.side)]
    command += [] if given.steps is None else ["--steps", str(given.steps)]
    print(f"{machine()}\n")
    seconds, peak = whole([*command, "-o", str(files[0])])
    used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    told = f", bar {MINUTES} minutes: {'within' if seconds < MINUTES * 60 else 'OVER'}" if given.side == 2048 else ""
    print(f"- {given.side} x {given.side} by {given.model}: {seconds:.0f} s, of which {used:.0f} s of one core{told}")
    print(f"- peak resident memory {peak:.2f} GiB; the file has {files[0].stat().st_size / 1e6:.1f} MB\n")
    clean = seams(generators.load(given.model, "cpu", "float32"), files[0])
    print(f"\n- seams: {'none' if clean else 'FOUND'}")
    if given.kill is not None:
        again = [*command, "-o", str(files[1])]
        killed(again, given.kill)
        left = (given.work / f".{files[1].name}.part").is_dir()
        rest, _ = whole(again)
        with rasterio.open(files[0]) as one, rasterio.open(files[1]) as other:
            same = bool((one.read() == other.read()).all())
        told = f"- killed after {given.kill:.0f} s (work kept: {left}), went on for {rest:.0f} s"
        print(f"{told}: {'the same pixels' if same else 'OTHER PIXELS'}")


if __name__ == "__main__":
    main()
