"""From what people name (files, folders, globs, addresses) to single rasters."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from geoglot.core.errors import GeoglotError, NotFoundError
from geoglot.geo.files import fingerprint, is_remote
from geoglot.geo.scene import Scene

if TYPE_CHECKING:
    from geoglot.geo.items import ItemEntry

Broken = tuple[str, GeoglotError]

SUFFIXES = frozenset(
    ".tif .tiff .gtiff .jp2 .j2k .png .jpg .jpeg .webp .vrt .img .nc .hdf .h5 .ntf .nitf".split()
    + ".bil .bip .bsq .ecw .sid .bmp .gif .asc".split()
)


def expand(sources: Iterable[str | Path] | str | Path) -> Iterator[str]:
    """Paths and addresses of rasters, sorted within each source and without repeats.

    A folder gives its rasters, recursively (ENVI files by their header); a file is taken whatever its suffix. Raises
    `NotFoundError` for a source that matches nothing.
    """
    seen: set[str] = set()
    for source in [sources] if isinstance(sources, str | Path) else sources:
        for found in _expand(str(source)):
            if found not in seen:
                seen.add(found)
                yield found


@dataclass(frozen=True)
class FileEntry:
    """A scene in one file, by path or address. Nothing has been read."""

    id: str

    def fingerprint(self) -> str:
        """The fingerprint that the scene will have."""
        return fingerprint((self.id,))

    def open(self, sensor: str | None = None, bands: Sequence[str] | None = None, time: datetime | str | None = None) -> Scene:
        """Open the scene; see `Scene.open`."""
        return Scene.open(self.id, sensor, bands, time)


def entries(
    sources: Iterable[str | Path] | str | Path = (),
    stac: Iterable[str | Path] | str | Path = (),
    collections: Sequence[str] = (),
    bbox: tuple[float, float, float, float] | None = None,
    between: str | None = None,
) -> Iterator[FileEntry | ItemEntry | Broken]:
    """Everything that can be opened as a scene, one by one and before anything is opened: files, then the items of catalogues.

    An entry has `id`, `fingerprint()` and `open(sensor, bands, time)`: what an archive holds already, with the same
    fingerprint, need not be opened. `collections`, `bbox` and `between` (a span of time) choose among the items. An item that
    cannot be understood comes as its address and the error; a source or catalogue that cannot be reached raises.
    """
    for path in expand(sources):
        yield FileEntry(path)
    for place in [stac] if isinstance(stac, str | Path) else stac:
        from geoglot.geo import stac as catalogues  # half a second that files do not need

        yield from catalogues.entries(place, collections, bbox, between)


def _expand(source: str) -> list[str]:
    if is_remote(source):
        return [source]
    path = Path(source).expanduser()
    if path.is_dir():
        return _folder(path)
    if path.exists():
        return [str(path.absolute())]
    matches = sorted(map(Path, glob.glob(str(path), recursive=True)))  # noqa: PTH207 (absolute patterns)
    if not matches:
        raise NotFoundError(f"Nothing matches {source!r}: give a raster, a folder, a glob in quotes, or an address.")
    return [found for match in matches for found in (_folder(match) if match.is_dir() else [str(match.absolute())])]


def _folder(path: Path) -> list[str]:
    found = []
    for file in sorted(path.rglob("*")):
        if not file.is_file() or any(part.startswith(".") for part in file.relative_to(path).parts):
            continue
        envi = file.suffix == "" and (file.with_suffix(".hdr").exists() or file.with_suffix(".HDR").exists())
        if file.suffix.lower() in SUFFIXES or envi:
            found.append(str(file.absolute()))
    if not found:
        raise NotFoundError(f"The folder {path} holds no rasters ({', '.join(sorted(SUFFIXES)[:6])}, …).")
    return found
