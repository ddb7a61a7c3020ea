"""Opening files through GDAL: settings, clear errors, one handle a thread, fingerprints."""

from __future__ import annotations

import hashlib
import os
import re
import threading
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio._err import CPLE_BaseError
from rasterio.enums import Resampling
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window as RioWindow

from geoglot.core.errors import GeoglotError, NetworkError, NotFoundError, RasterError

# Read by GDAL when first used; what the user has set wins. The cache is capped because GDAL's default of 5 % of the
# memory is counted on top of everything else that ingest holds.
_SETTINGS = {
    "GDAL_CACHEMAX": "256",  # MB
    # a server that says nothing is given up after seconds, a slow one is not
    "GDAL_HTTP_TIMEOUT": "120",
    "GDAL_HTTP_LOW_SPEED_TIME": "15",
    "GDAL_HTTP_LOW_SPEED_LIMIT": "100",
    "GDAL_HTTP_CONNECTTIMEOUT": "10",
    "GDAL_HTTP_MAX_RETRY": "2",
    "GDAL_HTTP_RETRY_DELAY": "0.5",
    "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
    "GDAL_HTTP_MULTIPLEX": "YES",
    "GDAL_BAND_BLOCK_CACHE": "HASHSET",
    "VSI_CACHE": "TRUE",
    "CPL_LOG": "/dev/null" if os.name == "posix" else "NUL",
}
for _key, _value in _SETTINGS.items():
    os.environ.setdefault(_key, _value)

# Images without georeference are welcome here, so GDAL's warning about them only makes noise.
warnings.filterwarnings("ignore", category=NotGeoreferencedWarning)

REMOTE = ("http://", "https://", "s3://", "gs://", "az://", "/vsi")


_BROKEN = (RasterioError, CPLE_BaseError, ValueError, MemoryError, OSError)
_SAMPLE = 512  # pixels a side of a thinned band
_THIN = 2**24  # pixels of a band that may be read whole to thin it


def is_remote(href: str) -> bool:
    """Whether a name is an address rather than a local path."""
    return href.startswith(REMOTE)


def open_dataset(href: str) -> Any:
    """A rasterio dataset opened for reading; `NotFoundError`, `NetworkError` or `RasterError` say what is wrong."""
    remote = is_remote(href)
    if not remote and not Path(href).exists():
        raise NotFoundError(f"There is no file {href}.")
    try:
        if remote:
            # neighbours of a remote file are not looked for: each look costs a request
            with rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"):
                dataset = rasterio.open(href)
        else:
            dataset = rasterio.open(href)
    except (RasterioError, CPLE_BaseError, OSError, ValueError, AttributeError) as error:
        raise _explain(href, error) from None
    if dataset.count == 0:
        parts = ", ".join(dataset.subdatasets[:4])
        dataset.close()
        raise RasterError(f"{href} has no bands" + (f"; name one of its parts: {parts}" if parts else "; it is not an image."))
    return dataset


def _explain(href: str, error: BaseException) -> GeoglotError:
    text = re.sub(r"\s+", " ", str(error)).strip() or type(error).__name__
    if is_remote(href):
        if re.search(r"\b404\b|NoSuchKey|NoSuchBucket|does not exist", text):
            return NotFoundError(f"There is nothing at {href} ({text}). Check the address.")
        if not re.search(r"not recognized as|not a supported|TIFFReadDirectory|Cannot open TIFF", text):
            return NetworkError(f"{href} cannot be read: {text}. Check the address, the network and the access rights.")
    return RasterError(f"{href} is not a readable raster: {text}")


class Handles:
    """Datasets of a scene, one handle a thread and file, because GDAL's handles must not be shared between threads."""

    def __init__(self) -> None:
        self._local = threading.local()
        self._all: list[Any] = []
        self._lock = threading.Lock()

    def get(self, href: str) -> Any:
        """The calling thread's dataset of a file."""
        mine = self._local.__dict__.setdefault("datasets", {})
        if href not in mine:
            mine[href] = open_dataset(href)
            with self._lock:
                self._all.append(mine[href])
        return mine[href]

    def close(self) -> None:
        """Close the datasets of all threads; using the scene again opens new ones."""
        with self._lock:
            for dataset in self._all:
                dataset.close()
            self._all.clear()
            self._local = threading.local()


