"""What the frozen tower sees of the pictures of a run, looked at once and kept in a folder."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from itertools import groupby
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from geoglot.core.progress import track
from geoglot.models.eyes import Circumstances, Eyes, Seen

TOGETHER = 16  # pictures of one size that are looked at at once
RAGGED = ("boxes", "features", "scores")  # as many rows as there are objects


@dataclass(frozen=True)
class Shown:
    """A picture (H, W, 3) as it is shown, under a name that says which it is and how it was turned."""

    name: str
    pixels: NDArray[np.uint8]
    known: Circumstances


def turned(pixels: NDArray[np.uint8], seed: Sequence[int], crop: float = 0.88) -> NDArray[np.uint8]:
    """Another view of a picture (H, W, 3): turned by quarters, mirrored, and a part of it at the old size."""
    rng = np.random.default_rng(seed)
    high, wide = pixels.shape[:2]
    side = rng.uniform(crop, 1.0)
    top, left = rng.uniform(0, 1 - side, 2)
    box = (left * wide, top * high, (left + side) * wide, (top + side) * high)
    part = np.asarray(Image.fromarray(pixels).resize((wide, high), Image.Resampling.BICUBIC, box=box))
    part = np.rot90(part, int(rng.integers(4)) if high == wide else 2 * int(rng.integers(2)))
    return np.ascontiguousarray(part[:, ::-1] if rng.random() < 0.5 else part)


def seen(eyes: Eyes, name: str, pictures: Sequence[Shown], folder: Path) -> list[Seen]:
    """What is seen of pictures, from the folder where it is there; ``name`` is for the file."""
    told = "\n".join([eyes.model.spec.hash, _digest(eyes), *(one.name for one in pictures)])
    file = folder / f"seen-{name}-{hashlib.sha256(told.encode()).hexdigest()[:12]}.npz"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _write(list(_looked(eyes, name, pictures)), file)
    return _read(file)


def _digest(eyes: Eyes) -> str:
    state = eyes.detector.head.state_dict()
    digest = hashlib.sha256(repr((eyes.concepts.shape, eyes.side)).encode())
    for key in sorted(state):
        digest.update(state[key].float().cpu().numpy().tobytes())
    return digest.hexdigest()


def _looked(eyes: Eyes, name: str, pictures: Sequence[Shown]) -> Iterator[Seen]:
    with track(len(pictures), f"look at {name}", "pictures") as progress:
        for _, some in groupby(pictures, key=lambda one: one.pixels.shape):
            rows = list(some)
            for start in range(0, len(rows), TOGETHER):
                part = rows[start : start + TOGETHER]
                x = torch.from_numpy(np.stack([one.pixels for one in part])).permute(0, 3, 1, 2).float() / 255
                yield from eyes.look(x, [one.known for one in part])
                progress.advance(len(part))


def _write(rows: Sequence[Seen], file: Path) -> None:
    arrays = {}
    for field in fields(Seen):
        values = [getattr(row, field.name) for row in rows]
        arrays[field.name] = np.concatenate(values) if field.name in RAGGED else np.stack(values)
    part = file.with_suffix(".part.npz")
    arrays["count"] = np.array([len(row.boxes) for row in rows])
    np.savez(part, **arrays)  # type: ignore[arg-type]  # no array is called as an option of it
    part.rename(file)


def _read(file: Path) -> list[Seen]:
    with np.load(file, allow_pickle=False) as kept:
        arrays = {name: kept[name] for name in kept.files}
    ends = np.cumsum(arrays["count"])[:-1]
    parts = {name: np.split(arrays[name], ends) if name in RAGGED else arrays[name] for name in (f.name for f in fields(Seen))}
    return [Seen(**{name: values[row] for name, values in parts.items()}) for row in range(len(arrays["count"]))]


def circumstances(gsd: float | None, day: str | None = None) -> Circumstances:
    """What is known of a picture by its metres a pixel and its day (`2019-05-31`)."""
    return Circumstances(gsd, None if day is None else datetime.fromisoformat(day))
