"""What the benchmarks share: test rasters, paired timing, the line about the machine."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin
from rasterio.windows import Window

BLOCK = 512


def machine() -> str:
    """One line about where the figures were measured."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        found = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        name = found[0] if found and found[0] else name
    return f"{os.cpu_count()} cores, {name}, Python {platform.python_version()}"


def texture(size: int, bands: int, seed: int, dtype: str) -> np.ndarray:
    """A patch (bands, size, size) with the spectrum of landscape (about 1/f), so that it compresses as imagery does."""
    rng = np.random.default_rng(seed)
    freq = np.hypot(*np.meshgrid(np.fft.fftfreq(size), np.fft.rfftfreq(size), indexing="ij"))
    freq[0, 0] = 1.0
    planes = []
    for _ in range(bands):
        spectrum = (rng.normal(size=freq.shape) + 1j * rng.normal(size=freq.shape)) / freq**2
        plane = np.fft.irfft2(spectrum, s=(size, size))
        planes.append((plane - plane.mean()) / plane.std())
    values = np.stack(planes)
    if dtype == "uint8":
        return np.clip(110 + 45 * values, 1, 255).astype(np.uint8)
    return np.clip(1200 + 500 * values, 1, 10000).astype(np.uint16)


def make_raster(path: Path, side: int, bands: int = 3, dtype: str = "uint8", gsd: float = 1.0, overviews: bool = True) -> Path:
    """A tiled, deflated GeoTIFF of `side` pixels in UTM, written block by block from a few patches."""
    if path.exists():
        return path
    patches = [texture(1024, bands, seed, dtype) for seed in range(6)]
    rng = np.random.default_rng(0)
    part = path.with_suffix(".part.tif")
    profile = {
        "driver": "GTiff",
        "width": side,
        "height": side,
        "count": bands,
        "dtype": dtype,
        "crs": "EPSG:32631",
        "transform": from_origin(500000, 5800000, gsd, gsd),
        "tiled": True,
        "blockxsize": BLOCK,
        "blockysize": BLOCK,
        "compress": "deflate",
        "predictor": 2,
        "zlevel": 3,
        "interleave": "pixel",
        "photometric": "RGB" if bands == 3 and dtype == "uint8" else "MINISBLACK",
        "bigtiff": "if_safer",
    }
    with rasterio.open(part, "w", **profile) as file:
        for row in range(0, side, BLOCK):
            for col in range(0, side, BLOCK):
                h, w = min(BLOCK, side - row), min(BLOCK, side - col)
                r, c = rng.integers(0, 1024 - BLOCK, 2)
                block = patches[rng.integers(len(patches))][:, r : r + h, c : c + w]
                file.write(block, window=Window(col, row, w, h))
        if bands == 4:
            file.descriptions = ("B02", "B03", "B04", "B08")
    if overviews:
        with rasterio.open(part, "r+") as file:
            file.build_overviews([2, 4, 8], rasterio.enums.Resampling.average)
    part.replace(path)
    return path


def paired(runs: dict[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """The figures of each run, called in turn `rounds` times, so that a ratio of one round shares the machine's mood."""
    found: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            found[name].append(run())
    return found


def ratio(found: dict[str, list[float]], ours: str, peer: str) -> tuple[float, float, float]:
    """Least, median and greatest of the ratio of two figures, round by round."""
    values = sorted(a / b for a, b in zip(found[ours], found[peer], strict=True))
    return values[0], statistics.median(values), values[-1]


def timed(work: Callable[[], int]) -> float:
    """Units a second of `work`, which returns how many units it did."""
    start = time.perf_counter()
    count = work()
    return count / (time.perf_counter() - start)


def whole(command: list[str]) -> tuple[float, float]:
    """Seconds and peak memory in GiB of `geoglot` with these words, in a process of its own."""
    start = time.perf_counter()
    child = subprocess.Popen([sys.executable, "-m", "geoglot", *command], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"geoglot {' '.join(command)} ended with {status}")
    return time.perf_counter() - start, used.ru_maxrss / 2**20
