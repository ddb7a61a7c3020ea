"""A model as a detector of rasters in memory, as `core.protocols.Detector` has it: what protocols of boxes ask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from geoglot.archive.tiling import Tiling
from geoglot.core.errors import InputError
from geoglot.core.protocols import ModelSpec
from geoglot.geo.display import plain
from geoglot.geo.raster import Raster
from geoglot.nn.batch import ImageBatch
from geoglot.tasks.classify import prompts
from geoglot.tasks.detect import tiles
from geoglot.tasks.detect.asked import SAM, Route, check_route
from geoglot.tasks.detect.ways import way
from geoglot.text import templates

Floats = NDArray[np.float64]


class RasterDetector:
    """A dual encoder by a route of `detect` without SAM; upright boxes are (N, 4), turned ones (N, 5).

    Raises `InputError` for another route, or a head beside a route that asks none.
    """

    def __init__(self, model: Any, upright: bool, route: Route = "auto", head: str | None = None, tile: int = 1024) -> None:
        if route in SAM or route not in get_args(Route):
            raise InputError(f"Pictures in memory are looked at by the route auto, head, masks or dense, got {route!r}.")
        check_route(route, head, None, None)
        self.model, self.upright, self._route, self._head, self._tile = model, upright, route, head, tile
        self._known: dict[tuple[tuple[str, ...], ...], tiles.Finder] = {}

    @property
    def spec(self) -> ModelSpec:
        """What the model is."""
        spec: ModelSpec = self.model.spec
        return spec

    def detect(self, raster: Raster, labels: Sequence[Sequence[str]]) -> tuple[Floats, Floats, NDArray[np.int64]]:
        """Boxes in pixels, scores and labels (by place); also weak ones, since precision is averaged over all scores."""
        said = tuple(tuple(words) for words in labels)
        if said not in self._known:
            known = prompts.encode(self.model, {words[0]: words for words in said}, templates.check(()))
            self._known[said] = way(self.model, self._route, self._head, known).find
        tiling = Tiling(raster.valid.shape, self._tile, self._tile, 0.25)
        picture = plain(raster)
        parts = [self._of_tile(picture, raster.valid, window, tiling, self._known[said]) for window in tiling]
        boxes = tiles.together([part for part, _ in parts])
        rows, label, score = tiles.merged(raster.valid.shape, boxes, np.concatenate([cut for _, cut in parts]), self.upright)
        return rows, score, label

    @staticmethod
    def _of_tile(
        picture: NDArray[np.float32],
        valid: NDArray[np.bool_],
        window: tuple[int, int, int, int],
        tiling: Tiling,
        find: tiles.Finder,
    ) -> tuple[tiles.Boxes, NDArray[np.bool_]]:
        row, col, height, width = window
        part = picture[None, :, row : row + height, col : col + width]
        seen = valid[None, row : row + height, col : col + width]
        batch = ImageBatch.of(torch.from_numpy(np.ascontiguousarray(part)), torch.from_numpy(np.ascontiguousarray(seen)))
        (found,) = find(batch)
        return tiles.placed(found, window, tiling)
