"""A scene drawn coarse first and then finer, by one denoiser that sees the coarser scene: what is far apart fits together.

Yu et al. 2024, "MetaEarth" (arXiv 2405.13570). Each stage is a `Canvas` of its own, window by window.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from geoglot.core.progress import track
from geoglot.geo.grid import Grid
from geoglot.geo.raster import Raster
from geoglot.models import guides
from geoglot.models.canvas import Canvas, wanted_of
from geoglot.models.condition import Condition, Control, Drawing
from geoglot.models.planes import room

if TYPE_CHECKING:
    from geoglot.models.generator import Generator

Where = Grid | tuple[int, int]


def stages(model: Generator, condition: Condition, where: Where) -> list[Where]:
    """Grids or shapes from the coarsest, which fits one window or has the model's largest pixels, to the one asked for."""
    made = [where]
    if model.factor is None or any(control.kind == "coarse" for control in condition.controls):
        return made
    shape = where.shape if isinstance(where, Grid) else where
    gsd = condition.gsd or (where.gsd if isinstance(where, Grid) else None)
    while max(shape) > model.native:
        gsd = None if gsd is None else gsd * model.factor
        if gsd is not None and gsd > model.spec.gsd[1]:
            break
        shape = -(-shape[0] // model.factor), -(-shape[1] // model.factor)
        made.insert(0, where.scaled(*shape) if isinstance(where, Grid) else shape)
    return made


class Cascade:
    """Stages of one scene, one after the other, with the ways of a `Canvas`; in a folder each has a folder of its own."""

    def __init__(
        self, model: Generator, condition: Condition, where: Where, seed: int, drawing: Drawing, folder: Path | None = None
    ) -> None:
        model.check(condition, where)
        self.model, self.condition, self.where, self.seed, self.drawing, self.folder = (
            model, condition, where, seed, drawing, folder,
        )  # fmt: skip
        room(wanted_of(model, condition, where.shape if isinstance(where, Grid) else where), folder)  # of the finest, now
        self.stages = stages(model, condition, where)
        self._coarse: Raster | None = None
        self._number = 0
        self._canvas = self._open()
        self._ahead()

    @property
    def steps(self) -> int:
        """Steps of all stages."""
        return self._canvas.steps * len(self.stages)

    @property
    def done(self) -> int:
        """Steps that are whole."""
        return self._canvas.steps * self._number + self._canvas.done

    def run(self) -> None:
        """Take the steps that are left."""
        with track(self.steps - self.done, "draw", "steps") as progress:
            while self.done < self.steps:
                self.advance()
                progress.advance()

    def advance(self) -> None:
        """Take one step of the stage that is drawn, and begin the next where that was its last."""
        self._canvas.advance()
        self._ahead()

    def strips(self) -> Iterator[tuple[int, NDArray[Any]]]:
        """The finest stage's pixels from the top down."""
        return self._canvas.strips()

    def raster(self) -> Raster:
        """The finest stage in memory. Raises ResourceError where it does not fit."""
        return self._canvas.raster()

    def close(self) -> None:
        """Let go of the files; what is done stays."""
        self._canvas.close()

    def remove(self) -> None:
        """Delete the work folders."""
        self._canvas.remove()
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _ahead(self) -> None:
        while self._canvas.done == self._canvas.steps and self._number + 1 < len(self.stages):
            self._coarse = self._canvas.raster()
            self._canvas.close()
            self._number += 1
            self._canvas = self._open()

    def _open(self) -> Canvas:
        number, where = self._number, self.stages[self._number]
        place = None if self.folder is None else self.folder / f"stage-{number}"
        return Canvas(self.model, self._asked(where), where, self.seed, self.drawing, place, number)

    def _asked(self, where: Where) -> Condition:
        """The condition at the pixel size of a stage, with what the stage before drew."""
        asked, shape = self.condition, where.shape if isinstance(where, Grid) else where
        whole = self.where.shape if isinstance(self.where, Grid) else self.where
        if shape != whole:
            grid = where if isinstance(where, Grid) else None
            asked = replace(
                asked,
                gsd=None if asked.gsd is None else asked.gsd * whole[0] / shape[0],
                controls=tuple(replace(one, raster=guides.smaller(one.raster, shape, grid)) for one in asked.controls),
                keep=None if asked.keep is None else guides.smaller(asked.keep, shape, grid),
            )
        if self._coarse is not None:
            asked = replace(asked, controls=(*asked.controls, Control("coarse", self._coarse)))
        return asked
