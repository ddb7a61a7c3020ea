"""Features of frozen models on disk, by model hash, number format and the pixels as they were prepared for it.

A shard is written whole under another name and then renamed, so that a kill leaves no half of one; what cannot be read is
dropped and computed anew. The folder stays below a size: shards that were not used for longest go first.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
import uuid
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

LIMIT = 2_000_000_000
STALE = 3600.0  # seconds after which what a killed process left behind is removed


def folder() -> Path:
    """Where the features are: `$GEOGLOT_CACHE`, else `.cache/geoglot/features` of the home folder."""
    return Path(os.environ.get("GEOGLOT_CACHE") or Path.home() / ".cache" / "geoglot" / "features")


def key_of(pixels: NDArray[np.uint8]) -> bytes:
    """The key (16 bytes) of one picture's pixels."""
    return hashlib.blake2b(np.ascontiguousarray(pixels).tobytes() + repr(pixels.shape).encode(), digest_size=16).digest()


class FeatureCache:
    """Vectors of one model; ``of`` are words that fix it: hash, number format, and what is done after the pixels are keyed."""

    def __init__(self, *of: str, root: Path | None = None, limit: int = LIMIT) -> None:
        self.root = folder() if root is None else root
        self.place = self.root / hashlib.sha256("\0".join(of).encode()).hexdigest()[:24]
        self.limit = limit
        self.known: dict[bytes, NDArray[np.float32]] = {}
        self._new: dict[bytes, NDArray[np.float32]] = {}
        for shard in sorted(self.place.glob("*.npz")):
            self._read(shard)

    def get(self, key: bytes) -> NDArray[np.float32] | None:
        """The vector (D,) of a picture, None where it is not known."""
        return self.known.get(key)

    def put(self, key: bytes, vector: NDArray[np.float32]) -> None:
        """Keep a vector; it is on disk after `save`."""
        self.known[key] = self._new[key] = vector

    def save(self) -> None:
        """Write what is new as one shard and keep the folder below its limit. A full disk is told, and is no error."""
        if not self._new:
            return
        part = self.place / f"{uuid.uuid4().hex}.part"
        try:
            self.place.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                keys = np.frombuffer(b"".join(self._new), dtype=np.uint8).reshape(-1, 16)
                np.savez(file, keys=keys, vectors=np.stack(list(self._new.values())))
            part.replace(part.with_suffix(".npz"))
            self._new = {}
            self._prune()
        except OSError as error:
            part.unlink(missing_ok=True)
            print(f"features are not kept: {error}. Free space, or name another folder with GEOGLOT_CACHE.", file=sys.stderr)

    def _read(self, shard: Path) -> None:
        try:
            with np.load(shard) as held:
                keys, vectors = held["keys"], held["vectors"]
            if keys.shape != (len(vectors), 16):
                raise ValueError("keys and vectors do not belong together")
            self.known |= zip((row.tobytes() for row in keys), vectors, strict=True)
            os.utime(shard)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            shard.unlink(missing_ok=True)

    def _prune(self) -> None:
        """Remove the shards of any model that were not used for longest, and what killed processes left."""
        for _, age, part in _held(self.root, "*/*.part"):
            if time.time() - age > STALE:
                part.unlink(missing_ok=True)
        held = _held(self.root, "*/*.npz")
        total = sum(size for size, _, _ in held)
        for size, _, shard in sorted(held, key=lambda row: row[1]):
            if total <= self.limit:
                return
            shard.unlink(missing_ok=True)
            total -= size


def _held(root: Path, pattern: str) -> list[tuple[int, float, Path]]:
    """Size, time of last use and path of files, without those that another process removes meanwhile."""
    found = []
    for file in root.glob(pattern):
        try:
            state = file.stat()
        except FileNotFoundError:
            continue
        found.append((state.st_size, state.st_mtime, file))
    return found
