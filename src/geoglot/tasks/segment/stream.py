"""Scenes through the model to maps of classes: memory holds a strip of cells and a few rows of pixels of each open scene."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from geoglot.archive.embed import Seen, embed
from geoglot.archive.encoder import DualEncoder
from geoglot.archive.indexing import nothing
from geoglot.archive.sources import Source
from geoglot.archive.tiling import Options, averaged
from geoglot.core.errors import RasterError
from geoglot.core.progress import track
from geoglot.geo.scene import Scene
from geoglot.tasks.segment import classmap, lattice
from geoglot.tasks.segment.blend import NODATA, SCORE_STEPS, Blend, Painter
from geoglot.tasks.segment.classmap import ClassMap, ClassRow, Place
from geoglot.tasks.segment.scoring import Look, Rule
from geoglot.tasks.work import Planes, Work, folder_of
from geoglot.text.templates import NONE

Outputs = tuple[Path, ...]
_PLANES: Planes = {"classes": np.dtype(np.uint8), "scores": np.dtype(np.uint8)}


@dataclass(frozen=True)
class Run:
    """How scenes are looked at and what is kept of them; `request` are all words that fix the answer, beside the scene.

    `rest` is what 0 is called, and `name` the verb whose progress is shown.
    """

    look: Look
    rule: Rule
    names: tuple[str, ...]
    options: Options
    request: dict[str, Any]
    channels: int
    least: float = 0.0
    figures: dict[str, Any] | None = None
    batch: int = 32
    workers: int | None = None
    progress: bool = True
    rest: str = NONE
    name: str = "segment"

    @cached_property
    def frame(self) -> lattice.Frame:
        """Windows in cells: as the user says, for the rest as suits the model."""
        own, asked = self.look.model.cells, self.options
        tile = own.window if asked.tile is None else asked.tile
        overlap = own.overlap if asked.overlap is None else asked.overlap
        return lattice.frame(self.look.whole, tile, own.margin + self.look.reach, overlap, self.look.group)

    @property
    def side(self) -> int:
        """Side of a window in seen pixels."""
        return (self.frame.count + 2 * self.frame.margin) * self.look.cell

    def lattice(self, scene: Scene) -> lattice.Lattice:
        """The cells over a scene."""
        ratio = averaged(scene.gsd, self.look.model.spec.size, self.options.gsd)
        return lattice.lattice(scene.shape, scene.grid, ratio, self.look.cell, self.frame.step, self.look.group)

    @property
    def together(self) -> int:
        """Windows of one batch: as many pixels as `batch` pictures of the model's size."""
        return max(1, round(self.batch * float(self.look.model.spec.size / self.side) ** 2))

    def map_of(self, scene: Scene, path: Path, rows: tuple[ClassRow, ...]) -> ClassMap:
        """The result for a scene, whose classes are in a file."""
        return ClassMap(Place.of(scene), self.names, self.look.model.spec.name, rows, path, figures=self.figures, rest=self.rest)

    def digest(self, fingerprint: str) -> str:
        """What names the answer for one state of a scene."""
        told = {**self.request, "scene": fingerprint, "frame": vars(self.frame)}
        return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()


