"""Thumbnails and perceptual hashes of a set's pictures, computed once: for trivial baselines and for overlap."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoglot.core.progress import track
from geoglot.data.build import duplicates
from geoglot.data.sample import Sample
from geoglot.evals.material import Skipped, pictures
from geoglot.models import cache as features

SIDE = 32  # the least that hashes take
THUMB = 8


@dataclass(frozen=True)
class Digests:
    """Of N pictures: ``thumbs`` (N, 192) in [0, 1], ``hashes`` (N, 8) under all turns, ``good`` (N,) whether it could be read."""

    thumbs: NDArray[np.float32]
    hashes: NDArray[np.uint64]
    good: NDArray[np.bool_]


def of(items: Sequence[Sample], root: Path | None = None, label: str = "hash") -> Digests:
    """Give the digests of the first pictures; read from below ``root`` (the features' folder) where they are known."""
    file = (features.folder() if root is None else root) / "digests" / f"{_stamp(items)}.npz"
    if file.exists():
        try:
            with np.load(file) as held:
                return Digests(held["thumbs"], held["hashes"], held["good"])
        except (OSError, ValueError, KeyError, EOFError):
            file.unlink(missing_ok=True)
    made = _compute(items, label)
    part = file.with_suffix(f".{id(made)}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as out:
            np.savez(out, thumbs=made.thumbs, hashes=made.hashes, good=made.good)
        part.replace(file)
    except OSError as error:
        part.unlink(missing_ok=True)
        print(f"hashes are not kept: {error}. Free space, or name another folder with GEOGLOT_CACHE.", file=sys.stderr)
    return made


def nearest(of: Digests, among: Digests, block: int = 256) -> NDArray[np.int64]:
    """Give the place (N,) of the picture among others whose thumbnail is nearest."""
    there = np.flatnonzero(among.good)
    pool = among.thumbs[there]
    square = (pool**2).sum(1)
    found = [
        there[(square[None, :] - 2 * of.thumbs[start : start + block] @ pool.T).argmin(1)]
        for start in range(0, len(of.thumbs), block)
    ]
    return np.concatenate(found)


def _compute(items: Sequence[Sample], label: str) -> Digests:
    count = len(items)
    thumbs = np.zeros((count, THUMB * THUMB * 3), np.float32)
    hashes = np.zeros((count, 8), np.uint64)
    good = np.zeros(count, bool)
    block: list[tuple[int, NDArray[np.uint8]]] = []

    def take() -> None:
        if block:
            places = [place for place, _ in block]
            stack = np.stack([pixels for _, pixels in block])
            small = stack.reshape(len(stack), THUMB, SIDE // THUMB, THUMB, SIDE // THUMB, 3).mean((2, 4), dtype=np.float32)
            thumbs[places] = small.reshape(len(stack), -1) / 255
            hashes[places] = duplicates.turned(stack)
            good[places] = True
            block.clear()

    with track(count, label, "picture") as progress:
        for place, picture in enumerate(pictures(items, lambda sample: sample.pictures[0].read(SIDE))):
            progress.advance(1)
            if not isinstance(picture, Skipped):
                block.append((place, picture))
            if len(block) == 256:
                take()
        take()
    return Digests(thumbs, hashes, good)


def _stamp(items: Sequence[Sample]) -> str:
    """Names the pictures by identifier, window, size and time of their files."""
    rows = []
    for sample in items:
        picture = sample.pictures[0]
        state = picture.path.stat() if picture.path.exists() else None
        rows.append([sample.id, str(picture.path), picture.window, state and [state.st_size, state.st_mtime_ns]])
    return hashlib.sha256(json.dumps([SIDE, THUMB, rows]).encode()).hexdigest()[:24]
