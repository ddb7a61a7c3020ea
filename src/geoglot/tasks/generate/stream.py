"""Drawing a scene into a file: step by step in a folder of its own beside the output, where an interrupted run goes on."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError

from geoglot.core.errors import ResourceError
from geoglot.core.progress import Progress, track
from geoglot.geo.synthetic import Mark
from geoglot.geo.write import Outline, write_pixels
from geoglot.models.condition import Condition, Drawing
from geoglot.models.planes import fits
from geoglot.tasks.generate.place import Ground

if TYPE_CHECKING:
    from geoglot.models.canvas import Canvas
    from geoglot.models.cascade import Cascade
    from geoglot.models.generator import Generator

REQUEST = "GEOGLOT_REQUEST"
DATE = "DATE"  # of what is drawn; the tag of an observation's time would claim one
_COPIES = 2.2  # times its pixels that an output takes while it is written, as a plain file and as a COG
_WINDOWS = 3  # rows of windows in float32 that are held while latents become pixels
Rows = Callable[[int, int], tuple[NDArray[Any], NDArray[np.bool_]]]


@dataclass(frozen=True)
class Job:
    """One scene to draw."""

    model: Generator
    condition: Condition
    ground: Ground
    seed: int
    drawing: Drawing
    progress: bool = True

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.ground if isinstance(self.ground, tuple) else self.ground.shape

    @property
    def outline(self) -> Outline:
        """The file that is drawn."""
        grid = None if isinstance(self.ground, tuple) else self.ground
        return Outline(self.shape, grid, self.model.bands, self.model.kind.name)

    def check(self, folder: Path) -> None:
        """Raise, before anything is drawn, for what the model does not do, and for what fits neither memory nor disk."""
        self.model.check(self.condition, self.ground)
        self.model.scheduler(self.drawing)
        height, width = self.shape
        bands = len(self.model.bands)
        held = sum(one.raster.data.nbytes for one in self.condition.controls)
        held += 0 if self.condition.keep is None else self.condition.keep.data.nbytes
        fits(held + 4 * bands * width * min(height, _WINDOWS * self.model.native), "Ask for fewer pixels across.")
        check_disk(folder, int(_COPIES * height * width * bands * self.model.kind.itemsize))


def check_disk(folder: Path, need: int) -> None:
    """Raise `ResourceError` where a folder's disk has not so many bytes."""
    free = shutil.disk_usage(folder).free
    if need > free:
        raise ResourceError(
            f"The scene needs {need / 1e9:,.2f} GB in {folder}, and {free / 1e9:,.2f} GB are free: free some, name another disk "
            "after -o, or ask for fewer pixels."
        )


def digest(mark: Mark, job: Job, extra: str = "") -> str:
    """What tells a request from another one: what was asked for, and the pixels that steer it."""
    made = hashlib.sha256(json.dumps(mark.record(), sort_keys=True).encode())
    made.update(f"{job.shape} {extra}".encode())
    if not isinstance(job.ground, tuple):
        made.update(f"{job.ground.crs.to_wkt()} {tuple(job.ground.transform)}".encode())
    for control in job.condition.controls:
        made.update(np.ascontiguousarray(control.raster.data).tobytes())
        made.update(np.packbits(control.raster.valid).tobytes())
    return made.hexdigest()[:32]


def finished(path: Path, request: str) -> bool:
    """Whether a GeoTIFF is what the same request has made in full."""
    if not path.is_file():
        return False
    try:
        with rasterio.open(path) as file:
            return bool(file.tags().get(REQUEST) == request)
    except RasterioError:
        return False


def draw(job: Job, target: Path, folder: Path, mark: Mark | None, request: str) -> None:
    """Draw a scene into a COG at `target`. One larger than a window lies in `folder` meanwhile, which is deleted at the end."""
    large = max(job.shape) > job.model.native
    canvas = job.model.canvas(job.condition, job.ground, job.seed, job.drawing, folder if large else None)
    try:
        with track(canvas.steps, "generate", "steps", quiet=not job.progress) as shown:
            _advance(canvas, shown)
        tags = {} if mark is None else mark.tags() | ({DATE: mark.settings["date"]} if "date" in mark.settings else {})
        rows = _Strips(canvas.strips(), job.shape)
        write_pixels(target, rows, job.outline, tags | {REQUEST: request}, "" if mark is None else mark.xmp())
    except BaseException:
        canvas.close()
        raise
    canvas.remove()


def _advance(canvas: Canvas | Cascade, shown: Progress) -> None:
    shown.done = canvas.done  # of an earlier run
    while canvas.done < canvas.steps:
        canvas.advance()
        shown.advance()


class _Strips:
    """Strips from the top down as blocks of whatever height, also from the top down."""

    def __init__(self, strips: Iterator[tuple[int, NDArray[Any]]], shape: tuple[int, int]) -> None:
        self._strips, self._width = strips, shape[1]
        self._held: list[NDArray[Any]] = []
        self._top = 0  # first row that is held

    def __call__(self, top: int, bottom: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        while self._top + sum(part.shape[1] for part in self._held) < bottom:
            self._held.append(next(self._strips)[1])
        joined = np.concatenate(self._held, axis=1)[:, top - self._top :]
        found, left = joined[:, : bottom - top], joined[:, bottom - top :]
        self._held, self._top = [left.copy()], bottom
        return found, np.ones(found.shape[1:], dtype=np.bool_)


def tidy(folder: Path) -> None:
    """Remove a folder that is empty."""
    with suppress(OSError):
        folder.rmdir()
