"""Writing shards: each takes its name when it is whole, the manifest grows by it, and a killed writer goes on behind the last."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import Literal

from geoglot.core.errors import DataError, InputError, NotFoundError, RasterError
from geoglot.core.progress import track
from geoglot.data.sample import Sample
from geoglot.data.shards.damage import tell
from geoglot.data.shards.manifest import FORMATS, Entry, Manifest, digest, digest_of
from geoglot.data.shards.pack import Encoding, Packed, pack
from geoglot.geo.write import atomic

MOST_SAMPLES = 1000
MOST_BYTES = 256 << 20


def write(
    samples: Iterable[Sample],
    folder: Path,
    name: str,
    format: Literal["tar", "parquet"] = "tar",
    encoding: Encoding | None = None,
    most_samples: int = MOST_SAMPLES,
    most_bytes: int = MOST_BYTES,
    on_missing: Literal["stop", "skip"] = "stop",
    total: int | None = None,
) -> Manifest:
    """Write samples into ``folder`` as ``<name>-000000.tar`` and so on, and give the manifest.

    A second call with the same samples goes on behind the last finished shard, or finds nothing to do. Samples are taken
    one by one, so that memory holds one of them (Parquet: one row group). Raises DataError when the folder holds shards of
    other samples, ResourceError when the disk is full (what is finished stays good), and NotFoundError or RasterError for a
    picture that is missing or damaged, unless ``on_missing`` is "skip", which lists it in the manifest.
    """
    encoding = encoding or Encoding()
    if min(most_samples, most_bytes) < 1:
        raise InputError(f"A shard holds at least one sample and one byte, got {most_samples} and {most_bytes}.")
    folder.mkdir(parents=True, exist_ok=True)
    settings = {"encoding": asdict(encoding), "most_samples": most_samples, "most_bytes": most_bytes}
    fresh = Manifest(name, format, settings)
    manifest = Manifest.read(folder) or fresh
    if (manifest.name, manifest.format, manifest.settings) != (fresh.name, fresh.format, fresh.settings):
        raise DataError(f"{folder} holds shards that were written in another way: choose another folder, or empty this one.")
    _sweep(folder, name)
    rows = iter(samples)
    _pass_by(rows, manifest, folder)
    with track(total, f"write {name}", "sample") as progress:
        progress.advance(manifest.samples + len(manifest.skipped))
        packer = _Packer(encoding, on_missing, progress.advance)
        while not manifest.complete:
            file = f"{name}-{len(manifest.shards):06d}{FORMATS[format].SUFFIX}"
            entry = _shard(rows, folder / file, manifest, packer, most_samples, most_bytes)
            shards = manifest.shards if entry is None else (*manifest.shards, entry)
            manifest = replace(manifest, shards=shards, skipped=tuple(packer.all_skipped(manifest)), complete=packer.ended)
            manifest.write(folder)
    return manifest


class _Packer:
    """Encodes samples one after another, and keeps account of those that could not be read."""

    def __init__(self, encoding: Encoding, on_missing: str, advance: Callable[[], None]) -> None:
        self.encoding, self.on_missing, self.advance = encoding, on_missing, advance
        self.skipped: list[str] = []
        self.ended = False

    def all_skipped(self, manifest: Manifest) -> list[str]:
        """Ids of what was skipped before this run and in it."""
        return list(dict.fromkeys([*manifest.skipped, *self.skipped]))

    def packed(self, rows: Iterator[Sample], first: int) -> Iterator[Packed]:
        """Give packed samples numbered from ``first``."""
        number = first
        for sample in rows:
            try:
                made = pack(sample, f"{number:09d}", self.encoding)
            except (NotFoundError, RasterError) as error:
                if self.on_missing == "stop":
                    raise
                tell(f"{sample.id} is left out: {error}")
                self.skipped.append(sample.id)
                continue
            number += 1
            self.advance()
            yield made
        self.ended = True


def _shard(
    rows: Iterator[Sample], target: Path, manifest: Manifest, packer: _Packer, most_samples: int, most_bytes: int
) -> Entry | None:
    """Write one shard; None when nothing was left."""
    ids: list[str] = []
    size = 0
    with atomic(target) as temporary:
        part = FORMATS[manifest.format].Part(temporary)
        try:
            for packed in packer.packed(rows, manifest.samples):
                part.add(packed)
                ids.append(packed.sample.id)
                size += packed.size
                if len(ids) >= most_samples or size >= most_bytes:
                    break
        finally:
            part.close()
        entry = Entry(target.name, len(ids), temporary.stat().st_size, digest(temporary), digest_of(ids))
    if not ids:
        target.unlink()
        return None
    return entry


def _pass_by(rows: Iterator[Sample], manifest: Manifest, folder: Path) -> None:
    """Pass over the samples that are in finished shards; raises DataError when they are others."""
    left = set(manifest.skipped)
    for entry in manifest.shards:
        ids: list[str] = []
        for sample in rows:
            if sample.id in left:
                continue
            ids.append(sample.id)
            if len(ids) == entry.samples:
                break
        if digest_of(ids) != entry.ids:
            raise DataError(
                f"{folder / entry.file} holds other samples than those given now: choose another folder, or empty it."
            )
    if manifest.complete and any(sample.id not in left for sample in islice(rows, len(left) + 1)):
        raise DataError(f"{folder} is finished, but there are more samples now: choose another folder, or empty it.")


def _sweep(folder: Path, name: str) -> None:
    """Remove what a killed writer left: files that never took their name."""
    for file in folder.glob(f".{name}-*-*"):
        file.unlink()
