"""Pictures to search by: looked at once, kept for a while as a vector and a small picture."""

from __future__ import annotations

import base64
import json
import math
import secrets
import tempfile
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoglot.geo.scene import Scene
from geoglot.geo.write import write_text
from geoglot.serve import pictures
from geoglot.serve.encoders import Encoders
from geoglot.serve.errors import Missing
from geoglot.serve.logs import log
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
    """Those of the last hour, in memory; the oldest make room. Those that saved searches name are on disk as well."""

    def __init__(self, encoders: Encoders, limits: Limits, folder: Path) -> None:
        self._encoders, self._limits, self._folder = encoders, limits, folder
        self._kept: OrderedDict[str, Chip] = OrderedDict()
        self._pinned: dict[str, Chip] = {}
        self._lock = threading.Lock()
        for file in sorted(folder.glob("*.json")):
            self._load(file)

    def _load(self, file: Path) -> None:
        try:
            told = json.loads(file.read_text(encoding="utf-8"))
            vector, shown = np.array(told["vector"], dtype=np.float32), base64.b64decode(told["png"])
            if told["model"] == self._encoders.spec.hash:  # else its vector says nothing to this archive
                self._pinned[file.stem] = Chip(file.stem, told["width"], told["height"], vector, shown, math.inf)
        except (ValueError, TypeError, KeyError, OSError) as error:
            log.warning("damaged picture", extra={"fields": {"picture": file.stem, "error": str(error)}})

    def pin(self, id: str) -> None:
        """Keep a chip until `unpin`; raises `Missing` where it has gone."""
        made = replace(self.get(id), until=math.inf)
        told = {"model": self._encoders.spec.hash, "width": made.width, "height": made.height, "vector": made.vector.tolist()}
        write_text(self._folder / f"{id}.json", json.dumps(told | {"png": base64.b64encode(made.png).decode()}))
        with self._lock:
            self._pinned[id] = made

    def unpin(self, id: str) -> None:
        """A chip goes the way of the others again."""
        with self._lock:
            made = self._pinned.pop(id, None)
        if made is not None:
            (self._folder / f"{id}.json").unlink(missing_ok=True)

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
            found = self._pinned.get(id) or self._kept.get(id)
            if found is not None and found.until > time.monotonic():
                return found
            self._kept.pop(id, None)
        raise Missing(f"The picture {id[:40]!r} is not kept any more.", "Drop it again: POST /api/chips.")
