"""Maps of evidence: which parts of a scene an answer is from, as pictures and as web map tiles, kept for the newest answers."""

from __future__ import annotations

import secrets
import shutil
import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from geoglot.geo.raster import Raster
from geoglot.geo.sensors import Band
from geoglot.geo.write import write_geotiff
from geoglot.serve import pictures
from geoglot.serve.classmap import bounds_of
from geoglot.serve.errors import Missing

if TYPE_CHECKING:
    from geoglot.tasks.converse import Answer

_LAST = 255
# from a pale yellow that lets the ground through to an opaque red
HEAT = {level: (255, 225 - level * 170 // _LAST, 120 - level * 80 // _LAST, level * 230 // _LAST) for level in range(_LAST + 1)}
_SHOWN = {"a little": 90, "more": 170, "most": _LAST}


class Answers:
    """Files of the newest answers in a folder that is empty at the start; older ones make room."""

    def __init__(self, folder: Path, most: int) -> None:
        self._folder, self._most = folder, most
        self._kept: OrderedDict[str, bool] = OrderedDict()
        self._lock = threading.Lock()
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)

    def keep(self, answer: Answer) -> dict[str, Any] | None:
        """Keep the evidence of an answer; gives where to find it, None where the model gives none."""
        found = answer.evidence()
        if found is None or not found.data.max() > 0:
            return None
        level = np.round(found.data / found.data.max() * _LAST).astype(np.uint8) * found.valid
        id = secrets.token_urlsafe(9)
        base = f"/api/answers/{id}/evidence"
        table = np.array([HEAT[value] for value in range(_LAST + 1)], np.uint8)
        Image.fromarray(table[level[0]], "RGBA").save(self._folder / f"{id}.png")
        told: dict[str, Any] = {"href": f"{base}.png", "legend": _legend()}
        if found.grid is not None:
            raster = Raster(level, found.valid, found.grid, (Band("evidence"),))
            write_geotiff(self._folder / f"{id}.tif", raster, nodata=0)
            told |= {"tiles": f"{base}/{{z}}/{{x}}/{{y}}.png", "bounds": bounds_of(found.grid)}
        with self._lock:
            self._kept[id] = True
            while len(self._kept) > self._most:
                old, _ = self._kept.popitem(last=False)
                for suffix in (".png", ".tif"):
                    (self._folder / f"{old}{suffix}").unlink(missing_ok=True)
        return told

    def picture(self, id: str) -> bytes:
        """The evidence in pixels of its scene, north up, coarser; `Missing` where it is not kept any more."""
        return self._file(id, ".png").read_bytes()

    def tile(self, id: str, z: int, x: int, y: int) -> bytes:
        """A web map tile of the evidence; `Missing` where it is not kept any more, or has no place on a map."""
        return pictures.result_tile(self._file(id, ".tif"), z, x, y, 1, HEAT)

    def _file(self, id: str, suffix: str) -> Path:
        path = self._folder / f"{id}{suffix}"
        with self._lock:
            if id not in self._kept or not path.is_file():
                raise Missing("The evidence of this answer is not kept any more.", "Ask the question again.")
        return path


def _legend() -> list[dict[str, Any]]:
    """A few levels on white ground, for people."""
    rows = []
    for label, level in _SHOWN.items():
        *colour, alpha = HEAT[level]
        mixed = [round(255 + (value - 255) * alpha / 255) for value in colour]
        rows.append({"value": level, "label": label, "colour": "#{:02x}{:02x}{:02x}".format(*mixed)})
    return rows