class Canvas:
    """One scene on its way: windows come in, pixels go to its work folder, in the end they become the outputs.

    Without outputs the map lies in a temporary folder that lives as long as the map.
    """

    def __init__(self, scene: Scene, how: Run, outputs: Outputs, request: str) -> None:
        self.scene, self._how, self._outputs, self._request = scene, how, outputs, request
        self.lattice = how.lattice(scene)
        self._held = None if outputs else tempfile.TemporaryDirectory(prefix="geoglot-segment-")
        folder = Path(self._held.name) / "part" if self._held is not None else folder_of(outputs[0])
        self.work = Work(folder, scene.shape, request, _PLANES)
        first = int(self.work.report.get("cells", 0))  # rows of cells before it are in the rows of pixels that are done
        self.windows = lattice.windows(self.lattice, how.frame, first)
        self._blend = Blend(self.lattice, how.frame, how.channels, first)
        self._painter = Painter(self.lattice, how.rule, self.work.done)

    def take(self, seen: Seen) -> None:
        """Take in windows, in their order."""
        for window, values in zip(seen.windows, seen.vectors, strict=True):
            self._paint(self._blend.add(window, values))

    def _paint(self, parts: Iterator[tuple[int, Any]]) -> None:
        for first, means in parts:
            for top, classes, scores in self._painter.paint(first, means):
                classes[~self.scene.observed((top, 0, len(classes), self.scene.shape[1]))] = NODATA
                strip = (top, 0, *classes.shape)
                self.work.write("classes", strip, classes)
                self.work.write("scores", strip, np.rint(scores * SCORE_STEPS))
            self.work.mark(self._painter.done, cells=first + len(means) - 1)

    def finish(self) -> ClassMap:
        """Write the outputs; the work folder goes when they are there."""
        self._paint(self._blend.until(self.lattice.cells[0]))
        folder = Path(self._held.name) if self._held is not None else self.work.folder
        raster = next((path for path in self._outputs if classmap.check_output(path) == "raster"), folder / "classes.tif")
        rows = classmap.counted(self.work.read, self.scene.shape, self.scene.grid, self._how.names, self._how.rest)
        made = self._how.map_of(self.scene, raster, rows)
        made.held = self._held
        classmap.write_raster(raster, lambda a, b: self.work.read("classes", a, b), made, self._request)
        if self._held is not None or any(classmap.check_output(path) == "polygons" for path in self._outputs):
            made.scores = folder / "scores.tif"
            classmap.write_scores(made.scores, lambda a, b: self.work.read("scores", a, b), self.scene.shape)
        for path in self._outputs:
            if classmap.check_output(path) == "polygons":
                classmap.write_polygons(path, made, self._how.least, self._request)
            elif path != raster:
                made.write(path)
        self.work.remove()
        if self._held is None:
            made.scores = None  # went with the work folder
        return made

    def drop(self) -> None:
        """Give the scene up: nothing of it stays."""
        self.work.remove()


def run(
    sources: Sequence[Source], how: Run, outputs: Callable[[Source], Outputs]
) -> tuple[list[ClassMap], list[tuple[str, str]]]:
    """Maps of all scenes in the order of the sources, and the sources that were skipped with the reason."""
    canvases: dict[str, Canvas] = {}
    done: dict[str, ClassMap] = {}
    skipped: list[tuple[str, str]] = []
    encoder = DualEncoder(how.look.model, how.look)

    def plan(scene: Scene) -> lattice.Windows:
        wanted, request = outputs(by_id[scene.id]), how.digest(scene.fingerprint)
        rows = classmap.finished(wanted, request)
        if rows is not None:  # by an earlier run of the same request
            kept = next((path for path in wanted if classmap.check_output(path) == "raster"), wanted[0])
            done[scene.id] = how.map_of(scene, kept, rows)
            return lattice.windows(how.lattice(scene), how.frame).only(())
        canvases[scene.id] = Canvas(scene, how, wanted, request)
        return canvases[scene.id].windows

    by_id = {source.id: source for source in sources}
    with track(None, how.name, "windows", quiet=not how.progress) as shown, _closing(canvases):
        items = embed(sources, encoder, plan, shown, how.together, how.workers, how.side)
        with closing(items):
            for item in items:
                if isinstance(item, Seen):
                    canvases[item.job.scene.id].take(item)
                    continue
                canvas = canvases.pop(item.source, None)
                if item.source in done:
                    continue
                if item.error is not None or canvas is None:
                    skipped.append((item.source, item.error or "it cannot be read"))
                    if canvas is not None:
                        canvas.drop()
                else:
                    done[item.source] = canvas.finish()
    if skipped and not done:
        raise RasterError(nothing(skipped))
    return [done[source.id] for source in sources if source.id in done], skipped


@contextmanager
def _closing(canvases: dict[str, Canvas]) -> Iterator[None]:
    """Let go of the work folders of scenes that were begun; an interrupted run goes on from them."""
    try:
        yield
    finally:
        for canvas in canvases.values():
            canvas.work.close()
