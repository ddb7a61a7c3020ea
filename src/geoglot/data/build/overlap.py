"""Pictures that two sets share, by perceptual hash under the eight symmetries of the square."""

from __future__ import annotations

import csv
import io
import tarfile
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoglot.core.errors import InputError, NotFoundError, RasterError
from geoglot.core.parts import find, names
from geoglot.core.progress import track
from geoglot.data.build import duplicates
from geoglot.data.build.folders import PICTURES
from geoglot.data.sample import Picture, Split
from geoglot.data.shards import Stream, open_shards
from geoglot.data.shards.damage import tell

SIDE = 64
TURNS = ("as it is", "turned 90", "turned 180", "turned 270", "mirrored", "mirrored, turned 90", "mirrored, turned 180",
         "mirrored, turned 270")  # fmt: skip
SPLITS: tuple[Split, ...] = ("train", "val", "test")
BATCH = 256


@dataclass(frozen=True)
class Prints:
    """The pictures of a set: their names, their hashes (N, 8) in all positions; ``skipped`` counts what could not be read."""

    name: str
    ids: tuple[str, ...]
    hashes: NDArray[np.uint64]
    skipped: int = 0


@dataclass(frozen=True)
class Pair:
    """Two pictures that look alike: their names, by how many of 64 bits they differ, and how the first is turned."""

    a: str
    b: str
    bits: int
    turn: str


def pictures_of(text: str, root: Path) -> Iterator[tuple[str, Picture]]:
    """Give name and picture of a set: a source (`ucm:test`), a folder, a glob, shards, or a zip or tar file of pictures."""
    name, _, split = text.partition(":")
    path = Path(text)
    if not path.exists() and name.replace("-", "_") in names("data.sources"):
        source = find("data.sources", name)
        if split and split not in source.CARD.splits:
            raise InputError(f"{name} has no split {split!r}, it has {', '.join(source.CARD.splits)}.")
        for own in [s for s in SPLITS if s in source.CARD.splits] if not split else [split]:
            for sample in source.rows(root, own):
                for number, picture in enumerate(sample.pictures):
                    yield sample.id + (f"#{number}" if number else ""), picture
    elif path.suffix == ".zip" and path.is_file():
        with zipfile.ZipFile(path) as held:
            for entry in held.namelist():
                if Path(entry).suffix.lower() in PICTURES:
                    yield entry, Picture(path / entry, data=held.read(entry))
    elif path.name.endswith((".tar.gz", ".tgz")) and path.is_file():
        yield from _archive(path)
    elif path.is_dir() and not _holds_shards(path):
        files = sorted(file for file in path.rglob("*") if file.suffix.lower() in PICTURES)
        if not files:
            raise NotFoundError(f"There are no pictures in {path}: name a folder, shards, a zip or tar file, or source:split.")
        yield from ((file.relative_to(path).as_posix(), Picture(file)) for file in files)
    elif path.suffix in (".tar", ".parquet") or path.is_dir() or any(c in text for c in "*?["):
        for sample in Stream(open_shards(text), buffer=0, part=(0, 1)):
            for number, picture in enumerate(sample.pictures):
                yield sample.id + (f"#{number}" if number else ""), picture
    else:
        known = ", ".join(names("data.sources"))
        raise NotFoundError(f"{text!r} is no folder, file or source; sources are {known}, with a split as in ucm:test.")


def _archive(path: Path) -> Iterator[tuple[str, Picture]]:
    with tarfile.open(path) as held:
        for info in held:
            member = held.extractfile(info) if info.isfile() and Path(info.name).suffix.lower() in PICTURES else None
            if member is not None:
                yield info.name, Picture(path / info.name, data=member.read())


def _holds_shards(path: Path) -> bool:
    return (path / "manifest.json").exists() or any(file.suffix in (".tar", ".parquet") for file in path.iterdir())


def prints(text: str, root: Path, workers: int = 2) -> Prints:
    """Hash the pictures of a set; memory holds some hundred of them. Pictures that cannot be decoded are told and left out."""
    ids: list[str] = []
    found: list[NDArray[np.uint64]] = []
    skipped = 0
    with ThreadPoolExecutor(workers) as pool, track(None, f"hash {text}", "picture") as progress:
        stream = pictures_of(text, root)
        while rows := list(islice(stream, BATCH)):
            small = list(pool.map(_small, (picture for _, picture in rows)))
            kept = [(name, pixels) for (name, _), pixels in zip(rows, small, strict=True) if pixels is not None]
            skipped += len(rows) - len(kept)
            if kept:
                ids += [name for name, _ in kept]
                found.append(duplicates.turned(np.stack([pixels for _, pixels in kept])))
            progress.advance(len(rows))
    if not ids:
        raise NotFoundError(f"{text} holds no picture that can be read.")
    return Prints(text, tuple(ids), np.concatenate(found), skipped)


def _small(picture: Picture) -> NDArray[np.uint8] | None:
    try:
        return picture.read(SIDE)
    except (NotFoundError, RasterError) as error:
        tell(f"left out: {error}")
        return None


def pairs(a: Prints, b: Prints, bits: int = 6) -> list[Pair]:
    """Give all pairs that differ in at most ``bits`` of 64 bits in any of the eight positions of the picture of ``a``.

    Within one set (equal names) each pair is given once, and none of a picture with itself.
    """
    if not 0 <= bits <= 64:
        raise InputError(f"A hash has 64 bits: the threshold is from 0 to 64, got {bits}.")
    same, own, found = a.name == b.name, b.hashes[:, 0], list[Pair]()
    for i, name in enumerate(a.ids):
        distance = np.bitwise_count(a.hashes[i][:, None] ^ own)
        least = distance.min(axis=0)
        for j in np.flatnonzero(least <= bits):
            if not same or i < j:
                found.append(Pair(name, b.ids[j], int(least[j]), TURNS[int(distance[:, j].argmin())]))
    return sorted(found, key=lambda pair: (pair.bits, pair.a, pair.b))


def table(found: list[Pair]) -> str:
    """The pairs as CSV."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["a", "b", "bits", "turn"])
    writer.writerows([pair.a, pair.b, pair.bits, pair.turn] for pair in found)
    return out.getvalue()
