"""Pictures of scenes and results: web map tiles, previews and thumbnails, as PNG through rio-tiler, and a cache of them."""

from __future__ import annotations

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from pathlib import Path
from typing import Any

import numpy as np
from rio_tiler.errors import TileOutsideBounds
from rio_tiler.io import Reader
from rio_tiler.models import ImageData

from geoglot.geo.grid import Grid
from geoglot.geo.raster import Raster
from geoglot.geo.render import stretched, to_uint8
from geoglot.geo.scene import Scene
from geoglot.serve.errors import Busy, Unusable

TILE = 256
MAX_ZOOM = 24
_PATIENCE = 30.0

Colours = Mapping[int, tuple[int, int, int, int]]


ENTRY = 256  # bytes that an entry takes beside its picture: empty ones must not gather without end


class Cache:
    """Bytes by key, the ones used longest ago making room; thread-safe."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = 0
        self._items: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()
        self.hits = self.misses = 0

    def get(self, key: str) -> bytes | None:
        """What is kept under a key."""
        with self._lock:
            found = self._items.get(key)
            if found is None:
                self.misses += 1
            else:
                self.hits += 1
                self._items.move_to_end(key)
            return found

    def put(self, key: str, value: bytes) -> None:
        """Keep something; what is larger than an eighth of the cache is not kept."""
        if len(value) > self._most // 8:
            return
        with self._lock:
            old = self._items.pop(key, None)
            self._items[key] = value
            self._held += len(value) + ENTRY - (0 if old is None else len(old) + ENTRY)
            while self._held > self._most:
                self._held -= len(self._items.popitem(last=False)[1]) + ENTRY

    @property
    def held(self) -> int:
        """Bytes that are kept, with what keeping them takes."""
        return self._held


class Studio:
    """Renders in a few threads of its own, so that each scene is open a few times only, and keeps what it rendered."""

    def __init__(self, cache_bytes: int, workers: int | None = None) -> None:
        self.cache = Cache(cache_bytes)
        self._pool = ThreadPoolExecutor(workers or max(2, min(8, os.cpu_count() or 2)), thread_name_prefix="pictures")

    def make(self, key: str, work: Callable[[], bytes]) -> bytes:
        """What is kept under a key, else what `work` gives, which is empty for a picture of nothing."""
        found = self.cache.get(key)
        if found is None:
            future = self._pool.submit(work)
            try:
                found = future.result(_PATIENCE)
            except Late:
                future.cancel()
                raise Busy("The picture takes too long to render.", "Zoom in, or try again in a minute.") from None
            self.cache.put(key, found)
        return found

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def etag(*parts: object) -> str:
    """A short name for a state of something."""
    return '"' + hashlib.blake2b(repr(parts).encode(), digest_size=12).hexdigest() + '"'


def png(picture: np.ndarray[Any, Any]) -> bytes:
    """Bytes (H, W, 4) as PNG; empty where nothing was observed."""
    mask = picture[..., 3]
    if not mask.any():
        return b""
    data = np.ma.MaskedArray(picture[..., :3].transpose(2, 0, 1), mask=np.broadcast_to(mask == 0, (3, *mask.shape)))
    return bytes(ImageData(data).render(img_format="PNG", add_mask=True, zlevel=1))  # packing harder takes longer than reading


def scene_tile(scene: Scene, z: int, x: int, y: int, bands: Sequence[str] | None, stretch: tuple[float, float] | None) -> bytes:
    """A web map tile of a scene: its usual picture, or chosen bands between two values; empty beyond its edge."""
    grid = Grid.xyz(z, x, y, TILE)
    if bands is None and stretch is None:
        return png(to_uint8(scene.display(grid=grid)))
    return png(to_uint8(composite(scene.read(grid=grid, bands=bands or None), stretch)))


def composite(raster: Raster, stretch: tuple[float, float] | None) -> Raster:
    """Up to three bands as a picture between two values; by percentiles of what is seen where none are given."""
    if len(raster.data) not in (1, 3):
        raise Unusable(f"A picture has one band or three, not {len(raster.data)}.", "Name one or three of the scene's bands.")
    if stretch is None:
        return stretched(raster)
    low, high = stretch
    data = np.clip((raster.data.astype(np.float32) - low) / (high - low), 0, 1)
    data = np.repeat(data, 3, axis=0) if len(data) == 1 else data
    from geoglot.geo.display import RGB

    return Raster((data * raster.valid).astype(np.float32), raster.valid, raster.grid, RGB, raster.time)


def part(scene: Scene, window: tuple[int, int, int, int] | None, size: int) -> bytes:
    """A scene, or a window of it, north up, `size` pixels on the longer side."""
    height, width = (window or (0, 0, *scene.shape))[2:]
    scale = min(1.0, size / max(height, width)) if window is None else size / max(height, width)
    shape = max(1, round(height * scale)), max(1, round(width * scale))
    return png(to_uint8(scene.display(window=window, shape=shape)))


def result_tile(path: Path, z: int, x: int, y: int, band: int | None = None, known: Colours | None = None) -> bytes:
    """A web map tile of a result; classes in the colours of its table, those of a `band` in colours that are known."""
    try:
        with Reader(str(path)) as file:
            made = file.tile(x, y, z, tilesize=TILE, indexes=band, resampling_method="nearest")
            colours = file.colormap if known is None else known
    except TileOutsideBounds:
        return b""
    if not np.asarray(made.mask).any():
        return b""
    if colours is None and made.array.dtype != np.uint8:
        made.rescale([(float(made.array.min()), float(made.array.max()) or 1.0)])
    return bytes(made.render(img_format="PNG", colormap=colours, add_mask=True))
