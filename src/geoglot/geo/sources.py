"""From what people name (files, folders, globs, addresses) to single rasters."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator
from pathlib import Path

from geoglot.core.errors import NotFoundError
from geoglot.geo.files import is_remote

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
        if file.name.startswith(".") or not file.is_file():
            continue
        envi = file.suffix == "" and (file.with_suffix(".hdr").exists() or file.with_suffix(".HDR").exists())
        if file.suffix.lower() in SUFFIXES or envi:
            found.append(str(file.absolute()))
    if not found:
        raise NotFoundError(f"The folder {path} holds no rasters ({', '.join(sorted(SUFFIXES)[:6])}, …).")
    return found
