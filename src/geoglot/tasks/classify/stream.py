"""Scenes through the model and a scorer: memory holds one batch of tiles, and of each tile its scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from geoglot.archive.embed import Seen, embed
from geoglot.archive.indexing import nothing
from geoglot.archive.sources import Source
from geoglot.archive.tiling import MAX_AVERAGED, Options, Tiling, tiling
from geoglot.core.errors import RasterError
from geoglot.core.progress import track
from geoglot.core.protocols import TileEncoder
from geoglot.geo.grid import Window
from geoglot.geo.scene import Scene
from geoglot.tasks.classify.labels import SceneLabels

Floats = NDArray[np.float32]
Scorer = Callable[[Floats], Floats]  # unit vectors (N, D) to scores (N, C)


@dataclass(frozen=True)
class Run:
    """How scenes are looked at: cut by `options`, or with `whole` one answer for each scene."""

    encoder: TileEncoder
    options: Options = field(default_factory=Options)
    whole: bool = False
    batch: int = 32
    workers: int | None = None
    progress: bool = True

    def plan(self, scene: Scene) -> Tiling:
        """The tiles of a scene; a small scene that is taken as a whole is one tile, a large one the mean of its tiles."""
        size = self.encoder.spec.size
        if self.whole and self.options == Options() and max(scene.shape) <= MAX_AVERAGED * size:
            return Tiling(scene.shape, max(scene.shape), size, 0.0)
        return tiling(scene.shape, scene.gsd, size, self.options)


@dataclass
class _Part:
    """What is known of a scene so far."""

    scene: Scene
    windows: list[Window] = field(default_factory=list)
    valid: list[Floats] = field(default_factory=list)
    values: list[Floats] = field(default_factory=list)
    total: NDArray[np.float64] | None = None
    weight: float = 0.0


def run(sources: Sequence[Source], how: Run, score: Scorer, label: str) -> tuple[list[SceneLabels], list[tuple[str, str]]]:
    """Scores of all scenes in the order of the sources, and the sources that were skipped with the reason.

    Raises `RasterError` when no source is of use.
    """
    parts: dict[str, _Part] = {}
    skipped: list[tuple[str, str]] = []
    done: dict[str, SceneLabels] = {}
    with track(None, label, quiet=not how.progress) as shown:
        items = embed(sources, how.encoder, how.plan, shown, how.batch, how.workers)
        with closing(items):
            for item in items:
                if isinstance(item, Seen):
                    part = parts.setdefault(item.job.scene.id, _Part(item.job.scene))
                    _take(part, item, score, how.whole)
                    continue
                part_or_none = parts.pop(item.source, None)
                if item.error is not None or part_or_none is None:
                    skipped.append((item.source, item.error or "it holds no valid pixels"))
                else:
                    done[item.source] = _finish(part_or_none, score, how.whole)
    if skipped and not done:
        raise RasterError(nothing(skipped))
    return [done[source.id] for source in sources if source.id in done], skipped


def rescored(scenes: Sequence[SceneLabels], score: Scorer) -> list[SceneLabels]:
    """Put scores in the place of vectors, worked out for all scenes at once."""
    made = score(np.concatenate([scene.scores for scene in scenes]))
    edges = np.cumsum([len(scene) for scene in scenes])[:-1]
    return [replace(scene, scores=part) for scene, part in zip(scenes, np.split(made, edges), strict=True)]


def _take(part: _Part, seen: Seen, score: Scorer, whole: bool) -> None:
    if whole:
        summed = (seen.vectors.astype(np.float64) * seen.valid[:, None]).sum(axis=0)
        part.total = summed if part.total is None else part.total + summed
        part.weight += float(sum(v * w[2] * w[3] for v, w in zip(seen.valid, seen.windows, strict=True)))
        return
    part.windows += seen.windows
    part.valid.append(seen.valid)
    part.values.append(score(seen.vectors))


def _finish(part: _Part, score: Scorer, whole: bool) -> SceneLabels:
    if not whole:
        return SceneLabels.of(part.scene, part.windows, np.concatenate(part.valid), np.concatenate(part.values))
    assert part.total is not None
    vector = (part.total / max(float(np.linalg.norm(part.total)), 1e-12)).astype(np.float32)
    height, width = part.scene.shape
    valid = np.array([min(1.0, part.weight / (height * width))], dtype=np.float32)
    return SceneLabels.of(part.scene, [(0, 0, height, width)], valid, score(vector[None]))
