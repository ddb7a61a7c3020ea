"""Peak memory of `geoglot index` over one 30,000 x 30,000 raster with the embedded model: under 1.5 GiB.

Usage: python benchmarks/memory.py [--side 30000] [--work FOLDER]
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from common import machine, make_raster, whole

LIMIT = 1.5  # GiB


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=30000)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "geoglot-bench")
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    path = make_raster(given.work / f"large_rgb_{given.side}.tif", given.side, 3, "uint8", 0.5, overviews=False)
    out = given.work / "large-archive"
    shutil.rmtree(out, ignore_errors=True)
    seconds, peak = whole(["index", str(path), "-o", str(out)])
    pixels = given.side**2 / 1e6
    print(f"{machine()}\n")
    print(f"- {given.side} x {given.side} uint8 RGB, {path.stat().st_size / 2**30:.2f} GiB on disk, {pixels:.0f} megapixels")
    print(f"- {seconds:.0f} s, {pixels / seconds:.1f} megapixels/s")
    print(f"- peak resident memory {peak:.2f} GiB, limit {LIMIT} GiB: {'within' if peak < LIMIT else 'OVER'}")


if __name__ == "__main__":
    main()
