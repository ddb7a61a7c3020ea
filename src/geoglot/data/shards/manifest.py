"""What a folder of shards holds: `manifest.json`, written anew after every finished shard."""

from __future__ import annotations

import glob
import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from geoglot.core.errors import DataError, NotFoundError
from geoglot.data.shards import parquet, tar
from geoglot.data.shards.damage import DamagedError
from geoglot.geo.write import write_text

FILE = "manifest.json"
FORMATS: dict[str, ModuleType] = {"tar": tar, "parquet": parquet}


@dataclass(frozen=True)
class Entry:
    """One finished shard: its file name, how many samples, bytes and SHA-256, and a digest of the samples' ids in order."""

    file: str
    samples: int
    bytes: int
    sha256: str
    ids: str


@dataclass(frozen=True)
class Manifest:
    """A set of shards; ``settings`` say how they were written, ``skipped`` lists ids whose pictures could not be read."""

    name: str
    format: str
    settings: dict[str, Any] = field(default_factory=dict)
    shards: tuple[Entry, ...] = ()
    skipped: tuple[str, ...] = ()
    complete: bool = False

    @property
    def samples(self) -> int:
        """Samples of all finished shards."""
        return sum(shard.samples for shard in self.shards)

    def write(self, folder: Path) -> None:
        """Write atomically into the folder."""
        write_text(folder / FILE, json.dumps(asdict(self) | {"samples": self.samples}, indent=1) + "\n")

    @classmethod
    def read(cls, folder: Path) -> Manifest | None:
        """The manifest of a folder, None where there is none; raises DataError when it cannot be understood."""
        file = folder / FILE
        try:
            values = json.loads(file.read_text(encoding="utf-8"))
            values.pop("samples")
            shards = tuple(Entry(**row) for row in values.pop("shards"))
            return cls(**values | {"shards": shards, "skipped": tuple(values["skipped"])})
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{file} is no manifest of shards ({error}): remove it, or write the shards again.") from None


@dataclass(frozen=True)
class Shard:
    """A shard to read: its file, and what the manifest says of it (None without a manifest)."""

    path: Path
    entry: Entry | None = None

    @property
    def reader(self) -> ModuleType:
        """The module that reads it."""
        return tar if self.path.suffix == tar.SUFFIX else parquet

    def check(self, checksum: bool = False) -> None:
        """Compare the file with the manifest: size, and SHA-256 when asked. Raises NotFoundError or DamagedError."""
        if not self.path.exists():
            raise NotFoundError(f"{self.path} is missing, though the manifest lists it: fetch it, or write the shards again.")
        if self.entry is None:
            return
        found = self.path.stat().st_size
        if found != self.entry.bytes:
            raise DamagedError.at(self.path, None, f"has {found:,} bytes where the manifest says {self.entry.bytes:,}")
        if checksum and digest(self.path) != self.entry.sha256:
            raise DamagedError.at(self.path, None, "has another SHA-256 than the manifest says")


def open_shards(places: str | Path | Iterable[str | Path]) -> tuple[Shard, ...]:
    """The shards of folders, globs or files, in the order of the manifest, else by name. Raises NotFoundError."""
    found: list[Shard] = []
    for place in [places] if isinstance(places, str | Path) else places:
        path = Path(place)
        if path.is_dir():
            manifest = Manifest.read(path)
            if manifest is not None:
                found += [Shard(path / entry.file, entry) for entry in manifest.shards]
                continue
            files = sorted(file for file in path.iterdir() if file.suffix in (tar.SUFFIX, parquet.SUFFIX))
        else:
            files = [path] if path.exists() else sorted(Path(name) for name in glob.glob(str(place)))  # noqa: PTH207
        if not files:
            raise NotFoundError(f"There are no shards at {place} (.tar or .parquet): make them with `geoglot data shards`.")
        found += [Shard(file) for file in files]
    return tuple(found)


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of(ids: Iterable[str]) -> str:
    """SHA-256 of ids in order."""
    return hashlib.sha256("\n".join(ids).encode()).hexdigest()
