"""From the shell to the answer: `geoglot search` on a small archive under 3 s, `geoglot --help` under 0.3 s.

Beside them a bare `python -c pass` and an import of torch, to tell the machine's share.
Usage: python benchmarks/startup.py [--archive FOLDER] [--rounds 7] [--work FOLDER]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import machine, make_raster


def seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def small_archive(work: Path) -> Path:
    """100 tiles of one raster, indexed with the embedded model."""
    work.mkdir(parents=True, exist_ok=True)
    raster, out = make_raster(work / "small_1440.tif", 1440), work / "small-archive"
    command = [sys.executable, "-m", "geoglot", "index", str(raster), "-o", str(out)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--archive", type=Path, help="an archive made with nano; by default a small one is made")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "geoglot-bench")
    given = parser.parse_args()
    geoglot = [sys.executable, "-m", "geoglot"]
    archive = given.archive or small_archive(given.work)
    runs = {
        "python -c pass": ([sys.executable, "-c", "pass"], None),
        "import torch": ([sys.executable, "-c", "import torch"], None),
        "geoglot --help": ([*geoglot, "--help"], 0.3),
        "geoglot search": ([*geoglot, "search", str(archive), "storage tanks by the water"], 3.0),
    }
    found: dict[str, list[float]] = {name: [] for name in runs}
    for command, _ in runs.values():
        seconds(command)  # warm the disk cache
    for _ in range(given.rounds):
        for name, (command, _) in runs.items():
            found[name].append(seconds(command))
    print(f"{machine()}, {given.rounds} rounds in turn\n")
    for name, values in found.items():
        limit = runs[name][1]
        print(
            f"- {name}: {statistics.median(values):.2f} s ({min(values):.2f} to {max(values):.2f})"
            + (f", limit {limit} s" if limit else "")
        )


if __name__ == "__main__":
    main()
