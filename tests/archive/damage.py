"""Damaged rasters among good ones: no crash, no hang, bounded memory, and every good file indexed.

As a script: `python tests/archive/damage.py --files 200`. The test suite does thirty.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from archive_kit import FakeEncoder, patchwork, write_scene

from geoglot.archive import Archive, index

Maker = Callable[[Path, random.Random], None]


def _picture(rng: random.Random, kind: str = "uint8") -> np.ndarray:
    made = patchwork(rng.choice([64, 150, 300]), rng.choice([64, 200, 320]), 16, rng.randrange(1000))
    return made if kind == "uint8" else (made.astype(kind) * 10)


def _profile(rng: random.Random) -> dict[str, object]:
    profile: dict[str, object] = {"compress": rng.choice(["none", "deflate", "lzw", "zstd", "packbits", "jpeg"])}
    if rng.random() < 0.6:
        profile |= {"tiled": True, "blockxsize": 64, "blockysize": 64}
    if profile["compress"] == "jpeg":
        profile["photometric"] = "RGB"
    return profile


def _whole(path: Path, rng: random.Random) -> bytes:
    write_scene(path, _picture(rng), **_profile(rng))
    return path.read_bytes()


def truncated(path: Path, rng: random.Random) -> None:
    whole = _whole(path, rng)
    path.write_bytes(whole[: rng.randrange(len(whole))])


def flipped(path: Path, rng: random.Random) -> None:
    whole = bytearray(_whole(path, rng))
    for _ in range(rng.choice([1, 8, 64, 512])):
        whole[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
    path.write_bytes(bytes(whole))


def flipped_header(path: Path, rng: random.Random) -> None:
    """Flips among the tags only, where one bit changes what the file claims to be."""
    whole = bytearray(_whole(path, rng))
    at = struct.unpack("<I", whole[4:8])[0]
    for _ in range(rng.choice([1, 2, 6])):
        whole[min(len(whole) - 1, at + rng.randrange(220))] ^= 1 << rng.randrange(8)
    path.write_bytes(bytes(whole))


def huge(path: Path, rng: random.Random) -> None:
    """A header that claims 2^31 pixels, or far more, over little data."""
    whole = bytearray(_whole(path, rng))
    at = struct.unpack("<I", whole[4:8])[0]
    height, width = rng.choice([(46341, 46341), (2**31 - 1, 1), (1, 2**31 - 1), (2**20, 2**20), (2**31 - 1, 2**31 - 1)])
    for i in range(struct.unpack("<H", whole[at : at + 2])[0]):
        entry = at + 2 + 12 * i
        tag = struct.unpack("<H", whole[entry : entry + 2])[0]
        if tag in (256, 257):
            whole[entry + 2 : entry + 12] = struct.pack("<HII", 4, 1, width if tag == 256 else height)
    path.write_bytes(bytes(whole))


def sparse(path: Path, rng: random.Random) -> None:
    """A sound file of 2^31 pixels without any data, as a header alone makes it."""
    import rasterio

    side = 46341
    options = {"driver": "GTiff", "count": 3, "height": side, "width": side, "dtype": "uint8", "crs": "EPSG:32631"}
    with rasterio.open(
        path, "w", sparse_ok=True, tiled=True, bigtiff="yes", transform=rasterio.Affine(10, 0, 5e5, 0, -10, 5e6), **options
    ):
        pass


def no_bands(path: Path, rng: random.Random) -> None:
    whole = bytearray(_whole(path, rng))
    at = struct.unpack("<I", whole[4:8])[0]
    for i in range(struct.unpack("<H", whole[at : at + 2])[0]):
        entry = at + 2 + 12 * i
        if struct.unpack("<H", whole[entry : entry + 2])[0] == 277:  # samples per pixel
            whole[entry + 8 : entry + 12] = struct.pack("<I", 0)
    path.write_bytes(bytes(whole))


def all_nodata(path: Path, rng: random.Random) -> None:
    write_scene(path, np.full((3, 128, 128), 7, np.uint8), nodata=7)


def not_a_number(path: Path, rng: random.Random) -> None:
    made = np.full((3, 128, 128), np.nan, np.float32)
    if rng.random() < 0.5:
        made[:] = rng.choice([np.inf, -np.inf])
    write_scene(path, made)


def wrong_crs(path: Path, rng: random.Random) -> None:
    write_scene(path, _picture(rng))
    whole = path.read_bytes()
    for old in (b"WGS 84 / UTM zone 31N", b"UTM zone 31N"):
        whole = whole.replace(old, bytes(rng.randrange(256) for _ in old))
    path.write_bytes(whole.replace(struct.pack("<H", 32631), struct.pack("<H", rng.choice([0, 1, 9999, 32768, 65535]))))


def wrong_place(path: Path, rng: random.Random) -> None:
    write_scene(path, _picture(rng), origin=(rng.choice([1e12, float("inf"), -1e30]), 5.5e6), gsd=rng.choice([10.0, 1e9, 1e-12]))


def another_format(path: Path, rng: random.Random) -> None:
    path.write_bytes(
        rng.choice(
            [b"", b"II*\0", b"hello", b"\x89PNG\r\n\x1a\n" + bytes(50), b"<VRTDataset/>", bytes(4096), rng.randbytes(9999)]
        )
    )


def png(path: Path, rng: random.Random) -> None:
    from PIL import Image

    Image.fromarray(_picture(rng).transpose(1, 2, 0)).save(path, rng.choice(["PNG", "JPEG", "WEBP"]))
    whole = bytearray(path.read_bytes())
    for _ in range(20):
        whole[rng.randrange(30, len(whole))] ^= 0xFF
    path.write_bytes(bytes(whole[: rng.randrange(30, len(whole))]))


KINDS: tuple[Maker, ...] = (
    truncated,
    flipped,
    flipped_header,
    huge,
    no_bands,
    all_nodata,
    not_a_number,
    wrong_crs,
    wrong_place,
    another_format,
    png,
    sparse,
)


def make(folder: Path, files: int, good: int, seed: int) -> list[Path]:
    """`files` damaged rasters with `good` sound ones among them; returns the sound ones."""
    folder.mkdir(parents=True)
    rng = random.Random(seed)
    for i in range(files):
        maker = KINDS[i % len(KINDS)]
        maker(folder / f"{i:03}_{maker.__name__}.tif", rng)
    return [write_scene(folder / f"{i * files // good:03}_good.tif", patchwork(64, 96, 16, i)) for i in range(good)]


def run(folder: Path, out: Path, good: list[Path], timeout: float) -> dict[str, object]:
    """Index the folder in a process of its own and check what became of it."""
    began = time.monotonic()
    command = [sys.executable, __file__, "--child", str(folder), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == 0, f"ingest ended with {done.returncode}: {done.stderr[-2000:]}"
    archive = Archive.open(out)
    rows = {row["scene"]: row["tiles"] for row in archive.scenes()}
    assert all(rows.get(str(path)) == 6 for path in good), "a sound file is missing"
    base, peak, skipped = done.stdout.split()[-3:]
    return {
        "seconds": round(time.monotonic() - began, 1),
        "peak_mib": int(peak) // 1024,
        "before_mib": int(base) // 1024,
        "skipped": int(skipped),
        "indexed": len(rows),
        "tiles": len(archive),
    }


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        os.environ.setdefault("LANCEDB_LOG", "error")
        import lancedb  # noqa: F401 (half of the time of a short run)

        base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        report = index([sys.argv[2]], model=FakeEncoder(), out=sys.argv[3], progress=False)
        for source, reason in report.skipped:
            print(Path(source).name, reason[:160].replace("\n", " "))
        print(base, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, len(report.skipped))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        good = make(Path(work) / "scenes", given.files, max(1, given.files // 10), given.seed)
        print(run(Path(work) / "scenes", Path(work) / "archive", good, 900))


if __name__ == "__main__":
    main()
