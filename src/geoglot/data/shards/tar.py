"""Shards as tar files in the naming of webdataset: members of one sample share what comes before the first dot.

A sample is `000000012.json` (its record), `000000012.webp` (or `.0.webp`, `.1.webp` where there are several pictures),
`000000012.mask.cover.png`, and `000000012.txt`, the first caption, for loaders of pairs of image and text.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from geoglot.core.errors import DataError
from geoglot.data import records
from geoglot.data.sample import Picture, Sample
from geoglot.data.shards.damage import DamagedError
from geoglot.data.shards.pack import KEPT, Packed

SUFFIX = ".tar"
BLOCK = 512
Wanted = Callable[[int], bool]


class Part:
    """A shard being written; the same samples always give the same bytes."""

    def __init__(self, path: Path) -> None:
        """Begin a file, of which nobody may take notice before it is closed."""
        self._file = tarfile.open(path, "w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115

    def add(self, packed: Packed) -> None:
        """Append the members of one sample."""
        self._member(f"{packed.key}.json", packed.record.encode())
        if packed.sample.captions:
            self._member(f"{packed.key}.txt", packed.sample.captions[0].encode())
        for name, data in (*packed.pictures, *packed.masks):
            self._member(name, data)

    def close(self) -> None:
        """Write the closing mark."""
        self._file.close()

    def _member(self, name: str, data: bytes) -> None:
        info = tarfile.TarInfo(name)  # the time, owner and mode of the default are constants
        info.size = len(data)
        self._file.addfile(info, io.BytesIO(data))


def read(path: Path, wanted: Wanted) -> Iterator[tuple[int, Sample]]:
    """Give the wanted samples with their numbers; the bytes of others are passed over. Raises DamagedError."""
    with path.open("rb") as file:
        number, key, members = -1, None, dict[str, bytes]()
        for info, offset in _headers(path, file):
            own, _, suffix = _split(info.name)
            if own != key:
                if members:
                    yield number, _sample(path, number, key or "", members)
                number, key, members = number + 1, own, {}
            if wanted(number):
                file.seek(offset)
                data = file.read(info.size)
                if len(data) < info.size:
                    raise DamagedError.at(path, number, f"breaks off in {info.name} at byte {offset + len(data):,}")
                members[suffix] = data
        if members:
            yield number, _sample(path, number, key or "", members)


def _headers(path: Path, file: BinaryIO) -> Iterator[tuple[tarfile.TarInfo, int]]:
    """Give each regular member and where its bytes begin.

    `tarfile` itself ends without a word at a damaged header that is not the first, and at a file without a closing mark.
    """
    try:
        tar = tarfile.open(fileobj=file, mode="r:")  # noqa: SIM115
    except tarfile.TarError as error:
        raise DamagedError.at(path, 0, f"is no tar file or is damaged at byte 0 ({error})") from None
    with tar:
        count, length = 0, path.stat().st_size
        while True:
            at = tar.offset
            try:
                info = tar.next()
            except (tarfile.TarError, EOFError, ValueError) as error:
                raise DamagedError.at(path, None, f"is damaged at byte {at:,}, after {count} members ({error})") from None
            if info is None:
                break
            if info.isfile():
                count += 1
                yield info, info.offset_data
            cast("Any", tar).members.clear()  # else every header of the shard is kept
        file.seek(min(at, length))
        block = file.read(BLOCK)
        if len(block) < BLOCK or block.strip(b"\0"):
            what = "breaks off" if len(block) < BLOCK else "is damaged"
            raise DamagedError.at(path, None, f"{what} at byte {at:,}, after {count} members")


def _split(name: str) -> tuple[str, str, str]:
    folder, slash, base = name.rpartition("/")
    stem, dot, suffix = base.partition(".")
    return folder + slash + stem, dot, suffix.lower()


def _sample(path: Path, number: int, key: str, members: dict[str, bytes]) -> Sample:
    try:
        values = json.loads(members["json"]) if "json" in members else None
    except ValueError as error:
        raise DamagedError.at(path, number, f"has a record that is no JSON ({error})") from None
    if not isinstance(values, dict) or "version" not in values or "source" not in values:
        return _foreign(path, key, members)
    try:
        return records.sample_of(values, path, {f"{key}.{suffix}": data for suffix, data in members.items()})
    except DataError as error:
        raise DamagedError.at(path, number, str(error)) from error


def _foreign(path: Path, key: str, members: dict[str, bytes]) -> Sample:
    """A sample that another tool wrote: its pictures, and its text as the caption."""
    pictures = tuple(
        Picture(path / f"{key}.{suffix}", data=data)
        for suffix, data in sorted(members.items())
        if f".{suffix.rpartition('.')[2]}" in KEPT and not suffix.startswith("mask.")
    )
    text = members.get("txt", b"").decode("utf-8", "replace").strip()
    return Sample(f"{path.stem}/{key}", path.parent.name, pictures, captions=(text,) if text else ())
