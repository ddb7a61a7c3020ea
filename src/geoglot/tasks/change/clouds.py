"""Clouds over scenes: masks that a model makes, or that are given, hide the ground while scenes are compared."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from geoglot.core.errors import InputError
from geoglot.geo.files import fingerprint
from geoglot.geo.scene import Scene
from geoglot.tasks.cloud.verb import CLOUD, SHADOW

HIDING = (CLOUD, SHADOW)
GROW = 6  # pixels around them: their edges are thin, and soft


@dataclass(frozen=True)
class Clouds:
    """Where clouds and their shadows are: by `model`, or by `files`, one mask a scene, in the scenes' order."""

    scenes: tuple[Scene, ...]
    model: Any = None
    files: tuple[Path, ...] = ()
    progress: bool = True

    @property
    def request(self) -> list[str]:
        """What names the answer."""
        if self.files:
            return [fingerprint((str(file.absolute()),)) for file in self.files]
        return [f"{self.model.spec.hash}" if hasattr(self.model, "spec") else str(self.model)]

    @contextmanager
    def hiding(self, assumed: list[str]) -> Iterator[None]:
        """Count what clouds hide as not observed, for a while; what that is of each scene is added to `assumed`.

        A model makes its masks first, into a folder that goes at the end. Raises what `tasks.cloud.cloud` raises.
        """
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="geoglot-clouds-")))
            for k, scene in enumerate(self.scenes):
                if scene.sensor.radar:  # it sees through them
                    continue
                mask = stack.enter_context(Scene.open(self.files[k] if self.files else self._made(scene, folder / f"{k}.tif")))
                assumed.append(f"{Path(scene.id).name}: {_share(mask):.1%} lies under cloud or its shadow, and is left out")
                stack.enter_context(scene.hidden(mask, HIDING, GROW))
            yield

    def _made(self, scene: Scene, path: Path) -> Path:
        from geoglot.tasks.cloud import cloud

        cloud(self.model, scene, out=path, progress=self.progress)
        return path


def clouds_of(scenes: Sequence[Scene], asked: Any, progress: bool = True) -> Clouds | None:
    """What is asked for: a model or its name, or files of masks, one a scene; None for nothing.

    Raises `InputError` for masks that do not fit their scenes, or where all scenes are radar, and what `Scene.open` raises.
    """
    if asked is None:
        return None
    if all(scene.sensor.radar for scene in scenes):
        raise InputError("Radar sees through clouds: there is nothing to leave out. Compare the scenes without --clouds.")
    if isinstance(asked, str) or not isinstance(asked, Sequence):
        return Clouds(tuple(scenes), model=asked, progress=progress)
    files = tuple(Path(file) for file in asked)
    if len(files) != len(scenes):
        raise InputError(f"{len(scenes)} scenes, but {len(files)} cloud masks: give one for each, in the order of the scenes.")
    for scene, file in zip(scenes, files, strict=True):
        with Scene.open(file) as mask:
            scene.check_mask(mask)
    return Clouds(tuple(scenes), files=files)


def _share(mask: Scene) -> float:
    """Share of the observed pixels that are hidden, strip by strip."""
    seen = over = 0
    height, width = mask.shape
    for top in range(0, height, 512):
        found = mask.read(window=(top, 0, min(512, height - top), width))
        seen += int(found.valid.sum())
        over += int((found.valid & np.isin(found.data[0], HIDING)).sum())
    return over / max(seen, 1)