def read(dataset: Any, **options: Any) -> Any:
    """`dataset.read` with errors of our own tree."""
    try:
        return dataset.read(**options)
    except _BROKEN as error:
        raise _broken(dataset, error) from None


def read_masks(dataset: Any, indexes: list[int], window: RioWindow, shape: tuple[int, ...], how: Resampling) -> Any:
    """`dataset.read_masks` with errors of our own tree."""
    try:
        return dataset.read_masks(indexes, window=window, out_shape=shape, resampling=how)
    except _BROKEN as error:
        raise _broken(dataset, error) from None


def sample(dataset: Any, index: int) -> Any:
    """Some values of a band from all over it, never averaged: thinned out, or from blocks of a large band without overviews."""
    height, width = dataset.shape
    if height * width <= _THIN or dataset.overviews(index):
        ratio = max(1.0, max(height, width) / _SAMPLE)
        shape = max(1, round(height / ratio)), max(1, round(width / ratio))
        return read(dataset, indexes=index, out_shape=shape, resampling=Resampling.nearest).ravel()
    h, w = min(128, height), min(128, width)
    places = [(r * (height - h) // 3, c * (width - w) // 3) for r in range(4) for c in range(4)]
    return np.concatenate([read(dataset, indexes=index, window=RioWindow(c, r, w, h)).ravel() for r, c in places])


@contextmanager
def guard(href: str) -> Iterator[None]:
    """Errors of our own tree for damage that GDAL meets while something else than pixels is asked for."""
    try:
        yield
    except (RasterioError, CPLE_BaseError, UnicodeDecodeError) as error:
        raise _explain(href, error) from None


def _broken(dataset: Any, error: BaseException) -> GeoglotError:
    if is_remote(dataset.name):
        return _explain(dataset.name, error)
    return RasterError(f"{dataset.name} breaks off or is damaged: {str(error).strip() or type(error).__name__}")


def fingerprint(hrefs: tuple[str, ...], extra: str = "") -> str:
    """A short text that changes when a file changes, or a file beside it that GDAL reads too (a header, the parts of a VRT).

    Of local files size, time of change and both ends are looked at, of remote ones what the server says of them.
    """
    digest = hashlib.blake2b(extra.encode(), digest_size=12)
    for href in hrefs:
        digest.update(href.encode())
        digest.update(_remote_mark(href) if is_remote(href) else _local_mark(href))
    return digest.hexdigest()


def _local_mark(href: str) -> bytes:
    with open_dataset(href) as dataset, guard(href):
        parts = {str(Path(name).absolute()) for name in dataset.files if Path(name).exists()} | {href}
    return b"".join(_file_mark(Path(name)) for name in sorted(parts))


def _file_mark(path: Path) -> bytes:
    stat = path.stat()
    if path.is_dir():
        return f"{stat.st_mtime_ns}".encode()
    with path.open("rb") as file:
        head = file.read(65536)
        file.seek(max(0, stat.st_size - 65536))
        tail = file.read(65536)
    return b"%d %d " % (stat.st_size, stat.st_mtime_ns) + hashlib.blake2b(head + tail, digest_size=16).digest()


def _remote_mark(href: str) -> bytes:
    if not href.startswith(("http://", "https://")):
        with open_dataset(href) as dataset:
            return repr((dataset.profile, sorted(dataset.tags().items()))).encode()
    request = urllib.request.Request(href, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            kept = [answer.headers.get(key, "") for key in ("ETag", "Last-Modified", "Content-Length")]
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise NetworkError(f"{href} cannot be reached: {error}. Check the address and the network.") from None
    return "|".join(kept).encode()


def band(path: str | Path, index: int = 1, window: tuple[int, int, int, int] | None = None) -> NDArray[Any]:
    """Values (H, W) of one band of a file of ours, all of them or of a window (row, column, height, width)."""
    with rasterio.open(path) as file:
        row, col, height, width = window or (0, 0, *file.shape)
        found: NDArray[Any] = file.read(index, window=RioWindow(col, row, width, height))
    return found
