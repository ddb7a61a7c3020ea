"""Pictures to search by: looked at once, kept for a while as a vector and a small picture."""

from __future__ import annotations

import secrets
import tempfile
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoglot.geo.scene import Scene
from geoglot.serve import pictures
from geoglot.serve.encoders import Encoders
from geoglot.serve.errors import Missing
from geoglot.serve.safety import check_raster
from geoglot.serve.settings import Limits

_SHOWN = 384


@dataclass(frozen=True)
class Chip:
    """One picture: its size, its unit vector (D,), and how it looks."""

    id: str
    width: int
    height: int
    vector: NDArray[np.float32]
    png: bytes
    until: float


class Chips:
    """Those of the last hour, in memory; the oldest make room."""

    def __init__(self, encoders: Encoders, limits: Limits, folder: Path) -> None:
        self._encoders, self._limits, self._folder = encoders, limits, folder
        self._kept: OrderedDict[str, Chip] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, data: bytes) -> Chip:
        """Look at the bytes of a picture; raises what `safety.check_raster` raises, and nothing of it stays on disk."""
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            path = Path(folder) / "chip"
            path.write_bytes(data)
            check_raster(path, self._limits.chip_pixels)
            with Scene.open(path) as scene:
                height, width = scene.shape
                shown = pictures.part(scene, None, _SHOWN)
            vector = self._encoders.picture(path)
        made = Chip(secrets.token_urlsafe(9), width, height, vector, shown, time.monotonic() + self._limits.chip_seconds)
        with self._lock:
            self._kept[made.id] = made
            while len(self._kept) > self._limits.chips:
                self._kept.popitem(last=False)
        return made

    def get(self, id: str) -> Chip:
        """A chip that is still kept."""
        with self._lock:
            found = self._kept.get(id)
            if found is not None and found.until > time.monotonic():
                return found
            self._kept.pop(id, None)
        raise Missing(f"The picture {id[:40]!r} is not kept any more.", "Drop it again: POST /api/chips.")
